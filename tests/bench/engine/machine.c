#include "bench/engine/machine.h"

#include <dlfcn.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void describe_processor(struct buf *out)
{
    char line[256];
    const char *model = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        colon[strcspn(colon, "\n")] = '\0';
        model = colon + 2;
        break;
    }
    buf_printf(out, "- processor: %ld cores of %s\n", sysconf(_SC_NPROCESSORS_ONLN), model);
    if (file)
        fclose(file);
}

// The type of the file system with the same device number.
static void describe_file_system(const char *dir, struct buf *out)
{
    struct stat wanted, found;
    FILE *mounts = setmntent("/proc/self/mounts", "r");
    if (!mounts)
        return;
    if (!stat(dir, &wanted))
        for (struct mntent *mount; (mount = getmntent(mounts));)
            if (!stat(mount->mnt_dir, &found) && found.st_dev == wanted.st_dev) {
                buf_printf(out, "- file system: %s on %s, %s\n", mount->mnt_type, mount->mnt_fsname,
                           mount->mnt_opts);
                break;
            }
    endmntent(mounts);
}

void machine_describe(const char *dir, struct buf *out)
{
    struct utsname name;
    struct sysinfo info;
    char date[32];
    double loads[1] = {0};
    time_t now = time(NULL);
    uname(&name);
    sysinfo(&info);
    getloadavg(loads, 1);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
    describe_processor(out);
    buf_printf(out, "- memory: %llu MiB\n",
               (unsigned long long)info.totalram * info.mem_unit / (1 << 20));
    buf_printf(out, "- kernel: %s %s\n", name.sysname, name.release);
    describe_file_system(dir, out);
    buf_printf(out, "- date: %s; load average before: %.2f\n", date, loads[0]);
}

void machine_describe_library(const char *symbol, struct buf *out)
{
    Dl_info info;
    char path[PATH_MAX];
    const void *address = dlsym(RTLD_DEFAULT, symbol);
    if (address && dladdr(address, &info) && realpath(info.dli_fname, path))
        buf_append_text(out, basename(path));
}

bool machine_has_symbol(const char *symbol)
{
    return dlsym(RTLD_DEFAULT, symbol);
}
