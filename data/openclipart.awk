# list.tsv of openclipart.xsl twice: the first time counts how many pictures share a text, the second writes
# filepath, title, description, keywords of those that have a text of their own.
BEGIN {
    FS = OFS = "\t"
    shared_texts = 20  # more pictures than this with one text: it names a collection
    shared_lists = 100 # more pictures than this with the same keywords
    shared_words = 500 # more pictures than this with one keyword: it tells nothing
}

function squeeze(text) {
    gsub(/[ _]+/, " ", text)
    gsub(/^[ ,.;:-]+|[ ,;:-]+$/, "", text)
    return text
}

# The words of a file's name: no digits, no single letters.
function name_of(path,    words, count, i, name) {
    sub(/.*\//, "", path)
    sub(/\.svg$/, "", path)
    count = split(path, words, /[^A-Za-z]+/)
    for (i = 1; i <= count; i++) if (length(words[i]) > 1) name = name " " words[i]
    return squeeze(name)
}

# Titles of whole collections say nothing of a picture.
function title_of(text) {
    if (text ~ /^Part of the |^Clipart by |[Cc]ollection|[Ii]conset|-theme$| theme$/) return ""
    sub(/[ _]*[0-9]+$/, "", text)
    return squeeze(text)
}

function description_of(text,    words) {
    if (text ~ /@|https?:|HASH\(|[Cc]ollection|Sodipodi|[Ii]nkscape/ || split(text, words, / +/) > 16) return ""
    return squeeze(text)
}

# Keywords that few pictures have, six at most.
function keywords_of(text,    words, count, i, kept, keywords) {
    count = split(text, words, /, /)
    for (i = 1; i <= count && kept < 6; i++) {
        if (words[i] ~ /@|http|HASH|_theme_|^(unsorted|openclipart|mapsym|[0-9]+|.)$/) continue
        if (pictures[tolower(words[i])] > shared_words) continue
        keywords = keywords (kept++ ? ", " : "") squeeze(words[i])
    }
    return keywords
}

function own(text) { return texts[tolower(text)] > shared_texts ? "" : text }

NR == FNR {
    count = split($4, words, /, /)
    for (i = 1; i <= count; i++) pictures[tolower(words[i])]++
    lists[$4]++
    texts[tolower(title_of($2))]++
    texts[tolower(name_of($1))]++
    texts[tolower(description_of($3))]++
    next
}

FNR == 1 { print "filepath", "title", "description", "keywords" }
{
    title = own(title_of($2))
    if (title == "") title = own(name_of($1))
    description = own(description_of($3))
    if (tolower(description) == tolower(title)) description = ""
    keywords = lists[$4] > shared_lists ? "" : keywords_of($4)
    if (tolower(keywords) == tolower(title)) keywords = ""
    sub(/.*\/svg\//, "", $1)
    sub(/svg$/, "png", $1)
    if (title description keywords != "") print $1, title, description, keywords
}
