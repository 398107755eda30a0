#!/usr/bin/env bats
# The recipes of data/ that make captions and statements.

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

# emoji_lists: what emoji.pl makes of a font with three characters and one ligature, in the folder `emoji`.
emoji_lists() {
    mkdir -p emoji cldr/annotations cldr/annotationsDerived
    perl "$BATS_TEST_DIRNAME/tiny_font.pl" >font.ttf
    cat >emoji-test.txt <<'E2'
# group: People & Body
# subgroup: hand-fingers-open
1F44B                 ; fully-qualified     # hand
1F44B 1F3FB           ; fully-qualified     # hand
1F44B 1F3FC           ; fully-qualified     # hand that the font does not draw
# group: Food & Drink
# subgroup: food-fruit
1F34E FE0F            ; fully-qualified     # apple
1F34E                 ; unqualified         # apple
E2
    annotate() { printf '\t\t<annotation cp="%s">%s</annotation>\n\t\t<annotation cp="%s" type="tts">%s</annotation>\n' "$@"; }
    { annotate 👋 'hand | wave &amp; go' 👋 'waving hand'; annotate 🍎 'fruit | red apple' 🍎 'red apple'; } >cldr/annotations/en.xml
    annotate 👋🏻 'hand | light' 👋🏻 'waving hand: light' >cldr/annotationsDerived/en.xml
    { annotate 🍎 '↑↑↑' 🍎 'scarlet apple'; annotate 👋 'hand' 👋 '↑↑↑'; } >cldr/annotations/en_GB.xml
    annotate 🍎 'Obst' 🍎 'roter Apfel' >cldr/annotations/de.xml
    perl "$DATA/emoji.pl" font.ttf emoji-test.txt cldr emoji en de
}

@test "recipes: emoji are the font's pictures, ligatures too, by their characters" {
    emoji_lists
    [ "$(cd emoji/png && grep . -- *)" = $'1F34E.png:PNG1\n1F3FB.png:PNG3\n1F44B-1F3FB.png:PNG4\n1F44B.png:PNG2' ]
    [ "$(tail -n +2 emoji/en.train.tsv)" = "$(printf '%s\t%s\t%s\t%s\t%s\t%s\n' \
        1F44B.png 0 hand-fingers-open 'waving hand' '' 'hand, wave & go' \
        1F44B-1F3FB.png 0 hand-fingers-open 'waving hand: light' '' 'hand, light' \
        1F34E.png 1 food-fruit 'red apple' 'scarlet apple' fruit)" ]
    [ "$(tail -n +2 emoji/de.train.tsv)" = $'1F34E.png\t1\tfood-fruit\troter Apfel\t\tObst' ]
    [ "$(cat emoji/groups.txt)" = $'People & Body\nFood & Drink' ]
}

@test "recipes: an emoji is held out with its skin tones" {
    emoji_lists
    sed 's/% 10 == 9/% 2 == 0/' "$DATA/emoji.pl" >every_second.pl
    perl every_second.pl font.ttf emoji-test.txt cldr emoji en
    [ "$(cut -f1 emoji/en.held-out.tsv | tr '\n' ' ')" = "filepath 1F44B.png 1F44B-1F3FB.png " ]
    [ "$(cut -f1 emoji/en.train.tsv | tr '\n' ' ')" = "filepath 1F34E.png " ]
}

# kinds: a list of two pictures of each of five subgroups.
kinds() {
    printf 'filepath\tgroup\tsubgroup\n' >list.tsv
    for kind in country-flag animal-bird time food-fruit arrow; do
        printf '%s\t0\t%s\n' "$kind.1" $kind "$kind.2" $kind >>list.tsv
    done
}
said='def kind: if test("a flag") then "country-flag" elif test("an animal") then "animal-bird" elif test("the time") then "time"
    elif test("to eat") then "food-fruit" elif test("an arrow") then "arrow" else error("no kind") end;'

@test "recipes: statements about an emoji have the label that its subgroup gives" {
    kinds
    perl "$DATA/emoji-tasks.pl" snli-ve list.tsv 600 3 >list.json
    jq -e "$said"' all(.[];
        (.label == (if (.sentence | kind) != (.image | split(".")[0]) then "contradiction"
            elif .sentence | test(" and ") then "neutral" else "entailment" end)))' list.json
    # Who reads the sentence alone is right half the time.
    jq -e 'group_by(.sentence | test(" and ")) | all(.[]; (map(select(.label == "contradiction")) | length) / length | . > 0.4 and . < 0.6)' list.json
    cmp list.json <(perl "$DATA/emoji-tasks.pl" snli-ve list.tsv 600 3)
}

@test "recipes: statements about two emoji are true as said, each of one pair and not of another" {
    kinds
    perl "$DATA/emoji-tasks.pl" nlvr2 list.tsv 600 3 >list.json
    jq -e "$said"' all(.[]; . as $e | ($e.sentence | kind) as $kind | [$e.images[] | split(".")[0] == $kind] as [$left, $right] |
        ($e.label == "True") == (if $e.sentence | test("^Both") then $left and $right elif $e.sentence | test("^The left") then $left
        elif $e.sentence | test("^The right") then $right elif $e.sentence | test("^Neither") then ($left or $right | not)
        else $left != $right end))' list.json
    jq -e 'map(select(.label == "True")) | length == 300' list.json
    jq -e 'group_by(.identifier | split("-")[1]) | all(.[]; length == 2 and (map(.sentence) | unique | length) == 1 and
        (map(.label) | unique | length) == 2)' list.json
}
