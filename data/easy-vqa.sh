#!/usr/bin/env bash
# easy-VQA: 4,000 + 1,000 pictures of one shape, 38,575 + 9,673 questions with one of 13 answers, which stands ten times, as
# if ten people had given it.
#   data/easy-vqa/train, data/easy-vqa/test, each with answers.txt: the same, by training's frequencies
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/recipe.sh"
sum=fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f

made easy-vqa/test && exit
command -v pip3 >/dev/null || fetch python3-pip /usr/bin/pip3
command -v jq >/dev/null || fetch jq /usr/bin/jq
mkdir -p easy-vqa
folder=$(mktemp -d easy-vqa/.wheel.XXXXXX)
trap 'rm -rf "$folder"' EXIT
pip3 download --quiet --disable-pip-version-check --no-deps --dest "$folder" easy-vqa==1.0 >&2
sha256sum --quiet --check <<<"$sum  $(echo "$folder"/*.whl)" >&2
python3 -m zipfile -e "$folder"/*.whl "$folder"
for part in train test; do
    # [question, answer, picture] becomes LAVIS's layout.
    jq --arg part $part '[to_entries[] | {question_id: "\($part)-\(.key)", question: .value[0], image: "\(.value[2]).png",
        answer: [range(10) as $i | .value[1]], question_type: (.value[0] | split(" ")[:2] | join(" ") | ascii_downcase),
        answer_type: (if .value[1] == "yes" or .value[1] == "no" then "yes/no" else "other" end)}]' \
        "$folder/easy_vqa/data/$part/questions.json" >"$folder/$part.json"
    made easy-vqa/$part || coca-pack pack --from lavis "$folder/$part.json" \
        --images-root "$folder/easy_vqa/data/$part/images" --replace --to easy-vqa/$part
done
cp easy-vqa/train/answers.txt easy-vqa/test/answers.txt
