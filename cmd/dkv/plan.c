#include "dkv/plan.h"

#include "base/xalloc.h"
#include "dkv/ask.h"
#include "dkv/columns.h"
#include "dkv/json.h"
#include "dkv/node_ask.h"
#include "dkv/ring_change.h"
#include "os/clock.h"
#include "ring/ring_move.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char verb[] = "ring";

enum { HASH_SIZE = 16 };

// Makes the document that begins a move. 0 and no next.move: there is nothing to move; people were
// told so, and of all else that ends it.
static int plan_make(const struct globals *globals, struct ring_change *plan)
{
    struct fault fault = {""};
    int failed = ring_change_begin(globals, verb, plan);
    if (failed)
        return failed;
    enum status status = ring_begin_move(&plan->next, &fault);
    if (status == STATUS_NOT_FOUND)
        return report(globals, verb, STATUS_OK, "there is nothing to move: %s", fault.text);
    if (status == STATUS_EXISTS)
        return report(globals, verb, STATUS_INVALID,
                      "%s: 'dkv ring status' says how far it is, 'dkv ring abort' ends it",
                      fault.text);
    if (status)
        return report(globals, verb, status, "%s", fault.text);
    ring_change_succeed(plan);
    return 0;
}

// ---- what it changes -------------------------------------------------------------------

// Of a node: copies of shards.
struct share {
    uint64_t before, after, gets, gives;
};

static void count_shard(const struct ring *ring, uint32_t partition,
                        const struct ring_keyspace *keyspace, struct share *shares)
{
    struct ring_owners owners;
    ring_find_owners(ring, partition, keyspace, &owners);
    for (uint8_t i = 0; i < owners.count; i++) {
        struct share *share = &shares[owners.nodes[i]];
        bool was = owners.before & (uint32_t)1 << i, is = owners.after & (uint32_t)1 << i;
        share->before += was;
        share->after += is;
        share->gets += is && !was;
        share->gives += was && !is;
    }
}

static struct share *count_shares(const struct ring *ring)
{
    struct share *shares = xcalloc(ring->node_count, sizeof *shares);
    for (uint32_t k = 0; k < ring->keyspace_count; k++) {
        for (uint32_t p = 0; p < ring->partition_count; p++)
            count_shard(ring, p, &ring->keyspaces[k], shares);
    }
    return shares;
}

static void show_nodes(const struct ring *ring, const struct share *shares)
{
    static const char *const heading[] = {"node",  "state", "weight", "copies",
                                          "after", "gets",  "gives"};
    struct columns columns = {0};
    columns_head(&columns, heading, sizeof heading / sizeof *heading);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        columns_add(&columns, "%s", ring->nodes[i].name);
        columns_add(&columns, "%s", ring_state_text(ring->nodes[i].state));
        columns_add(&columns, "%" PRIu32, ring->nodes[i].weight);
        columns_add(&columns, "%" PRIu64, shares[i].before);
        columns_add(&columns, "%" PRIu64, shares[i].after);
        columns_add(&columns, "%" PRIu64, shares[i].gets);
        columns_add(&columns, "%" PRIu64, shares[i].gives);
        columns_end_row(&columns);
    }
    columns_print(&columns);
}

// As the ring will be.
static void balance_after(const struct ring *next, struct ring_balance *balance)
{
    struct ring after = ring_copy(next);
    while (after.move)
        ring_go_on(&after);
    for (uint32_t i = 0; i < after.node_count; i++) {
        if (after.nodes[i].state != RING_NODE_UP)
            after.nodes[i].weight = 0;
    }
    ring_balance(&after, balance);
    ring_release(&after);
}

