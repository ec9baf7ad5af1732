#include "dkv/options.h"

#include <stdio.h>
#include <string.h>

static void print_options(const struct option_spec *specs)
{
    for (; specs->name; specs++) {
        char left[64];
        char letter[8] = "    ";
        if (specs->letter)
            snprintf(letter, sizeof letter, "-%c, ", specs->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, specs->name, specs->argument ? " " : "",
                 specs->argument ? specs->argument : "");
        printf("  %-24s  %s", left, specs->help ? specs->help : "");
        if (specs->value)
            printf(" [%s]", specs->value);
        if (specs->of)
            printf(" (%s)", specs->of);
        putchar('\n');
    }
}

void options_print_help(const struct verb *verb)
{
    if (verb) {
        printf("usage: dkv %s\n\n%s.\n", verb->usage, verb->summary);
        const struct option_spec *specs = options_of(verb->name);
        if (specs && specs->name) {
            printf("\n");
            print_options(specs);
        }
        if (verb->help)
            printf("\n%s", verb->help);
        printf("\nGlobal options: dkv --help. Manual: dkv(1).\n");
        return;
    }
    printf("usage: dkv [OPTION]... VERB [ARGUMENT]...\n\n"
           "A distributed key-value database for the shell.\n");
    const char *group = "";
    for (unsigned i = 0; i < verb_count; i++) {
        if (strcmp(group, verbs[i].group) != 0)
            printf("\n%s\n", verbs[i].group);
        group = verbs[i].group;
        printf("  %-10s  %s\n", verbs[i].name, verbs[i].summary);
    }
    printf("\nOptions of every verb\n");
    print_options(options_global);
    printf("  %-24s  %s\n  %-24s  %s\n", "    --help", "this, or the help of a verb",
           "    --version", "what this is");
    printf("\nEach option can be set by an environment variable (--write-quorum by\n"
           "DKV_WRITE_QUORUM) and in client.conf; 'dkv config' shows what holds.\n"
           "Exit status 0 done, 3 not found, 4 siblings, 5 nothing written, 6 indeterminate,\n"
           "7 no answer; all of them are in dkv(7).\n");
}
