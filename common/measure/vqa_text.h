// Answers to questions as VQA's evaluation compares them (github.com/GT-Vision-Lab/VQA,
// PythonEvaluationTools/vqaEvaluation/vqaEval.py), oddities included. Texts that are not UTF-8 are repaired first.
#pragma once

#include "base/memory.h"
#include "base/span.h"

// Each appends. Line ends and tabs become blanks, and those around the text go.
void vqa_strip(struct buffer *to, struct span text);

// What is left without punctuation, capitals and articles, with digits for the words none to ten and apostrophes in
// contractions. `text` is stripped first.
void vqa_normalise(struct buffer *to, struct span text);

// The same without commas: as answers stand in answer lists (github.com/hengyuan-hu/bottom-up-attention-vqa,
// tools/compute_softscore.py), whose members are an answer model's classes.
void vqa_answer(struct buffer *to, struct span text);
