// What a brain says in a turn leaves in few messages, each within the limits.
#include "unit/unit.h"

#include "base/xalloc.h"
#include "wire/hello.h"
#include "wire/outbox.h"
#include "wire/replica.h"

#include <stdlib.h>

static void add_ping(struct outbox *outbox, link_id link, uint64_t gate, uint64_t id)
{
    op_encode_ping(&(struct op_ping){.id = id}, outbox_add(outbox, link, MESSAGE_PING, gate));
}

static void add_timed(struct outbox *outbox, link_id link, uint32_t budget_ms)
{
    op_encode_ping(&(struct op_ping){.id = 1},
                   outbox_add_timed(outbox, link, MESSAGE_PING, budget_ms));
}

TEST(operations_of_a_type_for_a_link_share_a_message_in_order)
{
    struct outbox outbox = {.header = {.epoch = 9, .boot = 8, .credit_ops = 7, .credit_kib = 6}};
    for (uint64_t i = 0; i < 10; i++) {
        add_ping(&outbox, 1, 0, i);
        add_ping(&outbox, 2, 0, i);
        op_encode_durable(&(struct op_durable){.id = i}, outbox_add(&outbox, 1, MESSAGE_MERGED, 0));
    }
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 3);
    assert_int_equal(outbox.messages[0].link, 1);
    assert_int_equal(outbox.messages[1].link, 2);
    assert_int_equal(outbox.messages[2].link, 1);
    struct message_header header;
    struct reader body;
    assert_int_equal(message_header_decode(&header, buf_bytes(&outbox.messages[0].bytes), &body),
                     STATUS_OK);
    assert_true(header.type == MESSAGE_PING && header.count == 10 && header.epoch == 9 &&
                header.boot == 8 && header.credit_ops == 7 && header.credit_kib == 6 &&
                header.budget_ms == 0);
    for (uint64_t i = 0; i < 10; i++) {
        struct op_ping ping;
        assert_int_equal(op_decode_ping(&ping, &body), STATUS_OK);
        assert_int_equal(ping.id, i);
    }
    assert_true(reader_done(&body));
    outbox_release(&outbox);
}

static void add_stamped(struct outbox *outbox, uint64_t epoch, uint64_t since)
{
    struct ring_stamp ring = {.epoch = epoch, .since = since, .hash = 77};
    op_encode_ping(&(struct op_ping){.id = 1},
                   outbox_add_stamped(outbox, 1, MESSAGE_PING, 0, ring));
}

TEST(what_was_planned_by_another_ring_says_so_in_a_message_of_its_own)
{
    struct outbox outbox = {.header = {.epoch = 9, .ring_hash = 99}};
    add_ping(&outbox, 1, 0, 1);
    add_stamped(&outbox, 8, 1);
    add_stamped(&outbox, 8, 5);
    add_stamped(&outbox, 8, 1);
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 3);
    static const struct ring_stamp wanted[] = {{9, 0, 99}, {8, 0, 77}, {8, 5, 77}};
    for (unsigned i = 0; i < 3; i++) {
        struct message_header header;
        struct reader body;
        assert_int_equal(
            message_header_decode(&header, buf_bytes(&outbox.messages[i].bytes), &body), STATUS_OK);
        assert_int_equal(header.epoch, wanted[i].epoch);
        assert_int_equal(header.since, wanted[i].since);
        assert_int_equal(header.ring_hash, wanted[i].hash);
    }
    outbox_release(&outbox);
}

TEST(gated_and_ungated_never_share_and_the_greatest_gate_counts)
{
    struct outbox outbox = {0};
    add_ping(&outbox, 1, 0, 1);
    add_ping(&outbox, 1, 30, 2);
    add_ping(&outbox, 1, 50, 3);
    add_ping(&outbox, 1, 40, 4);
    add_ping(&outbox, 1, 0, 5);
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 2);
    assert_int_equal(outbox.messages[0].gate, 0);
    assert_int_equal(outbox.messages[0].count, 2);
    assert_int_equal(outbox.messages[1].gate, 50);
    assert_int_equal(outbox.messages[1].count, 3);
    outbox_release(&outbox);
}

