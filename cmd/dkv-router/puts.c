#include "dkv-router/puts.h"

#include "dkv-router/gets.h"
#include "dkv-router/puts_step.h"
#include "wire/replica.h"

// Finds the flight and the target that a reply belongs to, and tells the put what time it is.
static struct flight *find(struct router *router, uint64_t id, uint32_t number, unsigned *target,
                           struct moment now)
{
    struct flight *flight = flights_find_of(&router->flights, id, FLIGHT_PUT, number, target);
    if (!flight || flight->put.again != !!(id & FLIGHT_AGAIN)) {
        router->counts.late++;
        return NULL;
    }
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    return flight;
}

static void raise(uint64_t *floor, uint64_t hlc)
{
    if (*floor < hlc)
        *floor = hlc;
}

static void add_dot(struct clock *clock, struct dot dot)
{
    clock_add(clock, (struct interval){dot.actor, dot.counter, dot.counter});
}

// A write that says nothing of what it supersedes.
static bool is_blind(const struct flight *flight)
{
    return !flight->has_context && !(flight->flags & PUT_KEEP_SIBLINGS);
}

// A conditional write without a context supersedes deletions as a blind one does: its coordinator
// alone judges it, so nobody validates it.
static bool is_unvalidated(const struct flight *flight)
{
    return (flight->flags & PUT_CONDITIONAL) && is_blind(flight);
}

// Whether it matters what a record holds beside the write.
static bool looks_into(const struct flight *flight)
{
    return put_is_validating(&flight->put) || flight->put.again || is_unvalidated(flight);
}

// Whether the second dot, which is in this record, supersedes all that it was asked to. It may have
// been made for an earlier try, which had been told less.
static bool supersedes_context(const struct flight *flight, const struct record *record)
{
    uint32_t i = 0;
    while (i < record->count && !clock_covers(&flight->context, record->siblings[i].dot))
        i++;
    return i == record->count && clock_includes(&record->clock, &flight->context);
}

// Adds to what the client's next context covers: what it gave, or else what the write superseded,
// and the write; not what its record holds besides: the client never saw that. What a blind write
// superseded is known from a record that has nothing else, and from no other: then `covers` stays
// without the write.
static void cover(struct flight *flight, struct dot dot, const struct record *record, bool is_there)
{
    bool is_second = flight->put.again && dot.counter && !dot_equal(flight->dot, dot);
    if (is_there && record->count == 1) {
        clock_copy(&flight->covers, &record->clock);
    } else if (is_there && is_second && supersedes_context(flight, record)) {
        clock_join(&flight->covers, &flight->context);
        add_dot(&flight->covers, dot);
    } else if (dot.counter && !is_blind(flight)) {
        add_dot(&flight->covers, dot);
    }
}

// Keeps what AGAIN and the client's next context need. `record` has, or had, the write as `dot`; it
// is not looked into unless that matters.
static enum put_conflict learn(struct flight *flight, struct dot dot, const struct record *record)
{
    enum put_conflict conflict = PUT_ALONE;
    bool is_there = looks_into(flight) && record_find_dot(record, dot);
    cover(flight, dot, record, is_there);
    flight->dot = dot;
    if (put_is_validating(&flight->put)) {
        conflict = !is_there ? PUT_SUPERSEDED : record->count > 1 ? PUT_MET_OTHERS : PUT_ALONE;
        clock_copy(&flight->context, &record->clock);
        raise(&flight->hlc_floor, record_hlc_max(record) + 1);
    }
    return conflict;
}

// Joins a clock of a reply into one of the flight's. False if it is none.
static bool join_clock(struct router *router, struct bytes encoded, struct clock *into)
{
    struct reader reader = reader_of(encoded);
    if (!encoded.size)
        return true;
    if (clock_decode(&router->context.clock, &reader) || !reader_done(&reader))
        return false;
    clock_join(into, &router->context.clock);
    return true;
}

// Decodes what the coordinator made, as far as it is needed, into router->record, and makes a head
// the record that the others get. False if it is none, or of another value than we sent.
static bool decode_updated(struct router *router, const struct flight *flight,
                           const struct op_updated *updated, struct minted *minted)
{
    struct record *record = &router->record;
    struct bytes key = buf_bytes(&flight->key);
    *minted = (struct minted){updated->record, updated->requests};
    if (!updated->is_head && !looks_into(flight))
        return true;
    if (record_decode(record, key, updated->record) || record->head != !!updated->is_head)
        return false;
    if (!updated->is_head)
        return true;
    if (!record_fill_head(record, updated->dot, buf_bytes(&flight->value)))
        return false;
    buf_clear(&router->minted);
    record_encode(record, key, &router->minted);
    minted->record = buf_bytes(&router->minted);
    return true;
}

