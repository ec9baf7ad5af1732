#include "dkv/explain_say.h"

#include "base/text.h"
#include "dkv/arguments.h"

#include <stdarg.h>

// "KEY: sentence"
__attribute__((format(printf, 3, 4))) static void say(const struct globals *globals,
                                                      const struct explain_facts *facts,
                                                      const char *format, ...)
{
    struct buf key = {0};
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    text_escape_log(facts->replicas->op.key, &key);
    report(globals, "explain", STATUS_OK, "%s: %s", buf_text(&key), sentence);
    buf_release(&key);
}

static void say_unknown(const struct globals *globals, const struct explain_facts *facts)
{
    const struct replicas *replicas = facts->replicas;
    struct buf names = {0};
    replicas_name_others(replicas, replicas->replied, "", &names);
    if (names.size)
        say(globals, facts, "not known what is at %s", buf_text(&names));
    buf_clear(&names);
    replicas_name_others(replicas, ~replicas->lost, "", &names);
    if (replicas->lost)
        say(globals, facts,
            "lost what it had known: the copy at %s; it takes writes and answers no reads until "
            "repair has compared it with all other owners ('dkv repair --wait'; if one of these "
            "never comes back, 'dkv repair --accept-loss')",
            buf_text(&names));
    if (!replicas_can_answer(replicas, replicas->replied & ~replicas->lost))
        say(globals, facts, "too few owners are left for a read of this level");
    buf_release(&names);
}

static void say_conflict(const struct globals *globals, const struct explain_facts *facts)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < facts->whole->count; i++) {
        const struct sibling *sibling = &facts->whole->siblings[i];
        bool is_expired = sibling->expires_ms && sibling->expires_ms <= facts->now_ms;
        count += !is_expired && !(sibling->flags & SIBLING_TOMBSTONE);
    }
    if (count > 1)
        say(globals, facts,
            "%u values, of writes that had not seen one another: 'dkv get' exits 4 until a write "
            "has seen them all: 'dkv resolve', or 'dkv put --context'",
            count);
}

static bool has_hint(const struct explain_facts *facts, struct bytes node)
{
    for (unsigned i = 0; i < facts->hints->count; i++) {
        if (bytes_equal(node, bytes_of_text(hint_lines_text(facts->hints->lines[i], "node"))))
            return true;
    }
    return false;
}

static void say_behind(const struct globals *globals, const struct explain_facts *facts)
{
    const struct replicas *replicas = facts->replicas;
    for (uint32_t i = 0; i < replicas->count; i++) {
        struct bytes node = replicas->items[i].replica.node;
        if ((facts->behind & ~replicas->lost) >> i & 1 && !has_hint(facts, node))
            say(globals, facts,
                "%.*s is behind: repair brings what it lacks with its next round, or now: 'dkv "
                "repair --wait'",
                (int)node.size, (const char *)node.data);
    }
}

static void say_hints(const struct globals *globals, const struct explain_facts *facts)
{
    const struct hint_lines *hints = facts->hints;
    for (unsigned i = 0; i < hints->count; i++)
        say(globals, facts, "a hint of it for %s waits at %s: %s",
            hint_lines_text(hints->lines[i], "node"), hint_lines_text(hints->lines[i], "holder"),
            hint_lines_text(hints->lines[i], "state"));
    for (uint32_t i = 0; facts->ring && hints->is_silent && i < facts->ring->node_count; i++) {
        if (hints->is_silent[i])
            say(globals, facts,
                "not known whether hints of it wait at %s (its dkv-hintd does not answer)",
                facts->ring->nodes[i].name);
    }
}

void explain_say(const struct globals *globals, const struct explain_facts *facts)
{
    say_unknown(globals, facts);
    say_conflict(globals, facts);
    say_behind(globals, facts);
    say_hints(globals, facts);
}

json_t *explain_say_hints(const struct explain_facts *facts)
{
    const struct hint_lines *hints = facts->hints;
    if (!hints->is_silent) // nobody was asked
        return json_null();
    json_t *list = json_array();
    for (unsigned i = 0; i < hints->count; i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "node",
                                              hint_lines_text(hints->lines[i], "node"), "holder",
                                              hint_lines_text(hints->lines[i], "holder"), "state",
                                              hint_lines_text(hints->lines[i], "state"), "since_ms",
                                              hint_lines_text(hints->lines[i], "since_ms")));
    return list;
}
