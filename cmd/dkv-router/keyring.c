#include "dkv-router/keyring.h"

#include "base/xalloc.h"
#include "wire/client.h"

#include <stdlib.h>
#include <string.h>

void keyring_init(struct keyring *keyring, struct seals *seals, const struct peers *peers)
{
    *keyring = (struct keyring){.seals = seals, .peers = peers};
    keyring->held = xcalloc(KEYRING_HELD_MAX, sizeof *keyring->held);
}

void keyring_release(struct keyring *keyring)
{
    for (uint32_t i = 0; i < keyring->held_count; i++)
        buf_release(&keyring->held[i].op);
    free(keyring->held);
    free(keyring->rows);
    buf_release(&keyring->text);
    *keyring = (struct keyring){0};
}

void keyring_adopt(struct keyring *keyring)
{
    keyring->rows = xrealloc(keyring->rows, keyring->peers->count * sizeof *keyring->rows);
    for (; keyring->row_count < keyring->peers->count; keyring->row_count++)
        keyring->rows[keyring->row_count] = (struct keyring_peer){0};
}

static void ask(struct keyring *keyring, uint32_t number, struct moment now, struct outbox *outbox)
{
    struct op_ask ask = {.topic = bytes_of_text("seals")};
    keyring->rows[number / SERVICE_COUNT].asked_ms = now.mono_ms;
    op_encode_ask(&ask, outbox_add(outbox, keyring->peers->link_of(number), MESSAGE_ASK, 0));
}

// Whether there is a router to ask, of another node of the ring.
static bool has_router(const struct keyring *keyring, uint32_t row)
{
    return keyring->peers->rows[row]->links[SERVICE_ROUTER].exists;
}

static bool is_asking(const struct keyring *keyring)
{
    for (uint32_t i = 0; i < keyring->row_count; i++) {
        if (keyring->rows[i].asked_ms)
            return true;
    }
    return false;
}

void keyring_on_up(struct keyring *keyring, uint32_t number, struct moment now,
                   struct outbox *outbox)
{
    ask(keyring, number, now, outbox);
}

void keyring_on_down(struct keyring *keyring, uint32_t number)
{
    keyring->rows[number / SERVICE_COUNT] = (struct keyring_peer){0};
}

enum status keyring_on_answer(struct keyring *keyring, uint32_t number, struct reader *body)
{
    struct keyring_peer *peer = &keyring->rows[number / SERVICE_COUNT];
    struct op_answer answer;
    if (op_decode_answer(&answer, body) || answer.text.size % SEAL_SECRET_SIZE)
        return STATUS_INVALID;
    if (!peer->asked_ms) {
        keyring->late_count++;
        return STATUS_OK;
    }
    for (size_t at = 0; !answer.status && at < answer.text.size; at += SEAL_SECRET_SIZE) {
        if (seals_add(keyring->seals, answer.text.data + at) == STATUS_TOO_LARGE)
            break;
    }
    peer->asked_ms = 0;
    peer->is_heard = true;
    return STATUS_OK;
}

void keyring_tell(const struct keyring *keyring, struct buf *out)
{
    const struct seals *seals = keyring->seals;
    for (uint32_t i = 0; i < seals->count; i++)
        buf_append(out, bytes_of(seals->keys[i].secret, SEAL_SECRET_SIZE));
}

bool keyring_hold(struct keyring *keyring, const struct arrival *arrival,
                  const struct message_header *header, const struct op_put *put, uint64_t until_ms,
                  struct moment now, struct outbox *outbox)
{
    if (keyring->held_count == KEYRING_HELD_MAX || keyring->held_size > KEYRING_HELD_SIZE_MAX)
        return false;
    for (uint32_t i = 0; i < keyring->row_count; i++) {
        if (keyring->peers->rows[i]->links[SERVICE_ROUTER].up && !keyring->rows[i].asked_ms)
            ask(keyring, i * SERVICE_COUNT + SERVICE_ROUTER, now, outbox);
    }
    if (!is_asking(keyring))
        return false;
    struct held_put *held = &keyring->held[keyring->held_count++];
    *held = (struct held_put){.arrival = *arrival, .header = *header, .until_ms = until_ms};
    op_encode_put(put, &held->op);
    keyring->held_size += held->op.size;
    return true;
}

bool keyring_next(struct keyring *keyring, struct moment now, struct held_put *held)
{
    bool is_open = is_asking(keyring); // somebody may still know their keys
    uint32_t i = 0;
    while (i < keyring->held_count && is_open && now.mono_ms < keyring->held[i].until_ms)
        i++;
    if (i == keyring->held_count)
        return false;
    *held = keyring->held[i];
    keyring->held_size -= held->op.size;
    memmove(&keyring->held[i], &keyring->held[i + 1],
            (--keyring->held_count - i) * sizeof *keyring->held);
    return true;
}

struct bytes keyring_explain(struct keyring *keyring, bool was_asked, enum status *status)
{
    struct buf *text = &keyring->text;
    unsigned count = 0;
    buf_clear(text);
    if (!was_asked && keyring->held_count) {
        *status = STATUS_BUSY;
        return bytes_of_text("too many contexts whose keys this router must ask for");
    }
    for (uint32_t i = 0; i < keyring->row_count; i++) {
        const struct keyring_peer *peer = &keyring->rows[i];
        if (!has_router(keyring, i) || (peer->is_heard && !peer->asked_ms))
            continue;
        buf_printf(text, "%s%s", count++ ? ", " : "the context may be of a router that is down: ",
                   keyring->peers->rows[i]->name);
    }
    *status = count ? STATUS_UNAVAILABLE : STATUS_INVALID;
    return count ? buf_bytes(text)
                 : bytes_of_text("the context was not made by this cluster; " NEW_CONTEXT);
}

// A router that does not answer is not waited for longer than it takes to call it down.
void keyring_on_tick(struct keyring *keyring, struct moment now)
{
    for (uint32_t i = 0; i < keyring->row_count; i++) {
        struct keyring_peer *peer = &keyring->rows[i];
        if (peer->asked_ms && now.mono_ms >= peer->asked_ms + keyring->peers->terms.down_after_ms)
            *peer = (struct keyring_peer){0};
    }
}

bool keyring_is_complete(const struct keyring *keyring)
{
    for (uint32_t i = 0; i < keyring->row_count; i++) {
        if (has_router(keyring, i) && !keyring->rows[i].is_heard)
            return false;
    }
    return true;
}
