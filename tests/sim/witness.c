#include "sim/witness.h"

#include "sim/node_ring.h"
#include "wire/repair.h"
#include "wire/replica.h"

// The last UPDATED of this turn for the link. False if there is none.
bool witness_last_updated(const struct outbox *outbox, link_id link, struct op_updated *updated)
{
    for (uint32_t i = outbox->count; i > 0; i--) {
        const struct outbox_message *message = &outbox->messages[i - 1];
        if (message->link != link || message->type != MESSAGE_UPDATED)
            continue;
        struct reader reader = reader_of(buf_bytes(&message->bytes));
        reader_bytes(&reader, MESSAGE_HEADER_SIZE);
        for (unsigned op = 0; op < message->count; op++) {
            if (op_decode_updated(updated, &reader))
                return false;
        }
        return true;
    }
    return false;
}

// The requests that this life of the store has minted or merged.
static void note_known(struct node *node, uint32_t key, const struct record *record)
{
    const struct history *history = node->settings->history;
    for (uint32_t i = 0; i < record->count && !history->keys[key].is_lww; i++) {
        const struct act *act = history_act_of(history, &record->siblings[i].request);
        if (act && act->number < NODE_ACTS_MAX)
            node->knows_ms[act->number] = node_now(node).mono_ms + 1;
    }
}

void witness_minted(struct node *node, const struct op_update *update, const struct clock *held,
                    const struct op_updated *updated)
{
    struct history *history = node->settings->history;
    struct world *world = node->settings->world;
    int key = history_find_key(history, update->keyspace, update->key);
    world_sometimes(world, SOMETIMES_DISK_FULL, updated->status == STATUS_DISK_FULL);
    world_sometimes(world, SOMETIMES_BUSY, updated->status == STATUS_BUSY);
    world_sometimes(world, SOMETIMES_HEAD_ALONE, updated->is_head);
    if (updated->status || key < 0 || !updated->dot.counter) // it was an old one
        return;
    struct record made = {0};
    struct clock context = {0};
    struct reader reader = reader_of(update->context);
    if (record_decode(&made, update->key, updated->record) ||
        (update->context.size && clock_decode(&context, &reader)))
        world_fail(world, "n%u: UPDATED carries no record", node->index);
    bool is_blind = update->flags & UPDATE_BLIND;
    history_on_minted(history, (uint32_t)key, update, &context, is_blind ? held : NULL, &made,
                      updated->dot);
    note_known(node, (uint32_t)key, &made);
    if (!world->failed)
        history_check_record(history, (uint32_t)key, &made, "mint of");
    world_sometimes(world, SOMETIMES_STAND_IN, history->keys[key].owners[0] != node->index);
    world_sometimes(world, SOMETIMES_AGAIN, update->flags & UPDATE_AGAIN);
    uint64_t stamp_ms = record_hlc_max(&made) >> 16;
    world_sometimes(world, SOMETIMES_LWW_SKEWED,
                    history->keys[key].is_lww && stamp_ms > node_now(node).wall_ms);
    clock_release(&context);
    record_release(&made);
}

static void note_held(struct node *node, uint32_t key, const struct record *record)
{
    const struct history *history = node->settings->history;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct act *act = history_act_of(history, &record->siblings[i].request);
        world_note(node->settings->world, "n%u holds operation %u of %s as %llx@%llu", node->index,
                   act ? act->number : 0, history->keys[key].name,
                   (unsigned long long)record->siblings[i].dot.actor,
                   (unsigned long long)record->siblings[i].dot.counter);
    }
}

// A record that comes to a store, which may be none.
static void look_at(struct node *node, uint32_t key, struct bytes encoded, const char *where)
{
    struct history *history = node->settings->history;
    struct record record = {0};
    if (encoded.size && record_decode(&record, history_key_bytes(history, key), encoded))
        world_fail(node->settings->world, "n%u: %s no record", node->index, where);
    else if (encoded.size)
        history_check_record(history, key, &record, where);
    record_release(&record);
}

// What the store holds of the key when it has taken it.
static void look_after(struct node *node, uint32_t key, const char *where)
{
    struct history *history = node->settings->history;
    struct record record = {0};
    struct buf bytes = {0};
    node_read(node, history->keys[key].keyspace, history_key_bytes(history, key), &record, &bytes);
    history_check_record(history, key, &record, where);
    note_held(node, key, &record);
    note_known(node, key, &record);
    record_release(&record);
    buf_release(&bytes);
}

