#include "dkv/explain_say.h"

#include "base/text.h"
#include "dkv/explain_text.h"

// ---- Owners, and reads -------------------------------------------------------------------

static void say_unknown(const struct explain_facts *facts, struct buf *out)
{
    struct buf names = {0};
    replicas_name_others(&facts->replicas, facts->replicas.replied, "", &names);
    if (names.size) {
        buf_printf(out, "not known what is at %s", buf_text(&names));
        explain_line(facts, out);
    }
    buf_release(&names);
}

// "start n3, and dkv-repair of n2, then "
static void append_start(const struct explain_facts *facts, uint32_t down, uint32_t index,
                         struct buf *out)
{
    bool is_repair_down = explain_facts_is_repair_down(facts, index);
    if (!down && !is_repair_down)
        return;
    buf_append_text(out, "start ");
    explain_nodes(facts, down, out);
    if (is_repair_down) {
        buf_append_text(out, down ? ", and dkv-repair of " : "dkv-repair of ");
        explain_node(facts, index, out);
    }
    buf_append_text(out, " first, then ");
}

static void say_lost(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    uint32_t down = explain_facts_down(facts);
    char options[32 + RING_NAME_SIZE_MAX];
    struct bytes node = facts->replicas.items[index].replica.node;
    snprintf(options, sizeof options, "--accept-loss --node %.*s --yes", (int)node.size,
             (const char *)node.data);
    buf_append_text(out, "lost what it had known: the copy at ");
    explain_node(facts, index, out);
    buf_append_text(out, "; it takes writes and answers no reads until repair has compared it with "
                         "all other owners: ");
    append_start(facts, down, index, out);
    explain_repair(facts, "--wait", out);
    if (down) {
        buf_append_text(out, "; only if ");
        explain_nodes(facts, down, out);
        buf_append_text(out, down & (down - 1) ? " never come back, " : " never comes back, ");
        explain_repair(facts, options, out);
        buf_append_text(out, " gives up what nobody else has");
    }
    explain_line(facts, out);
}

static void say_few(const struct explain_facts *facts, struct buf *out)
{
    uint32_t missing = copy_missing(&facts->copies);
    const char *level = ring_level_text(facts->replicas.op.level);
    if (!missing)
        return;
    buf_printf(out, "too few owners are left for a read of level %s", level);
    if (facts->has_hints && facts->copies.stand_ins < missing)
        buf_append_text(out,
                        ", and too few other nodes that may keep hints for them: it fails, with "
                        "--strict and without");
    else
        buf_append_text(out,
                        ": a read with --strict fails; one without asks those that keep hints, "
                        "too");
    explain_line(facts, out);
}

static void say_conflict(const struct explain_facts *facts, struct buf *out)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < facts->whole.count; i++)
        count += *copy_kind(&facts->copies, &facts->whole.siblings[i]) == 'v';
    if (count < 2)
        return;
    buf_printf(out,
               "%u values, of writes that had not seen one another: 'dkv get' exits 4 until a "
               "write has seen them all: 'dkv resolve', or 'dkv put --context'",
               count);
    explain_line(facts, out);
}

// ---- Copies ------------------------------------------------------------------------------

// "lacks the deletion ..."; or what others superseded is still there.
static void append_lacks(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    const struct record *head = &facts->replicas.items[index].head;
    struct buf versions = {0};
    if (explain_versions(facts, index, copy_lacks, &versions)) {
        buf_printf(out, " lacks %s", buf_text(&versions));
    } else {
        uint32_t i = 0;
        while (i + 1 < head->count && record_find_dot(&facts->whole, head->siblings[i].dot))
            i++;
        buf_append_text(out, " still has ");
        explain_version(facts, &head->siblings[i], out);
        buf_append_text(out, ", which another owner knows to be superseded");
    }
    buf_release(&versions);
}

static void append_remedy(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    const json_t *hint = explain_facts_hint(facts, index);
    if (hint) {
        buf_printf(out, "the hint at %s brings it", hint_lines_text(hint, "holder"));
        return;
    }
    if (explain_facts_is_repair_down(facts, index)) {
        buf_append_text(out, "dkv-repair of ");
        explain_node(facts, index, out);
        buf_append_text(out, " is down: start it");
        return;
    }
    buf_append_text(out, "repair brings it with its next round, or now: ");
    append_start(facts, explain_facts_down(facts), index, out);
    explain_repair(facts, "--wait", out);
}

