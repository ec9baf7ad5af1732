// inquiry.h - how the hints are, told to those who ask.
//
//     "list"            a JSON object a line for each target with hints or debts
//     "flush" NAME      delivers to that node now, whatever it said before
//     "debts" NODE-ID   what is owed to that node: lines "PARTITION MARK", the id as hex
//     "settle" LINES    repair has done what was owed: "NODE-ID-HEX PARTITION MARK" each
//
// PONG carries the sums (wire/metrics.h).
#pragma once

#include "dkv-hintd/hintd.h"

enum status inquiry_on_ping(struct hintd *hintd, const struct arrival *arrival, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status inquiry_on_ask(struct hintd *hintd, const struct arrival *arrival, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