void witness_merges(struct node *node, const struct message_header *header, struct reader *body)
{
    struct op_merge op;
    for (unsigned i = 0; i < header->count && !op_decode_merge(&op, body); i++) {
        int key = history_find_key(node->settings->history, op.keyspace, op.key);
        if (key < 0)
            continue;
        look_at(node, (uint32_t)key, op.record, "merge of");
        look_after(node, (uint32_t)key, "merged");
    }
}

// What repair brought of another owner's record.
void witness_reconciles(struct node *node, const struct message_header *header, struct reader *body)
{
    struct op_reconcile op;
    for (unsigned i = 0; i < header->count && !op_decode_reconcile(&op, body); i++) {
        int key = history_find_key(node->settings->history, op.keyspace, op.key);
        if (key < 0)
            continue;
        look_at(node, (uint32_t)key, op.record, "pull of");
        look_after(node, (uint32_t)key, "pulled");
    }
}

static bool is_known(const struct node *node, uint32_t number)
{
    uint64_t memory_ms = node->settings->request_memory_ms;
    return node->knows_ms[number] && node_now(node).mono_ms < node->knows_ms[number] + memory_ms;
}

// The last answer to a question, which may have come twice, if it is in this turn's outbox.
static bool find_found(const struct outbox *outbox, link_id link, uint64_t id,
                       struct op_found *found)
{
    bool is_there = false;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_message *message = &outbox->messages[i];
        struct reader reader = reader_of(buf_bytes(&message->bytes));
        struct op_found op;
        reader_bytes(&reader, MESSAGE_HEADER_SIZE);
        for (unsigned n = 0; message->type == MESSAGE_FOUND && message->link == link &&
                             n < message->count && !op_decode_found(&op, &reader);
             n++) {
            if (op.id == id) {
                *found = op;
                is_there = true;
            }
        }
    }
    return is_there;
}

// A request that this life has minted or merged, not too long ago, is known.
void witness_finds(struct node *node, const struct arrival *arrival,
                   const struct message_header *header, struct reader *body,
                   const struct outbox *outbox)
{
    struct op_find find;
    struct op_found found;
    for (unsigned i = 0; i < header->count && !op_decode_find(&find, body); i++) {
        const struct act *act = history_act_of(node->settings->history, &find.request);
        if (act && act->number < NODE_ACTS_MAX && is_known(node, act->number) &&
            find_found(outbox, arrival->link, find.id, &found) && found.status == STATUS_NOT_FOUND)
            world_fail(node->settings->world, "n%u has forgotten operation %u", node->index,
                       act->number);
    }
}

// Replies of stores begin with id and status.
static bool is_reply(const struct outbox_message *message)
{
    return message->type == MESSAGE_UPDATED || message->type == MESSAGE_MERGED ||
           message->type == MESSAGE_FETCHED || message->type == MESSAGE_FOUND ||
           message->type == MESSAGE_SCANNED_LOCAL;
}

void witness_refusals(struct node *node, const struct outbox_message *message)
{
    struct reader reader = reader_of(buf_bytes(&message->bytes));
    reader_bytes(&reader, MESSAGE_HEADER_SIZE);
    for (unsigned op = 0; is_reply(message) && op < message->count; op++) {
        struct reader reply = reader_of(reader_sized(&reader));
        reader_u64(&reply);
        enum status status = (enum status)reader_u8(&reply);
        if (status && message->type == MESSAGE_MERGED)
            world_note(node->settings->world, "n%u refuses a merge: %s", node->index,
                       status_text(status));
        if (status == STATUS_STALE && !node->settings->world->sometimes[SOMETIMES_MOVED])
            world_fail(node->settings->world, "n%u: stale, although nothing moved", node->index);
    }
}

// Whichever router sealed it.
static enum status decode_context(const struct node *node, const struct history_key *key,
                                  struct bytes encoded, struct context *context)
{
    enum status status = STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < node->settings->ring->ring.node_count && status == STATUS_NOT_FOUND;
         i++)
        status = context_decode(context, &node->nodes[i].seals, key->keyspace,
                                bytes_of_text(key->name), encoded);
    return status;
}

