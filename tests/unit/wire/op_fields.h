// op_fields.h - the grammar of every operation once more, as lists of fields in the order of
// the wire. What the codec writes is compared with what these lists say.
#pragma once

// F(kind, member); kinds: u8 u32 u64, dot, request, short (u16 size), sized (u32 size).
// clang-format off
#define FIELDS_hello(F) F(u64, id) F(u8, version_min) F(u8, version_max) F(u32, capabilities) \
    F(u64, cluster) F(u64, node) F(u64, actor)
#define FIELDS_welcome(F) F(u64, id) F(u8, version) F(u8, version_min) F(u8, version_max) \
    F(u32, capabilities) F(u64, cluster) \
    F(u64, node) F(u64, actor) F(u32, value_size_max) F(u8, role) F(short, software) \
    F(u8, is_asking) F(u32, heard_start)
#define FIELDS_hear(F) F(u64, id) F(u32, number) F(u64, actor) F(u64, position) \
    F(u32, heard_start) F(u64, heard_position) F(u8, is_last)
#define FIELDS_heard(F) F(u64, id) F(u8, status) F(u64, actor) F(u64, position) \
    F(u32, heard_start) F(u64, heard_position) F(u8, is_asking)
#define FIELDS_ping(F) F(u64, id)
#define FIELDS_pong(F) F(u64, id) F(u64, actor) F(u32, unsynced_age_ms) F(u64, entry_count) \
    F(u64, data_size) F(u8, disk_full) F(u64, wall_ms) F(sized, metrics) \
    F(u32, store_start) F(u32, hintd_start)
#define FIELDS_ask(F) F(u64, id) F(short, topic) F(sized, argument)
#define FIELDS_answer(F) F(u64, id) F(u8, status) F(sized, text)
#define FIELDS_error(F) F(u64, id) F(u8, status) F(short, text)
#define FIELDS_put(F) F(u64, id) F(request, request) F(u8, level) F(u8, flags) \
    F(u64, ttl_ms) F(u64, try) F(u32, budget_ms) F(u32, young_ms) F(u32, wait_ms) \
    F(short, keyspace) F(short, key) F(sized, context) F(sized, value) \
    F(u32, first_ms)
#define FIELDS_put_done(F) F(u64, id) F(u8, status) F(u8, acked) F(u8, hinted) F(u8, is_void) \
    F(u32, keyspace) F(u64, epoch) F(dot, dot) F(sized, context) F(short, text) \
    F(sized, receipt) F(u8, is_final)
#define FIELDS_get(F) F(u64, id) F(u8, level) F(u8, flags) F(short, keyspace) F(short, key)
#define FIELDS_got(F) F(u64, id) F(u8, status) F(u8, replied) F(u32, keyspace) F(sized, record) \
    F(short, text) F(sized, context)
#define FIELDS_scan(F) F(u64, id) F(u8, level) F(u8, flags) F(u32, partition) F(u32, size_max) \
    F(short, keyspace) F(short, after) F(short, prefix)
#define FIELDS_scanned(F) F(u64, id) F(u8, status) F(u8, done) F(u8, replied) F(u32, keyspace) \
    F(u32, item_count) F(short, last) F(sized, items) F(short, text) F(sized, contexts)
#define FIELDS_update(F) F(u64, id) F(request, request) F(u8, flags) F(u32, keyspace) \
    F(u64, try) F(u32, young_ms) F(u64, hlc_floor) F(u64, ttl_ms) F(short, key) \
    F(sized, context) F(sized, seen) F(sized, value)
#define FIELDS_updated(F) F(u64, id) F(u8, status) F(dot, dot) F(u64, hlc) \
    F(sized, requests) F(sized, record) F(u8, is_head) F(u8, is_lost)
#define FIELDS_durable(F) F(u64, id) F(u8, status)
#define FIELDS_merge(F) F(u64, id) F(u32, keyspace) F(dot, dot) F(short, key) F(sized, dots) \
    F(sized, requests) F(sized, record)
#define FIELDS_merged(F) F(u64, id) F(u8, status) F(u8, flags) F(u64, hlc_told) F(sized, told)
#define FIELDS_fetch(F) F(u64, id) F(u8, head) F(u32, keyspace) F(short, key) F(u8, is_gated)
#define FIELDS_fetched(F) F(u64, id) F(u8, status) F(sized, record)
#define FIELDS_find(F) F(u64, id) F(request, request) F(u64, try) F(u32, keyspace) F(short, key)
#define FIELDS_found(F) F(u64, id) F(u8, status) F(u8, state) F(dot, dot) F(sized, record) \
    F(u32, remembers_ms)
#define FIELDS_scan_local(F) F(u64, id) F(u8, heads) F(u32, partition) F(u32, keyspace) \
    F(u32, size_max) F(short, after) F(short, prefix)
#define FIELDS_hint(F) F(u64, id) F(u64, target) F(u32, keyspace) F(dot, dot) F(short, key) \
    F(sized, dots) F(sized, requests) F(sized, record)
#define FIELDS_hinted(F) F(u64, id) F(u64, target) F(u8, status) F(u8, flags) F(u64, hlc_told) \
    F(sized, told)
