// What a killed load finds again.
#include "unit/unit.h"

#include "dkv/bulk/journal.h"

static const struct journal_input input = {
    .size = 1000, .head_hash = 77, .format = "tsv", .keyspace = "default"};
static const uint64_t id[2] = {0x0123456789abcdef, 42};

static struct journal_position position_at(uint64_t record)
{
    return (struct journal_position){.record = record,
                                     .offset = record * 10,
                                     .loaded = record - 1,
                                     .rejected = 1,
                                     .rejects_size = 10,
                                     .reserved = record + 100,
                                     .wall_ms = 5};
}

TEST(a_new_journal_is_at_the_start)
{
    struct buf text = {0};
    struct journal journal, again;
    journal_init(&journal, id, &input, &text);
    assert_int_equal(journal_parse(&again, &input, buf_bytes(&text), NULL), STATUS_OK);
    assert_int_equal(again.position.record, 0);
    assert_int_equal(again.size, text.size);
    assert_true(again.id[0] == id[0] && again.id[1] == id[1]);
    buf_release(&text);
}

TEST(the_last_position_counts)
{
    struct buf text = {0};
    struct journal journal, again;
    struct journal_position first = position_at(3), last = position_at(8);
    journal_init(&journal, id, &input, &text);
    journal_format(&first, &text);
    journal_format(&last, &text);
    assert_int_equal(journal_parse(&again, &input, buf_bytes(&text), NULL), STATUS_OK);
    assert_memory_equal(&again.position, &last, sizeof last);
    assert_int_equal(again.size, text.size);
    buf_release(&text);
}

TEST(a_torn_or_damaged_line_and_what_follows_is_cut_off)
{
    struct buf text = {0};
    struct journal journal, again;
    struct journal_position first = position_at(3), last = position_at(8);
    journal_init(&journal, id, &input, &text);
    journal_format(&first, &text);
    size_t good = text.size;
    journal_format(&last, &text);
    for (size_t size = good; size < text.size; size++) {
        assert_int_equal(journal_parse(&again, &input, bytes_of(text.data, size), NULL), STATUS_OK);
        assert_memory_equal(&again.position, &first, sizeof first);
        assert_int_equal(again.size, good);
    }
    for (size_t at = good; at < text.size; at++) {
        text.data[at] ^= 1;
        assert_int_equal(journal_parse(&again, &input, buf_bytes(&text), NULL), STATUS_OK);
        assert_memory_equal(&again.position, &first, sizeof first);
        text.data[at] ^= 1;
    }
    buf_release(&text);
}

TEST(the_journal_of_another_input_is_refused)
{
    struct buf text = {0};
    struct journal journal, again;
    struct fault fault;
    journal_init(&journal, id, &input, &text);
    struct journal_input others[] = {input, input, input, input};
    others[0].size = 999;
    others[1].head_hash = 78;
    others[2].format = "tsv delete";
    others[3].keyspace = "other";
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(journal_parse(&again, &others[i], buf_bytes(&text), &fault),
                         STATUS_INVALID);
    assert_int_equal(journal_parse(&again, &input, bytes_of_text("key\tvalue\n"), &fault),
                     STATUS_INVALID);
    assert_int_equal(journal_parse(&again, &input, (struct bytes){0}, &fault), STATUS_INVALID);
    buf_release(&text);
}

TEST(request_ids_follow_from_the_id_and_the_number_of_the_record)
{
    struct journal a = {.id = {1, 2}}, b = {.id = {1, 2}}, c = {.id = {1, 3}};
    struct request_id first = journal_request_id(&a, 7);
    struct request_id same = journal_request_id(&b, 7);
    struct request_id next = journal_request_id(&a, 8);
    struct request_id other = journal_request_id(&c, 7);
    assert_true(request_id_equal(&first, &same));
    assert_false(request_id_equal(&first, &next));
    assert_false(request_id_equal(&first, &other));
}
