#include "dkv-repair/debts.h"

#include "base/text.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

void debts_release(struct debts *debts)
{
    free(debts->items);
    *debts = (struct debts){0};
}

bool debts_has(const struct debts *debts, uint64_t hintd)
{
    uint32_t i = 0;
    while (i < debts->count && debts->items[i].hintd != hintd)
        i++;
    return i < debts->count;
}

static struct debt *find(const struct debts *debts, uint64_t hintd, uint32_t partition)
{
    for (uint32_t i = 0; i < debts->count; i++) {
        struct debt *debt = &debts->items[i];
        if (debt->hintd == hintd && debt->partition == partition)
            return debt;
    }
    return NULL;
}

static struct debt *add(struct debts *debts, uint64_t hintd, uint32_t partition)
{
    if (debts->count == DEBTS_MAX)
        return NULL; // told again when others are settled
    debts->items = xrealloc(debts->items, (debts->count + 1) * sizeof *debts->items);
    debts->items[debts->count] = (struct debt){.hintd = hintd, .partition = partition};
    return &debts->items[debts->count++];
}

static void owe(struct debts *debts, uint64_t hintd, uint32_t partition, uint64_t mark,
                struct pulls *pulls, struct moment now)
{
    struct scope scope = {.has_partition = true, .partition = partition};
    struct debt *debt = find(debts, hintd, partition);
    bool is_new = !debt || debt->mark != mark;
    if (!debt)
        debt = add(debts, hintd, partition);
    if (!debt)
        return;
    debt->is_told = true;
    if (!is_new)
        return;
    debt->mark = mark;
    debt->sequence = pulls->sequence;
    pulls_put_first(pulls, &scope, now);
}

// Cuts off a number and the `end` behind it.
static bool next_number(struct bytes *rest, char end, uint64_t *number)
{
    const uint8_t *at = rest->size ? memchr(rest->data, end, rest->size) : NULL;
    if (!at)
        return false;
    size_t size = (size_t)(at - rest->data);
    if (text_parse_number(bytes_of(rest->data, size), number, NULL))
        return false;
    *rest = bytes_of(at + 1, rest->size - size - 1);
    return true;
}

static void remove_untold(struct debts *debts, uint64_t hintd)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < debts->count; i++) {
        const struct debt *debt = &debts->items[i];
        if (debt->hintd != hintd || debt->is_told)
            debts->items[kept++] = *debt;
    }
    debts->count = kept;
}

void debts_adopt(struct debts *debts, const struct ring *ring)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < debts->count; i++) {
        if (ring_find_node(ring, debts->items[i].hintd) >= 0)
            debts->items[kept++] = debts->items[i];
    }
    debts->count = kept;
}

enum status debts_take(struct debts *debts, uint64_t hintd, struct bytes lines, struct pulls *pulls,
                       struct moment now)
{
    uint64_t partition, mark;
    for (uint32_t i = 0; i < debts->count; i++) {
        if (debts->items[i].hintd == hintd)
            debts->items[i].is_told = false;
    }
    while (lines.size) {
        if (!next_number(&lines, ' ', &partition) || partition > UINT32_MAX ||
            !next_number(&lines, '\n', &mark))
            return STATUS_INVALID;
        owe(debts, hintd, (uint32_t)partition, mark, pulls, now);
    }
    remove_untold(debts, hintd);
    return STATUS_OK;
}

// Of each partition the round that began first, of those that agreed last; UINT64_MAX: nobody else
// owns it. Owned by the caller.
static uint64_t *oldest_rounds(const struct pulls *pulls, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < pulls->count; i++) {
        if (pulls->items[i].partition >= *count)
            *count = pulls->items[i].partition + 1;
    }
    uint64_t *oldest = xmalloc((*count + 1) * sizeof *oldest);
    memset(oldest, 0xff, *count * sizeof *oldest);
    for (uint32_t i = 0; i < pulls->count; i++) {
        const struct pull *pull = &pulls->items[i];
        if (pull->agreed_sequence < oldest[pull->partition])
            oldest[pull->partition] = pull->agreed_sequence;
    }
    return oldest;
}

uint32_t debts_settle(struct debts *debts, uint64_t hintd, uint64_t node, const struct pulls *pulls,
                      struct buf *lines)
{
    uint32_t kept = 0, settled = 0, count;
    if (!debts->count)
        return 0;
    uint64_t *oldest = oldest_rounds(pulls, &count);
    for (uint32_t i = 0; i < debts->count; i++) {
        const struct debt *debt = &debts->items[i];
        bool is_pulled = debt->partition >= count || oldest[debt->partition] > debt->sequence;
        if (debt->hintd != hintd || settled == DEBTS_SETTLED_MAX || !is_pulled) {
            debts->items[kept++] = *debt;
            continue;
        }
        settled++;
        buf_printf(lines, "%016llx %u %llu\n", (unsigned long long)node, debt->partition,
                   (unsigned long long)debt->mark);
    }
    free(oldest);
    debts->count = kept;
    debts->settled += settled;
    return settled;
}
