// Keys of open_clip's configuration dataclasses beside those that config.c reads: a switch must stand as open_clip has
// it by default, for what it turns on is not built here; a key without effect on CoCa may hold anything.
#pragma once

#include "base/json.h"

enum config_section { SECTION_MODEL, SECTION_VISION, SECTION_TEXT, SECTION_MULTIMODAL };

// Ticks off those keys of the section. A switch that is turned on is -EXIT_USAGE in fields->status, naming it.
void config_keys_of_open_clip(struct json_fields *fields, enum config_section section);
// The same for the keys that have no effect in both families.
void config_keys_without_effect(struct json_fields *fields, enum config_section section);
