#include "proc/way_out.h"

#include "proc/log.h"

#include <time.h>

enum { EXIT_DAMAGE = 1, TIME_SIZE = 32 };

// The time makes the name a new one, so that nothing is moved into the directory of an earlier
// time.
void die_of_damage(const char *dir, const struct fault *fault, const char *next)
{
    char text[TIME_SIZE];
    struct tm parts;
    time_t now = time(NULL);
    strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &parts));
    die(EXIT_DAMAGE, "%s; the way out: 'mv %s %s.damaged-%s', start again, %s", fault->text, dir,
        dir, text, next);
}
