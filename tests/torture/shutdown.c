// shutdown - what a file system is when the power fails, on Linux.
//
//     shutdown DIRECTORY
//
// Calls the shutdown ioctl of ext4 and XFS on the file system that holds the directory,
// without a flush of its log. From that moment nothing goes to the device any more, and
// every call fails with EIO. So a mount later replays the journal as it was:
//
//     lost    pages of files that were not written back; changes of directories, sizes and
//             allocations that were not committed to the journal
//     kept    what a sync had returned for, and what went out by itself
//
// The device itself loses nothing: what was written to it without a flush stays, and no
// sector is torn. The tests with a file system in memory cover that.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

// The same number and flag in both file systems; no header that is always there has them.
#define SHUTDOWN _IOR('X', 125, uint32_t)
enum { WITHOUT_LOG_FLUSH = 2 };

int main(int argc, char **argv)
{
    uint32_t flag = WITHOUT_LOG_FLUSH;
    int directory = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
    if (directory < 0 || ioctl(directory, SHUTDOWN, &flag)) {
        perror("shutdown");
        return 1;
    }
    close(directory);
    return 0;
}