// Remembers a put until it is answered.
void witness_put(struct node *node, const struct arrival *arrival, const struct op_put *put)
{
    const struct history *history = node->settings->history;
    const struct act *act = history_act_of(history, &put->request);
    if (!act || (uint32_t)arrival->link == NETWORK_GHOST)
        return;
    const struct history_key *key = &history->keys[act->key];
    const struct ring_keyspace *keyspace =
        ring_keyspace(&node->settings->ring->ring, key->keyspace);
    uint8_t level = put->level ? put->level : keyspace->w;
    struct node_put *noted = &node->puts[node->put_count++ % NODE_PUTS_MAX];
    struct context context = {.clock = noted->given};
    clock_clear(&context.clock);
    if (put->context.size && decode_context(node, key, put->context, &context))
        world_fail(node->settings->world, "%s: a context that is none comes to a router",
                   key->name);
    *noted = (struct node_put){.link = arrival->link,
                               .id = put->id,
                               .act = act,
                               .level = level,
                               .epoch = node->router.ring->epoch,
                               .given = context.clock};
    context.clock = (struct clock){0};
    context_release(&context);
}

static const struct node_put *find_put(const struct node *node, link_id link, uint64_t id)
{
    for (uint32_t i = 0; i < NODE_PUTS_MAX; i++) {
        if (node->puts[i].act && node->puts[i].link == link && node->puts[i].id == id)
            return &node->puts[i];
    }
    return NULL;
}

enum { DURABLE_ONE_IN = 100 }; // to look into every disk takes long

// Whether the owner says what it holds: now and then what it has on its disk.
static bool look(struct node *owner, const struct act *act, struct record *record,
                 struct buf *bytes)
{
    bool is_up = owner->store_process.up;
    return act->number % (is_up ? DURABLE_ONE_IN : DURABLE_ONE_IN / 10)
               ? is_up && node_peek(owner, act->key, record, bytes)
               : node_peek_durable(owner, act->key, record, bytes);
}

// The nodes that keep a hint of this put for an owner, or may.
static uint32_t find_keepers(const struct node *node, const struct act *told, uint32_t owner)
{
    struct history *history = node->settings->history;
    struct record record = {0};
    struct buf bytes = {0};
    uint32_t keepers = 0;
    for (uint32_t i = 0; i < node->settings->ring->ring.node_count; i++) {
        if (!node_peek_hint(&node->nodes[i], told->key, owner, &record, &bytes) ||
            history_is_covered(history, told, &record.clock))
            keepers |= 1u << i;
    }
    record_release(&record);
    buf_release(&bytes);
    return keepers;
}

// Who can have a put: owners by themselves, others by hints.
struct copies {
    uint32_t n;
    uint16_t owners[RING_OWNERS_MAX];
    struct level_owners who;
    uint8_t level;
    uint32_t dc;
    uint32_t own;
    uint32_t keepers[RING_OWNERS_MAX];
};

// Whether the level is met by `have` and owners from `at` on, each with a node of its own.
static bool may_meet(const struct copies *copies, uint32_t at, uint32_t have, uint32_t used)
{
    if (at == copies->n)
        return level_is_met(&copies->who, copies->level, copies->dc, have);
    uint32_t bit = 1u << at;
    if (copies->own & bit)
        return may_meet(copies, at + 1, have | bit, used | 1u << copies->owners[at]);
    for (uint32_t node = 0; node < NETWORK_NODES_MAX; node++) {
        if ((copies->keepers[at] & ~used & 1u << node) &&
            may_meet(copies, at + 1, have | bit, used | 1u << node))
            return true;
    }
    return may_meet(copies, at + 1, have, used);
}

// Of the owners in `set`, those before a move or those after it.
static void check_copies_of(const struct node *node, const struct node_put *put, struct dot dot,
                            const struct ring_owners *owners, uint32_t set)
{
    struct history *history = node->settings->history;
    const struct history_key *key = &history->keys[put->act->key];
    const struct ring *ring = &node->settings->ring->ring;
    struct act told = *put->act;
    told.dot = dot;
    struct record record = {0};
    struct buf bytes = {0};
    struct copies copies = {.level = put->level, .dc = level_dc(ring, node->index)};
    for (uint8_t i = 0; i < owners->count; i++) {
        if (set & 1u << i)
            copies.owners[copies.n++] = owners->nodes[i];
    }
    copies.who = level_owners_of(ring, copies.owners, copies.n);
    for (uint32_t i = 0; i < copies.n; i++) {
        if (put->act->lost & 1u << copies.owners[i] ||
            !look(&node->nodes[copies.owners[i]], put->act, &record, &bytes) ||
            history_accounts_for(history, key, &told, &record.clock, &record))
            copies.own |= 1u << i;
        else if (!(put->act->flags & PUT_STRICT))
            copies.keepers[i] = find_keepers(node, &told, copies.owners[i]);
    }
    if (!may_meet(&copies, 0, 0, 0))
        world_fail(node->settings->world,
                   "%s: put %u is answered OK with W=%s, %u owners can have it, beside hints",
                   key->name, put->act->number, ring_level_text(put->level),
                   (unsigned)__builtin_popcount(copies.own));
    record_release(&record);
    buf_release(&bytes);
}

