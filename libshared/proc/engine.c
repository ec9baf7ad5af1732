#include "proc/engine.h"

#include "os/descriptors.h"
#include "os/entropy.h"

struct lsm_options engine_options(const struct node *node, struct vfs *vfs, const char *dir)
{
    const struct settings *settings = &node->settings;
    struct lsm_options options = lsm_options_default();
    options.vfs = vfs;
    options.dir = dir;
    options.seed = entropy_u64();
    if (options.table_count_max > descriptors_max() / 8)
        options.table_count_max = descriptors_max() / 8;
    options.memtable_size = settings->memtable_size;
    options.log_segment_size = settings->log_segment_size;
    options.separate_size = settings->separate_size;
    return options;
}
