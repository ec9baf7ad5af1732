// Puts end in any order; records are settled in that of the input, and so is each key written.
#include "unit/unit.h"

#include "base/random.h"
#include "dkv/bulk/window.h"
#include "wire/client.h"

#include <stdio.h>
#include <string.h>

enum { CAPACITY = 64, KEYS = 10, RECORDS = 5000, FLIGHTS_MAX = 40, FIRST = 1000 };

// A client that keeps what it is to put until the test lets it end.
struct client {
    struct flight {
        unsigned key;
        uint64_t number; // the value
        client_on_put *on_done;
        void *context;
    } flights[CAPACITY];
    unsigned count;
    uint64_t newest[KEYS]; // number of the last one put
};

static struct client client;
static struct window window;
static struct random random_now;

bool client_has_room(const struct client *client_now)
{
    return client_now->count < FLIGHTS_MAX;
}

static unsigned key_of(struct bytes key)
{
    return (unsigned)(key.data[0] - 'a');
}

void client_put(struct client *client_now, const struct op_put *op, uint64_t deadline_ms,
                client_on_put *on_done, void *context)
{
    uint64_t number;
    assert_true(deadline_ms > 0);
    assert_int_equal(op->value.size, sizeof number);
    memcpy(&number, op->value.data, sizeof number);
    assert_memory_equal(op->request.bytes, &number, sizeof number);
    unsigned key = key_of(op->key);
    for (unsigned i = 0; i < client_now->count; i++)
        assert_int_not_equal(client_now->flights[i].key, key);
    assert_true(number > client_now->newest[key]); // in the order of the input
    client_now->newest[key] = number;
    client_now->flights[client_now->count++] = (struct flight){key, number, on_done, context};
}

static void end_flight(unsigned index, enum status status)
{
    struct flight flight = client.flights[index];
    client.flights[index] = client.flights[--client.count];
    flight.on_done(flight.context,
                   &(struct op_put_done){.status = (uint8_t)status, .text = bytes_of_text("why")});
}

static void start(void)
{
    client = (struct client){0};
    random_init(&random_now, 1);
    window_init(&window, &client, CAPACITY, FIRST);
    window.keep_raw = true;
}

static void add(char key, uint64_t number, uint8_t flags)
{
    struct pair pair = {.key = bytes_of(&key, 1),
                        .value = bytes_of(&number, sizeof number),
                        .raw = bytes_of(&number, sizeof number)};
    struct request_id request = {0};
    memcpy(request.bytes, &number, sizeof number);
    window_add(&window, &pair, number * 10, request, flags);
}

static void settle(uint64_t number, enum status status)
{
    const struct window_record *record = window_oldest(&window);
    assert_non_null(record);
    assert_int_equal(record->number, number);
    assert_int_equal(record->offset, number * 10);
    assert_int_equal(record->status, status);
    assert_int_equal(record->raw.size, sizeof number);
    assert_memory_equal(record->raw.data, &number, sizeof number);
    window_settle(&window);
}

// The status that the test gives to a record.
static enum status status_of(uint64_t number)
{
    return number % 7 ? STATUS_OK : STATUS_TIMEOUT;
}

TEST(records_are_settled_in_order_however_puts_end)
{
    uint64_t added = FIRST, settled = FIRST;
    start();
    while (settled < FIRST + RECORDS) {
        if (added < FIRST + RECORDS && window_has_room(&window) && random_below(&random_now, 2)) {
            if (random_below(&random_now, 20))
                add((char)('a' + random_below(&random_now, KEYS)), added, 0);
            else
                window_add_rejected(&window, bytes_of(&added, sizeof added), added * 10,
                                    status_of(added));
            added++;
        } else if (client.count) {
            unsigned index = (unsigned)random_below(&random_now, client.count);
            end_flight(index, status_of(client.flights[index].number));
        } else {
            assert_true(added < FIRST + RECORDS && window_has_room(&window)); // or it is stuck
        }
        for (; window_oldest(&window); settled++)
            settle(settled, status_of(settled));
    }
    assert_true(window_is_empty(&window));
    assert_int_equal(window.size, 0);
    for (char key = 'a'; key < 'a' + KEYS; key++)
        assert_false(window_has_key(&window, bytes_of(&key, 1)));
    window_release(&window);
}

TEST(a_key_is_written_again_only_when_its_last_put_has_ended)
{
    start();
    add('a', FIRST, 0);
    add('a', FIRST + 1, 0);
    add('b', FIRST + 2, 0);
    assert_int_equal(client.count, 2);
    assert_true(window_has_key(&window, bytes_of("a", 1)));
    end_flight(1, STATUS_OK); // of b
    assert_null(window_oldest(&window));
    assert_non_null(window_newest(&window));
    assert_false(window_has_key(&window, bytes_of("b", 1)));
    end_flight(0, STATUS_DISK_FULL);
    assert_int_equal(client.count, 1); // the second a
    assert_true(bytes_equal(buf_bytes(&window_oldest(&window)->text), bytes_of_text("why")));
    settle(FIRST, STATUS_DISK_FULL);
    assert_null(window_oldest(&window));
    end_flight(0, STATUS_OK);
    settle(FIRST + 1, STATUS_OK);
    settle(FIRST + 2, STATUS_OK);
    window_release(&window);
}

TEST(to_delete_what_is_not_there_is_no_failure)
{
    start();
    add('a', FIRST, PUT_DELETE);
    end_flight(0, STATUS_NOT_FOUND);
    settle(FIRST, STATUS_OK);
    add('a', FIRST + 1, 0);
    end_flight(0, STATUS_NOT_FOUND);
    settle(FIRST + 1, STATUS_NOT_FOUND);
    window_release(&window);
}

TEST(a_window_is_full_of_records_or_of_bytes)
{
    static const uint8_t raw[WINDOW_SIZE_MAX / 4];
    start();
    for (uint64_t i = 0; i < CAPACITY; i++) {
        assert_true(window_has_room(&window));
        window_add_rejected(&window, bytes_of(&i, sizeof i), i, STATUS_INVALID);
    }
    assert_false(window_has_room(&window));
    window_release(&window);
    start();
    for (int i = 0; i < 4; i++) {
        assert_true(window_has_room(&window));
        window_add_rejected(&window, bytes_of(raw, sizeof raw), 1, STATUS_INVALID);
    }
    assert_false(window_has_room(&window));
    window_settle(&window);
    assert_true(window_has_room(&window));
    window_release(&window);
}
