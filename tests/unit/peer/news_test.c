// Each change of a peer is told once.
#include "peer/news.h"

#include "fixture/ring.h"
#include "unit/unit.h"

#include <stdio.h>

enum {
    DOWN_AFTER_MS = 600,
    FIRST = SERVICE_COUNT + SERVICE_STORE,
    ROUTER = SERVICE_COUNT + SERVICE_ROUTER
};

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct peers peers;
    struct news news;
    char line[128];
};

static struct moment at(uint64_t mono_ms)
{
    return (struct moment){.mono_ms = 10000 + mono_ms};
}

static struct link *store(struct bench *bench, uint32_t node)
{
    return peers_link_of(&bench->peers, node, SERVICE_STORE);
}

static void init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(make_cluster(&bench->ring, 3), STATUS_OK);
    bench->snapshot = snapshot_of(&bench->ring);
    struct link_terms terms = {.down_after_ms = DOWN_AFTER_MS, .self = 1};
    peers_init(&bench->peers, &terms, SERVICE_ROUTER,
               service_bit(SERVICE_STORE) | service_bit(SERVICE_ROUTER), NULL);
    peers_adopt(&bench->peers, &bench->snapshot, at(0));
}

static void release(struct bench *bench)
{
    news_release(&bench->news);
    peers_release(&bench->peers);
    ring_release(&bench->ring);
}

// What is told of a link, "" if nothing is.
static const char *look(struct bench *bench, uint32_t number, bool is_up, uint64_t mono_ms)
{
    struct buf line = {0};
    struct link *link = peers_link(&bench->peers, number);
    if (link)
        link->up = is_up;
    enum link_change change = news_look(&bench->news, &bench->peers, number, at(mono_ms), &line);
    assert_int_equal(change, !line.size ? LINK_UNCHANGED : is_up ? LINK_WENT_UP : LINK_WENT_DOWN);
    snprintf(bench->line, sizeof bench->line, "%s", buf_text(&line));
    buf_release(&line);
    return bench->line;
}

TEST(who_comes_up_at_the_start_is_not_told)
{
    struct bench bench;
    init(&bench);
    assert_string_equal(look(&bench, FIRST, false, 100), "");
    assert_string_equal(look(&bench, FIRST, true, 200), "");
    assert_string_equal(look(&bench, FIRST, true, 2000), "");
    release(&bench);
}

TEST(who_never_came_is_told_once)
{
    struct bench bench;
    init(&bench);
    assert_string_equal(look(&bench, FIRST, false, DOWN_AFTER_MS), "");
    assert_string_equal(look(&bench, FIRST, false, DOWN_AFTER_MS + 1),
                        "n1: its store does not answer");
    assert_string_equal(look(&bench, FIRST, false, 5000), "");
    assert_string_equal(look(&bench, FIRST, true, 61270),
                        "n1: its store answers again, after 61.2 s");
    release(&bench);
}

TEST(who_goes_and_comes_back_is_told_twice_and_for_how_long)
{
    struct bench bench;
    init(&bench);
    look(&bench, ROUTER, true, 100);
    assert_string_equal(look(&bench, ROUTER, false, 1000), "n1: its router does not answer");
    assert_string_equal(look(&bench, ROUTER, false, 1100), "");
    assert_string_equal(look(&bench, ROUTER, true, 4200),
                        "n1: its router answers again, after 3.2 s");
    assert_string_equal(look(&bench, ROUTER, true, 4300), "");
    release(&bench);
}

TEST(who_answers_and_is_a_stranger_is_told_as_that)
{
    struct bench bench;
    init(&bench);
    store(&bench, 1)->problem = LINK_OTHER_CLUSTER;
    assert_string_equal(look(&bench, FIRST, false, 700),
                        "n1: its store belongs to another cluster");
    assert_string_equal(look(&bench, FIRST, false, 800), "");
    store(&bench, 1)->problem = LINK_OTHER_RING;
    assert_string_equal(look(&bench, FIRST, false, 900),
                        "n1: its store has another ring document of this epoch");
    store(&bench, 1)->problem = 0;
    assert_string_equal(look(&bench, FIRST, true, 1000),
                        "n1: its store answers again, after 1.0 s");
    release(&bench);
}

// What is told of the clock of a link, "" if nothing is.
static const char *look_at_clock(struct bench *bench, int64_t ahead_ms, uint64_t mono_ms)
{
    struct buf line = {0};
    store(bench, 1)->up = true;
    store(bench, 1)->wall_ahead_ms = ahead_ms;
    bool is_told = news_look_at_clock(&bench->news, &bench->peers, FIRST, 500, at(mono_ms), &line);
    assert_int_equal(is_told, line.size > 0);
    snprintf(bench->line, sizeof bench->line, "%s", buf_text(&line));
    buf_release(&line);
    return bench->line;
}

TEST(a_clock_that_stays_off_is_told_once_a_minute)
{
    struct bench bench;
    init(&bench);
    assert_string_equal(look_at_clock(&bench, 500, 0), "");
    assert_string_equal(look_at_clock(&bench, 501, 1000), "");
    assert_string_equal(look_at_clock(&bench, 501, 10999), "");
    assert_string_equal(look_at_clock(&bench, 1520, 11000), "n1: its clock is 1.5 s ahead of ours");
    assert_string_equal(look_at_clock(&bench, 1520, 70999), "");
    assert_string_equal(look_at_clock(&bench, -3999, 71000), "n1: its clock is 3.9 s behind ours");
    release(&bench);
}

TEST(a_clock_that_was_off_for_a_moment_is_not_told)
{
    struct bench bench;
    init(&bench);
    look_at_clock(&bench, -30000, 1000);
    look_at_clock(&bench, 0, 3000);
    assert_string_equal(look_at_clock(&bench, -30000, 12000), "");
    release(&bench);
}

TEST(there_is_no_link_to_our_own_router)
{
    struct bench bench;
    init(&bench);
    assert_string_equal(look(&bench, SERVICE_ROUTER, false, 9000), "");
    release(&bench);
}

TEST(the_status_counts_stores_and_names_who_is_down)
{
    struct bench bench;
    struct buf text = {0};
    init(&bench);
    store(&bench, 0)->up = true;
    news_status(&bench.peers, &text);
    assert_string_equal(buf_text(&text), "serving; 1 of 3 stores up; down: n1, n2");
    store(&bench, 1)->up = store(&bench, 2)->up = true;
    buf_clear(&text);
    news_status(&bench.peers, &text);
    assert_string_equal(buf_text(&text), "serving; 3 of 3 stores up");
    buf_release(&text);
    release(&bench);
}
