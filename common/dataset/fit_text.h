// Which texts a dataset may have.
#pragma once

#include "base/span.h"

enum text_fault { TEXT_FIT, TEXT_EMPTY, TEXT_NUL, TEXT_NOT_UTF8 };

// Takes the blanks around the text off, and says whether what is left is fit.
enum text_fault text_fit(struct span *text);
