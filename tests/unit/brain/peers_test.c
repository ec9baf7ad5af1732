// Each change of a peer is told once.
#include "dkv-router/peers.h"

#include "unit/unit.h"

#include <stdio.h>

enum { DOWN_AFTER_MS = 600, FIRST = 1, ROUTER = LINKS_ROUTER + 1 };

struct bench {
    struct ring ring;
    struct ring_node nodes[3];
    struct links links;
    struct peers peers;
    char line[128];
};

static struct moment at(uint64_t mono_ms)
{
    return (struct moment){.mono_ms = 10000 + mono_ms};
}

static void init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    for (unsigned i = 0; i < 3; i++)
        snprintf(bench->nodes[i].name, sizeof bench->nodes[i].name, "n%u", i + 1);
    bench->ring.nodes = bench->nodes;
    bench->ring.node_count = 3;
    links_init(&bench->links, &bench->ring, 0, 1234);
    bench->links.down_after_ms = DOWN_AFTER_MS;
    peers_init(&bench->peers, &bench->ring, &bench->links, at(0));
}

static void release(struct bench *bench)
{
    peers_release(&bench->peers);
    links_release(&bench->links);
}

// What is told of a link, "" if nothing is.
static const char *look(struct bench *bench, uint32_t number, bool is_up, uint64_t mono_ms)
{
    struct buf line = {0};
    bench->links.links[number].up = is_up;
    enum link_change change = peers_look(&bench->peers, &bench->links, number, at(mono_ms), &line);
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
                        "n2: its store does not answer");
    assert_string_equal(look(&bench, FIRST, false, 5000), "");
    assert_string_equal(look(&bench, FIRST, true, 61270),
                        "n2: its store answers again, after 61.2 s");
    release(&bench);
}

TEST(who_goes_and_comes_back_is_told_twice_and_for_how_long)
{
    struct bench bench;
    init(&bench);
    look(&bench, ROUTER, true, 100);
    assert_string_equal(look(&bench, ROUTER, false, 1000), "n2: its router does not answer");
    assert_string_equal(look(&bench, ROUTER, false, 1100), "");
    assert_string_equal(look(&bench, ROUTER, true, 4200),
                        "n2: its router answers again, after 3.2 s");
    assert_string_equal(look(&bench, ROUTER, true, 4300), "");
    release(&bench);
}

TEST(who_answers_and_is_a_stranger_is_told_as_that)
{
    struct bench bench;
    init(&bench);
    bench.links.links[FIRST].problem = LINK_OTHER_CLUSTER;
    assert_string_equal(look(&bench, FIRST, false, 700),
                        "n2: its store belongs to another cluster");
    assert_string_equal(look(&bench, FIRST, false, 800), "");
    bench.links.links[FIRST].problem = LINK_OTHER_RING;
    assert_string_equal(look(&bench, FIRST, false, 900),
                        "n2: its store has another ring document of this epoch");
    bench.links.links[FIRST].problem = 0;
    assert_string_equal(look(&bench, FIRST, true, 1000),
                        "n2: its store answers again, after 1.0 s");
    release(&bench);
}

// What is told of the clock of a link, "" if nothing is.
static const char *look_at_clock(struct bench *bench, int64_t ahead_ms, uint64_t mono_ms)
{
    struct buf line = {0};
    bench->links.links[FIRST].up = true;
    bench->links.links[FIRST].wall_ahead_ms = ahead_ms;
    bool is_told =
        peers_look_at_clock(&bench->peers, &bench->links, FIRST, 500, at(mono_ms), &line);
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
    assert_string_equal(look_at_clock(&bench, 1520, 11000), "n2: its clock is 1.5 s ahead of ours");
    assert_string_equal(look_at_clock(&bench, 1520, 70999), "");
    assert_string_equal(look_at_clock(&bench, -3999, 71000), "n2: its clock is 3.9 s behind ours");
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
    assert_string_equal(look(&bench, LINKS_ROUTER, false, 9000), "");
    release(&bench);
}

TEST(the_status_counts_stores_and_names_who_is_down)
{
    struct bench bench;
    struct buf text = {0};
    init(&bench);
    bench.links.links[0].up = true;
    peers_status(&bench.peers, &bench.links, &text);
    assert_string_equal(buf_text(&text), "serving; 1 of 3 stores up; down: n2, n3");
    bench.links.links[1].up = bench.links.links[2].up = true;
    buf_clear(&text);
    peers_status(&bench.peers, &bench.links, &text);
    assert_string_equal(buf_text(&text), "serving; 3 of 3 stores up");
    buf_release(&text);
    release(&bench);
}
