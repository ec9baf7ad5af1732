#include "dkv/arguments.h"

#include "base/text.h"
#include "causal/token.h"
#include "os/clock.h"
#include "os/file.h"
#include "ring/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const uint64_t TTL_SECONDS_MAX = (uint64_t)100 * 366 * 24 * 3600;

enum status argument_key(const char *key_file, struct operands *operands, struct buf *key,
                         struct fault *fault)
{
    if (key_file) {
        enum status status = file_read(key_file, RECORD_KEY_SIZE_MAX, key, fault);
        if (status)
            return status == STATUS_TOO_LARGE ? status : STATUS_INVALID;
    } else if (operands->count) {
        buf_append_text(key, operands->values[0]);
        operands->values++;
        operands->count--;
    } else {
        return fault_set(fault, STATUS_INVALID, "a key is missing");
    }
    if (!key->size)
        return fault_set(fault, STATUS_INVALID, "the key is empty");
    if (key->size > RECORD_KEY_SIZE_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "the key is longer than %d bytes",
                         RECORD_KEY_SIZE_MAX);
    return STATUS_OK;
}

enum status argument_ttl(const char *text, uint64_t *ttl_ms, struct fault *fault)
{
    uint64_t seconds = 0;
    if (text && (text_parse_number(bytes_of_text(text), &seconds, NULL) || !seconds ||
                 seconds > TTL_SECONDS_MAX))
        return fault_set(fault, STATUS_INVALID,
                         "'%s' is no time to live; use whole seconds, from 1 to %" PRIu64, text,
                         TTL_SECONDS_MAX);
    *ttl_ms = seconds * 1000;
    return STATUS_OK;
}

enum status argument_request_id(const char *text, struct request_id *request, struct fault *fault)
{
    static const struct request_id nobodys;
    if (text_parse_hex(bytes_of_text(text), request->bytes, sizeof request->bytes, NULL))
        return fault_set(fault, STATUS_INVALID, "'%s' is no request id; use 32 hex digits", text);
    if (!memcmp(request, &nobodys, sizeof nobodys))
        return fault_set(fault, STATUS_INVALID,
                         "a request id of zeros names no request; use 32 random hex digits");
    return STATUS_OK;
}

enum status argument_token(const char *what, const char *text, struct buf *binary,
                           struct fault *fault)
{
    struct buf token = {0};
    enum status status = STATUS_OK;
    if (*text == '@')
        status = file_read(text + 1, TOKEN_TEXT_SIZE_MAX, &token, fault);
    else
        buf_append_text(&token, text);
    while (token.size && token.data[token.size - 1] == '\n')
        token.size--;
    if (!status && (!token.size || token_parse(buf_bytes(&token), binary)))
        status = fault_set(fault, STATUS_INVALID, "the %s is damaged", what);
    buf_release(&token);
    return status ? STATUS_INVALID : STATUS_OK;
}

enum status argument_read(int fd, size_t size_max, struct buf *out, struct fault *fault)
{
    for (;;) {
        buf_reserve(out, 16 * 1024);
        ssize_t size = read(fd, out->data + out->size, out->capacity - out->size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fault_set(fault, STATUS_INVALID, "unable to read the value: %s",
                             strerror(errno));
        out->size += (size_t)size;
        if (out->size > size_max)
            return fault_set(fault, STATUS_TOO_LARGE, "the value is longer than %zu bytes",
                             size_max);
        if (!size)
            return STATUS_OK;
    }
}

uint64_t argument_deadline_ms(const struct globals *globals)
{
    return clock_mono_ms() + globals->timeout_ms;
}

bool print_bytes(struct bytes bytes)
{
    return !bytes.size || fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size;
}

static void explain(const char *outcome, struct bytes text, struct buf *out)
{
    buf_append_text(out, outcome);
    if (!text.size || bytes_equal(text, bytes_of_text(outcome)))
        return;
    buf_append_text(out, ": ");
    text_escape_log(text, out);
}

void argument_explain(enum status status, struct bytes text, struct buf *out)
{
    explain(status_text(status), text, out);
}

void argument_explain_write(enum status status, struct bytes text, struct buf *out)
{
    explain(status == STATUS_UNAVAILABLE ? "unavailable, nothing was written" : status_text(status),
            text, out);
}

static int report_unreachable(const struct globals *globals, const char *verb, struct bytes text)
{
    struct buf reasons = {0};
    text_escape_log(text.size ? text : bytes_of_text(globals->cluster), &reasons);
    int exit_status = report(globals, verb, STATUS_UNREACHABLE,
                             "no router reached: %s; is the cluster running? "
                             "('dkv local up' starts one, 'systemctl start dkv.target' a node)",
                             buf_text(&reasons));
    buf_release(&reasons);
    return exit_status;
}

int argument_report(const struct globals *globals, const char *verb, enum status status,
                    struct bytes text)
{
    if (status == STATUS_UNREACHABLE)
        return report_unreachable(globals, verb, text);
    if (status == STATUS_TIMEOUT && !text.size)
        return report(globals, verb, status, "%s after %" PRIu64 " ms", status_text(status),
                      globals->timeout_ms);
    struct buf line = {0};
    argument_explain(status, text, &line);
    int exit_status = report(globals, verb, status, "%s", buf_text(&line));
    buf_release(&line);
    return exit_status;
}

int argument_report_write(const struct globals *globals, const char *verb, enum status status,
                          struct bytes text)
{
    if (status != STATUS_UNAVAILABLE)
        return argument_report(globals, verb, status, text);
    struct buf line = {0};
    argument_explain_write(status, text, &line);
    int exit_status = report(globals, verb, status, "%s", buf_text(&line));
    buf_release(&line);
    return exit_status;
}

bool argument_is_hopeless(enum status status)
{
    return status == STATUS_UNREACHABLE || status == STATUS_NOT_AUTHORISED ||
           status == STATUS_INVALID;
}
