#include "dkv/ask.h"

#include "dkv/arguments.h"
#include "dkv/connect.h"
#include "os/clock.h"
#include "os/file.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"
#include "wire/client.h"

struct question {
    enum status status;
    struct buf *answer;
    struct fault *fault;
};

static void on_answer(void *context, const struct op_answer *answer)
{
    struct question *question = context;
    question->status = answer->status;
    if (answer->status == STATUS_OK)
        buf_append(question->answer, answer->text);
    else if (answer->status == STATUS_UNREACHABLE || answer->status == STATUS_TIMEOUT)
        fault_set(question->fault, question->status, "%.*s", (int)answer->text.size,
                  (const char *)answer->text.data); // argument_report() knows what to say
    else
        fault_set(question->fault, question->status, "%s%s%.*s", status_text(question->status),
                  answer->text.size ? ": " : "", (int)answer->text.size,
                  (const char *)answer->text.data);
}

enum status ask(const struct globals *globals, const char *topic, struct buf *answer,
                struct fault *fault)
{
    return ask_about(globals, topic, (struct bytes){0}, answer, fault);
}

enum status ask_about(const struct globals *globals, const char *topic, struct bytes argument,
                      struct buf *answer, struct fault *fault)
{
    struct client *client;
    enum status status = connect_cluster(&client, globals, fault);
    if (status)
        return status;
    struct question question = {.status = STATUS_UNREACHABLE, .answer = answer, .fault = fault};
    client_ask(client, topic, argument, clock_mono_ms() + globals->timeout_ms, on_answer,
               &question);
    client_drain(client);
    client_close(client);
    return question.status;
}

int ask_report(const struct globals *globals, const char *verb, enum status status,
               const struct fault *fault)
{
    if (status == STATUS_UNREACHABLE || status == STATUS_TIMEOUT)
        return argument_report(globals, verb, status, bytes_of_text(fault->text));
    return report(globals, verb, status, "%s", fault->text);
}

int ask_ring(const struct globals *globals, const char *verb, const char *file, struct ring *ring,
             struct buf *text)
{
    struct buf document = {0};
    struct fault fault = {""};
    enum status status = file ? file_read(file, RING_TEXT_SIZE_MAX, &document, &fault)
                              : ask(globals, "ring", &document, &fault);
    if (!status) {
        status = ring_text_parse(ring, buf_bytes(&document), &fault);
        if (status && file) {
            struct fault reason = fault;
            fault_set(&fault, status, "%s: %.250s", file, reason.text);
        }
    }
    if (file)
        status = file_status(status);
    if (!status && text)
        buf_append(text, buf_bytes(&document));
    buf_release(&document);
    return status ? ask_report(globals, verb, status, &fault) : 0;
}

int ask_ring_of_living(const struct globals *globals, const char *verb, struct ring *ring)
{
    int failed = ask_ring(globals, verb, NULL, ring, NULL);
    for (uint32_t i = failed ? 0 : ring->node_count; i-- > 0;) {
        if (ring->nodes[i].state == RING_NODE_DEAD && !ring_is_listed(ring, i))
            ring_remove_node(ring, i);
    }
    return failed;
}
