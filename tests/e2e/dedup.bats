#!/usr/bin/env bats
# Duplicates of a dataset: exact copies, pictures encoded anew, smaller ones, by hash and by embedding; and the dataset
# without them.

load tiny.bash

# 20 pictures of soft waves, 96 x 96, in all/; 00 to 09 are the test set. `own` has of these two copies, two encoded anew as
# JPEG and two of 40 x 40; 10 to 19; and of 10 and 11 a copy each, the latter encoded anew.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    perl -e 'srand 7; binmode STDOUT; print pack("CCCCNNN", 0, 0, 8, 3, 20, 96, 96);
        for (1 .. 20) { my @w = map { [map { rand } 1 .. 4] } 1 .. 6;
            for my $y (0 .. 95) { for my $x (0 .. 95) { my $s = 128;
                $s += 30 * cos(6.2832 * ($_->[0] * 3 * $x / 96 + $_->[1] * 3 * $y / 96 + $_->[2])) for @w;
                print chr($s < 0 ? 0 : $s > 255 ? 255 : int $s) } } }' >waves-idx3-ubyte
    perl -e 'print pack("CCCCN", 0, 0, 8, 1, 20), "\0" x 20' >labels-idx1-ubyte
    coca-pack pack --from idx waves-idx3-ubyte --labels labels-idx1-ubyte --to waves.set
    coca-pack pack --from dataset waves.set --resize 95 --quality 60 --to anew.set
    coca-pack pack --from dataset waves.set --resize 40 --quality 90 --to small.set
    mkdir test own
    local i
    for i in {0..9}; do picture waves.set "$i" "test/0$i.png"; done
    for i in 0 1; do picture waves.set "$i" "own/copy-$i.png"; done
    for i in 2 3; do picture anew.set "$i" "own/anew-$i.jpg"; done
    for i in 4 5; do picture small.set "$i" "own/small-$i.jpg"; done
    for i in {10..19}; do picture waves.set "$i" "own/o$i.png"; done
    picture waves.set 10 own/p10.png
    picture anew.set 11 own/p11.jpg
    coca-pack pack --from folder test --to test.set
    coca-pack pack --from folder own --to own.set
}
setup() { cd "$BATS_FILE_TMPDIR" || return; }

# picture SET NUMBER FILE: with a caption beside it.
picture() { coca-pack extract "$1" "$2" >"$3" && echo "wave $2" >"${3%.*}.txt"; }

@test "known duplicates of a test set are found, and nothing else" {
    coca-pack dedup own.set --against test.set --out list 2>words
    [ "$(cut -f 1-3 list)" = "$(printf '%s\t%s\t%s\n' anew-2 02 hash anew-3 03 hash copy-0 00 exact copy-1 01 exact \
        small-4 04 hash small-5 05 hash)" ]
    awk -F '\t' '$3 == "exact" && $4 != 0 || $4 > 4 { exit 1 }' list
    grep 'own.set: 18 records, 6 duplicates, 2 exact, 4 hash' words
    [ "$(coca-pack dedup own.set --against test.set --distance -1 | cut -f 1 | tr '\n' ' ')" = 'copy-0 copy-1 ' ]
    # An id that several have tells nobody apart.
    coca-pack pack --from dataset own.set own.set --to twice.set
    [ "$(coca-pack dedup twice.set --against test.set --distance -1 | cut -f 1,2 | head -n 1)" = "$(printf '#%d\t00' 2)" ]
}

@test "within a dataset the first of each group stays" {
    [ "$(coca-pack dedup own.set | cut -f 1-3)" = "$(printf '%s\t%s\t%s\n' p10 o10 exact p11 o11 hash)" ]
    mkdir -p same && for i in 1 2 3 4; do picture waves.set 0 same/$i.png; done
    coca-pack pack --from folder same --to same.set
    [ "$(coca-pack dedup same.set | cut -f 1,2)" = "$(printf '%s\t1\n' 2 3 4)" ]
}

@test "what is listed is left out" {
    coca-pack dedup own.set --against test.set --out list
    coca-pack pack --from dataset own.set --exclude list --to clean.set 2>words
    grep 'left out: 6 samples (excluded by --exclude: 6)' words
    grep -e '--exclude list: 6 samples are left out' words
    [ "$(coca-pack list clean.set | cut -f 2 | grep -c '^[op]1')" -eq 12 ]
    [ "$(coca-pack dedup clean.set --against test.set | wc -l)" -eq 0 ]
    [ "$(jq -r .reason clean.set/dropped.jsonl | sort -u)" = 'excluded by --exclude' ]
    printf '#0\ncopy-1\nnobody\n' | coca-pack pack --from dataset own.set --exclude - --to two.set 2>words
    [ "$(coca-pack list two.set | wc -l)" -eq 16 ]
    grep 'no sample has 1 of its 3 names' words
}

@test "a page of the pairs, those nearest to the threshold first" {
    coca-pack dedup own.set --against test.set --out list --html page.html --pairs 5
    [ "$(grep -c '<section>' page.html)" -eq 5 ]
    [ "$(grep -o '<img ' page.html | wc -l)" -eq 10 ]
    grep -o '<h2>[a-z]* [0-9]*' page.html | awk '{ d = $1 ~ /exact/ ? -1 : $2; if (NR > 1 && d > before) exit 1; before = d }'
}

@test "pictures that do not decode are named, and not compared" {
    mkdir -p broken && cp own/o10.png broken/good.png && head -c 300 own/o11.png >broken/cut.png
    cp broken/cut.png broken/cut-too.png
    for i in good cut cut-too; do echo wave >broken/$i.txt; done
    coca-pack pack --from folder broken --no-verify --to broken.set
    coca-pack dedup broken.set >list 2>words
    [ ! -s list ]
    grep 'record 1, cut: picture does not decode' words
    grep '2 pictures do not decode and are not compared' words
}

@test "by embedding, with a model that makes them" {
    tiny_trained
    "$BATS_TEST_DIRNAME/../../pipelines/dedup.sh" --pretrained runs/made/model --precision fp32 --threads 1 --data own.set \
        --against test.set --similarity 0.99999 --out list
    # A model of four steps hardly tells pictures apart: what is equal it finds.
    [ "$(grep copy- list | cut -f 1-3 | tr '\t\n' '  ')" = 'copy-0 00 embedding copy-1 01 embedding ' ]
    cut -f 4 list | awk '$1 < 0.99999 || $1 > 1.00001 { exit 1 }'
    run coca-pack dedup own.set --embeddings nothing.npy --against test.set
    [ "$status" -eq 2 ]
}
