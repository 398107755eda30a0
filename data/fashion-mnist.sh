#!/usr/bin/env bash
# Fashion-MNIST as annotated pictures: 60,000 + 10,000 of 28 x 28 pixels, each with the name of its class as label.
#   data/fashion-mnist/train, data/fashion-mnist/test (with class names and templates, as CLIP_benchmark lays them out)
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
idx=/usr/share/datasets/fashion-mnist
classes=fashion-mnist.classes.txt

fetch dataset-fashion-mnist "$idx/train-images-idx3-ubyte.gz"
made fashion-mnist/train ||
    coca-pack pack --from idx "$idx/train-images-idx3-ubyte.gz" --class-names $classes --to fashion-mnist/train
made fashion-mnist/test ||
    coca-pack pack --from idx "$idx/t10k-images-idx3-ubyte.gz" --class-names $classes --to fashion-mnist/test
grep -v '^#' prompts/default.txt >fashion-mnist/test/zeroshot_classification_templates.txt
