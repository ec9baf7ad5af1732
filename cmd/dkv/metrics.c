// dkv metrics: what the stores and one router count, as Prometheus reads it.
#include "dkv/arguments.h"
#include "dkv/ask.h"

const struct option_spec options_metrics[] = {{0}};

int verb_metrics(struct globals *globals, int argc, char **argv)
{
    struct operands operands;
    if (!options_parse(globals, options_metrics, NULL, argc, argv, &operands))
        return operands.exit_status;
    if (operands.count)
        return usage_error("metrics", "takes no arguments");
    struct buf text = {0};
    struct fault fault = {""};
    int exit_status = 0;
    enum status status = ask(globals, "metrics", &text, &fault);
    if (status)
        exit_status = ask_report(globals, "metrics", status, &fault);
    else
        print_bytes(buf_bytes(&text)); // main says it if that fails
    buf_release(&text);
    return exit_status;
}
