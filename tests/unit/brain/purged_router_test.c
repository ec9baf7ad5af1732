// What routers make of it that an owner has purged a key.
#include "unit/brain/router_ops.h"

TEST(a_repeated_put_of_which_an_owner_says_that_it_was_purged_is_written)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_RETRY);
    int store = asked(&bench, MESSAGE_FIND, &id);
    found(&bench, (uint32_t)store,
          &(struct op_found){.id = id, .state = FIND_PURGED, .dot = {9, 4}});
    assert_true(put_done(&bench, STATUS_OK));
    assert_int_equal(put_answer(&bench).dot.counter, 4);
    release(&bench);
}

// A monotonic get of R = 2, of which one owner has this record and the others nothing: they are
// given it, and say that it was purged there.
static enum status get_held(uint8_t flags)
{
    struct bench bench;
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write write = {.dot = {9, 4}, .hlc = 4, .flags = flags};
    struct reader reader;
    struct op_got got = {.status = STATUS_BUSY};
    uint64_t id = 0;
    init(&bench, 3);
    record_update(&record, &write, false);
    record_encode(&record, bytes_of_text("key"), &encoded);
    struct op_get op = {.id = 7, .level = 2, .flags = GET_MONOTONIC, .key = bytes_of_text("key")};
    op_encode_get(&op, &body);
    tell(&bench, CLIENT, MESSAGE_GET, &body);
    int first = asked(&bench, MESSAGE_FETCH, &id);
    struct op_fetched has = {.id = id, .record = buf_bytes(&encoded)};
    for (uint32_t store = 0; store < NODES; store++) { // the second one of them is asked, too
        struct op_fetched has_not = {.id = id, .status = STATUS_NOT_FOUND};
        op_encode_fetched((int)store == first ? &has : &has_not, &body);
        tell(&bench, store, MESSAGE_FETCHED, &body);
        if (asked(&bench, MESSAGE_MERGE, &id) >= 0)
            break;
    }
    for (uint32_t store = 0; store < NODES && !said(&bench, CLIENT, MESSAGE_GOT, &reader); store++)
        merged(&bench, store, &(struct op_merged){.id = id, .status = STATUS_NOT_KEPT});
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &reader));
    assert_int_equal(op_decode_got(&got, &reader), STATUS_OK);
    release(&bench);
    buf_release(&encoded);
    record_release(&record);
    return (enum status)got.status;
}

TEST(a_deletion_is_held_where_it_was_purged_and_a_value_is_not)
{
    assert_int_equal(get_held(SIBLING_TOMBSTONE), STATUS_OK);
    assert_int_equal(get_held(0), STATUS_UNAVAILABLE);
}
