#include "replica/leaf_delta.h"

static void count(struct leaf_delta *delta, const struct record *record, int sign)
{
    if (record_has_value(record))
        delta->live_count += sign;
    else
        delta->gone_count += sign;
}

void leaf_delta_add(struct leaf_delta *delta, const struct record *record, uint64_t key_hash)
{
    if (record_is_empty(record))
        return;
    struct record_leaf leaf = record_leaf(record, key_hash);
    count(delta, record, 1);
    delta->live_root += leaf.values;
    delta->deleted_root += leaf.tombstones;
}

void leaf_delta_remove(struct leaf_delta *delta, const struct record *record, uint64_t key_hash)
{
    if (record_is_empty(record))
        return;
    struct record_leaf leaf = record_leaf(record, key_hash);
    count(delta, record, -1);
    delta->live_root -= leaf.values;
    delta->deleted_root -= leaf.tombstones;
}
