#!/bin/sh
# Makes tiny.model and tiny.ids, the ids that spm_encode gives for the lines of tiny.txt.
set -e
cd "$(dirname "$0")"
spm_train --input=tiny.txt --model_prefix=tiny --model_type=unigram --vocab_size=36 --character_coverage=1 \
    --normalization_rule_name=identity --pad_id=0 --bos_id=1 --eos_id=2 --unk_id=3 --num_threads=1 2>/dev/null
spm_encode --model=tiny.model --output_format=id <tiny.txt >tiny.ids
rm tiny.vocab
