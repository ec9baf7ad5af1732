// What goes into a batch comes out of the log, and nothing that is out of bounds does.
#include "unit/unit.h"

#include "lsm/log/log_op.h"

TEST(operations_come_back_in_order)
{
    struct buf ops = {0};
    log_op_encode_put(&ops, bytes_of_text("key"), bytes_of_text("value"));
    log_op_encode_put(&ops, bytes_of_text("empty"), (struct bytes){0});
    log_op_encode_delete(&ops, bytes_of_text("gone"));
    log_op_encode_note(&ops, bytes_of_text("note"));
    log_op_encode_part(&ops, OP_NOTE_END, bytes_of_text("part"));
    size_t begin = log_op_begin_packed(&ops, bytes_of_text("key"));
    buf_append_text(&ops, "packed");
    log_op_end_packed(&ops, begin);
    struct reader reader = reader_of(buf_bytes(&ops));
    struct log_op op = {0};
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_PUT);
    assert_true(bytes_equal(op.key, bytes_of_text("key")));
    assert_true(bytes_equal(op.value, bytes_of_text("value")));
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.value.size, 0);
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_DELETE);
    assert_true(bytes_equal(op.key, bytes_of_text("gone")));
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_NOTE);
    assert_true(bytes_equal(op.value, bytes_of_text("note")));
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_NOTE_END);
    assert_true(bytes_equal(op.value, bytes_of_text("part")));
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_PUT_PACKED);
    assert_true(bytes_equal(op.key, bytes_of_text("key")));
    assert_true(bytes_equal(op.value, bytes_of_text("packed")));
    assert_false(log_op_decode(&reader, &op));
    assert_true(reader_done(&reader));
    buf_release(&ops);
}

TEST(a_cut_operation_is_bad)
{
    struct buf ops = {0};
    log_op_encode_put(&ops, bytes_of_text("key"), bytes_of_text("value"));
    for (size_t size = 1; size < ops.size; size++) {
        struct reader reader = reader_of(bytes_of(ops.data, size));
        struct log_op op;
        assert_false(log_op_decode(&reader, &op));
        assert_true(reader.bad);
    }
    buf_release(&ops);
}

TEST(an_operation_that_is_none_is_bad)
{
    static const uint8_t kinds[] = {0, 8, 255};
    struct log_op op;
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct reader reader = reader_of(bytes_of(&kinds[i], 1));
        assert_false(log_op_decode(&reader, &op));
        assert_true(reader.bad);
    }
    static const uint8_t empty_key[] = {OP_DELETE, 0, 0};
    struct reader reader = reader_of(bytes_of(empty_key, sizeof empty_key));
    assert_false(log_op_decode(&reader, &op));
    assert_true(reader.bad);
}
