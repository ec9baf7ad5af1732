// The lanes of a scan: pages are fetched side by side and given out in order.
#include "fixture/nodes.h"
#include "ring/engine_key.h"
#include "unit/client/talk.h"

#include "client/lanes.h"
#include "wire/client.h"

enum { PARTITIONS = 64 };

static struct lanes lanes;
static struct op_scan asked[LANES_COUNT * 4]; // in the order in which they were asked for
static struct buf afters[LANES_COUNT * 4];
static unsigned asked_count;

// Takes the steps that there are and notes the pages that are asked for.
static void take_pages(void)
{
    for (;;) {
        struct conversation_step step = conversation_next(&talk, now_ms);
        struct message_header header;
        struct reader body;
        if (step.kind == CONVERSATION_WAIT)
            return;
        if (step.kind != CONVERSATION_SEND)
            continue;
        assert_int_equal(message_header_decode(&header, step.message, &body), STATUS_OK);
        for (unsigned i = 0; header.type == MESSAGE_SCAN && i < header.count; i++) {
            assert_int_equal(op_decode_scan(&asked[asked_count], &body), STATUS_OK);
            buf_set(&afters[asked_count], asked[asked_count].after);
            asked_count++;
        }
        conversation_on_sent(&talk, STATUS_OK, now_ms);
    }
}

// The answer to the i-th page that was asked for: one record, or a failure.
static void page(unsigned i, const char *key, bool is_done, enum status status)
{
    struct buf items = {0};
    struct op_scanned op = {.id = asked[i].id,
                            .status = (uint8_t)status,
                            .done = is_done,
                            .last = bytes_of_text(key),
                            .text = bytes_of_text("because")};
    if (*key) {
        buf_append_short(&items, bytes_of_text(key));
        buf_append_sized(&items, bytes_of_text("record"));
        op.item_count = 1;
    }
    op.items = buf_bytes(&items);
    op_encode_scanned(&op, begin_message());
    answer(0, MESSAGE_SCANNED);
    buf_release(&items);
}

static void begin_scan(struct bytes after)
{
    struct op_scan op = {.keyspace = bytes_of_text("default")};
    struct ring ring = make_ring(3, PARTITIONS, 0, 0);
    struct fault fault;
    lanes_release(&lanes);
    begin(1);
    asked_count = 0;
    assert_int_equal(lanes_begin(&lanes, &talk, &op, &ring, after, 0, now_ms, &fault), STATUS_OK);
    ring_release(&ring);
    take_pages();
}

static void assert_next(const char *key)
{
    struct lanes_item item;
    struct fault fault;
    assert_true(lanes_is_ready(&lanes, now_ms));
    assert_int_equal(lanes_next(&lanes, &item, now_ms, &fault), STATUS_OK);
    assert_true(bytes_equal(item.key, bytes_of_text(key)));
}

TEST(one_page_of_each_of_the_first_partitions_is_asked_for_at_once)
{
    begin_scan((struct bytes){0});
    assert_int_equal(asked_count, LANES_COUNT);
    for (unsigned i = 0; i < LANES_COUNT; i++)
        assert_int_equal(asked[i].partition, i);
}

TEST(pages_come_in_any_order_and_records_in_that_of_the_partitions)
{
    begin_scan((struct bytes){0});
    page(1, "in 1", true, STATUS_OK);
    assert_false(lanes_is_ready(&lanes, now_ms));
    page(0, "in 0", true, STATUS_OK);
    assert_next("in 0");
    assert_next("in 1");
    assert_false(lanes_is_ready(&lanes, now_ms));
    take_pages();
    assert_int_equal(asked_count, LANES_COUNT + 2); // of the partitions that follow
    assert_int_equal(asked[LANES_COUNT].partition, LANES_COUNT);
}

TEST(the_next_page_of_a_partition_begins_behind_the_last_one)
{
    begin_scan((struct bytes){0});
    page(0, "a", false, STATUS_OK);
    assert_next("a");
    assert_false(lanes_is_ready(&lanes, now_ms));
    take_pages();
    assert_int_equal(asked[LANES_COUNT].partition, 0);
    assert_string_equal(buf_text(&afters[LANES_COUNT]), "a");
    page(LANES_COUNT, "b", true, STATUS_OK);
    assert_next("b");
}

TEST(a_partition_that_fails_is_counted_and_left_out)
{
    struct lanes_item item;
    struct fault fault;
    begin_scan((struct bytes){0});
    page(0, "", false, STATUS_UNAVAILABLE);
    page(1, "in 1", true, STATUS_OK);
    assert_true(lanes_is_ready(&lanes, now_ms));
    assert_int_equal(lanes_next(&lanes, &item, now_ms, &fault), STATUS_UNAVAILABLE);
    assert_string_equal(fault.text, "because");
    assert_int_equal(lanes.missing_count, 1);
    assert_next("in 1");
}

TEST(a_scan_goes_on_behind_a_cursor_and_ends_behind_the_last_partition)
{
    struct lanes_item item;
    struct fault fault;
    struct buf cursor = {0};
    struct engine_key at = {.token = ring_partition_begin(PARTITIONS, PARTITIONS - 2) + 1,
                            .keyspace = RING_DEFAULT_KEYSPACE,
                            .key = bytes_of_text("k")};
    engine_key_encode(&at, &cursor);
    begin_scan(buf_bytes(&cursor));
    assert_int_equal(asked_count, 2);
    assert_int_equal(asked[0].partition, PARTITIONS - 2);
    assert_true(bytes_equal(buf_bytes(&afters[0]), buf_bytes(&cursor)));
    assert_int_equal(asked[1].after.size, 0);
    page(0, "", true, STATUS_OK);
    page(1, "last", true, STATUS_OK);
    assert_next("last");
    assert_true(lanes_is_ready(&lanes, now_ms));
    assert_int_equal(lanes_next(&lanes, &item, now_ms, &fault), STATUS_END);
    buf_release(&cursor);
}

TEST(no_keyspace_no_scan)
{
    struct op_scan op = {.keyspace = bytes_of_text("another")};
    struct ring ring = make_ring(3, PARTITIONS, 0, 0);
    struct fault fault;
    struct lanes none = {0};
    begin(1);
    assert_int_equal(lanes_begin(&none, &talk, &op, &ring, (struct bytes){0}, 0, now_ms, &fault),
                     STATUS_INVALID);
    ring_release(&ring);
}
