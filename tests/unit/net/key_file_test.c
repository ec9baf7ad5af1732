// Keys come back from their files, and a file that others could touch is refused.
#include "net/net.h"
#include "unit/unit.h"

#include "net/certificate.h"
#include "net/net.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dkv-key-test-XXXXXX");
    return !mkdtemp(directory);
}

static int remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"a.key", "a.pub", "b.pub", "link.key", "c.pub", "pipe.pub"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path_of(name), 0600), 0);
}

static struct key_file new_key(enum role role)
{
    struct key_file file = {.name = "n1 (rack 3)", .role = role, .node = 0x0123456789abcdefu};
    net_keys_generate(&file.keys);
    return file;
}

AROUND_EACH(make_directory, remove_directory)

TEST(a_secret_that_others_can_read_is_refused)
{
    struct key_file file = new_key(ROLE_CLIENT);
    struct stat facts;
    assert_int_equal(certificate_make(path_of("a.key"), NULL, &file, NULL), STATUS_OK);
    assert_int_equal(stat(path_of("a.key"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);
    static const mode_t modes[] = {0640, 0604, 0620, 0610};
    for (unsigned i = 0; i < 4; i++) {
        struct fault fault;
        chmod(path_of("a.key"), modes[i]);
        assert_int_equal(key_file_load(path_of("a.key"), true, &file, &fault), STATUS_REFUSED);
        assert_non_null(strstr(fault.text, path_of("a.key")));
    }
    chmod(path_of("a.key"), 0400);
    assert_int_equal(key_file_load(path_of("a.key"), true, &file, NULL), STATUS_OK);
}

TEST(a_link_a_pipe_and_a_file_of_another_user_are_refused)
{
    struct key_file file = new_key(ROLE_CLIENT);
    assert_int_equal(certificate_make(path_of("a.key"), NULL, &file, NULL), STATUS_OK);
    char target[128];
    snprintf(target, sizeof target, "%s", path_of("a.key"));
    assert_int_equal(symlink(target, path_of("link.key")), 0);
    assert_int_equal(key_file_load(path_of("link.key"), true, &file, NULL), STATUS_REFUSED);
    assert_int_equal(mkfifo(path_of("pipe.pub"), 0600), 0);
    assert_int_equal(key_file_load(path_of("pipe.pub"), false, &file, NULL), STATUS_REFUSED);
    assert_int_equal(key_file_load(directory, false, &file, NULL), STATUS_REFUSED);
    if (geteuid() == 0 && chown(target, 65534, 65534) == 0)
        assert_int_equal(key_file_load(target, true, &file, NULL), STATUS_REFUSED);
    assert_int_equal(key_file_load(path_of("none"), true, &file, NULL), STATUS_NOT_FOUND);
}

#define KEY_1    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_2    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET_2 "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
#define HEAD     "metadata\n    name = \"a\"\n    role = \"client\"\n"

TEST(a_bad_file_is_named_with_its_line)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "missing"},
        {HEAD, "missing"},
        {HEAD "curve\n    public-key = \"short\"\n", ":5: not a key"},
        {HEAD "curve\n    public-key = \"" KEY_1 "\"\n    public-key = \"" KEY_1 "\"\n",
         ":6: curve/public-key"},
        {HEAD "    role = \"peer\"\n", ":4: metadata/role"},
        {"metadata\n    role = \"root\"\n", ":2: a role is"},
        {"metadata\n    node = \"123\"\n", ":2: "},
        {"metadata\n    name = \"a\n", ":2: a quote"},
        {"metadata\n  name = \"a\"\n", ":2: indentation"},
        {"surprise = 1\n", ":1: surprise"},
        {"metadata\n    name =\n", ":2: a value"},
        {HEAD "curve\n    public-key = \"" KEY_2 "\"\n    secret-key = \"" SECRET_2 "\"\n",
         "holds a secret"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct key_file file;
        struct fault fault = {0};
        write_file("a.pub", cases[i].text);
        assert_int_equal(key_file_load(path_of("a.pub"), false, &file, &fault), STATUS_INVALID);
        if (!strstr(fault.text, cases[i].expected))
            fail_msg("%u: %s", i, fault.text);
    }
}

