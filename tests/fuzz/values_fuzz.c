// Any bytes as a file with large values (database.h tells what the first byte chooses).
#include "fuzz/database.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    database_fuzz(database_make(FILE_VALUES), bytes_of(data, size));
    return 0;
}
