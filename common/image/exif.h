// The one EXIF field that a decoder must honour.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Orientation 1 … 8 from an EXIF block (TIFF header first; "Exif\0\0" before it is skipped, however often). 1 where
// there is none or the block makes no sense, as it says nothing of the pixels then.
int exif_orientation(const uint8_t *bytes, size_t size);
