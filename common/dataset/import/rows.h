// Rows of lists, gathered by picture: Flickr8k and its relatives have a row for each caption, not for each picture.
#pragma once

#include "dataset/import/draft.h"

// Takes a row, whose draft has the path of its picture or a defect. It is kept until rows_give, or, with keep_rows,
// given at once, its picture read. As draft_give.
int rows_take(struct draft *draft, struct importer *importer);

// A row that is a sample of its own, as one of several questions about a picture. As draft_give.
int rows_give_now(struct draft *draft, struct importer *importer);

// Gives what was kept: a sample for each picture, in the order in which pictures appeared first, whatever lists name
// them; captions in the rows' order, labels without those that were there before. Rows that differ over the class are a
// defect, and a row with a defect is a sample of its own. As draft_give.
int rows_give(struct importer *importer);

void rows_free(struct rows **rows); // NULL is nothing
