// debts.h - what hintds owe this node: partitions in which they refused hints for it.
//
// Nobody sends again what was refused, so our store has to pull it: each of these partitions, from
// every other owner, in rounds that begin after the hintd told of the debt. Then it is settled with
// the mark that it had been told with; one that has grown since stays, and is pulled again.
#pragma once

#include "base/buf.h"
#include "dkv-repair/pulls.h"

enum { DEBTS_MAX = 16384, DEBTS_SETTLED_MAX = 1024 }; // in all; in one message

struct debt {
    uint64_t hintd; // id of its node
    uint32_t partition;
    uint64_t mark;     // grows with every refusal
    uint64_t sequence; // of pulls, when it was told with this mark
    bool is_told;      // by the last answer
};

struct debts {
    struct debt *items; // owned
    uint32_t count;
    uint32_t settled; // since the start
};

void debts_release(struct debts *debts);

bool debts_has(const struct debts *debts, uint64_t hintd); // any of this one
// Those of hintds whose nodes are not in this ring are nobody's any more.
void debts_adopt(struct debts *debts, const struct ring *ring);

// Takes all that a hintd owes now, lines "PARTITION MARK"; what it told before and does not now is
// settled. Partitions of new debts, and of those that grew, are pulled at once and before others.
// INVALID: these are no such lines.
enum status debts_take(struct debts *debts, uint64_t hintd, struct bytes lines, struct pulls *pulls,
                       struct moment now) MUST_USE;

// Removes the debts of this hintd whose partitions were pulled since, and appends a line for each
// as it takes them: "NODE-ID PARTITION MARK", of `node`, whom they are owed to. Returns how many.
uint32_t debts_settle(struct debts *debts, uint64_t hintd, uint64_t node, const struct pulls *pulls,
                      struct buf *lines);
