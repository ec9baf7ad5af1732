#include "dkv-router/keyring.h"

#include "base/xalloc.h"
#include "dkv-router/placing.h"
#include "wire/client.h"

#include <stdlib.h>
#include <string.h>

void keyring_init(struct router *router, struct seals *seals)
{
    router->keyring = (struct keyring){.seals = seals};
    router->keyring.held = xcalloc(KEYRING_HELD_MAX, sizeof *router->keyring.held);
}

void keyring_release(struct keyring *keyring)
{
    for (uint32_t i = 0; i < keyring->held_count; i++)
        buf_release(&keyring->held[i].op);
    free(keyring->held);
    free(keyring->peers);
    *keyring = (struct keyring){0};
}

void keyring_on_ring(struct router *router)
{
    struct keyring *keyring = &router->keyring;
    keyring->peers = xrealloc(keyring->peers, router->peers.count * sizeof *keyring->peers);
    for (; keyring->peer_count < router->peers.count; keyring->peer_count++)
        keyring->peers[keyring->peer_count] = (struct keyring_peer){0};
}

static void ask(struct router *router, uint32_t link, struct moment now, struct outbox *outbox)
{
    struct op_ask ask = {.topic = bytes_of_text("seals")};
    router->keyring.peers[link / SERVICE_COUNT].asked_ms = now.mono_ms;
    op_encode_ask(&ask, outbox_add(outbox, router->peers.address(link), MESSAGE_ASK, 0));
}

// Whether there is a router to ask, of another node of the ring.
static bool has_router(const struct router *router, uint32_t row)
{
    return router->peers.rows[row]->links[SERVICE_ROUTER].exists;
}

static bool is_asking(const struct router *router)
{
    for (uint32_t i = 0; i < router->keyring.peer_count; i++) {
        if (router->keyring.peers[i].asked_ms)
            return true;
    }
    return false;
}

void keyring_on_up(struct router *router, uint32_t link, struct moment now, struct outbox *outbox)
{
    ask(router, link, now, outbox);
}

void keyring_on_down(struct router *router, uint32_t link)
{
    router->keyring.peers[link / SERVICE_COUNT] = (struct keyring_peer){0};
}

enum status keyring_on_answer(struct router *router, uint32_t link, struct reader *body)
{
    struct keyring_peer *peer = &router->keyring.peers[link / SERVICE_COUNT];
    struct op_answer answer;
    if (op_decode_answer(&answer, body) || answer.text.size % SEAL_SECRET_SIZE)
        return STATUS_INVALID;
    if (!peer->asked_ms) {
        router->counts.late++;
        return STATUS_OK;
    }
    for (size_t at = 0; !answer.status && at < answer.text.size; at += SEAL_SECRET_SIZE) {
        if (seals_add(router->keyring.seals, answer.text.data + at) == STATUS_TOO_LARGE)
            break;
    }
    peer->asked_ms = 0;
    peer->is_heard = true;
    return STATUS_OK;
}

void keyring_tell(const struct router *router, struct buf *out)
{
    const struct seals *seals = router->keyring.seals;
    for (uint32_t i = 0; i < seals->count; i++)
        buf_append(out, bytes_of(seals->keys[i].secret, SEAL_SECRET_SIZE));
}

bool keyring_hold(struct router *router, const struct arrival *arrival,
                  const struct message_header *header, const struct op_put *put, struct moment now,
                  struct outbox *outbox)
{
    struct keyring *keyring = &router->keyring;
    if (keyring->held_count == KEYRING_HELD_MAX || keyring->held_size > KEYRING_HELD_SIZE_MAX)
        return false;
    for (uint32_t i = 0; i < keyring->peer_count; i++) {
        if (router->peers.rows[i]->links[SERVICE_ROUTER].up && !keyring->peers[i].asked_ms)
            ask(router, i * SERVICE_COUNT + SERVICE_ROUTER, now, outbox);
    }
    if (!is_asking(router))
        return false;
    struct held_put *held = &keyring->held[keyring->held_count++];
    *held = (struct held_put){
        .arrival = *arrival, .header = *header, .until_ms = placing_deadline(router, header, now)};
    op_encode_put(put, &held->op);
    keyring->held_size += held->op.size;
    return true;
}

bool keyring_next(struct router *router, struct moment now, struct held_put *held)
{
    struct keyring *keyring = &router->keyring;
    bool is_open = is_asking(router); // somebody may still know their keys
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

struct bytes keyring_explain(struct router *router, bool was_asked, enum status *status)
{
    struct buf *text = &router->text;
    unsigned count = 0;
    buf_clear(text);
    if (!was_asked && router->keyring.held_count) {
        *status = STATUS_BUSY;
        router->counts.busy++;
        return bytes_of_text("too many contexts whose keys this router must ask for");
    }
    for (uint32_t i = 0; i < router->keyring.peer_count; i++) {
        const struct keyring_peer *peer = &router->keyring.peers[i];
        if (!has_router(router, i) || (peer->is_heard && !peer->asked_ms))
            continue;
        buf_printf(text, "%s%s", count++ ? ", " : "the context may be of a router that is down: ",
                   router->peers.rows[i]->name);
    }
    *status = count ? STATUS_UNAVAILABLE : STATUS_INVALID;
    return count ? buf_bytes(text)
                 : bytes_of_text("the context was not made by this cluster; " NEW_CONTEXT);
}

// A router that does not answer is not waited for longer than it takes to call it down.
void keyring_on_tick(struct router *router, struct moment now)
{
    struct keyring *keyring = &router->keyring;
    for (uint32_t i = 0; i < keyring->peer_count; i++) {
        struct keyring_peer *peer = &keyring->peers[i];
        if (peer->asked_ms && now.mono_ms >= peer->asked_ms + router->options.down_after_ms)
            *peer = (struct keyring_peer){0};
    }
}

bool keyring_is_complete(const struct router *router)
{
    for (uint32_t i = 0; i < router->keyring.peer_count; i++) {
        if (has_router(router, i) && !router->keyring.peers[i].is_heard)
            return false;
    }
    return true;
}
