// vfs.h - the files that an engine needs, as a table of functions.
//
// Everything that touches a disk goes through one of these tables, so that the
// engine runs unchanged on a real file system (os/posix_vfs.h) and on one in
// memory that loses what was not synced (tests/disk/memory_vfs.h).
//
// Promises of every implementation:
//  - What was written before a `sync` that returned OK survives a power loss.
//    What was not synced may survive in any part, in units of 512 bytes.
//  - A file that was created, renamed, linked or removed is so after a power loss
//    only if `sync_dir` of its directory returned OK.
//  - Writes are whole: `write` either writes all bytes or fails.
//  - A failed `sync` means that nothing is known about the file: never repeat it.
//
// Errors: NOT_FOUND, EXISTS, LOCKED, DISK_FULL, EXHAUSTED (of what opens a file), IO. On
// failure the fault names the path and what the system said. A file may be read by several
// threads at once; all else is one thread per file.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"

struct vfs_file; // opaque, made by `open`

enum vfs_open_flags {
    VFS_READ = 1,      // default
    VFS_WRITE = 2,     // implies read
    VFS_CREATE = 4,    // create if it is not there
    VFS_EXCLUSIVE = 8, // with CREATE: EXISTS if it is there
};

struct vfs {
    enum status (*open)(struct vfs *vfs, const char *path, int flags, struct vfs_file **file,
                        struct fault *fault);
    void (*close)(struct vfs *vfs, struct vfs_file *file);

    // Reads up to `size` bytes at `offset`; fewer only at the end of the file.
    enum status (*read)(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                        size_t size, size_t *size_read, struct fault *fault);
    // The same if that need not wait for the disk: true, and all of `size` bytes are there. False,
    // and `data` may be anything, if it would have to wait, or fail, or the file ends before:
    // `read` tells. NULL where no read waits.
    bool (*read_cached)(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                        size_t size);
    enum status (*write)(struct vfs *vfs, struct vfs_file *file, uint64_t offset,
                         struct bytes bytes, struct fault *fault);
    enum status (*sync)(struct vfs *vfs, struct vfs_file *file, struct fault *fault); // fdatasync
    enum status (*size)(struct vfs *vfs, struct vfs_file *file, uint64_t *size,
                        struct fault *fault);

    // A hint that `size` bytes at `offset` will be read soon, or that the pages
    // behind them will not be needed again. May do nothing.
    void (*advise)(struct vfs *vfs, struct vfs_file *file, uint64_t offset, uint64_t size,
                   bool needed);

    // The first `size` bytes of the file, which are there already and were synced, as
    // memory. A store into it shows at once in what `read` gives, lives on when the process
    // is killed, and is durable by a later `sync`, in any order before, as after `write`.
    // The pages are made ready, so that storing does not wait for the disk. It cannot
    // fail either: where the system has no other way to report an error of the disk,
    // the process dies. NULL if it cannot be done: write, then. `unmap` comes before
    // `close`, on any thread.
    uint8_t *(*map)(struct vfs *vfs, struct vfs_file *file, size_t size);
    void (*unmap)(struct vfs *vfs, struct vfs_file *file, uint8_t *memory, size_t size);

    enum status (*make_dir)(struct vfs *vfs, const char *path, struct fault *fault); // EXISTS is OK
    enum status (*sync_dir)(struct vfs *vfs, const char *path, struct fault *fault);
    enum status (*rename)(struct vfs *vfs, const char *from, const char *to, struct fault *fault);
    enum status (*link)(struct vfs *vfs, const char *from, const char *to, struct fault *fault);
    enum status (*remove)(struct vfs *vfs, const char *path, struct fault *fault);

    // Calls `each` for every name in the directory, in no order.
    enum status (*list)(struct vfs *vfs, const char *path,
                        void (*each)(void *context, const char *name), void *context,
                        struct fault *fault);

    // Creates the file if needed and locks it for this process until `close`.
    // LOCKED if another process holds it.
    enum status (*lock)(struct vfs *vfs, const char *path, struct vfs_file **file,
                        struct fault *fault);

    // Bytes that can still be written to the file system that holds `path`.
    enum status (*space)(struct vfs *vfs, const char *path, uint64_t *free_bytes,
                         struct fault *fault);

    // Makes the file `size` zeros long, with room for them on the disk. NULL, or INVALID, where
    // that cannot be had cheaper than by writing them.
    enum status (*allocate)(struct vfs *vfs, struct vfs_file *file, uint64_t size,
                            struct fault *fault);
};

// Syncs for a caller that tries again after DISK_FULL: a sync that found no room is not tried again
// (see above), and so ends with IO.
static inline enum status vfs_sync_once(struct vfs *vfs, struct vfs_file *file, struct fault *fault)
{
    enum status status = vfs->sync(vfs, file, fault);
    return status == STATUS_DISK_FULL ? STATUS_IO : status;
}
