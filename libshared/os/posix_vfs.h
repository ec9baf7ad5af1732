// posix_vfs.h - base/vfs.h on Linux.
//
// Files are opened with O_CLOEXEC. A sync is fdatasync: it includes the size of the
// file, not its times. A lock is flock on an empty file, so it goes with the process
// however that ends. Signals and short writes are dealt with here; a write that fails
// may have written a part.
//
// No state is shared between calls: one posix_vfs may be used by several threads.
// Use on a local file system; NFS and FUSE may keep fewer of the promises.
#pragma once

#include "base/vfs.h"

struct posix_vfs {
    struct vfs vfs; // first: this is what the engine gets
};

void posix_vfs_init(struct posix_vfs *posix); // nothing to release
