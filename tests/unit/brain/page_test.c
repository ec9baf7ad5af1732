#include "dkv-router/page.h"

#include "ring/engine_key.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 6, KEYSPACE = 1 };

// Keys in the order of the engine: by token.
static char names[KEYS][16];

static int compare(const void *a, const void *b)
{
    uint64_t left = ring_token(KEYSPACE, bytes_of_text(a));
    uint64_t right = ring_token(KEYSPACE, bytes_of_text(b));
    return (left > right) - (left < right);
}

static void make_names(void)
{
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "key %d", i);
    qsort(names, KEYS, sizeof *names, compare);
}

static void key_of(unsigned key, struct buf *out)
{
    struct bytes name = bytes_of_text(names[key]);
    struct engine_key parts = engine_key_of(KEYSPACE, name);
    engine_key_encode(&parts, out);
}

struct source {
    struct buf items, last;
    struct page_source page;
};

static void add(struct source *source, unsigned key, uint64_t actor)
{
    struct record record = {0};
    struct clock context = {0};
    struct record_write write = {
        .dot = {actor, 1}, .hlc = 1, .context = &context, .value = bytes_of_text("value")};
    struct buf encoded = {0};
    record_update(&record, &write, false);
    record_encode(&record, bytes_of_text(names[key]), &encoded);
    buf_append_short(&source->items, bytes_of_text(names[key]));
    buf_append_sized(&source->items, buf_bytes(&encoded));
    source->page.scanned.item_count++;
    buf_release(&encoded);
    record_release(&record);
}

// `last` < 0: the partition ends here.
static void end(struct source *source, int last)
{
    source->page.scanned.done = last < 0;
    if (last >= 0)
        key_of((unsigned)last, &source->last);
    source->page.scanned.last = buf_bytes(&source->last);
    source->page.scanned.items = buf_bytes(&source->items);
}

static enum ring_conflict conflict = RING_CONFLICT_VERSIONS;

static enum status join(struct page *page, struct source *a, struct source *b)
{
    const struct ring_keyspace keyspace = {.id = KEYSPACE, .conflict = conflict};
    struct page_source sources[] = {a->page, b->page};
    struct record joined = {0}, scratch = {0};
    enum status status = page_join(page, sources, 2, &keyspace, &joined, &scratch);
    record_release(&joined);
    record_release(&scratch);
    buf_release(&a->items);
    buf_release(&a->last);
    buf_release(&b->items);
    buf_release(&b->last);
    return status;
}

static void expect_item(struct reader *items, unsigned key, uint32_t siblings)
{
    struct bytes name = reader_short(items);
    struct bytes encoded = reader_sized(items);
    struct record record = {0};
    assert_true(bytes_equal(name, bytes_of_text(names[key])));
    assert_int_equal(record_decode(&record, name, encoded), STATUS_OK);
    assert_int_equal(record.count, siblings);
    record_release(&record);
}

TEST(records_of_one_key_are_joined_and_keys_come_in_order)
{
    struct source a = {0}, b = {0};
    struct page page = {0};
    make_names();
    add(&a, 0, 1);
    add(&a, 2, 1);
    add(&b, 1, 1);
    add(&b, 2, 2);
    end(&a, -1);
    end(&b, -1);
    assert_int_equal(join(&page, &a, &b), STATUS_OK);
    assert_true(page.done);
    assert_int_equal(page.item_count, 3);
    struct reader items = reader_of(buf_bytes(&page.items));
    expect_item(&items, 0, 1);
    expect_item(&items, 1, 1);
    expect_item(&items, 2, 2);
    assert_true(reader_done(&items));
    page_release(&page);
}

TEST(an_lww_keyspace_shows_the_greatest_sibling_alone)
{
    struct source a = {0}, b = {0};
    struct page page = {0};
    make_names();
    add(&a, 2, 1);
    add(&b, 2, 2);
    end(&a, -1);
    end(&b, -1);
    conflict = RING_CONFLICT_LWW;
    assert_int_equal(join(&page, &a, &b), STATUS_OK);
    conflict = RING_CONFLICT_VERSIONS;
    struct reader items = reader_of(buf_bytes(&page.items));
    expect_item(&items, 2, 1);
    page_release(&page);
}

TEST(what_lies_behind_the_shortest_page_waits_for_the_next)
{
    struct source a = {0}, b = {0};
    struct page page = {0};
    struct buf last = {0};
    make_names();
    add(&a, 0, 1);
    add(&a, 1, 1);
    end(&a, 1); // a may have more behind key 1
    add(&b, 1, 1);
    add(&b, 2, 1);
    add(&b, 3, 1);
    end(&b, -1);
    assert_int_equal(join(&page, &a, &b), STATUS_OK);
    assert_false(page.done);
    assert_int_equal(page.item_count, 2);
    key_of(1, &last);
    assert_true(bytes_equal(buf_bytes(&page.last), buf_bytes(&last)));
    buf_release(&last);
    page_release(&page);
}

TEST(a_page_without_items_still_moves_on)
{
    struct source a = {0}, b = {0};
    struct page page = {0};
    make_names();
    end(&a, 3); // looked at much, found nothing
    end(&b, -1);
    assert_int_equal(join(&page, &a, &b), STATUS_OK);
    assert_false(page.done);
    assert_int_equal(page.item_count, 0);
    assert_true(page.last.size > 0);
    page_release(&page);
}

TEST(a_malformed_page_is_refused)
{
    struct source a = {0}, b = {0};
    struct page page = {0};
    make_names();
    add(&a, 0, 1);
    a.items.size--;
    end(&a, -1);
    end(&b, -1);
    assert_int_equal(join(&page, &a, &b), STATUS_INVALID);
    page_release(&page);
}
