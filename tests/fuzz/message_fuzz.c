// What is accepted of a message encodes to no more bytes than it came in, and to the same ones
// when they are decoded again. (Fields of a later version are passed over.)
//
// Every operation is decoded as what the type of the message says, as a receiver does.
#include "wire/message.h"

#include "base/buf.h"
#include "wire/hello.h"
#include "wire/hint.h"
#include "wire/repair.h"
#include "wire/replica.h"
#include "wire/ring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEFINE_COPY(name)                                                                          \
    static enum status copy_##name(struct reader *body, struct buf *out)                           \
    {                                                                                              \
        struct op_##name op;                                                                       \
        if (op_decode_##name(&op, body))                                                           \
            return STATUS_INVALID;                                                                 \
        size_t begun = out->size;                                                                  \
        struct buf again = {0};                                                                    \
        op_encode_##name(&op, out);                                                                \
        struct bytes once = bytes_of(out->data + begun, out->size - begun);                        \
        struct reader back = reader_of(once);                                                      \
        if (op_decode_##name(&op, &back))                                                          \
            abort();                                                                               \
        op_encode_##name(&op, &again);                                                             \
        if (!bytes_equal(once, buf_bytes(&again)))                                                 \
            abort();                                                                               \
        buf_release(&again);                                                                       \
        return STATUS_OK;                                                                          \
    }

#define TYPES(T)                                                                                   \
    T(ERROR, error)                                                                                \
    T(HELLO, hello)                                                                                \
    T(WELCOME, welcome)                                                                            \
    T(PING, ping)                                                                                  \
    T(PONG, pong)                                                                                  \
    T(ASK, ask)                                                                                    \
    T(ANSWER, answer)                                                                              \
    T(PUT, put)                                                                                    \
    T(PUT_DONE, put_done)                                                                          \
    T(GET, get)                                                                                    \
    T(GOT, got)                                                                                    \
    T(SCAN, scan)                                                                                  \
    T(SCANNED, scanned)                                                                            \
    T(UPDATE, update)                                                                              \
    T(UPDATED, updated)                                                                            \
    T(DURABLE, durable)                                                                            \
    T(MERGE, merge)                                                                                \
    T(MERGED, merged)                                                                              \
    T(FETCH, fetch)                                                                                \
    T(FETCHED, fetched)                                                                            \
    T(FIND, find)                                                                                  \
    T(FOUND, found)                                                                                \
    T(SCAN_LOCAL, scan_local)                                                                      \
    T(OPEN, open)                                                                                  \
    T(OPENED, opened)                                                                              \
    T(MEET, meet)                                                                                  \
    T(MET, met)                                                                                    \
    T(TREE, tree)                                                                                  \
    T(HASHES, hashes)                                                                              \
    T(LEAVES, leaves)                                                                              \
    T(LISTED, listed)                                                                              \
    T(TAKE, take)                                                                                  \
    T(TAKEN, taken)                                                                                \
    T(RECONCILE, reconcile)                                                                        \
    T(RECONCILED, reconciled)                                                                      \
    T(ADOPT, adopt)                                                                                \
    T(ADOPTED, adopted)                                                                            \
    T(DIGEST, digest)                                                                              \
    T(DIGESTED, digested)                                                                          \
    T(SCRUB, scrub)                                                                                \
    T(SCRUBBED, scrubbed)                                                                          \
    T(ENDINGS, endings)                                                                            \
    T(ENDED, ended)                                                                                \
    T(CLOSE, close)                                                                                \
    T(CLOSED, closed)                                                                              \
    T(HINT, hint)                                                                                  \
    T(HINTED, hinted)                                                                              \
    T(HINT_UPDATE, hint_update)                                                                    \
    T(HELD, held)                                                                                  \
    T(HELD_TOLD, held_told)                                                                        \
    T(PREPARE, prepare)                                                                            \
    T(PROMISED, promised)                                                                          \
    T(ACCEPT, accept)                                                                              \
    T(ACCEPTED, accepted)                                                                          \
    T(RING, ring)                                                                                  \
    T(RING_TAKEN, ring_taken)                                                                      \
    T(EXPLAIN, explain)                                                                            \
    T(EXPLAINED, explained)                                                                        \
    T(INSPECT, inspect)                                                                            \
    T(INSPECTED, inspected)

#define COPY(type, name) DEFINE_COPY(name)
TYPES(COPY)

static enum status copy_op(uint8_t type, struct reader *body, struct buf *out)
{
    switch (type) {
#define CASE(type, name)                                                                           \
    case MESSAGE_##type:                                                                           \
        return copy_##name(body, out);
        TYPES(CASE)
    case MESSAGE_SCANNED_LOCAL:
        return copy_scanned(body, out);
    default:
        return STATUS_INVALID;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_header header;
    struct reader body;
    if (message_header_decode(&header, bytes_of(data, size), &body))
        return 0;
    struct buf again = {0};
    message_header_encode(&header, buf_grow(&again, MESSAGE_HEADER_SIZE));
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < header.count; i++)
        status = copy_op(header.type, &body, &again);
    if (!status && again.size > size)
        abort();
    buf_release(&again);
    return 0;
}
