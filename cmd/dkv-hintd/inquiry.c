#include "dkv-hintd/inquiry.h"

#include "base/text.h"
#include "dkv-hintd/deliveries.h"
#include "dkv-hintd/tally_format.h"
#include "wire/client.h"
#include "wire/hello.h"

enum { DEBTS_TOLD_MAX = 1024 };

static bool next_word(struct bytes *rest, char end, struct bytes *word)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != (uint8_t)end)
        size++;
    if (!size)
        return false;
    *word = bytes_of(rest->data, size);
    size += size < rest->size;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

// ---- PONG --------------------------------------------------------------------------------

static uint64_t oldest_ms(const struct hintd *hintd, struct moment now)
{
    uint64_t oldest = 0;
    for (uint32_t i = 0; i < hintd->tally.target_count; i++) {
        uint64_t since = hintd->tally.targets[i].since_ms;
        if (since && now.wall_ms > since && now.wall_ms - since > oldest)
            oldest = now.wall_ms - since;
    }
    return oldest;
}

static uint64_t hint_count(const struct hintd *hintd)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < hintd->tally.target_count; i++)
        count += hintd->tally.targets[i].count;
    return count;
}

static void fill(const struct hintd *hintd, struct moment now, struct metrics *metrics)
{
    const struct hintd_counts *counts = &hintd->counts;
    uint64_t *values = metrics->values;
    values[METRIC_HINTS] = hint_count(hintd);
    values[METRIC_HINT_BYTES] = hintd->tally.bytes;
    values[METRIC_HINT_OLDEST_MS] = oldest_ms(hintd, now);
    values[METRIC_HINT_DEBTS] = hintd->tally.debt_count;
    values[METRIC_HINTS_TAKEN] = counts->hints;
    values[METRIC_HINTS_MINTED] = counts->updates;
    values[METRIC_HINTS_FULL] = counts->refused_full;
    values[METRIC_HINTS_SENT] = counts->sent;
    values[METRIC_HINTS_DELIVERED] = counts->delivered;
    values[METRIC_HINTS_REFUSED] = counts->refused;
    values[METRIC_HINTS_REROUTED] = counts->rerouted;
    values[METRIC_HINTD_DAMAGED] = counts->damaged_reads + counts->damaged_merges;
}

enum status inquiry_on_ping(struct hintd *hintd, const struct arrival *arrival, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_ping ping;
    if (op_decode_ping(&ping, body))
        return STATUS_INVALID;
    struct metrics metrics = {0};
    fill(hintd, now, &metrics);
    buf_clear(&hintd->part);
    metrics_encode(&metrics, &hintd->part);
    struct op_pong pong = {
        .id = ping.id,
        .actor = hintd->tally.actor,
        .entry_count = metrics.values[METRIC_HINTS],
        .data_size = hintd->tally.bytes,
        .disk_full = lsm_is_disk_full(hintd->lsm),
        .wall_ms = now.wall_ms,
        .metrics = buf_bytes(&hintd->part),
    };
    op_encode_pong(&pong, outbox_add(outbox, arrival->link, MESSAGE_PONG, 0));
    return STATUS_OK;
}

// ---- list --------------------------------------------------------------------------------

static uint64_t debts_since(const struct tally *tally, uint64_t target)
{
    uint64_t since = 0;
    for (uint32_t i = 0; i < tally->debt_count; i++) {
        const struct tally_debt *debt = &tally->debts[i];
        if (debt->target == target && (!since || debt->since_ms < since))
            since = debt->since_ms;
    }
    return since;
}

static void list_debts(const struct tally *tally, uint64_t target, struct buf *out)
{
    const char *comma = "";
    buf_append_text(out, "\"debts\":[");
    for (uint32_t i = 0; i < tally->debt_count; i++) {
        const struct tally_debt *debt = &tally->debts[i];
        if (debt->target != target)
            continue;
        buf_printf(out, "%s{\"partition\":%u,\"since_ms\":\"%llu\",\"mark\":\"%llu\"}", comma,
                   debt->partition, (unsigned long long)debt->since_ms,
                   (unsigned long long)debt->mark);
        comma = ",";
    }
    buf_append_text(out, "]");
}

