// endings.h - looks at one shard after the other for ends of starts (closing.h), and sends what
// that asks for.
#pragma once

#include "dkv-repair/repair.h"

void endings_go_on(struct repair *repair, struct moment now, struct outbox *outbox);
