// A frame is valid in its place and nowhere else.
#include "unit/unit.h"

#include "base/buf.h"
#include "base/endian.h"
#include "base/hash.h"
#include "lsm/file/frame.h"

enum { DATABASE = 77, NUMBER = 3, OFFSET = 512, SIZE = 48 };

static void make(uint8_t frame[SIZE])
{
    memcpy(frame + FRAME_HEADER_SIZE, "hello dkv", 9);
    frame_finish(frame, 9, FRAME_BATCHES, frame_address(NUMBER, OFFSET));
    assert_int_equal(frame_sign(frame, frame_address(2, 1024), DATABASE), SIZE);
}

TEST(a_frame_comes_back)
{
    uint8_t bytes[SIZE];
    struct frame frame;
    make(bytes);
    assert_true(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER, OFFSET, DATABASE));
    assert_int_equal(frame.kind, FRAME_BATCHES);
    assert_int_equal(frame.size, SIZE);
    assert_true(frame.synced == frame_address(2, 1024));
    assert_true(bytes_equal(frame.payload, bytes_of_text("hello dkv")));
}

TEST(a_frame_of_another_place_is_invalid)
{
    uint8_t bytes[SIZE];
    struct frame frame;
    make(bytes);
    assert_false(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER + 1, OFFSET, DATABASE));
    assert_false(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER, OFFSET + 8, DATABASE));
    assert_false(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER, OFFSET, DATABASE + 1));
    // Nor does it help to forge the address: the checksum is salted with the place.
    store_u64(bytes + 8, frame_address(NUMBER + 1, OFFSET));
    assert_false(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER + 1, OFFSET, DATABASE));
}

TEST(no_bit_can_flip_unseen)
{
    uint8_t bytes[SIZE];
    struct frame frame;
    make(bytes);
    for (unsigned bit = 0; bit < SIZE * 8; bit++) {
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        assert_false(frame_decode(&frame, bytes_of(bytes, SIZE), NUMBER, OFFSET, DATABASE));
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
    }
}

TEST(a_frame_that_is_cut_off_is_invalid)
{
    uint8_t bytes[SIZE];
    struct frame frame;
    make(bytes);
    for (size_t size = 0; size < SIZE; size++)
        assert_false(frame_decode(&frame, bytes_of(bytes, size), NUMBER, OFFSET, DATABASE));
}

TEST(a_file_header_says_what_the_file_is)
{
    uint8_t header[FRAME_FILE_HEADER_SIZE];
    struct frame_file file = {FRAME_FILE_LOG, DATABASE, NUMBER, 65536, 0}, back;
    struct fault fault;
    frame_file_encode(header, &file);
    struct bytes bytes = bytes_of(header, sizeof header);
    assert_int_equal(frame_file_decode(&back, bytes, FRAME_FILE_LOG, "f", &fault), STATUS_OK);
    assert_true(back.database == DATABASE && back.number == NUMBER && back.size == 65536);
    assert_int_equal(frame_file_decode(&back, bytes, FRAME_FILE_MANIFEST, "f", &fault),
                     STATUS_CORRUPT);
    assert_int_equal(back.version, 1);
    store_u32(header + 8, 77);
    store_u64(header + 56, hash64(bytes_of(header, 56)));
    assert_int_equal(frame_file_decode(&back, bytes, FRAME_FILE_LOG, "f", &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "f: written by a newer dkv (needs format version 77)");
    header[30] ^= 1;
    assert_int_equal(frame_file_decode(&back, bytes, FRAME_FILE_LOG, "f", &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, "f: damaged header at offset 0");
}
