#include "dkv-repair/scrub.h"

enum { POLL_MS = 10 };

void scrub_init(struct scrub *scrub, uint64_t interval_ms, uint32_t partition_count,
                struct moment now)
{
    scrub->interval_ms = interval_ms;
    scrub->partition_count = partition_count;
    scrub->due_ms = now.mono_ms + interval_ms / partition_count;
    scrub->next = scrub->left = 0;
    scrub->is_asked = scrub->is_begun = false;
}

void scrub_release(struct scrub *scrub)
{
    buf_release(&scrub->fault);
}

void scrub_hurry(struct scrub *scrub, struct moment now)
{
    scrub->left = scrub->partition_count;
    scrub->damaged = scrub->record_count = 0;
    buf_clear(&scrub->fault);
    scrub->due_ms = now.mono_ms;
}

bool scrub_next(struct scrub *scrub, struct moment now, struct op_scrub *op)
{
    if (scrub->is_asked || now.mono_ms < scrub->due_ms)
        return false;
    *op = (struct op_scrub){.partition = scrub->next, .is_begin = !scrub->is_begun};
    scrub->is_asked = scrub->is_begun = true;
    return true;
}

void scrub_on_reply(struct scrub *scrub, const struct op_scrubbed *reply, struct moment now)
{
    if (!scrub->is_asked)
        return;
    scrub->is_asked = false;
    scrub->due_ms = now.mono_ms + POLL_MS;
    if (scrub->told_count && reply->record_count > scrub->told_count)
        scrub->record_count += reply->record_count - scrub->told_count;
    scrub->told_count = reply->record_count;
    if (reply->status == STATUS_BUSY)
        return;
    scrub->is_begun = false;
    if (reply->status == STATUS_CORRUPT) {
        scrub->damaged++;
        buf_set(&scrub->fault, reply->text);
    }
    scrub->next = (scrub->next + 1) % scrub->partition_count;
    scrub->passed += !scrub->next;
    scrub->left -= scrub->left > 0;
    scrub->due_ms = now.mono_ms + (scrub->left ? 0 : scrub->interval_ms / scrub->partition_count);
}

void scrub_on_lost(struct scrub *scrub)
{
    scrub->told_count = 0;
    scrub->is_asked = scrub->is_begun = false;
}