static void explain(const struct globals *globals, const struct ring_change *plan)
{
    struct ring_balance before, after;
    struct ring_move_size size = ring_move_size(&plan->next);
    ring_balance(&plan->before, &before);
    balance_after(&plan->next, &after);
    report(globals, verb, STATUS_OK,
           "%" PRIu64 " copies of %" PRIu64 " shards move; most loaded node over mean: %.3f, "
           "after it %.3f; as first owner: %.3f, after it %.3f",
           size.copies, size.shards, before.owner_max_over_mean, after.owner_max_over_mean,
           before.primary_max_over_mean, after.primary_max_over_mean);
    if (size.orphans)
        report(globals, verb, STATUS_OK,
               "%" PRIu64 " shards would be EMPTY: nodes that do not come back are the only ones "
               "that have them",
               size.orphans);
    if (after.rack_violations)
        report(globals, verb, STATUS_OK, "%" PRIu32 " partitions have two owners in one rack",
               after.rack_violations);
}

static void show_json(const struct ring_change *plan, const struct share *shares, const char *hash)
{
    struct ring_move_size size = ring_move_size(&plan->next);
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < plan->next.node_count; i++)
        json_array_append_new(
            nodes,
            json_pack("{s:s,s:I,s:I,s:I,s:I}", "name", plan->next.nodes[i].name, "copies",
                      (json_int_t)shares[i].before, "after", (json_int_t)shares[i].after, "gets",
                      (json_int_t)shares[i].gets, "gives", (json_int_t)shares[i].gives));
    json_print_line(json_pack("{s:i,s:s,s:I,s:I,s:I,s:o}", "v", 1, "plan", hash, "shards",
                              (json_int_t)size.shards, "copies", (json_int_t)size.copies, "orphans",
                              (json_int_t)size.orphans, "nodes", nodes));
}

static void hash_of(const struct ring *ring, char hash[HASH_SIZE + 1])
{
    snprintf(hash, HASH_SIZE + 1, "%016" PRIx64, ring_text_hash(ring));
}

int plan_show(const struct globals *globals, bool hash_alone)
{
    struct ring_change plan;
    char hash[HASH_SIZE + 1];
    int exit_status = plan_make(globals, &plan);
    if (!exit_status && plan.next.move) {
        struct share *shares = count_shares(&plan.next);
        hash_of(&plan.next, hash);
        if (globals->json) {
            show_json(&plan, shares, hash);
        } else if (hash_alone) {
            puts(hash);
        } else {
            show_nodes(&plan.next, shares);
            explain(globals, &plan);
            report(globals, verb, STATUS_OK, "to let it begin: dkv ring commit --plan %s", hash);
        }
        free(shares);
    }
    ring_change_release(&plan);
    return exit_status;
}

// ---- how far it is ---------------------------------------------------------------------

struct progress {
    uint64_t epoch, joining, former;
    char move[16];
    bool is_behind; // some process works by another document, or does not answer
    struct columns columns;
};

// "NODE router-epoch store-epoch joining former".
static void take_line(struct progress *progress, char *line)
{
    char *name = strsep(&line, " ");
    const char *rest = line ? line : "";
    uint64_t router = node_ask_number(&rest), store = node_ask_number(&rest);
    uint64_t joining = node_ask_number(&rest), former = node_ask_number(&rest);
    bool is_gone = strcmp(progress->move, "none") == 0;
    progress->is_behind |=
        (router && router != progress->epoch) || (store && store != progress->epoch);
    progress->joining += joining;
    progress->former += is_gone && store ? former : 0; // it drops them when it is back
    columns_add(&progress->columns, "%s", name);
    columns_add(&progress->columns, "%" PRIu64, router);
    columns_add(&progress->columns, "%" PRIu64, store);
    columns_add(&progress->columns, "%" PRIu64, joining);
    columns_add(&progress->columns, "%" PRIu64, is_gone ? former : 0);
    columns_end_row(&progress->columns);
}