static void say_copy(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    switch (copy_state(&facts->copies, index)) {
    case COPY_LOST:
        say_lost(facts, index, out);
        break;
    case COPY_BEHIND:
        explain_node(facts, index, out);
        append_lacks(facts, index, out);
        buf_append_text(out, ": ");
        append_remedy(facts, index, out);
        explain_line(facts, out);
        break;
    case COPY_PURGED:
        explain_node(facts, index, out);
        buf_append_text(out, " has purged ");
        explain_versions(facts, index, copy_has_purged, out);
        buf_append_text(out, ": nothing is to be brought there");
        explain_line(facts, out);
        break;
    default:
        break;
    }
}

// ---- Hints -------------------------------------------------------------------------------

// Why it waits, from the word of the dkv-hintd that keeps it.
static void append_why(const char *node, const char *state, struct buf *out)
{
    static const struct {
        const char *state, *text; // behind the name of the node
    } texts[] = {
        {"down", "%s is down"},
        {"delivering", "it is on its way"},
        {"throttled", "others go first (hints/rate)"},
        {"no answer", "%s did not answer, it is tried again"},
        {"damaged", "it is damaged there: see the log of that dkv-hintd"},
        {"left the ring", "%s has left the ring, it will be dropped"},
    };
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(state, texts[i].state))
            continue;
        const char *text = texts[i].text;
        if (strncmp(text, "%s", 2) == 0)
            buf_printf(out, "%s%s", node, text + 2);
        else
            buf_append_text(out, text);
        return;
    }
    bool is_refused = strncmp(state, "refused: ", 9) == 0;
    if (is_refused)
        buf_printf(out, "%s refused it (%s), it is tried again", node, state + 9);
    else
        buf_append_text(out, state);
}

// " (2 values, 1 deletion, 120 bytes)"
static void append_content(const json_t *hint, struct buf *out)
{
    unsigned values = (unsigned)hint_lines_number(hint, "values");
    unsigned deletions = (unsigned)hint_lines_number(hint, "deletions");
    if (!json_object_get(hint, "bytes"))
        return;
    buf_append_text(out, " (");
    if (values)
        buf_printf(out, "%u value%s, ", values, values == 1 ? "" : "s");
    if (deletions)
        buf_printf(out, "%u deletion%s, ", deletions, deletions == 1 ? "" : "s");
    buf_printf(out, "%u bytes)", (unsigned)hint_lines_number(hint, "bytes"));
}

static void say_hint(const struct explain_facts *facts, const json_t *hint, struct buf *out)
{
    const char *node = hint_lines_text(hint, "node");
    uint64_t since_ms = hint_lines_number(hint, "since_ms");
    if (!*node)
        node = hint_lines_text(hint, "node_id"); // it left the ring
    buf_printf(out, "a hint of it for %s waits at %s", node, hint_lines_text(hint, "holder"));
    if (since_ms)
        buf_printf(out, " for %.1f s",
                   since_ms < facts->now_ms ? (double)(facts->now_ms - since_ms) / 1000 : 0.0);
    append_content(hint, out);
    buf_append_text(out, ": ");
    append_why(node, hint_lines_text(hint, "state"), out);
    explain_line(facts, out);
}

static void say_hints(const struct explain_facts *facts, struct buf *out)
{
    const struct hint_lines *hints = &facts->hints;
    for (unsigned i = 0; i < hints->count; i++)
        say_hint(facts, hints->lines[i], out);
    for (uint32_t i = 0; facts->has_hints && i < facts->ring.node_count; i++) {
        if (!hints->is_silent[i])
            continue;
        buf_printf(out, "not known whether hints of it wait at %s (its dkv-hintd does not answer)",
                   facts->ring.nodes[i].name);
        explain_line(facts, out);
    }
}

void explain_say(const struct explain_facts *facts)
{
    struct buf out = {0};
    say_unknown(facts, &out);
    say_few(facts, &out);
    say_conflict(facts, &out);
    for (uint32_t i = 0; i < facts->replicas.count; i++)
        say_copy(facts, i, &out);
    say_hints(facts, &out);
    buf_release(&out);
}
