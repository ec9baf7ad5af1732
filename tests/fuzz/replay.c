// replay - runs a fuzz target over a stored corpus, without a fuzzer. Prints TAP; a target
// that fails aborts, and the plan is missing.
//
//     replay DIRECTORY|FILE...
#include "base/buf.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned input_count;

static int replay_file(const char *path)
{
    struct buf input = {0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t got = 1;
    while (got) {
        buf_reserve(&input, 65536);
        got = fread(input.data + input.size, 1, 65536, file);
        input.size += got;
    }
    int failed = ferror(file) != 0;
    fclose(file);
    LLVMFuzzerTestOneInput(input.data, input.size);
    printf("%sok %u - %s\n", failed ? "not " : "", ++input_count, path);
    fflush(stdout);
    buf_release(&input);
    return failed;
}

static int replay_directory(const char *path, DIR *directory)
{
    struct buf name = {0};
    struct dirent *entry;
    int failed = 0;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        buf_clear(&name);
        buf_printf(&name, "%s/%s", path, entry->d_name);
        failed |= replay_file(buf_text(&name));
    }
    buf_release(&name);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        failed |= directory ? replay_directory(argv[i], directory) : replay_file(argv[i]);
        if (directory)
            closedir(directory);
    }
    printf("1..%u\n", input_count);
    return failed || !input_count;
}
