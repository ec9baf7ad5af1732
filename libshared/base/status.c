#include "base/status.h"

static const struct {
    const char *text;
    int exit_code;
} outcomes[STATUS_COUNT] = {
    [STATUS_OK] = {"ok", 0},
    [STATUS_NOT_FOUND] = {"not found", 3},
    [STATUS_SIBLINGS] = {"siblings", 4},
    [STATUS_INVALID] = {"invalid request", 2},
    [STATUS_TOO_LARGE] = {"too large", 10},
    [STATUS_REFUSED] = {"refused", 10},
    [STATUS_NOT_AUTHORISED] = {"not authorised", 10},
    [STATUS_DISK_FULL] = {"disk full", 10},
    [STATUS_SIBLING_CAP] = {"too many siblings", 10},
    [STATUS_UNAVAILABLE] = {"unavailable", 5},
    [STATUS_INDETERMINATE] = {"indeterminate: sent, not confirmed", 6},
    [STATUS_TIMEOUT] = {"ran out of time", 7},
    [STATUS_UNREACHABLE] = {"no router reached", 7},
    [STATUS_PRECONDITION] = {"precondition failed", 8},
    [STATUS_PARTIAL] = {"partial", 9},
    [STATUS_RING_CHANGED] = {"the ring changed", 11},
    [STATUS_CHECK_FAILED] = {"check failed", 12},
    [STATUS_STALE] = {"stale ring", 5},
    [STATUS_BUSY] = {"busy", 5},
    [STATUS_CORRUPT] = {"corrupt", 1},
    [STATUS_IO] = {"input/output error", 1},
    [STATUS_END] = {"end", 1},
    [STATUS_LOCKED] = {"in use by another process", 10},
    [STATUS_EXISTS] = {"exists already", 2},
    [STATUS_INTERNAL] = {"internal error", 1},
    [STATUS_NOT_OWNER] = {"not an owner of this partition", 5},
    [STATUS_LATE] = {"came too late, nothing was written", 5},
    [STATUS_NOT_KEPT] = {"purged since, and not kept", 5},
    [STATUS_EXHAUSTED] = {"too many open files", 5},
    [STATUS_LOST] = {"the copy lacks what it had known", 5},
};

const char *status_text(enum status status)
{
    if ((unsigned)status >= STATUS_COUNT || !outcomes[status].text)
        return "unknown status";
    return outcomes[status].text;
}

int status_exit_code(enum status status)
{
    if ((unsigned)status >= STATUS_COUNT || !outcomes[status].text)
        return 1;
    return outcomes[status].exit_code;
}
