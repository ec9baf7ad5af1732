#include "dkv/node_ask.h"

#include "dkv/ask.h"
#include "os/clock.h"

#include <stdlib.h>
#include <time.h>

enum { PAUSE_MS = 50 };

enum status node_ask(const struct globals *globals, const char *node, const char *topic,
                     const char *argument, struct buf *answer, struct fault *fault)
{
    struct buf text = {0};
    buf_printf(&text, "%s\n%s", node, argument);
    enum status status = ask_about(globals, topic, buf_bytes(&text), answer, fault);
    buf_release(&text);
    return status;
}

uint64_t node_ask_number(const char **text)
{
    char *end;
    uint64_t number = strtoull(*text, &end, 10);
    *text = *end == ' ' ? end + 1 : end;
    return number;
}

bool node_ask_pause(uint64_t deadline_ms)
{
    struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    nanosleep(&pause, NULL);
    return !deadline_ms || clock_mono_ms() < deadline_ms;
}

uint64_t node_ask_deadline(const struct globals *globals)
{
    return globals->timeout_given ? clock_mono_ms() + globals->timeout_ms : 0;
}
