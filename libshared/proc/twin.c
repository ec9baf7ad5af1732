#include "proc/twin.h"

#include "proc/log.h"

enum { STAYS_MS = 10 * 60 * 1000 };

void twin_on_tick(struct twin *twin, const struct fault *found, const char *what, bool is_durable,
                  struct moment now)
{
    if (!found->text[0])
        return;
    if (!twin->since_ms) {
        twin->since_ms = now.mono_ms;
        log_line(LOG_LEVEL_ERROR, "%s: this one %s", found->text, what);
    } else if (now.mono_ms > twin->since_ms + STAYS_MS && is_durable) {
        die(10, "%s", found->text);
    }
}
