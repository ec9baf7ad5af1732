#include "os/owner.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Cuts the last part off; false if nothing is above.
static bool go_up(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');
    if (!strcmp(path, "/") || !strcmp(path, "."))
        return false;
    if (!slash)
        memcpy(path, ".", 2);
    else
        slash[slash == path] = 0;
    return true;
}

// The path itself, or the nearest one above it that we can see.
static bool find_visible(const char *path, char visible[PATH_MAX], struct stat *info)
{
    if (snprintf(visible, PATH_MAX, "%s", path) >= PATH_MAX)
        return false;
    while (stat(visible, info)) {
        if (!go_up(visible))
            return false;
    }
    return true;
}

static bool become(struct owner *owner, uid_t user, gid_t group)
{
    owner->group = getegid();
    owner->group_count = getgroups(sizeof owner->groups / sizeof *owner->groups, owner->groups);
    if (owner->group_count < 0 || setgroups(1, &group))
        return false;
    owner->is_other = true;
    return !setegid(group) && !seteuid(user);
}

enum status owner_enter(struct owner *owner, const char *path, struct fault *fault)
{
    char visible[PATH_MAX];
    struct stat info;
    *owner = (struct owner){0};
    if (geteuid() != 0 || !find_visible(path, visible, &info) || info.st_uid == 0)
        return STATUS_OK;
    if (become(owner, info.st_uid, info.st_gid))
        return STATUS_OK;
    fault_set(fault, STATUS_REFUSED, "%s belongs to user %u, whom root cannot act as: %s", visible,
              (unsigned)info.st_uid, strerror(errno));
    owner_leave(owner);
    return STATUS_REFUSED;
}

void owner_leave(struct owner *owner)
{
    if (!owner->is_other)
        return;
    owner->is_other = false;
    if (!seteuid(0) && !setegid(owner->group) &&
        !setgroups((size_t)owner->group_count, owner->groups))
        return;
    perror("unable to act as root again");
    abort();
}

enum status owner_do(const char *path,
                     enum status (*work)(const char *path, const void *what, struct fault *fault),
                     const void *what, struct fault *fault)
{
    struct owner owner;
    enum status status = owner_enter(&owner, path, fault);
    if (!status)
        status = work(path, what, fault);
    owner_leave(&owner);
    return status;
}

void owner_name(uid_t user, struct buf *out)
{
    const struct passwd *entry = getpwuid(user);
    if (entry)
        buf_append_text(out, entry->pw_name);
    else
        buf_printf(out, "%u", (unsigned)user);
}

void owner_explain(const char *path, struct buf *out)
{
    char visible[PATH_MAX];
    struct stat info;
    buf_append_text(out, "closed to user ");
    owner_name(geteuid(), out);
    if (!find_visible(path, visible, &info))
        return;
    buf_printf(out, ": %s belongs to ", visible);
    owner_name(info.st_uid, out);
    buf_printf(out, ", mode %04o", (unsigned)info.st_mode & 07777);
    if (info.st_uid == geteuid()) {
        buf_printf(out, " (chmod u+r%s %s)", S_ISDIR(info.st_mode) ? "wx" : "", visible);
        return;
    }
    struct buf user = {0};
    owner_name(geteuid(), &user);
    buf_printf(out, " (chown %s: %s)", buf_text(&user), visible);
    buf_release(&user);
}

enum status owner_fault(const char *path, struct fault *fault)
{
    enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    if (errno != EACCES)
        return fault_set(fault, status, "%s: %s", path, strerror(errno));
    struct buf why = {0};
    owner_explain(path, &why);
    fault_set(fault, status, "%s: %s", path, buf_text(&why));
    buf_release(&why);
    return status;
}
