#include "client/net/scanner.h"

#include "os/clock.h"
#include "ring/ring_text.h"
#include "wire/client.h"

struct ring_answer {
    enum status status;
    struct ring ring;
    struct fault *fault;
};

static void on_ring(void *context, const struct op_answer *answer)
{
    struct ring_answer *got = context;
    got->status = answer->status;
    if (!answer->status)
        got->status = ring_text_parse(&got->ring, answer->text, got->fault);
    else
        fault_set(got->fault, got->status, "%.*s", (int)answer->text.size, answer->text.data);
}

enum status scanner_open(struct scanner *scanner, struct client *client, const struct op_scan *op,
                         struct bytes after, uint64_t deadline_ms, struct fault *fault)
{
    struct ring_answer answer = {.fault = fault};
    uint64_t now_ms = clock_mono_ms();
    *scanner = (struct scanner){.client = client};
    client_ask(client, "ring", (struct bytes){0},
               deadline_ms ? deadline_ms : now_ms + LANES_TIMEOUT_MS, on_ring, &answer);
    client_drain(client);
    enum status status = answer.status;
    if (!status)
        status = lanes_begin(&scanner->lanes, client_conversation(client), op, &answer.ring, after,
                             deadline_ms, clock_mono_ms(), fault);
    if (!status) // the first pages are on their way: each of the next ones goes to an owner
        conversation_set_ring_take(client_conversation(client), &answer.ring);
    ring_release(&answer.ring);
    return status;
}

void scanner_close(struct scanner *scanner)
{
    lanes_release(&scanner->lanes);
}

enum status scanner_next(struct scanner *scanner, struct lanes_item *item, struct fault *fault)
{
    while (!lanes_is_ready(&scanner->lanes, clock_mono_ms()))
        client_run(scanner->client, -1, -1);
    return lanes_next(&scanner->lanes, item, clock_mono_ms(), fault);
}
