#include "sim/sometimes.h"

#define SOMETIMES_TEXT(name, text) text,
static const char *const texts[] = {SOMETIMES_POINTS(SOMETIMES_TEXT)};
#undef SOMETIMES_TEXT

const char *sometimes_text(enum sometimes point)
{
    return texts[point];
}
