#include "consensus/acceptor.h"

#include "base/hash.h"
#include "base/reader.h"

static const char magic[8] = {'d', 'k', 'v', '-', 'v', 'o', 't', '1'};

void acceptor_init(struct acceptor *acceptor, uint64_t epoch)
{
    *acceptor = (struct acceptor){.epoch = epoch};
}

void acceptor_release(struct acceptor *acceptor)
{
    buf_release(&acceptor->value);
    *acceptor = (struct acceptor){0};
}

// Whether it votes on this epoch at all, and if so in this ballot.
static enum status judge(const struct acceptor *acceptor, uint64_t epoch, struct ballot ballot)
{
    if (epoch < acceptor->epoch)
        return STATUS_RING_CHANGED;
    if (epoch > acceptor->epoch || epoch <= acceptor->abstained)
        return STATUS_STALE;
    return ballot_is_before(ballot, acceptor->promised) ? STATUS_REFUSED : STATUS_OK;
}

struct vote acceptor_prepare(struct acceptor *acceptor, uint64_t epoch, struct ballot ballot)
{
    enum status status = judge(acceptor, epoch, ballot);
    if (status)
        return (struct vote){.status = status, .promised = acceptor->promised};
    acceptor->promised = ballot;
    return (struct vote){
        .promised = ballot, .accepted = acceptor->accepted, .value = buf_bytes(&acceptor->value)};
}

struct vote acceptor_accept(struct acceptor *acceptor, uint64_t epoch, struct ballot ballot,
                            struct bytes value)
{
    enum status status = judge(acceptor, epoch, ballot);
    if (status)
        return (struct vote){.status = status, .promised = acceptor->promised};
    acceptor->promised = acceptor->accepted = ballot;
    buf_set(&acceptor->value, value);
    return (struct vote){.promised = ballot};
}

void acceptor_decide(struct acceptor *acceptor, uint64_t epoch)
{
    if (epoch < acceptor->epoch)
        return;
    acceptor->epoch = epoch + 1;
    acceptor->promised = acceptor->accepted = (struct ballot){0};
    buf_release(&acceptor->value);
}

void acceptor_abstain(struct acceptor *acceptor)
{
    acceptor->abstained = acceptor->epoch + 1;
}

static void append_ballot(struct ballot ballot, struct buf *out)
{
    buf_append_u64(out, ballot.round);
    buf_append_u64(out, ballot.proposer);
}

static struct ballot read_ballot(struct reader *reader)
{
    uint64_t round = reader_u64(reader);
    return (struct ballot){round, reader_u64(reader)};
}

void acceptor_encode(const struct acceptor *acceptor, struct buf *out)
{
    size_t begin = out->size;
    buf_append(out, bytes_of(magic, sizeof magic));
    buf_append_u64(out, acceptor->epoch);
    buf_append_u64(out, acceptor->abstained);
    append_ballot(acceptor->promised, out);
    append_ballot(acceptor->accepted, out);
    buf_append_sized(out, buf_bytes(&acceptor->value));
    buf_append_u64(out, hash64(bytes_of(out->data + begin, out->size - begin)));
}

enum status acceptor_decode(struct acceptor *acceptor, struct bytes bytes, struct fault *fault)
{
    struct reader reader = reader_of(bytes);
    struct bytes begin = reader_bytes(&reader, sizeof magic);
    if (!bytes_equal(begin, bytes_of(magic, sizeof magic)))
        return fault_set(fault, STATUS_CORRUPT, "these are no votes, or of a later version");
    struct acceptor read = {.epoch = reader_u64(&reader)};
    read.abstained = reader_u64(&reader);
    read.promised = read_ballot(&reader);
    read.accepted = read_ballot(&reader);
    struct bytes value = reader_sized(&reader);
    size_t size = bytes.size - reader_left(&reader);
    uint64_t hash = reader_u64(&reader);
    if (!reader_done(&reader) || hash != hash64(bytes_of(bytes.data, size)))
        return fault_set(fault, STATUS_CORRUPT, "the checksum of the votes does not match");
    buf_set(&read.value, value);
    *acceptor = read;
    return STATUS_OK;
}
