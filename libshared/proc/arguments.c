#include "proc/arguments.h"

#include "os/owner.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/node.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const char *program, const char *summary)
{
    printf("Usage: %s --config FILE\n"
           "%s\n\n"
           "  --config FILE   the node's dkv.conf\n"
           "  --check-config  read the configuration, ring and keys, say what is wrong, and end\n"
           "  --help          this text\n"
           "  --version       the version\n\n"
           "See %s(8) and dkv.conf(5).\n",
           program, summary, program);
}

static _Noreturn void refuse(const char *program)
{
    fprintf(stderr, "Try '%s --help'.\n", program);
    exit(2);
}

// Root asks what the daemon will find, which runs as the owner of the directory.
static void become_owner(const char *config)
{
    char dir[sizeof((struct settings *)0)->dir];
    const char *slash = strrchr(config, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - config) + 1 : 1, slash ? config : ".");
    struct owner owner;
    struct fault fault;
    if (owner_enter(&owner, dir, &fault))
        die(2, "%s", fault.text);
}

void arguments_parse(struct settings *settings, const char *program, const char *summary, int argc,
                     char **argv)
{
    enum { CONFIG = 1, CHECK_CONFIG, HELP, VERSION };
    static const struct option table[] = {
        {"config", required_argument, NULL, CONFIG},
        {"check-config", no_argument, NULL, CHECK_CONFIG},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {0},
    };
    const char *config = NULL;
    bool check = false;
    daemon_init();
    for (int option; (option = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (option) {
        case CONFIG:
            config = optarg;
            break;
        case CHECK_CONFIG:
            check = true;
            break;
        case HELP:
            print_help(program, summary);
            exit(0);
        case VERSION:
            printf("%s %s\n", program, DKV_VERSION);
            exit(0);
        default:
            refuse(program);
        }
    }
    if (!config || optind < argc) {
        fprintf(stderr, "%s: --config FILE and nothing else is needed\n", program);
        refuse(program);
    }
    log_init(program, LOG_LEVEL_INFO);
    struct fault fault;
    if (check)
        become_owner(config);
    if (settings_load(settings, config, &fault))
        die(2, "%s", fault.text);
    if (check) {
        static struct node node;
        node.settings = *settings;
        exit(node_load(&node) ? 0 : 2);
    }
    log_init(program, (enum log_level)settings->log_level);
}