TEST(the_smallest_budget_of_a_step_is_sent)
{
    struct outbox outbox = {0};
    add_timed(&outbox, 1, 4900);
    add_timed(&outbox, 1, 4100);
    add_timed(&outbox, 1, 4500);
    add_timed(&outbox, 1, 900); // another step
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 2);
    struct message_header header;
    struct reader body;
    assert_int_equal(message_header_decode(&header, buf_bytes(&outbox.messages[0].bytes), &body),
                     STATUS_OK);
    assert_int_equal(header.count, 3);
    assert_int_equal(header.budget_ms, 4100);
    assert_int_equal(message_header_decode(&header, buf_bytes(&outbox.messages[1].bytes), &body),
                     STATUS_OK);
    assert_int_equal(header.budget_ms, 900);
    outbox_release(&outbox);
}

TEST(no_message_has_more_operations_than_the_limit)
{
    struct outbox outbox = {0};
    for (uint64_t i = 0; i < 2 * MESSAGE_OPS_MAX + 1; i++)
        add_ping(&outbox, 1, 0, i);
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 3);
    assert_int_equal(outbox.messages[0].count, MESSAGE_OPS_MAX);
    assert_int_equal(outbox.messages[1].count, MESSAGE_OPS_MAX);
    assert_int_equal(outbox.messages[2].count, 1);
    outbox_release(&outbox);
}

TEST(a_large_operation_begins_no_sharing_and_its_buffer_is_not_kept)
{
    enum { SIZE = 1 << 20 };
    uint8_t *value = xcalloc(1, SIZE);
    struct op_merge large = {.id = 1, .record = bytes_of(value, SIZE)};
    struct outbox outbox = {0};
    op_encode_merge(&large, outbox_add(&outbox, 1, MESSAGE_MERGE, 0));
    op_encode_merge(&large, outbox_add(&outbox, 1, MESSAGE_MERGE, 0));
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 2);
    assert_int_equal(outbox.messages[0].count, 1);
    outbox_clear(&outbox);
    assert_int_equal(outbox.count, 0);
    assert_null(outbox.messages[0].bytes.data);
    outbox_release(&outbox);
    free(value);
}

TEST(a_cleared_outbox_begins_anew_and_keeps_its_template)
{
    struct outbox outbox = {.header = {.epoch = 5}};
    add_ping(&outbox, 1, 10, 1);
    outbox_reset_link(&outbox, 7);
    outbox_reset_link(&outbox, 8);
    assert_int_equal(outbox.reset_count, 2);
    assert_int_equal(outbox.resets[1], 8);
    outbox_finish(&outbox);
    outbox_clear(&outbox);
    assert_int_equal(outbox.reset_count, 0);
    add_ping(&outbox, 1, 0, 2);
    outbox_finish(&outbox);
    assert_int_equal(outbox.count, 1);
    assert_int_equal(outbox.messages[0].count, 1);
    assert_int_equal(outbox.messages[0].gate, 0);
    assert_int_equal(outbox.messages[0].bytes.size, MESSAGE_HEADER_SIZE + 4 + 8);
    outbox_release(&outbox);
    outbox_release(&outbox);
    assert_int_equal(outbox.header.epoch, 5);
}

// A turn may talk to more links than are looked back at: then it sends more messages, and
// says everything.
TEST(nothing_is_lost_with_many_links)
{
    enum { LINKS = 500, ROUNDS = 4 };
    unsigned counts[LINKS] = {0};
    struct outbox outbox = {0};
    for (uint64_t round = 0; round < ROUNDS; round++)
        for (uint64_t link = 0; link < LINKS; link++)
            add_ping(&outbox, link, 0, round);
    outbox_finish(&outbox);
    for (uint32_t i = 0; i < outbox.count; i++)
        counts[outbox.messages[i].link] += outbox.messages[i].count;
    for (unsigned link = 0; link < LINKS; link++)
        assert_int_equal(counts[link], ROUNDS);
    outbox_release(&outbox);
}
