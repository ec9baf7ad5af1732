#include "os/descriptors.h"

#include <sys/resource.h>

uint32_t descriptors_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return 1024;
    return files.rlim_cur < UINT32_MAX ? (uint32_t)files.rlim_cur : UINT32_MAX;
}
