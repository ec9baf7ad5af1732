#include "proc/news_log.h"

#include "proc/log.h"

void news_log(struct news *news, const struct peers *peers, uint64_t clock_warn_ms,
              struct moment now)
{
    struct buf line = {0};
    for (uint32_t i = UINT32_MAX; peers_next(peers, &i);) {
        enum link_change change = news_look(news, peers, i, now, &line);
        if (change)
            log_line(change == LINK_WENT_DOWN ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s",
                     buf_text(&line));
        buf_clear(&line);
        if (news_look_at_clock(news, peers, i, clock_warn_ms, now, &line))
            log_line(LOG_LEVEL_WARNING, "%s", buf_text(&line));
        buf_clear(&line);
    }
    buf_release(&line);
}
