// Any bytes as a segment of the log (database.h tells what the first byte chooses).
#include "fuzz/database.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    database_fuzz(database_make(FILE_LOG), bytes_of(data, size));
    return 0;
}