// Names in a ring document have no characters that JSON would escape.
static void list_target(const struct hintd *hintd, const struct tally_target *target,
                        struct moment now, struct buf *out)
{
    const struct delivery *delivery = deliveries_find(hintd, target->node);
    int index = ring_find_node(hintd->ring, target->node);
    buf_printf(out, "{\"v\":1,\"holder\":\"%s\",\"node_id\":\"%016llx\",",
               hintd->ring->nodes[hintd->node_index].name, (unsigned long long)target->node);
    if (index >= 0)
        buf_printf(out, "\"node\":\"%s\",", hintd->ring->nodes[index].name);
    buf_printf(out, "\"hints\":%llu,\"bytes\":%llu,\"since_ms\":\"%llu\",\"state\":\"%s\",",
               (unsigned long long)target->count, (unsigned long long)target->bytes,
               (unsigned long long)target->since_ms, deliveries_state(hintd, target, now));
    buf_printf(out, "\"life\":\"%016llx\",\"accepted\":\"%llu\",\"delivered\":\"%llu\",",
               (unsigned long long)hintd->options.boot,
               (unsigned long long)(delivery ? delivery->accepted : 0),
               (unsigned long long)(delivery ? delivery->delivered : 0));
    buf_printf(out, "\"debt_since_ms\":\"%llu\",",
               (unsigned long long)debts_since(&hintd->tally, target->node));
    list_debts(&hintd->tally, target->node, out);
    buf_append_text(out, "}\n");
}

static void list(const struct hintd *hintd, struct moment now, struct buf *out)
{
    for (uint32_t i = 0; i < hintd->tally.target_count; i++) {
        const struct tally_target *target = &hintd->tally.targets[i];
        if (target->count || target->debt_count)
            list_target(hintd, target, now, out);
    }
}

// ---- key ---------------------------------------------------------------------------------

// "KEYSPACE HEX": the number of the keyspace, and the key. Returns whether it is that.
static bool read_key(struct bytes argument, uint32_t *keyspace, uint8_t key[RECORD_KEY_SIZE_MAX],
                     size_t *size)
{
    struct bytes word;
    uint64_t number;
    if (!next_word(&argument, ' ', &word) || text_parse_number(word, &number, NULL) ||
        number > UINT32_MAX || argument.size > 2 * RECORD_KEY_SIZE_MAX)
        return false;
    *keyspace = (uint32_t)number;
    *size = argument.size / 2;
    return !text_parse_hex(argument, key, *size, NULL);
}

static unsigned count_deletions(const struct record *record)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < record->count; i++)
        count += record->siblings[i].flags & SIBLING_TOMBSTONE ? 1 : 0;
    return count;
}

static void tell_hint(const struct hintd *hintd, const struct tally_target *target,
                      struct moment now, struct buf *out)
{
    const struct hint *hint = &hintd->keeping.hint;
    unsigned deletions = count_deletions(&hint->record);
    int index = ring_find_node(hintd->ring, target->node);
    buf_printf(out, "{\"v\":1,\"holder\":\"%s\",\"node_id\":\"%016llx\",",
               hintd->ring->nodes[hintd->node_index].name, (unsigned long long)target->node);
    if (index >= 0)
        buf_printf(out, "\"node\":\"%s\",", hintd->ring->nodes[index].name);
    buf_printf(out, "\"values\":%u,\"deletions\":%u,\"bytes\":%zu,", hint->record.count - deletions,
               deletions, hint->encoded.size);
    buf_printf(out, "\"since_ms\":\"%llu\",\"state\":\"%s\"}\n",
               (unsigned long long)hint->queued_ms, deliveries_state(hintd, target, now));
}

// Who asks is a person, and waits for the disk.
static enum status tell_hints(struct hintd *hintd, struct bytes argument, struct moment now,
                              struct buf *out)
{
    uint8_t key[RECORD_KEY_SIZE_MAX];
    struct keeping *keeping = &hintd->keeping;
    struct parked_wait wait = {.miss_count = PARKED_MISSES_MAX};
    struct fault fault;
    uint32_t keyspace;
    size_t size;
    if (!read_key(argument, &keyspace, key, &size))
        return STATUS_INVALID;
    enum status status = keeping_locate(keeping, hintd->ring, keyspace, bytes_of(key, size));
    for (uint32_t i = 0; !status && i < hintd->tally.target_count; i++) {
        const struct tally_target *target = &hintd->tally.targets[i];
        if (target->count)
            status = keeping_read(keeping, target->node, hintd->lsm, &wait, hintd->options.lsm.dir,
                                  &fault);
        if (target->count && !status && keeping->is_there)
            tell_hint(hintd, target, now, out);
    }
    keeping->key = (struct bytes){0};
    return status;
}

// ---- debts, settle -----------------------------------------------------------------------

static bool read_node(struct bytes text, uint64_t *node)
{
    uint8_t id[8];
    if (text_parse_hex(text, id, sizeof id, NULL))
        return false;
    *node = 0;
    for (unsigned i = 0; i < sizeof id; i++)
        *node = *node << 8 | id[i];
    return true;
}

