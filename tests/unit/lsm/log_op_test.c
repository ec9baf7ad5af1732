// What goes into a batch comes out of the log, and nothing that is out of bounds does.
#include "unit/unit.h"

#include "lsm/log_op.h"
#include "lsm/lsm.h"

TEST(operations_come_back_in_order)
{
    struct buf ops = {0};
    log_op_encode_put(&ops, bytes_of_text("key"), bytes_of_text("value"));
    log_op_encode_put(&ops, bytes_of_text("empty"), (struct bytes){0});
    log_op_encode_delete(&ops, bytes_of_text("gone"));
    log_op_encode_note(&ops, bytes_of_text("note"));
    struct reader reader = reader_of(buf_bytes(&ops));
    struct log_op op;
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

TEST(keys_out_of_bounds_are_refused)
{
    static uint8_t large[LSM_KEY_SIZE_MAX + 1];
    struct buf ops = {0};
    log_op_encode_put(&ops, bytes_of(large, sizeof large), (struct bytes){0});
    log_op_encode_delete(&ops, (struct bytes){0});
    struct reader reader = reader_of(buf_bytes(&ops));
    struct log_op op;
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_REFUSED);
    assert_int_equal(op.refusal, STATUS_TOO_LARGE);
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.refusal, STATUS_INVALID);
    buf_clear(&ops);
    log_op_encode_put(&ops, bytes_of(large, LSM_KEY_SIZE_MAX), (struct bytes){0});
    reader = reader_of(buf_bytes(&ops));
    assert_true(log_op_decode(&reader, &op));
    assert_int_equal(op.kind, OP_PUT);
    buf_release(&ops);
}

TESTS(RUN(operations_come_back_in_order), RUN(a_cut_operation_is_bad),
      RUN(keys_out_of_bounds_are_refused))