TEST(keys_that_are_no_pair_are_refused)
{
    struct key_file file;
    write_file("a.key",
               HEAD "curve\n    public-key = \"" KEY_2 "\"\n    secret-key = \"" SECRET_2 "\"\n");
    assert_int_equal(key_file_load(path_of("a.key"), true, &file, NULL), STATUS_OK);
    write_file("a.key",
               HEAD "curve\n    public-key = \"" KEY_1 "\"\n    secret-key = \"" SECRET_2 "\"\n");
    assert_int_equal(key_file_load(path_of("a.key"), true, &file, NULL), STATUS_INVALID);
}

static bool is_in(struct key_directory *keys, const struct key_file *file, enum role wanted)
{
    enum role role;
    uint64_t node;
    return key_directory_find(keys, file->keys.public_key, &role, &node) && role == wanted &&
           node == file->node;
}

TEST(a_directory_follows_what_is_put_into_it_and_taken_away)
{
    struct key_file a = new_key(ROLE_CLIENT);
    struct key_file b = new_key(ROLE_PEER);
    struct key_directory *keys = key_directory_open(directory);
    assert_false(is_in(keys, &a, ROLE_CLIENT));
    assert_int_equal(certificate_publish(path_of("a.pub"), &a, false, NULL), STATUS_OK);
    assert_int_equal(certificate_publish(path_of("b.pub"), &b, false, NULL), STATUS_OK);
    assert_true(is_in(keys, &a, ROLE_CLIENT)); // at once
    assert_true(is_in(keys, &b, ROLE_PEER));
    assert_true(key_directory_refresh(keys));
    assert_false(key_directory_refresh(keys));
    unlink(path_of("a.pub"));
    assert_true(key_directory_refresh(keys));
    assert_false(is_in(keys, &a, ROLE_CLIENT));
    assert_true(is_in(keys, &b, ROLE_PEER));
    b.role = ROLE_READER; // changed in place, same size of name and file or not
    unlink(path_of("b.pub"));
    assert_int_equal(certificate_publish(path_of("b.pub"), &b, false, NULL), STATUS_OK);
    assert_true(key_directory_refresh(keys));
    assert_true(is_in(keys, &b, ROLE_READER));
    key_directory_close(keys);
}

TEST(a_directory_passes_over_what_is_no_key_file_and_says_so)
{
    struct key_file a = new_key(ROLE_CLIENT);
    assert_int_equal(certificate_publish(path_of("a.pub"), &a, false, NULL), STATUS_OK);
    write_file("b.pub", "garbage\x01");
    write_file("a.key", "not looked at");
    struct key_directory *keys = key_directory_open(directory);
    assert_true(is_in(keys, &a, ROLE_CLIENT));
    assert_non_null(strstr(key_directory_fault(keys), "b.pub:1:"));
    unlink(path_of("b.pub"));
    assert_true(key_directory_refresh(keys));
    assert_string_equal(key_directory_fault(keys), "");
    key_directory_close(keys);
}

TEST(of_two_files_with_one_key_the_lesser_role_counts)
{
    struct key_file file = new_key(ROLE_ADMIN);
    assert_int_equal(certificate_publish(path_of("a.pub"), &file, false, NULL), STATUS_OK);
    file.role = ROLE_READER;
    assert_int_equal(certificate_publish(path_of("b.pub"), &file, false, NULL), STATUS_OK);
    file.role = ROLE_CLIENT;
    assert_int_equal(certificate_publish(path_of("c.pub"), &file, false, NULL), STATUS_OK);
    struct key_directory *keys = key_directory_open(directory);
    assert_true(is_in(keys, &file, ROLE_READER));
    key_directory_close(keys);
}

TEST(nobody_is_in_a_directory_that_is_missing)
{
    struct key_file a = new_key(ROLE_CLIENT);
    struct key_directory *keys = key_directory_open(path_of("none"));
    assert_false(key_directory_refresh(keys));
    assert_false(is_in(keys, &a, ROLE_CLIENT));
    key_directory_close(keys);
}