#define FIELDS_held(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u32, process) F(u32, start)
#define FIELDS_held_told(F) F(u64, id) F(u8, status) F(u8, is_held) F(u64, hint_count)
#define FIELDS_prepare(F) F(u64, id) F(u64, epoch) F(u64, parent) F(u64, round) \
    F(u64, proposer)
#define FIELDS_promised(F) F(u64, id) F(u8, status) F(u64, epoch) F(u64, round) \
    F(u64, proposer) F(u64, promised_round) F(u64, promised_proposer) F(u64, accepted_round) \
    F(u64, accepted_proposer) F(sized, document)
#define FIELDS_accept(F) F(u64, id) F(u64, epoch) F(u64, parent) F(u64, round) \
    F(u64, proposer) F(sized, document)
#define FIELDS_accepted(F) F(u64, id) F(u8, status) F(u64, epoch) F(u64, round) \
    F(u64, proposer) F(u64, promised_round) F(u64, promised_proposer)
#define FIELDS_ring(F) F(u64, id) F(sized, document)
#define FIELDS_ring_taken(F) F(u64, id) F(u8, status) F(short, text)
#define FIELDS_explain(F) F(u64, id) F(u8, level) F(short, keyspace) F(short, key) \
    F(sized, receipt)
#define FIELDS_explained(F) F(u64, id) F(u8, status) F(u32, keyspace) F(u32, partition) \
    F(u64, token) F(u64, epoch) F(u8, level) F(u8, replica_count) F(u8, need_count) \
    F(sized, needs) F(sized, replicas) F(short, key) F(short, name) F(short, text)
#define FIELDS_inspect(F) F(u64, id) F(request, request) F(dot, dot) F(u32, keyspace) \
    F(short, key)
#define FIELDS_inspected(F) F(u64, id) F(u8, status) F(u8, has_write) F(u8, state) \
    F(sized, head) F(u8, purge) F(u32, purge_ms) F(sized, behind) F(sized, seen)
#define FIELDS_open(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u32, number)
#define FIELDS_opened(F) F(u64, id) F(u8, status) F(sized, opening)
#define FIELDS_meet(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u8, is_pulling) \
    F(sized, opening)
#define FIELDS_met(F) F(u64, id) F(u8, status)
#define FIELDS_tree(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u8, kind) F(u8, level) \
    F(sized, nodes)
#define FIELDS_hashes(F) F(u64, id) F(u8, status) F(u8, leaf_level) F(sized, hashes)
#define FIELDS_leaves(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u32, size_max) \
    F(short, after) F(sized, ranges)
#define FIELDS_listed(F) F(u64, id) F(u8, status) F(u64, actor) F(u8, is_done) F(short, last) \
    F(sized, items)
#define FIELDS_reconcile(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u64, actor) \
    F(short, key) F(sized, record)
#define FIELDS_reconciled(F) F(u64, id) F(u8, status) F(u8, verdict)
#define FIELDS_adopt(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(sized, opening)
#define FIELDS_adopted(F) F(u64, id) F(u8, status) F(u8, is_lost)
#define FIELDS_digest(F) F(u64, id) F(u32, keyspace) F(u32, partition)
#define FIELDS_digested(F) F(u64, id) F(u8, status) F(u32, next) F(sized, items)
#define FIELDS_scrub(F) F(u64, id) F(u32, partition) F(u8, is_begin)
#define FIELDS_scrubbed(F) F(u64, id) F(u8, status) F(u64, record_count) F(short, text)
#define FIELDS_endings(F) F(u64, id) F(u32, keyspace) F(u32, partition)
#define FIELDS_ended(F) F(u64, id) F(u8, status) F(sized, items)
#define FIELDS_close(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(u32, process) F(u32, start)
#define FIELDS_closed(F) F(u64, id) F(u8, status)
#define FIELDS_take(F) F(u64, id) F(u32, keyspace) F(u32, partition) F(short, key)
#define FIELDS_taken(F) F(u64, id) F(u8, status) F(u64, actor) F(sized, record)

#define ALL_OPS(OP) \
    OP(hello) OP(welcome) OP(ping) OP(pong) OP(ask) OP(answer) OP(error) OP(put) OP(put_done) \
    OP(get) OP(got) OP(scan) OP(scanned) OP(update) OP(updated) OP(durable) OP(merge) OP(merged) \
    OP(fetch) OP(fetched) OP(find) OP(found) OP(scan_local) OP(hint) OP(hinted) \
    OP(held) OP(held_told) OP(prepare) OP(promised) OP(accept) OP(accepted) OP(ring) \
    OP(ring_taken) OP(explain) OP(explained) OP(inspect) OP(inspected) \
    OP(open) OP(opened) OP(meet) OP(met) OP(tree) OP(hashes) OP(leaves) OP(listed) \
    OP(reconcile) OP(reconciled) OP(adopt) OP(adopted) OP(digest) OP(digested) OP(scrub) \
    OP(scrubbed) OP(endings) OP(ended) OP(close) OP(closed) OP(take) OP(taken) \
    OP(hear) OP(heard)
// clang-format on
