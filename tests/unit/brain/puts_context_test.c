// What the context of a put does not cover that was repeated.
#include "unit/brain/router_ops.h"

#include "dkv-router/dispatch.h"
#include "wire/replica.h"

// The request of the put, found as 9@2 beside 7@3, which another one wrote; then 7@4 of that one
// has superseded both.
static void append_found(bool is_over, struct buf *encoded)
{
    struct record record = {0};
    struct record_write ours = {.dot = {9, 2}, .hlc = 20, .request = {{1}}};
    struct record_write theirs = {
        .dot = {7, 3}, .hlc = 21, .request = {{2}}, .keep_siblings = true};
    struct record_write last = {.dot = {7, 4}, .hlc = 22, .request = {{3}}};
    record_update(&record, &ours, false);
    record_update(&record, &theirs, true);
    if (is_over)
        record_update(&record, &last, true);
    buf_clear(encoded);
    record_encode(&record, bytes_of_text("key"), encoded);
    record_release(&record);
}

TEST(a_second_dot_that_the_store_knows_as_superseded_gives_no_context)
{
    struct bench bench;
    struct reader request;
    struct buf body = {0}, encoded = {0};
    struct op_update again;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_RETRY | PUT_WANT_CONTEXT);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_FIND, &id);
    append_found(false, &encoded);
    found(&bench, first,
          &(struct op_found){.id = id, .dot = {9, 2}, .record = buf_bytes(&encoded)});
    merged(&bench, (first + 1) % NODES, &(struct op_merged){.id = id});
    int second = asked(&bench, MESSAGE_UPDATE, &id);
    assert_true(second >= 0 && said(&bench, (link_id)second, MESSAGE_UPDATE, &request));
    assert_int_equal(op_decode_update(&again, &request), STATUS_OK);
    assert_true(again.flags & UPDATE_AGAIN);
    append_found(true, &encoded);
    struct op_updated updated = {
        .id = again.id, .dot = {9, 1}, .record = buf_bytes(&encoded)}; // as it was remembered
    op_encode_updated(&updated, &body);
    tell(&bench, (link_id)second, MESSAGE_UPDATED, &body);
    durable(&bench, (uint32_t)second, again.id);
    merged(&bench, ((uint32_t)second + 1) % NODES, &(struct op_merged){.id = again.id});
    struct op_put_done done = put_answer(&bench);
    assert_int_equal(done.status, STATUS_OK);
    assert_int_equal(done.context.size, 0);
    buf_release(&encoded);
    release(&bench);
}
