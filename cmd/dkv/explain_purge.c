#include "dkv/explain_purge.h"

#include "base/text.h"
#include "dkv/arguments.h"
#include "dkv/jsonl.h"
#include "wire/replica.h"

#include <inttypes.h>

static bool has_deletion(const struct record *head)
{
    uint32_t i = 0;
    while (i < head->count && !(head->siblings[i].flags & SIBLING_TOMBSTONE))
        i++;
    return i < head->count;
}

bool explain_purge_is_any(const struct replicas *replicas)
{
    uint32_t i = 0;
    while (i < replicas->count && !has_deletion(&replicas->items[i].head))
        i++;
    return i < replicas->count;
}

static const char *text_of(uint8_t state)
{
    static const char *const texts[] = {
        [PURGE_LOST] = "lost",   [PURGE_LACKS] = "lacks", [PURGE_GAPS] = "gaps",
        [PURGE_WAITS] = "waits", [PURGE_AGES] = "ages",   [PURGE_DUE] = "due",
    };
    return state && state < sizeof texts / sizeof *texts ? texts[state] : "not told";
}

// ---- Sentences ---------------------------------------------------------------------------

// "n2, n3 (does not answer)"
static void name_behind(const struct replicas *replicas, uint32_t behind, struct buf *out)
{
    replicas_name_others(replicas, ~behind, "", out);
}

static void say_state(const struct replicas *replicas, uint32_t index, struct buf *out)
{
    const struct explained_replica *replica = &replicas->items[index].replica;
    switch (replica->purge) {
    case PURGE_LOST:
        buf_append_text(out, "its copy may lack what it had known, and purges nothing until repair "
                             "has compared it with all other owners");
        break;
    case PURGE_LACKS:
        buf_append_text(out, "it has not been told of all writes that the deletion has seen: "
                             "repair brings them");
        break;
    case PURGE_GAPS:
        buf_append_text(out, "it knows the deletion and lacks some writes of before: repair brings "
                             "them, or finds that nobody has them");
        break;
    case PURGE_WAITS:
        buf_append_text(out, "it waits to hear from owners that they know all that it does: ");
        name_behind(replicas, replica->behind, out);
        buf_append_text(out, replica->behind & ~replicas->replied
                                 ? "; nothing is purged before these are back, or left the ring"
                                 : "; the next rounds of repair tell it");
        break;
    case PURGE_AGES:
        buf_printf(out,
                   "all owners know it; it is purged %.1f s from now, when no late copy of an "
                   "older write can come any more",
                   (double)replica->purge_ms / 1000);
        break;
    case PURGE_DUE:
        buf_append_text(out, "all owners have known it for long enough: it goes when the store "
                             "next looks through the partition");
        break;
    default:
        buf_append_text(out, "its store does not say why");
        break;
    }
}

void explain_purge_say(const struct globals *globals, const struct replicas *replicas)
{
    struct buf key = {0}, text = {0};
    text_escape_log(replicas->op.key, &key);
    for (uint32_t i = 0; i < replicas->count; i++) {
        if (!has_deletion(&replicas->items[i].head))
            continue;
        buf_clear(&text);
        text_escape_log(replicas->items[i].replica.node, &text);
        buf_append_text(&text, " keeps the deletion: ");
        say_state(replicas, i, &text);
        report(globals, "explain", STATUS_OK, "%s: %s", buf_text(&key), buf_text(&text));
    }
    buf_release(&key);
    buf_release(&text);
}

// ---- JSON --------------------------------------------------------------------------------

json_t *explain_purge_json(const struct replicas *replicas, uint32_t index)
{
    const struct replica_copy *copy = &replicas->items[index];
    if (!has_deletion(&copy->head))
        return json_null();
    json_t *behind = json_array();
    for (uint32_t i = 0; i < replicas->count; i++) {
        if (copy->replica.behind >> i & 1)
            json_array_append_new(behind, jsonl_bytes(replicas->items[i].replica.node));
    }
    return json_pack("{s:s,s:o,s:I}", "state", text_of(copy->replica.purge), "behind", behind,
                     "wait_ms", (json_int_t)copy->replica.purge_ms);
}