// The router's ring names nodes by other indexes while a node more is in it.
static bool find_owners(const struct node *node, const struct history_key *key,
                        struct ring_owners *owners)
{
    const struct ring *ring = node->router.ring, *first = &node->settings->ring->ring;
    ring_find_owners(ring, key->partition, ring_keyspace(ring, key->keyspace), owners);
    for (uint8_t i = 0; i < owners->count; i++) {
        int index = ring_find_node(first, ring->nodes[owners->nodes[i]].id);
        if (index < 0)
            return false;
        owners->nodes[i] = (uint16_t)index;
    }
    return true;
}

// A put that is answered OK is durable with W owners; unless it is strict a hint is as good. While
// its key moves, of both sets; but hints for owners that do not last are for others as soon as
// anybody knows that the owners after are read. Nobody is asked about one that saw another ring
// come.
static void check_copies(const struct node *node, const struct node_put *put, struct dot dot)
{
    struct ring_owners owners;
    const struct history_key *key = &node->settings->history->keys[put->act->key];
    if (put->epoch != node->router.ring->epoch || !find_owners(node, key, &owners))
        return;
    const struct ring *ring = node->router.ring;
    check_copies_of(node, put, dot, &owners, ring_lasting_owners(ring, &owners));
    uint32_t node_count = node->settings->ring->ring.node_count;
    bool is_newest = node_ring_newest(node->nodes, node_count)->ring.epoch == ring->epoch;
    if (ring->move == RING_MOVE_READ_OLD && is_newest && owners.after != owners.before)
        check_copies_of(node, put, dot, &owners, owners.before);
}

static void check_returned(const struct node *node, const struct node_put *put,
                           const struct op_put_done *done)
{
    struct history *history = node->settings->history;
    const struct history_key *key = &history->keys[put->act->key];
    struct context returned = {0};
    if (decode_context(node, key, done->context, &returned))
        world_fail(node->settings->world, "%s: a put returns a context that is none", key->name);
    else if (!clock_covers(&returned.clock, done->dot))
        world_fail(node->settings->world, "%s: the context of put %u does not cover it", key->name,
                   put->act->number);
    else
        history_check_context(history, put->act, done->dot, &put->given, &returned.clock);
    context_release(&returned);
}

void witness_put_done(const struct node *node, link_id link, const struct op_put_done *done)
{
    const struct node_put *put = find_put(node, link, done->id);
    if (!put || done->status)
        return;
    world_sometimes(node->settings->world, SOMETIMES_HINT_COUNTS, done->hinted);
    history_act(node->settings->history, put->act->number)->is_hinted |= done->hinted > 0;
    if (done->hinted && (put->act->flags & PUT_STRICT))
        world_fail(node->settings->world, "strict put %u counts a hint", put->act->number);
    check_copies(node, put, done->dot);
    if (done->context.size)
        check_returned(node, put, done);
}

// What a router is told of earlier tries. (What a store says first in a new life is not heard: its
// router gives up whatever it had asked the old one.)
void witness_found(struct node *node, link_id link, const struct message_header *header,
                   struct reader *body)
{
    const struct link *from = peers_link(&node->router.peers, network_number(link));
    struct op_found found;
    if (from->clock.boot != header->boot)
        return;
    for (unsigned i = 0; i < header->count && !op_decode_found(&found, body); i++) {
        const struct flight *flight = flights_find(&node->router.flights, found.id);
        if (flight && flight->kind == FLIGHT_PUT && flight->put.phase <= PUT_WAITING &&
            !found.status)
            history_on_found(node->settings->history, &flight->request, flight->try);
    }
}
