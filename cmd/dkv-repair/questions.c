#include "dkv-repair/questions.h"

#include "base/text.h"
#include "wire/client.h"

#include <string.h>

enum { TEXT_MAX = 256 << 10 }; // of one answer

// What the words of an argument say.
struct words {
    struct scope scope;
    bool has_since, has_id, is_progress;
    uint64_t since, id, offset;
};

static bool take_number(struct bytes word, const char *name, uint64_t *number)
{
    size_t size = strlen(name);
    return word.size > size && !memcmp(word.data, name, size) &&
           !text_parse_number(bytes_of(word.data + size, word.size - size), number, NULL);
}

static bool take_word(struct bytes word, struct words *words)
{
    uint64_t number;
    if (take_number(word, "keyspace=", &number) && number <= UINT32_MAX) {
        words->scope.keyspace = (uint32_t)number;
    } else if (take_number(word, "partition=", &number) && number <= UINT32_MAX) {
        words->scope.has_partition = true;
        words->scope.partition = (uint32_t)number;
    } else if (take_number(word, "since=", &words->since)) {
        words->has_since = true;
    } else if (take_number(word, "id=", &words->id)) {
        words->has_id = true;
    } else if (!take_number(word, "offset=", &words->offset)) {
        words->is_progress = bytes_equal(word, bytes_of_text("progress"));
        return words->is_progress;
    }
    return true;
}

static enum status parse(struct bytes argument, struct words *words)
{
    const uint8_t *at = argument.data, *end = at + argument.size;
    *words = (struct words){0};
    while (argument.size && at < end) {
        const uint8_t *begin = at;
        while (at < end && *at != ' ' && *at != '\n')
            at++;
        if (at > begin && !take_word(bytes_of(begin, (size_t)(at - begin)), words))
            return STATUS_INVALID;
        at += at < end;
    }
    return STATUS_OK;
}

// ---- status ------------------------------------------------------------------------------

struct summary {
    uint64_t pulls, never, failing, lost, missing, keys, bytes, oldest_ms;
    enum status status; // of one that fails
};

static struct summary sum_up(const struct repair *repair, uint64_t node, struct moment now)
{
    struct summary sum = {0};
    for (uint32_t i = 0; i < repair->pulls.count; i++) {
        const struct pull *pull = &repair->pulls.items[i];
        if (pull->node != node)
            continue;
        uint64_t age_ms = pull_age_ms(pull, now);
        sum.pulls++;
        sum.never += !pull->has_agreed;
        sum.failing += pull->failures > 0;
        sum.status = pull->failures ? (enum status)pull->status : sum.status;
        sum.lost += pull->is_lost;
        sum.missing += pull->missing;
        sum.keys += pull->keys;
        sum.bytes += pull->bytes;
        sum.oldest_ms = age_ms > sum.oldest_ms ? age_ms : sum.oldest_ms;
    }
    return sum;
}

// Names in a ring document have no characters that JSON would escape.
static void add_status(struct repair *repair, uint32_t index, struct moment now)
{
    const struct ring_node *node = &repair->ring->nodes[index];
    struct summary sum = sum_up(repair, node->id, now);
    const struct link *store = peers_link_of(&repair->peers, index, SERVICE_STORE);
    if (!sum.pulls)
        return;
    buf_printf(&repair->text,
               "{\"v\":1,\"node\":\"%s\",\"from\":\"%s\",\"state\":\"%s\",\"shards\":%llu,"
               "\"never\":%llu,\"failing\":%llu,\"why\":\"%s\",\"lost\":%llu,\"missing\":%llu,"
               "\"keys\":%llu,\"bytes\":%llu,\"oldest_ms\":%llu}\n",
               repair->ring->nodes[repair->self].name, node->name, store->up ? "up" : "down",
               (unsigned long long)sum.pulls, (unsigned long long)sum.never,
               (unsigned long long)sum.failing, sum.failing ? status_text(sum.status) : "",
               (unsigned long long)sum.lost, (unsigned long long)sum.missing,
               (unsigned long long)sum.keys, (unsigned long long)sum.bytes,
               (unsigned long long)sum.oldest_ms);
}

static enum status tell_status(struct repair *repair, struct moment now)
{
    for (uint32_t i = 0; i < repair->ring->node_count; i++)
        add_status(repair, i, now);
    return STATUS_OK;
}

// ---- run, dry-run, scrub -----------------------------------------------------------------

static void add_counts(struct repair *repair)
{
    buf_printf(&repair->text, " %llu %llu", (unsigned long long)repair->counts.differing,
               (unsigned long long)repair->counts.bytes);
}

static enum status tell_run(struct repair *repair, const struct words *words, struct moment now)
{
    const struct pulls *pulls = &repair->pulls;
    uint64_t done = 0, total = 0, failing = 0;
    if (!words->has_since) {
        pulls_hurry(&repair->pulls, &words->scope, now);
        buf_printf(&repair->text, "%llu", (unsigned long long)pulls->sequence);
        add_counts(repair);
        return STATUS_OK;
    }
    if (words->since > pulls->sequence) // of another life
        return STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < pulls->count; i++) {
        const struct pull *pull = &pulls->items[i];
        bool is_in = scope_has(&words->scope, pull);
        bool is_done = pull->agreed_sequence > words->since;
        total += is_in;
        done += is_in && is_done;
        failing += is_in && !is_done && pull->failures;
    }
    buf_printf(&repair->text, "%llu %llu %llu", (unsigned long long)done, (unsigned long long)total,
               (unsigned long long)failing);
    add_counts(repair);
    return STATUS_OK;
}