// A refusal may send it to a fallback.
static struct put_step take_refusal(struct router *router, struct flight *flight, unsigned target,
                                    const struct op_updated *updated)
{
    puts_know_fallbacks(router, flight);
    return put_on_refused(&flight->put, target,
                          (updated->id & FLIGHT_ATTEMPT) >> FLIGHT_ATTEMPT_SHIFT,
                          (enum status)updated->status);
}

static enum put_conflict of_lost(enum put_conflict conflict)
{
    return conflict == PUT_MET_OTHERS ? PUT_LOST_MET_OTHERS : PUT_LOST;
}

static struct put_step take_updated(struct router *router, struct flight *flight, unsigned target,
                                    const struct op_updated *updated, struct minted *minted)
{
    if (updated->status)
        return take_refusal(router, flight, target, updated);
    raise(&flight->hlc, updated->hlc);
    if (!decode_updated(router, flight, updated, minted))
        return put_on_failed(&flight->put, target); // it exists
    enum put_conflict conflict = learn(flight, updated->dot, &router->record);
    puts_keep_minted(router, flight, &(struct minted){updated->record, updated->requests},
                     updated->is_head);
    return put_on_updated(&flight->put, target, updated->is_lost ? of_lost(conflict) : conflict);
}

enum status puts_on_updated(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_updated updated;
    if (op_decode_updated(&updated, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight = find(router, updated.id, number, &target, now);
    if (!flight)
        return STATUS_OK;
    if (!put_awaits_updated(&flight->put, target)) {
        router->counts.late++;
        return STATUS_OK;
    }
    struct minted minted = {0};
    struct put_step step = take_updated(router, flight, target, &updated, &minted);
    puts_take_step(router, flight, step, minted, now, outbox);
    return STATUS_OK;
}

enum status puts_on_durable(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_durable durable;
    if (op_decode_durable(&durable, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight = find(router, durable.id, number, &target, now);
    if (!flight)
        return STATUS_OK;
    if (durable.status)
        puts_know_fallbacks(router, flight);
    struct put_step step = put_on_durable(&flight->put, target, (enum status)durable.status);
    puts_take_step(router, flight, step, (struct minted){0}, now, outbox);
    return STATUS_OK;
}

// What somebody held that the write has not seen.
static bool take_told(struct router *router, struct flight *flight, struct bytes told,
                      uint64_t hlc_told)
{
    if (!put_is_validating(&flight->put) || !told.size)
        return true;
    raise(&flight->hlc_floor, hlc_told + 1);
    return join_clock(router, told, &flight->context);
}

static enum put_conflict conflict_of(uint8_t flags, struct bytes told)
{
    enum put_conflict conflict = flags & MERGED_SUPERSEDED ? PUT_SUPERSEDED
                                 : told.size               ? PUT_MET_OTHERS
                                                           : PUT_ALONE;
    return flags & MERGED_LOST ? of_lost(conflict) : conflict;
}

enum status puts_on_merged(struct router *router, uint32_t number, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct op_merged merged;
    if (op_decode_merged(&merged, body))
        return STATUS_INVALID;
    if (!merged.id) { // of a read repair
        router->counts.repairs_refused += merged.status != STATUS_OK;
        return STATUS_OK;
    }
    if (gets_on_merged(router, number, &merged, now, outbox))
        return STATUS_OK;
    unsigned target;
    struct flight *flight = find(router, merged.id, number, &target, now);
    if (!flight)
        return STATUS_OK;
    if (!take_told(router, flight, merged.told, merged.hlc_told))
        return STATUS_INVALID;
    if (merged.status)
        puts_know_fallbacks(router, flight);
    struct put_step step = put_on_merged(&flight->put, target, (enum status)merged.status,
                                         conflict_of(merged.flags, merged.told));
    puts_take_step(router, flight, step, (struct minted){0}, now, outbox);
    return STATUS_OK;
}

enum status puts_on_hinted(struct router *router, uint32_t number, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct op_hinted hinted;
    if (op_decode_hinted(&hinted, body))
        return STATUS_INVALID;
    unsigned holder;
    struct flight *flight = find(router, hinted.id, number, &holder, now);
    int owner = flight ? puts_find_owner(flight, hinted.target) : -1;
    if (owner < 0)
        return STATUS_OK;
    if (!flight->put.strict && !take_told(router, flight, hinted.told, hinted.hlc_told))
        return STATUS_INVALID;
    struct put_step step =
        put_on_hinted(&flight->put, (unsigned)owner, holder, (enum status)hinted.status,
                      conflict_of(hinted.flags, hinted.told));
    puts_take_step(router, flight, step, (struct minted){0}, now, outbox);
    return STATUS_OK;
}

// Had the owner applied any try of this request, it would know: clocks of two machines may differ
// in rate.
static bool would_know(const struct flight *flight, const struct op_found *found, struct moment now)
{
    if (found->status != STATUS_NOT_FOUND || !flight->first_ms)
        return false;
    uint64_t ago_ms = now.mono_ms - flight->first_ms;
    return found->remembers_ms > ago_ms + ago_ms / 4;
}

enum status puts_on_found(struct router *router, uint32_t number, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_found found;
    if (op_decode_found(&found, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight = find(router, found.id, number, &target, now);
    if (!flight || flight->put.phase > PUT_WAITING)
        return STATUS_OK;
    if (!found.status && found.state == FIND_PURGED) {
        flight->dot = found.dot;
        puts_take_step(router, flight, put_on_purged(&flight->put), (struct minted){0}, now,
                       outbox);
        return STATUS_OK;
    }
    enum put_conflict conflict = PUT_ALONE;
    struct record *record = &router->record;
    if (!found.status &&
        (record_decode(record, buf_bytes(&flight->key), found.record) || record->head))
        found.status = STATUS_CORRUPT;
    if (!found.status) {
        conflict = learn(flight, found.dot, record);
        raise(&flight->hlc, record_hlc_max(record));
        puts_keep_minted(router, flight, &(struct minted){.record = found.record}, false);
        puts_know_fallbacks(router, flight);
    }
    if (would_know(flight, &found, now))
        flight->put.sure |= target_bit(target);
    if (found.state == FIND_BEATEN)
        conflict = PUT_MET_OTHERS;
    struct put_step step = put_on_found(&flight->put, target, (enum status)found.status, conflict);
    puts_take_step(router, flight, step, (struct minted){.record = found.record}, now, outbox);
    return STATUS_OK;
}

void puts_on_failed(struct router *router, struct flight *flight, unsigned target,
                    struct moment now, struct outbox *outbox)
{
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    puts_know_fallbacks(router, flight);
    struct put_step step = put_on_failed(&flight->put, target);
    puts_take_step(router, flight, step, (struct minted){0}, now, outbox);
}

// What the time means for the put, and when to look again.
static struct put_step take_time(struct router *router, struct flight *flight, struct moment now,
                                 uint64_t end_ms)
{
    uint64_t next_ms = end_ms;
    uint64_t late_after_ms = puts_late_after_ms(router, flight->deadline_ms - flight->started_ms);
    struct put_step step = {.update = -1};
    if (flight->put.phase == PUT_WAITING && now.mono_ms < flight->wait_until_ms) {
        next_ms = flight->wait_until_ms;
    } else if (flight->put.phase == PUT_WAITING) {
        step = put_on_waited(&flight->put);
        next_ms = now.mono_ms + late_after_ms;
    } else if (flight->put.phase != PUT_MERGING) {
        next_ms = now.mono_ms + late_after_ms;
    } else if (now.mono_ms < flight->merged_ms + late_after_ms) {
        next_ms = flight->merged_ms + late_after_ms;
    } else {
        puts_know_fallbacks(router, flight);
        step = put_on_late(&flight->put);
    }
    flights_wake_at(&router->flights, flight, next_ms < end_ms ? next_ms : end_ms);
    return step;
}

void puts_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox)
{
    uint64_t end_ms = flight->deadline_ms - FLIGHT_LINGER_MS;
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    struct put_step step = now.mono_ms < end_ms ? take_time(router, flight, now, end_ms)
                                                : put_on_deadline(&flight->put);
    puts_take_step(router, flight, step, (struct minted){0}, now, outbox);
}