static enum status ask_progress(const struct globals *globals, struct progress *progress,
                                struct fault *fault)
{
    static const char *const heading[] = {"node", "router-epoch", "store-epoch", "to-fill",
                                          "to-drop"};
    struct buf text = {0};
    *progress = (struct progress){0};
    enum status status = ask(globals, "ring/move", &text, fault);
    if (status)
        return status;
    buf_append_u8(&text, 0);
    char *rest = (char *)text.data, *line = strsep(&rest, "\n");
    const char *head = line;
    progress->epoch = node_ask_number(&head);
    snprintf(progress->move, sizeof progress->move, "%s", head);
    columns_head(&progress->columns, heading, sizeof heading / sizeof *heading);
    while ((line = strsep(&rest, "\n")) && *line)
        take_line(progress, line);
    buf_release(&text);
    return STATUS_OK;
}

static bool is_over(const struct progress *progress)
{
    return strcmp(progress->move, "none") == 0 && !progress->is_behind && !progress->former;
}

// Until all have followed the present document, but not for long.
static void await_calm(const struct globals *globals)
{
    uint64_t deadline_ms = clock_mono_ms() + globals->timeout_ms;
    bool is_calm = false;
    do {
        struct progress progress;
        struct fault fault;
        if (ask_progress(globals, &progress, &fault))
            return; // the question that follows will say why
        is_calm = is_over(&progress);
        buf_release(&progress.columns.text);
    } while (!is_calm && node_ask_pause(deadline_ms));
}

int plan_status(const struct globals *globals, bool waits)
{
    struct progress progress;
    struct fault fault = {""};
    uint64_t deadline_ms = node_ask_deadline(globals);
    enum status status;
    while (!(status = ask_progress(globals, &progress, &fault)) && waits && !is_over(&progress) &&
           node_ask_pause(deadline_ms))
        buf_release(&progress.columns.text);
    if (status)
        return ask_report(globals, verb, status, &fault);
    bool is_done = is_over(&progress);
    if (!waits) {
        columns_print(&progress.columns);
        report(globals, verb, STATUS_OK,
               "epoch %" PRIu64 ", %s: %" PRIu64 " copies to fill, %" PRIu64 " to drop",
               progress.epoch, strcmp(progress.move, "none") == 0 ? "no move" : progress.move,
               progress.joining, progress.former);
    }
    buf_release(&progress.columns.text);
    return status_exit_code(is_done ? STATUS_OK : STATUS_CHECK_FAILED);
}

// ---- what becomes of it ----------------------------------------------------------------

int plan_commit(const struct globals *globals, const char *wanted, bool accepts_loss)
{
    struct ring_change plan;
    char hash[HASH_SIZE + 1];
    int exit_status = plan_make(globals, &plan);
    if (!exit_status && plan.next.move) {
        hash_of(&plan.next, hash);
        if (strcmp(hash, wanted) != 0) {
            exit_status = report(globals, verb, STATUS_RING_CHANGED,
                                 "the ring has changed since that plan was made: plan again");
        } else if (ring_move_size(&plan.next).orphans && !accepts_loss) {
            exit_status = report(globals, verb, STATUS_REFUSED,
                                 "nodes that do not come back are the only ones that have some "
                                 "shards, which would be empty: --accept-loss lets it begin");
        } else {
            await_calm(globals);
            exit_status = ring_change_propose(globals, verb, &plan, "the move has begun");
        }
    } else if (!exit_status) {
        exit_status = status_exit_code(STATUS_RING_CHANGED);
    }
    ring_change_release(&plan);
    return exit_status;
}

int plan_abort(const struct globals *globals)
{
    struct ring_change plan;
    struct fault fault = {""};
    int exit_status = ring_change_begin(globals, verb, &plan);
    enum status status = exit_status ? STATUS_OK : ring_go_back(&plan.next, &fault);
    if (status)
        exit_status = report(globals, verb, status, "%s", fault.text);
    if (!exit_status) {
        ring_change_succeed(&plan);
        exit_status = ring_change_propose(globals, verb, &plan, "the move goes back");
    }
    ring_change_release(&plan);
    return exit_status;
}
