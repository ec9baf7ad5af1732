// news_log.h - what is new of a daemon's peers (peer/news.h), in its log.
#pragma once

#include "peer/news.h"

void news_log(struct news *news, const struct peers *peers, uint64_t clock_warn_ms,
              struct moment now);
