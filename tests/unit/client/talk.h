// talk.h - a conversation to test with: events in, steps and outcomes out.
#pragma once

#include "unit/unit.h"

#include "client/conversation.h"
#include "wire/client.h"
#include "wire/hello.h"

#include <stdio.h>
#include <string.h>

enum { CONNECT_MS = 250, TIMEOUT_MS = 5000, ENDED_MAX = 64 };

static struct conversation talk;
static uint64_t now_ms;
static char said[4096]; // what the steps were: "connect 0, hello 0, put 0"
static struct op_put last_put;
static uint64_t last_ids[MESSAGE_OPS_MAX]; // of the last message
static unsigned ended_count;
static enum status ended[ENDED_MAX];
static char ended_text[256];

static inline void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char *format, ...)
{
    va_list arguments;
    size_t size = strlen(said);
    size += (size_t)snprintf(said + size, sizeof said - size, "%s", size ? ", " : "");
    va_start(arguments, format);
    vsnprintf(said + size, sizeof said - size, format, arguments);
    va_end(arguments);
}

static inline void end(enum status status, struct bytes text)
{
    ended[ended_count++ % ENDED_MAX] = status;
    snprintf(ended_text, sizeof ended_text, "%.*s", (int)text.size, (const char *)text.data);
}

static inline void on_put(void *context, const struct op_put_done *done)
{
    (void)context;
    end(done->status, done->text);
}

static inline void on_got(void *context, const struct op_got *got)
{
    (void)context;
    end(got->status, got->text);
}

static inline void begin_spread(uint32_t router_count)
{
    conversation_release(&talk);
    conversation_init(&talk, 1);
    for (uint32_t i = 0; i < router_count; i++)
        conversation_add_endpoint(&talk, SPREAD_FAR, CONNECT_MS);
    now_ms = 1000;
    ended_count = 0;
    *said = 0;
}

// Requests begin at router 0.
static inline void begin(uint32_t router_count)
{
    begin_spread(router_count);
    conversation_use(&talk, 0);
}

static inline void put(uint8_t flags)
{
    struct op_put op = {.request = {"request"},
                        .flags = flags,
                        .keyspace = bytes_of_text("default"),
                        .key = bytes_of_text("k"),
                        .value = bytes_of_text("v")};
    conversation_put(&talk, &op, now_ms + TIMEOUT_MS, now_ms, on_put, NULL);
}

static inline void get_key(const char *key, uint8_t flags)
{
    struct op_get op = {
        .flags = flags, .keyspace = bytes_of_text("default"), .key = bytes_of_text(key)};
    conversation_get(&talk, &op, now_ms + TIMEOUT_MS, now_ms, on_got, NULL);
}

static inline void get(uint8_t flags)
{
    get_key("k", flags);
}

// Takes the steps that there are; `sent` is what becomes of every message. What it waits for.
static inline uint64_t steps(enum status sent)
{
    static const char *const names[] = {
        [MESSAGE_HELLO] = "hello", [MESSAGE_PING] = "ping", [MESSAGE_PUT] = "put",
        [MESSAGE_GET] = "get",     [MESSAGE_ASK] = "ask",   [MESSAGE_SCAN] = "scan",
    };
    for (;;) {
        struct conversation_step step = conversation_next(&talk, now_ms);
        struct message_header header;
        struct reader body;
        switch (step.kind) {
        case CONVERSATION_WAIT:
            return step.until_ms;
        case CONVERSATION_CONNECT:
            say("connect %u", step.endpoint);
            break;
        case CONVERSATION_CLOSE:
            say("close %u", step.endpoint);
            break;
        case CONVERSATION_SEND:
            assert_int_equal(message_header_decode(&header, step.message, &body), STATUS_OK);
            say("%s %u", names[header.type], step.endpoint);
            if (header.count > 1)
                say("(%u)", header.count);
            for (unsigned i = 0; i < header.count; i++) {
                struct op_get op_got;
                if (header.type == MESSAGE_PUT) {
                    assert_int_equal(op_decode_put(&last_put, &body), STATUS_OK);
                    last_ids[i] = last_put.id;
                } else if (header.type == MESSAGE_ASK) {
                    struct op_ask op_ask;
                    assert_int_equal(op_decode_ask(&op_ask, &body), STATUS_OK);
                    last_ids[i] = op_ask.id;
                } else if (header.type == MESSAGE_GET) {
                    assert_int_equal(op_decode_get(&op_got, &body), STATUS_OK);
                    last_ids[i] = op_got.id;
                }
            }
            conversation_on_sent(&talk, sent, now_ms);
            break;
        }
    }
}

#define assert_steps(expected)                                                                     \
    {                                                                                              \
        assert_string_equal(said, expected);                                                       \
        *said = 0;                                                                                 \
    }

static struct buf message;

static inline struct buf *begin_message(void)
{
    buf_clear(&message);
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    return &message;
}

static inline void answer(uint32_t router, enum message_type type)
{
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)(message.size - MESSAGE_HEADER_SIZE),
                                    .boot = 7 + router,
                                    .sent_ms = 1000000 + now_ms};
    message_header_encode(&header, message.data);
    conversation_on_message(&talk, router, buf_bytes(&message), now_ms);
}

static inline void welcome_of(uint32_t router, uint64_t node)
{
    struct op_welcome welcome = {.version = MESSAGE_VERSION, .node = node};
    op_encode_welcome(&welcome, begin_message());
    answer(router, MESSAGE_WELCOME);
}

static inline void welcome(uint32_t router)
{
    welcome_of(router, 0);
}

static inline void put_done(uint32_t router, uint64_t id, enum status status)
{
    struct op_put_done done = {
        .id = id, .status = (uint8_t)status, .text = bytes_of_text("because")};
    op_encode_put_done(&done, begin_message());
    answer(router, MESSAGE_PUT_DONE);
}

static inline void got(uint32_t router, uint64_t id, enum status status)
{
    struct op_got op = {.id = id, .status = (uint8_t)status, .text = bytes_of_text("because")};
    op_encode_got(&op, begin_message());
    answer(router, MESSAGE_GOT);
}