// More than an answer may have are told when some of these are settled.
static enum status tell_debts(const struct tally *tally, struct bytes argument, struct buf *out)
{
    uint64_t target;
    uint32_t told = 0;
    if (!read_node(argument, &target))
        return STATUS_INVALID;
    for (uint32_t i = 0; i < tally->debt_count && told < DEBTS_TOLD_MAX; i++) {
        const struct tally_debt *debt = &tally->debts[i];
        if (debt->target != target)
            continue;
        told++;
        buf_printf(out, "%u %llu\n", debt->partition, (unsigned long long)debt->mark);
    }
    return STATUS_OK;
}

static bool read_line(struct bytes line, struct tally_debt *debt)
{
    struct bytes target, partition, mark;
    uint64_t number;
    if (!next_word(&line, ' ', &target) || !next_word(&line, ' ', &partition) ||
        !next_word(&line, ' ', &mark) || !read_node(target, &debt->target) ||
        text_parse_number(partition, &number, NULL) || number > UINT32_MAX ||
        text_parse_number(mark, &debt->mark, NULL))
        return false;
    debt->partition = (uint32_t)number;
    return true;
}

// The note of one that is there no more would be none. A debt that is not in the log yet may be
// settled, too: its note comes first.
static enum status settle(struct hintd *hintd, const struct tally_debt *debt)
{
    struct tally *tally = &hintd->tally;
    struct lsm_batch *batch = &hintd->batch.batch;
    uint64_t position;
    buf_clear(&hintd->part);
    tally_format_debt(debt, &hintd->part);
    tally_format_settled(debt->target, debt->partition, debt->mark, &hintd->part);
    lsm_batch_clear(batch);
    lsm_batch_note(batch, buf_bytes(&hintd->part));
    bool is_owed = tally_has_debt(tally, debt->target, debt->partition, debt->mark);
    enum status status = is_owed ? lsm_write(hintd->lsm, batch, &position) : STATUS_OK;
    if (is_owed && !status)
        tally_settle(tally, debt->target, debt->partition, debt->mark);
    lsm_batch_clear(batch);
    return status;
}

static enum status settle_all(struct hintd *hintd, struct bytes lines)
{
    enum status status = STATUS_OK;
    struct bytes line;
    while (!status && next_word(&lines, '\n', &line)) {
        struct tally_debt debt = {0};
        status = read_line(line, &debt) ? settle(hintd, &debt) : STATUS_INVALID;
    }
    return status;
}

// ---- ASK ---------------------------------------------------------------------------------

static enum status flush(struct hintd *hintd, struct bytes name, struct moment now,
                         struct outbox *outbox)
{
    char text[RING_NAME_SIZE_MAX + 1] = {0};
    if (!name.size || name.size > RING_NAME_SIZE_MAX)
        return STATUS_INVALID;
    memcpy(text, name.data, name.size);
    int index = ring_find_node_name(hintd->ring, text);
    if (index < 0)
        return STATUS_INVALID;
    deliveries_flush(hintd, hintd->ring->nodes[index].id, now, outbox);
    return STATUS_OK;
}

enum status inquiry_on_ask(struct hintd *hintd, const struct arrival *arrival, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct op_ask ask;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    struct op_answer answer = {.id = ask.id};
    uint64_t gate = 0;
    buf_clear(&hintd->text);
    if (bytes_equal(ask.topic, bytes_of_text("list"))) {
        list(hintd, now, &hintd->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("key"))) {
        answer.status = (uint8_t)tell_hints(hintd, ask.argument, now, &hintd->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("flush"))) {
        answer.status = (uint8_t)flush(hintd, ask.argument, now, outbox);
        if (answer.status)
            buf_append_text(&hintd->text, "no such node");
    } else if (bytes_equal(ask.topic, bytes_of_text("debts"))) {
        answer.status = (uint8_t)tell_debts(&hintd->tally, ask.argument, &hintd->text);
    } else if (bytes_equal(ask.topic, bytes_of_text("settle"))) {
        answer.status = (uint8_t)settle_all(hintd, ask.argument);
        gate = lsm_written(hintd->lsm);
    } else {
        answer.status = STATUS_INVALID;
        buf_append_text(&hintd->text, "this hintd does not know the question");
    }
    answer.text = buf_bytes(&hintd->text);
    op_encode_answer(&answer, outbox_add(outbox, arrival->link, MESSAGE_ANSWER, gate));
    return STATUS_OK;
}
