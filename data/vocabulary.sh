#!/usr/bin/env bash
# A SentencePiece vocabulary of the default data's captions and prompts, in lower case.
#   data/vocabulary.sh [--vocab_size 2048] → data/vocabulary/default.model (another size: data/vocabulary/SIZE.model)
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
size=2048
case ${1:-} in
    '') name=default ;;
    --vocab_size) size=$2 name=$2 ;;
    *) echo "usage: vocabulary.sh [--vocab_size N]" >&2; exit 2 ;;
esac

[[ -e vocabulary/$name.model ]] && exit
fetch sentencepiece /usr/bin/spm_train
./clipart.sh
mkdir -p vocabulary
# Prompts with class names are the other half of what training reads: so often that they weigh as much.
awk '/^#/ { next }
    NR == FNR { name[++names] = $0; next }
    { for (i = 1; i <= names; i++) { text = $0; sub(/[{]}/, name[i], text); print text } }' \
    fashion-mnist.classes.txt prompts/default.txt >vocabulary/prompts.txt
{
    coca-pack list clipart/train --captions
    for _ in {1..100}; do cat vocabulary/prompts.txt; done
} >vocabulary/texts.txt
# One thread, so that the same texts always give the same vocabulary.
spm_train --input=vocabulary/texts.txt --model_prefix="vocabulary/.$name" --vocab_size="$size" --model_type=unigram \
    --normalization_rule_name=nmt_nfkc_cf --character_coverage=0.9995 --num_threads=1 --minloglevel=2 \
    --pad_id=0 --bos_id=1 --eos_id=2 --unk_id=3
mv "vocabulary/.$name.model" "vocabulary/$name.model"
rm "vocabulary/.$name.vocab"
