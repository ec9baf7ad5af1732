#include "dkv/explain_text.h"

#include "base/text.h"
#include "causal/hlc.h"
#include "dkv/jsonl.h"

#include <stdio.h>
#include <time.h>

enum { VERSIONS_MAX = 3 }; // in one sentence

void explain_time(uint64_t wall_ms, char text[EXPLAIN_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t size =
        gmtime_r(&seconds, &tm) ? strftime(text, EXPLAIN_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(text + size, EXPLAIN_TIME_SIZE - size, ".%03uZ", (unsigned)(wall_ms % 1000));
}

void explain_node(const struct explain_facts *facts, uint32_t index, struct buf *out)
{
    text_escape_log(facts->replicas.items[index].replica.node, out);
}

void explain_nodes(const struct explain_facts *facts, uint32_t set, struct buf *out)
{
    bool is_first = true;
    for (uint32_t i = 0; i < facts->replicas.count; i++) {
        if (!(set >> i & 1))
            continue;
        bool is_last = i == 31 || !(set >> (i + 1));
        if (!is_first)
            buf_append_text(out, is_last ? " and " : ", ");
        explain_node(facts, i, out);
        is_first = false;
    }
}

// ---- Versions ----------------------------------------------------------------------------

void explain_version(const struct explain_facts *facts, const struct sibling *sibling,
                     struct buf *out)
{
    char dot[JSONL_DOT_SIZE], time[EXPLAIN_TIME_SIZE];
    const char *kind = copy_kind(&facts->copies, sibling);
    jsonl_dot_format(sibling->dot, dot);
    explain_time(hlc_wall_ms(sibling->hlc), time);
    buf_printf(out, "the %s %s of %s",
               *kind == 't'   ? "deletion"
               : *kind == 'e' ? "expired value"
                              : "value",
               dot, time);
}

uint32_t explain_versions(const struct explain_facts *facts, uint32_t index,
                          explain_is_named *is_named, struct buf *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->whole.count; i++) {
        const struct sibling *sibling = &facts->whole.siblings[i];
        if (!is_named(&facts->copies, index, sibling) || count++ >= VERSIONS_MAX)
            continue;
        buf_append_text(out, count > 1 ? ", " : "");
        explain_version(facts, sibling, out);
    }
    if (count > VERSIONS_MAX)
        buf_printf(out, " and %u more", count - VERSIONS_MAX);
    return count;
}

// ---- Commands ----------------------------------------------------------------------------

// Neither a shell nor `dkv repair` takes it for anything but a key.
static bool is_plain(const struct explain_facts *facts, struct bytes key)
{
    static const char *const words[] = {"run", "status"};
    bool is_number = true;
    for (size_t i = 0; i < key.size; i++) {
        char c = (char)key.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && (!c || !strchr("_./:@%+=,-", c)))
            return false;
        is_number &= is_digit;
    }
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (bytes_equal(key, bytes_of_text(words[i])))
            return false;
    }
    return !is_number && key.data[0] != '-' && facts->has_hints &&
           !ring_find_keyspace(&facts->ring, key);
}

void explain_repair(const struct explain_facts *facts, const char *options, struct buf *out)
{
    const struct op_explained *op = &facts->replicas.op;
    if (!is_plain(facts, op->key)) {
        buf_printf(out, "'dkv repair %s %u'", options, op->partition);
        return;
    }
    buf_append_text(out, "'dkv ");
    if (op->keyspace != RING_DEFAULT_KEYSPACE)
        buf_printf(out, "-k %.*s ", (int)op->name.size, (const char *)op->name.data);
    buf_printf(out, "repair %s %.*s'", options, (int)op->key.size, (const char *)op->key.data);
}

void explain_line(const struct explain_facts *facts, struct buf *sentence)
{
    struct buf key = {0};
    text_escape_log(facts->replicas.op.key, &key);
    report(facts->globals, "explain", STATUS_OK, "%s: %s", buf_text(&key), buf_text(sentence));
    buf_release(&key);
    buf_clear(sentence);
}
