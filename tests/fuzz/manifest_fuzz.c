// Any bytes as the manifest (database.h tells what the first byte chooses).
#include "fuzz/database.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    database_fuzz(database_make(FILE_MANIFEST), bytes_of(data, size));
    return 0;
}
