#!/usr/bin/env bats
# --help of every program and command: it names options that are there, and those that are used.

COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
PATH=$COCA_BIN:$PATH

stages=(decode tokenize label image-encode text-decode head loss serve "score task" "score zero-shot" "score retrieval" "score embed" "score probe" "score captions" "score clip-score")

# options WORDS ...: the names that the words print, one a line
options() { "$@" | sed -nE 's/^  --(\[no-\])?([a-z0-9-]+).*/\2/p' | sort; }

@test "help: every command has a page, and every stage's is part of --help-all" {
    for command in coca-ask coca-spool coca-run coca-await "coca-loss --prepare" "coca-loss --plan" coca-pack\ {pack,index,formats,list,show,extract,verify,export} \
        coca-tap\ {watch,record,replay,diff,export,import,keys} "coca-score prompts" "coca-score metrics" "coca-score meteor-data" "coca-score head" "coca-score neighbours" "${stages[@]/#/coca-}"; do
        $command --help >page
        grep -q "^Usage: $command" page
        comm -23 <(options $command --help) <(options $command --help-all) >more
        [ ! -s more ]
    done
}

@test "help: a stage shows the run options that it uses, and takes them all" {
    options coca-loss --prepare --help | grep -vxE 'name|runs|resume|settings|again' >all
    for stage in "${stages[@]}"; do
        options coca-$stage --help-all >taken
        comm -23 all taken >lacking
        [ ! -s lacking ]
        [ "$(options coca-$stage --help | comm -12 - all | wc -l)" -lt "$(wc -l <all)" ]
    done
    options coca-decode --help >used
    grep -qx images used
    grep -qx aug-flip used
    [ -z "$(grep -xE 'lr|tokens|threads' used)" ]
    [ -z "$(options coca-loss --help | grep -xE 'images|tokens|aug-flip|prompts')" ]
    coca-decode --lr 0.1 --tokens ipc://x --help >page
}

setup() { cd "$(mktemp -d)"; }
teardown() { rm -rf "$PWD"; }
