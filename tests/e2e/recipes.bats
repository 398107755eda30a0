#!/usr/bin/env bats
# The recipes of data/ that make captions.

DATA=$BATS_TEST_DIRNAME/../../data

setup() { cd "$(mktemp -d)" || return; }
teardown() { rm -rf "$PWD"; }

# drawing FILE TITLE: an SVG whose author has a title of his own, with a keyword that is empty.
drawing() {
    cat >"$1" <<END
<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
     xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <metadata><rdf:RDF><cc:Work>
    <dc:creator><cc:Agent><dc:title>Somebody</dc:title></cc:Agent></dc:creator>
    <dc:title>$2</dc:title><dc:description>two
      lines</dc:description>
    <dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li/><rdf:li>two</rdf:li></rdf:Bag></dc:subject>
  </cc:Work></rdf:RDF></metadata>
</svg>
END
}

@test "recipes: a drawing's title is its own, not its author's" {
    command -v xsltproc >/dev/null || skip "xsltproc is not installed"
    drawing frog.svg "A &lt;red&gt; frog"
    [ "$(xsltproc --novalid --nonet "$DATA/openclipart.xsl" frog.svg)" = \
        $'frog.svg\tA <red> frog\ttwo lines\tone, two' ]
}

captions() { awk -f "$DATA/openclipart.awk" metadata.tsv metadata.tsv | tail -n +2; }

@test "recipes: a collection's title gives way to the file's name" {
    printf '/usr/share/openclipart/svg/computer/%s\t%s\t\tunsorted, mouse\n' \
        'web-browser_01.svg' 'Part of the Flat Icon Collection (Wed Aug 25)' >metadata.tsv
    [ "$(captions)" = $'computer/web-browser_01.png\tweb browser\t\tmouse' ]
}

@test "recipes: a title that many share gives way, and what has no text of its own is left out" {
    for i in {1..30}; do printf '/x/svg/stars/star_%dpt.svg\tgramastar\t\t\n' $i; done >metadata.tsv
    printf '/x/svg/animals/frog_john_doe_01.svg\tGreen frog 2\tGreen Frog\t7, animal, HASH(0x1)\n' >>metadata.tsv
    [ "$(captions)" = $'animals/frog_john_doe_01.png\tGreen frog\t\tanimal' ]
}

@test "recipes: addresses and long descriptions say nothing of a picture" {
    {
        printf '/x/svg/a.svg\tbus\tEPS converted from http://example.org\t\n'
        printf '/x/svg/b.svg\ttram\t%s\t\n' "$(printf 'word %.0s' {1..40})"
        printf '/x/svg/c.svg\tcar\tA small red car.\t\n'
    } >metadata.tsv
    [ "$(captions)" = $'a.png\tbus\t\t\nb.png\ttram\t\t\nc.png\tcar\tA small red car.\t' ]
}

@test "recipes: every template has a place for the name, and there are ten classes" {
    for file in "$DATA"/prompts/*.txt; do
        run grep -v -e '^#' -e '{}' -e '{c}' "$file"
        [ -z "$output" ]
    done
    [ "$(wc -l <"$DATA/fashion-mnist.classes.txt")" -eq 10 ]
}
