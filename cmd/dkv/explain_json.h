// explain_json.h - what is known of a key as one JSON object.
#pragma once

#include "dkv/explain_facts.h"

void explain_json_print(const struct explain_facts *facts);
