#include "base/section.h"

#include "unit/unit.h"

static void add(struct buf *out, uint8_t kind, size_t size)
{
    size_t begin = section_begin(out, kind);
    if (size)
        memset(buf_grow(out, size), kind, size);
    section_end(out, begin);
}

TEST(sections_of_all_sizes_come_back)
{
    static const size_t sizes[] = {0, 1, 127, 128, 129, 16383, 16384, 3000000};
    struct buf buf = {0};
    struct section section;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        add(&buf, (uint8_t)(i + 1), sizes[i]);
    struct reader reader = reader_of(buf_bytes(&buf));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_true(section_next(&reader, &section));
        assert_int_equal(section.kind, i + 1);
        assert_int_equal(section.body.size, sizes[i]);
        if (sizes[i])
            assert_true(section.body.data[0] == i + 1 && section.body.data[sizes[i] - 1] == i + 1);
    }
    assert_false(section_next(&reader, &section));
    assert_true(reader_done(&reader));
    buf_release(&buf);
}

TEST(a_small_section_costs_two_bytes)
{
    struct buf buf = {0};
    add(&buf, 9, 127);
    assert_int_equal(buf.size, 129);
    buf_release(&buf);
}

TEST(a_section_that_is_cut_makes_the_reader_bad)
{
    struct buf buf = {0};
    struct section section;
    add(&buf, 9, 200);
    for (size_t size = 1; size < buf.size; size++) {
        struct reader reader = reader_of(bytes_of(buf.data, size));
        assert_false(section_next(&reader, &section));
        assert_true(reader.bad);
    }
    buf_release(&buf);
}
