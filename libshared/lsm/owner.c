#include "lsm/owner.h"

#include "lsm/file/file_name.h"

static enum status refuse_newer(const struct lsm *lsm, const struct fault *reason,
                                struct fault *fault)
{
    return fault_set(fault, STATUS_INVALID, "%s: written by a newer dkv (needs %.200s)", lsm->dir,
                     reason->text);
}

// Of the file that has it: that of the manifest in version 1.
static const char *snapshot_path(const struct lsm *lsm, const struct edit_state *state,
                                 struct buf *path)
{
    return state->has_inline ? file_path(path, lsm->dir, FILE_MANIFEST, lsm->manifest.number)
                             : file_path(path, lsm->dir, FILE_SNAPSHOT, state->snapshot.number);
}

// Only an owner that wants it back is told of damage here.
enum status owner_restore(struct lsm *lsm, const struct edit_state *state, struct fault *fault)
{
    const struct lsm_owner *owner = &lsm->options.owner;
    struct buf content = {0}, path = {0};
    enum status status = STATUS_OK;
    bool is_there = state->has_inline || state->snapshot.number;
    if (!owner->restore || !is_there)
        return STATUS_OK;
    if (state->has_inline)
        buf_set(&content, buf_bytes(&state->inline_snapshot));
    else
        status =
            snapshot_read(&state->snapshot, lsm->vfs, lsm->dir, lsm->database, &content, fault);
    struct fault reason = {0};
    if (!status) {
        status = owner->restore(owner->context, buf_bytes(&content), &reason);
        if (status == STATUS_INVALID)
            refuse_newer(lsm, &reason, fault);
        else if (status)
            status = fault_set(fault, STATUS_CORRUPT, "%s: snapshot that makes no sense",
                               snapshot_path(lsm, state, &path));
    }
    buf_release(&content);
    buf_release(&path);
    return status;
}

// A note, or a part: the last one makes it whole. The end of what was never finished is not there,
// and the next note that is cut begins anew.
enum status owner_replay(struct lsm *lsm, const struct log_op *op, struct fault *fault)
{
    const struct lsm_owner *owner = &lsm->options.owner;
    struct note_parts *parts = &lsm->parts;
    struct bytes note = op->value;
    struct fault reason = {0};
    if (op->kind == OP_NOTE_BEGIN)
        buf_clear(&parts->bytes);
    else if (op->kind != OP_NOTE && !parts->is_begun)
        return STATUS_CORRUPT;
    if (op->kind != OP_NOTE) {
        buf_append(&parts->bytes, op->value);
        parts->is_begun = op->kind != OP_NOTE_END;
        note = buf_bytes(&parts->bytes);
    }
    if (op->kind == OP_NOTE_BEGIN || op->kind == OP_NOTE_MORE || !owner->replay)
        return STATUS_OK;
    enum status status = owner->replay(owner->context, note, &reason);
    return status == STATUS_INVALID ? refuse_newer(lsm, &reason, fault) : status;
}
