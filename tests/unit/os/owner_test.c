// Root writes as the owner of a directory, and who may not open a file is told why.
#include "unit/unit.h"

#include "os/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 65534 }; // nobody, who exists everywhere

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dkv-owner-test-XXXXXX");
    return !mkdtemp(directory);
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static uid_t owner_of_new_file(const char *name)
{
    struct stat info;
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && !fstat(fd, &info) && !close(fd) && !unlink(path_of(name)));
    return info.st_uid;
}

AROUND_EACH(make_directory, remove_directory)

TEST(root_acts_as_the_owner_of_a_directory_until_it_leaves)
{
    struct owner owner;
    struct fault fault;
    uid_t expected = geteuid();
    if (geteuid() == 0) { // nobody else can give a directory away
        assert_int_equal(chown(directory, SOMEBODY, SOMEBODY), 0);
        expected = SOMEBODY;
    }
    uid_t before = geteuid();
    assert_int_equal(owner_enter(&owner, directory, &fault), STATUS_OK);
    assert_int_equal(owner_of_new_file("f"), expected);
    owner_leave(&owner);
    assert_int_equal(geteuid(), before);
    assert_int_equal(owner_enter(&owner, path_of("not/there/yet"), &fault), STATUS_OK);
    assert_int_equal(owner_of_new_file("f"), expected);
    owner_leave(&owner);
    owner_leave(&owner); // does no harm
    assert_int_equal(geteuid(), before);
}

TEST(in_its_own_directory_root_stays_root)
{
    struct owner owner;
    struct fault fault;
    assert_int_equal(owner_enter(&owner, directory, &fault), STATUS_OK);
    assert_false(owner.is_other);
    owner_leave(&owner);
}

static const char *explain(const char *path)
{
    static char text[512];
    struct buf why = {0};
    owner_explain(path, &why);
    snprintf(text, sizeof text, "%s", buf_text(&why));
    buf_release(&why);
    return text;
}

TEST(the_part_of_a_path_that_is_closed_is_named_with_owner_and_mode)
{
    struct owner owner = {0};
    struct fault fault;
    char wanted[256];
    if (geteuid() == 0) {
        assert_int_equal(chown(directory, SOMEBODY, SOMEBODY), 0);
        assert_int_equal(owner_enter(&owner, directory, &fault), STATUS_OK);
    }
    assert_int_equal(mkdir(path_of("d"), 0), 0);
    snprintf(wanted, sizeof wanted, "%s belongs to ", path_of("d"));
    const char *text = explain(path_of("d/f"));
    assert_non_null(strstr(text, "closed to user "));
    assert_non_null(strstr(text, wanted));
    assert_non_null(strstr(text, "mode 0000 (chmod u+rwx "));
    assert_int_equal(rmdir(path_of("d")), 0);
    owner_leave(&owner);
}
