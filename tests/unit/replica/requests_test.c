#include "replica/requests.h"

#include "base/endian.h"
#include "unit/unit.h"

static struct request_id id_of(uint64_t number)
{
    struct request_id id = {{0}};
    store_u64(id.bytes, number);
    store_u64(id.bytes + 8, ~number);
    return id;
}

static void add(struct requests *requests, uint64_t number, uint64_t now_ms)
{
    struct request_id id = id_of(number);
    requests_add(requests, &id, (struct dot){number, 1}, now_ms);
}

static bool has(const struct requests *requests, uint64_t number)
{
    struct request_id id = id_of(number);
    const struct request_entry *entry = requests_find(requests, &id);
    return entry && entry->dot.actor == number;
}

TEST(a_request_that_was_applied_is_found_with_its_dot)
{
    struct requests requests;
    requests_init(&requests, 1000);
    assert_false(has(&requests, 7));
    add(&requests, 7, 0);
    assert_true(has(&requests, 7));
    assert_false(has(&requests, 8));
    requests_release(&requests);
}

TEST(the_first_dot_of_a_request_stays)
{
    struct requests requests;
    requests_init(&requests, 1000);
    add(&requests, 7, 0);
    struct request_id id = id_of(7);
    requests_add(&requests, &id, (struct dot){99, 99}, 1);
    assert_true(has(&requests, 7));
    assert_int_equal(requests.count, 1);
    requests_release(&requests);
}

TEST(no_request_id_is_not_remembered)
{
    struct requests requests;
    struct request_id none = {{0}};
    requests_init(&requests, 1000);
    requests_add(&requests, &none, (struct dot){1, 1}, 0);
    assert_int_equal(requests.count, 0);
    requests_release(&requests);
}

TEST(what_is_older_than_the_memory_is_forgotten)
{
    struct requests requests;
    requests_init(&requests, 1000);
    for (uint64_t i = 1; i <= 5000; i++)
        add(&requests, i, i);
    requests_forget_old(&requests, 3001);
    assert_false(has(&requests, 2000));
    assert_true(has(&requests, 2001));
    assert_true(has(&requests, 5000));
    assert_int_equal(requests.count, 3000);
    requests_release(&requests);
}

TEST(beyond_the_limit_the_oldest_goes_and_is_counted)
{
    struct requests requests;
    requests_init(&requests, UINT32_MAX);
    for (uint64_t i = 1; i <= REQUESTS_COUNT_MAX; i++)
        add(&requests, i, i);
    assert_int_equal(requests.dropped_count, 0);
    for (uint64_t i = REQUESTS_COUNT_MAX + 1; i <= REQUESTS_COUNT_MAX + 10u; i++)
        add(&requests, i, i);
    assert_int_equal(requests.count, REQUESTS_COUNT_MAX);
    assert_int_equal(requests.dropped_count, 10);
    assert_true(requests_bytes(&requests) <= REQUESTS_BYTES_MAX);
    assert_int_equal(requests_oldest_ms(&requests, REQUESTS_COUNT_MAX + 11), REQUESTS_COUNT_MAX);
    assert_false(has(&requests, 10));
    for (uint64_t i = 11; i < REQUESTS_COUNT_MAX + 10u; i += 997)
        assert_true(has(&requests, i));
    requests_release(&requests);
}

TEST(what_goes_because_it_is_old_is_not_counted)
{
    struct requests requests;
    requests_init(&requests, 1000);
    for (uint64_t i = 1; i <= REQUESTS_COUNT_MAX; i++)
        add(&requests, i, 0);
    add(&requests, UINT32_MAX, 2000);
    assert_int_equal(requests.dropped_count, 0);
    assert_false(has(&requests, 1));
    requests_release(&requests);
}

TEST(the_circle_stays_whole_while_it_grows)
{
    struct requests requests;
    uint64_t now_ms = 0;
    requests_init(&requests, 70000);
    for (uint64_t i = 1; i <= 20000; i++) { // more and more in the time of the memory
        now_ms += 1000 / (1 + i / 100);
        add(&requests, i, now_ms);
        requests_forget_old(&requests, now_ms);
        assert_true(has(&requests, i));
        assert_true(has(&requests, i - requests.count + 1));
        assert_false(has(&requests, i - requests.count));
    }
    requests_release(&requests);
}

TEST(a_snapshot_keeps_all_and_their_time_begins_anew)
{
    struct requests requests, again;
    struct buf snapshot = {0};
    requests_init(&requests, 1000);
    requests_init(&again, 1000);
    for (uint64_t i = 1; i <= 100000; i++)
        add(&requests, i, 5000000);
    requests_encode(&requests, &snapshot);
    struct reader reader = reader_of(buf_bytes(&snapshot));
    assert_int_equal(requests_decode(&again, &reader, 70), STATUS_OK);
    assert_true(reader_done(&reader));
    assert_int_equal(again.count, 100000);
    assert_true(has(&again, 1) && has(&again, 100000));
    requests_forget_old(&again, 1070);
    assert_int_equal(again.count, 100000);
    requests_forget_old(&again, 1071);
    assert_int_equal(again.count, 0);
    reader = reader_of(bytes_of(snapshot.data, snapshot.size - 1));
    assert_int_equal(requests_decode(&again, &reader, 70), STATUS_CORRUPT);
    buf_release(&snapshot);
    requests_release(&requests);
    requests_release(&again);
}