// Whole lines, or as much of one as an answer may have.
static struct bytes cut(struct bytes text)
{
    if (text.size > TEXT_MAX)
        text.size = TEXT_MAX;
    while (text.size && text.data[text.size - 1] != '\n')
        text.size--;
    return text;
}

static enum status tell_dry(struct repair *repair, const struct words *words, struct moment now)
{
    struct bytes text;
    if (!words->has_id) {
        struct dry *begun = dries_add(&repair->dries, &words->scope, now.mono_ms);
        if (!begun)
            return STATUS_UNAVAILABLE; // too many
        buf_printf(&repair->text, "%llu", (unsigned long long)begun->id);
        return STATUS_OK;
    }
    struct dry *dry = dries_find(&repair->dries, words->id);
    if (!dry)
        return STATUS_NOT_FOUND;
    enum status status = dry_take(dry, words->offset, &text);
    dry->asked_ms = now.mono_ms;
    struct bytes part = cut(text);
    bool is_over =
        dry_is_begun(dry, repair->pulls.count) && !dry->running && part.size == text.size;
    dry->is_told = is_over;
    buf_printf(&repair->text, "%llu %llu %d\n", (unsigned long long)dry->done,
               (unsigned long long)dry->failed, is_over);
    buf_append(&repair->text, part);
    return status;
}

static enum status tell_scrub(struct repair *repair, const struct words *words, struct moment now)
{
    struct scrub *scrub = &repair->scrub;
    if (!words->is_progress)
        scrub_hurry(scrub, now);
    buf_printf(&repair->text, "%u %llu %llu ", scrub->left, (unsigned long long)scrub->damaged,
               (unsigned long long)scrub->record_count);
    buf_append(&repair->text, buf_bytes(&scrub->fault));
    return STATUS_OK;
}

// ---- digest ------------------------------------------------------------------------------

static void ask_digest(struct repair *repair, const struct digests_item *item, uint32_t partition,
                       struct outbox *outbox)
{
    uint32_t number = peers_number(&repair->peers, repair->self, SERVICE_STORE);
    struct op_digest op = {.id = item->id, .keyspace = item->keyspace, .partition = partition};
    op_encode_digest(&op, outbox_add(outbox, repair->options.link_of(number), MESSAGE_DIGEST, 0));
}

// The answer comes when the store has told all. OK, or why there will be none.
static enum status begin_digest(struct repair *repair, const struct arrival *arrival, uint64_t id,
                                const struct words *words, struct moment now, struct outbox *outbox)
{
    const struct link *store = peers_link_of(&repair->peers, repair->self, SERVICE_STORE);
    if (!store->up)
        return STATUS_UNAVAILABLE;
    struct digests_item *item = digests_add(&repair->digests, now.mono_ms);
    if (!item)
        return STATUS_UNAVAILABLE; // the same
    item->asker = arrival->link;
    item->asker_id = id;
    item->keyspace = words->scope.keyspace ? words->scope.keyspace : RING_DEFAULT_KEYSPACE;
    ask_digest(repair, item, 0, outbox);
    return STATUS_OK;
}

enum status questions_on_digested(struct repair *repair, struct reader *body, struct outbox *outbox)
{
    struct op_digested op;
    struct digest digest;
    if (op_decode_digested(&op, body))
        return STATUS_INVALID;
    struct digests_item *item = digests_find(&repair->digests, op.id);
    struct reader items = reader_of(op.items);
    if (!item)
        return STATUS_OK;
    while (digest_next(&items, &digest))
        buf_printf(&item->text, "%u %016llx%016llx %llu %llu\n", digest.partition,
                   (unsigned long long)digest.live_root, (unsigned long long)digest.deleted_root,
                   (unsigned long long)digest.live_count, (unsigned long long)digest.gone_count);
    if (!op.status && op.next) {
        ask_digest(repair, item, op.next, outbox);
        return STATUS_OK;
    }
    struct op_answer answer = {
        .id = item->asker_id, .status = op.status, .text = buf_bytes(&item->text)};
    op_encode_answer(&answer, outbox_add(outbox, item->asker, MESSAGE_ANSWER, 0));
    item->id = 0;
    return STATUS_OK;
}

// ---- any ---------------------------------------------------------------------------------

static bool is_topic(const struct op_ask *ask, const char *topic)
{
    return bytes_equal(ask->topic, bytes_of_text(topic));
}

enum status questions_on_ask(struct repair *repair, const struct arrival *arrival,
                             struct reader *body, struct moment now, struct outbox *outbox)
{
    struct op_ask ask;
    struct words words;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    struct op_answer answer = {.id = ask.id};
    enum status status = parse(ask.argument, &words);
    buf_clear(&repair->text);
    if (status)
        ;
    else if (is_topic(&ask, "status"))
        status = tell_status(repair, now);
    else if (is_topic(&ask, "run"))
        status = tell_run(repair, &words, now);
    else if (is_topic(&ask, "dry-run"))
        status = tell_dry(repair, &words, now);
    else if (is_topic(&ask, "scrub"))
        status = tell_scrub(repair, &words, now);
    else if (is_topic(&ask, "digest"))
        status = begin_digest(repair, arrival, ask.id, &words, now, outbox);
    else
        status = STATUS_INVALID;
    if (!status && is_topic(&ask, "digest"))
        return STATUS_OK;
    if (status)
        buf_append_text(&repair->text, status_text(status));
    answer.status = (uint8_t)status;
    answer.text = buf_bytes(&repair->text);
    op_encode_answer(&answer, outbox_add(outbox, arrival->link, MESSAGE_ANSWER, 0));
    return STATUS_OK;
}
