// Certificates are czmq's, and whole or not there.
#include "net/net.h"
#include "unit/unit.h"

#include "net/certificate.h"
#include "net/net.h"

#include <czmq.h>
#include <sys/resource.h>

static char directory[64], secret_path[80], public_path[80];

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/dkv-certificate-test-XXXXXX");
    bool is_made = mkdtemp(directory);
    snprintf(secret_path, sizeof secret_path, "%s/a.key", directory);
    snprintf(public_path, sizeof public_path, "%s/a.pub", directory);
    return !is_made;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(secret_path);
    unlink(public_path);
    return rmdir(directory); // nothing else is left in it
}

static struct key_file new_name(enum role role)
{
    return (struct key_file){.name = "n1 (rack #3)", .role = role, .node = 0x0123456789abcdefu};
}

AROUND_EACH(make_directory, remove_directory)

TEST(a_certificate_comes_back_and_its_public_file_holds_no_secret)
{
    struct key_file made = new_name(ROLE_PEER), loaded;
    assert_int_equal(certificate_make(secret_path, public_path, &made, NULL), STATUS_OK);
    assert_int_equal(strlen(made.keys.public_key), 40);
    assert_string_equal(made.keys.secret_key, "");
    assert_int_equal(key_file_load(public_path, false, &loaded, NULL), STATUS_OK);
    assert_memory_equal(&loaded, &made, sizeof made);
    assert_int_equal(key_file_load(secret_path, true, &loaded, NULL), STATUS_OK);
    assert_int_equal(strlen(loaded.keys.secret_key), 40);
    memset(loaded.keys.secret_key, 0, sizeof loaded.keys.secret_key);
    assert_memory_equal(&loaded, &made, sizeof made);
}

TEST(two_keys_are_never_the_same)
{
    struct key_file first = new_name(ROLE_PEER), second = first;
    assert_int_equal(certificate_make(secret_path, NULL, &first, NULL), STATUS_OK);
    unlink(secret_path);
    assert_int_equal(certificate_make(secret_path, NULL, &second, NULL), STATUS_OK);
    assert_string_not_equal(first.keys.public_key, second.keys.public_key);
}

TEST(a_secret_is_never_overwritten)
{
    struct key_file first = new_name(ROLE_CLIENT), second = new_name(ROLE_ADMIN), loaded;
    assert_int_equal(certificate_make(secret_path, NULL, &first, NULL), STATUS_OK);
    assert_int_equal(certificate_make(secret_path, public_path, &second, NULL), STATUS_EXISTS);
    assert_int_equal(access(public_path, F_OK), -1);
    assert_int_equal(key_file_load(secret_path, true, &loaded, NULL), STATUS_OK);
    assert_string_equal(loaded.keys.public_key, first.keys.public_key);
}

TEST(there_is_no_secret_without_its_public_file)
{
    struct key_file first = new_name(ROLE_CLIENT), second = new_name(ROLE_CLIENT), loaded;
    assert_int_equal(certificate_make(secret_path, public_path, &first, NULL), STATUS_OK);
    unlink(secret_path);
    assert_int_equal(certificate_make(secret_path, public_path, &second, NULL), STATUS_EXISTS);
    assert_int_equal(access(secret_path, F_OK), -1);
    assert_int_equal(key_file_load(public_path, false, &loaded, NULL), STATUS_OK);
    assert_string_equal(loaded.keys.public_key, first.keys.public_key);
}

TEST(a_public_file_is_replaced_if_that_is_wanted)
{
    struct key_file file = new_name(ROLE_CLIENT), loaded;
    net_keys_generate(&file.keys);
    assert_int_equal(certificate_publish(public_path, &file, false, NULL), STATUS_OK);
    file.role = ROLE_ADMIN;
    file.node = 0;
    assert_int_equal(certificate_publish(public_path, &file, false, NULL), STATUS_EXISTS);
    assert_int_equal(certificate_publish(public_path, &file, true, NULL), STATUS_OK);
    assert_int_equal(key_file_load(public_path, false, &loaded, NULL), STATUS_OK);
    assert_string_equal(loaded.keys.public_key, file.keys.public_key);
    assert_true(loaded.role == ROLE_ADMIN && loaded.node == 0);
}

TEST(a_key_without_a_name_or_role_is_not_made)
{
    struct key_file file = new_name(ROLE_NONE);
    assert_int_equal(certificate_make(secret_path, NULL, &file, NULL), STATUS_INVALID);
    file = new_name(ROLE_CLIENT);
    snprintf(file.name, sizeof file.name, "a\"\n    role = \"admin");
    assert_int_equal(certificate_make(secret_path, NULL, &file, NULL), STATUS_INVALID);
    assert_int_equal(access(secret_path, F_OK), -1);
}

// zcert says that all went well then.
TEST(a_file_that_the_disk_did_not_take_is_not_there)
{
    struct key_file file = new_name(ROLE_CLIENT);
    struct fault fault = {0};
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit little = {.rlim_cur = 300, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    enum status status = certificate_make(secret_path, public_path, &file, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_IO);
    assert_non_null(strstr(fault.text, "is the disk full?"));
    assert_int_equal(access(secret_path, F_OK), -1);
    assert_int_equal(access(public_path, F_OK), -1);
}

TEST(czmq_reads_it)
{
    struct key_file file = new_name(ROLE_CLIENT);
    assert_int_equal(certificate_make(secret_path, NULL, &file, NULL), STATUS_OK);
    zcert_t *cert = zcert_load(secret_path);
    assert_non_null(cert);
    assert_string_equal(zcert_public_txt(cert), file.keys.public_key);
    assert_string_equal(zcert_meta(cert, "name"), file.name);
    assert_string_equal(zcert_meta(cert, "role"), "client");
    zcert_destroy(&cert);
}

TEST(a_certificate_that_czmq_alone_has_made_is_read)
{
    struct key_file loaded;
    zcert_t *cert = zcert_new();
    zcert_set_meta(cert, "name", "%s", "ann");
    zcert_set_meta(cert, "role", "%s", "reader");
    assert_int_equal(zcert_save_secret(cert, secret_path), 0);
    assert_int_equal(key_file_load(secret_path, true, &loaded, NULL), STATUS_OK);
    assert_string_equal(loaded.keys.public_key, zcert_public_txt(cert));
    assert_string_equal(loaded.keys.secret_key, zcert_secret_txt(cert));
    assert_true(!strcmp(loaded.name, "ann") && loaded.role == ROLE_READER);
    zcert_destroy(&cert);
}
