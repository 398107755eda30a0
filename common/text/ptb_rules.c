// The rules of the caption tokenizer: the first that matches says what the token is. They were written from what the
// program that COCO runs was seen to do with texts made to ask it; its own rules were not looked at. Where several
// could hold, order stands for the longest match that it takes.
#include "text/ptb_rules.h"

#include <pthread.h>
#include <stdlib.h>

#include "text/pattern.h"

// Characters. Which are blanks depends on what they would be within: see ptb_shadow.h.
#define BLANK "[ \\x91-\\x93]"
#define BOUNDARY "(?=" BLANK "|\\z)"
#define NUMBER_BLANK "[ \\x91]"
#define CURLY "\\x8e"
#define QUOTE "(?:['`" CURLY "\\x8b]|&apos;)"
#define ACCENT "&[AEIOUaeiou](?:acute|grave|uml);"
#define DIGITS "0-9\\x81"
#define NUMBER "[" DIGITS "]"
#define PLAIN_LETTERS "A-Za-z\\x80"
#define PLAIN_LETTER "[" PLAIN_LETTERS "]"
#define PLAIN_WORD "[" PLAIN_LETTERS DIGITS "]"
#define LETTERS PLAIN_LETTERS "\\x83" // soft hyphens too
#define LETTER "[" LETTERS "]"
#define WORD "[" LETTERS DIGITS "]"
#define ANY_LETTER "(?:[" LETTERS "\\x8c]|" ACCENT ")" // marks too
#define ANY_WORD "(?:[" LETTERS DIGITS "\\x8c]|" ACCENT ")"
#define ASCII "[A-Za-z0-9\\x83]"

// Words and what is joined to them.
#define ELISION "[dloDLO]" QUOTE "(?=" PLAIN_WORD "{2})"
#define QUOTED "(?:" ELISION PLAIN_WORD "+|(?:n|[A-HJ-XZ])" QUOTE PLAIN_LETTER "{2,})"
#define NAME "(?:" ELISION ")?" WORD "+"
#define PLAIN_NAME "(?:" ELISION ")?" PLAIN_WORD "+"
#define JOINED NAME "(?:[-_\\x84]" NAME ")*+"
#define SLASHED "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"
#define ACRONYM "[A-Za-z](?:\\.[A-Za-z])++\\."
#define SENTENCES ANY_LETTER ANY_WORD "*+(?:[.!?]" ANY_LETTER ANY_WORD "*+)++" // no blank between: what?yes
#define SUFFIXES "(?i:[sdm]|ll|re|ve)"
#define SUFFIX "(?:(?:" CURLY "|&apos;)" SUFFIXES "|'" SUFFIXES "(?![A-Za-z]))"
#define SUFFIX_BEGIN "(?:['" CURLY "]|&apos;)" SUFFIXES
#define NOT "(?i:n)" QUOTE "(?i:t)"

// Behind cannot, gonna and their like: they are one word before -5, /x, .x and 's.
#define APART                                                                                                          \
    "(?!" ANY_WORD "|(?<=[ae])" QUOTE "(?-i:[aeiouA-Z])|[-_/\\x84]" WORD "|[.!?]" ANY_LETTER "|" SUFFIX_BEGIN ")"

// Tags, addresses, the names of sites.
#define COMMENT "<[!?][A-Za-z-][^>]*>"
#define TAG "</?[A-Za-z][\\w:.-]*(?: +[A-Za-z][\\w:.-]*(?: *= *(?:\"[^\"]*\"|'[^']*'|[^ \"'<>=]+))?)* */? *>"
#define UNBROKEN "[^ \\x93\"<>(){|}]"
#define UNBROKEN_END "[^ \\x93\"<>(){|}!,.?-]"
#define PATH "(?:/[^ \\x93\"<>()|]{1,999}" UNBROKEN_END ")"
#define SITE_PART "[#%&*+~a-z\\x80-\\x92]{0,99}+"
#define SITE "(?:(?!\\.)" SITE_PART "\\.){1,9}(?i:com|net|org|edu)"
#define ADDRESSED "[^ \\x91\\x93\"<>(){|}]"
#define ADDRESS "[^ \\x91\\x93\"<>(){|}.]"

// Words that keep their full stop: those that may end a sentence, whatever follows; those that may not; and before a
// number. Some need a capital, some are not known in capitals.
#define ABBREVIATED_END                                                                                                \
    "(?:(?i:"                                                                                                          \
    "al|ala|apr|ariz|assn|aug|bhd|bldg|blvd|bros|calif|co|colo|conn|corp|cos|ct|dak|dec|esq|est|etc|ext|feb|"          \
    "fla|fri|ga|inc|ind|intl|jan|jr|jul|jun|kan|kans|ky|ltd|mar|md|mich|minn|mo|mon|mont|neb|nev|nov|oct|okla|"        \
    "penn|plc|rd|rt|sep|sept|seq|sq|sr|sys|tel|tenn|thu|thurs|tue|tues|univ|va|vt|wed|wis|wisc|wyo"                    \
    ")|A(?i:z|rk)|D(?i:el)|I(?i:ll)|L(?i:a)|M(?i:ass)|O(?i:re)|P(?i:a)|T(?i:ex)|W(?i:ash)|[Pp](?:p?te|p?ty))"
#define ABBREVIATED_TITLE                                                                                              \
    "(?:(?i:"                                                                                                          \
    "adj|adm|adv|alex|assoc|asst|atty|ave|brig|capt|cf|cie|cmdr|col|comdr|cpl|dept|det|dr|drs|elec|ens|ft|gen|"        \
    "gov|govs|hon|insp|invt|jos|lieut|lt|maj|messrs|mlle|mme|mr|mrs|ms|msgr|mt|natl|pfc|ph|pres|prof|profs|"           \
    "pvt|rep|reps|rev|sen|sens|sfc|sgt|spc|st|ste|supt|treas|vs|wm"                                                    \
    ")|M(?i:iss)|[Mm](?:fg|tg)|[Pp](?:tes|tys))"
#define ABBREVIATED_BEFORE_NUMBER "(?i:ca|nos?|op|pp|art|figs?|prop)"

// A single letter is no abbreviation before one of these, which begin sentences.
#define BEGINNING                                                                                                      \
    BLANK                                                                                                              \
    "+(?:" COMMENT "|" TAG                                                                                             \
    "|A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Now|"      \
    "Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|"      \
    "You|Mr\\.|Ms\\.)" BOUNDARY

#define FILE_NAME                                                                                                      \
    ANY_WORD                                                                                                           \
    "++(?:\\." WORD "+){0,9}\\."                                                                                       \
    "(?i:bat|bmp|c|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|"      \
    "wav|x|xml|zip)(?=[ \\x91-\\x93.,!?]|\\z)"

static const struct rule {
    const char *expression;
    enum ptb_writing writing;
} rules[] = {
    // Most words of a caption are these; for the others they would only be slow.
    {"(?!(?i:cannot|gonna|gotta|lemme|gimme|wanna)(?:[ \\x93]|\\z))[A-Za-z]++(?=[ \\x93]|\\z)", PTB_AS_IS},
    {BLANK "++", PTB_NOTHING},
    // Addresses. The counts keep a long caption from being read again and again.
    {"(?:<|&lt;)?[A-Za-z0-9]" ADDRESSED "{0,99}?@" ADDRESS "++(?:\\." ADDRESS "++)*+>?", PTB_KEPT},
    {"(?!(?:[A-Za-z]++\\.)++[A-Za-z]*+\\x80)"
     "(?i:www)(?:\\.[^ \\x93\"(),<>{|}.!?]{1,99}+){1,9}\\.[A-Za-z]{2,4}(?![.!?-]?[A-Za-z0-9])" PATH "?",
     PTB_KEPT},
    // A site's name may begin with, and hold, most marks, as it’sfoo.com; without any it is what words are.
    {SITE PATH, PTB_KEPT},
    {"(?=[a-z\\x80\\x83\\x8c.]{0,999}+[#%&*+~\\x81-\\x92]" SITE_PART "\\.)" SITE, PTB_KEPT},
    // Two quotes of any kind but ASCII's ' and " are one token, as ”’ and «„.
    {"[`\\x85\\x8b\\x8e\\x8f]{2}", PTB_MARKS},
    {"[\\x84-\\x87\\x8d\"]|\\x89(?!" NUMBER ")", PTB_NOTHING},
    // Before a number: ....5 is not .5
    {"\\.{3,5}|\\." NUMBER_BLANK "\\." NUMBER_BLANK "\\.", PTB_NOTHING},
    {"-{5,}", PTB_AS_IS},
    {"-{2,4}|''|``", PTB_NOTHING},
    // Tags.
    {COMMENT, PTB_TAG},
    {TAG, PTB_TAG},
    {"(?i:https?)://" UNBROKEN "{1,1999}" UNBROKEN_END, PTB_KEPT},
    // Full stops and commas within words before a hyphen: 1,000-x, Corp.A-1, a,-b, i-U.S., but Corp. -x
    {"(?!" ABBREVIATED_END "\\.-[A-Za-z0-9](?![A-Za-z0-9]))(?!\\x83)(?:" ASCII "++[.,]|(?=" ASCII "++(?:-" ASCII
     "++){0,9}-" ACRONYM "))"
     "[A-Za-z0-9.,\\x83]*+(?:-(?:" ACRONYM "|" ASCII "++))++(?:\\.(?=[,;:]))?",
     PTB_AS_IS},
    {"@[A-Za-z_]\\w*|#" ANY_LETTER "++", PTB_KEPT},
    // What HTML writes for characters.
    {"(?!" SUFFIX "|&apos;[Nn])&(?i:lt|gt|amp|nbsp|apos|quot|mdash|ndash);", PTB_LISTED},
    {"&#[0-9]+;", PTB_AS_IS},
    // Faces.
    {"[<>]?[:;=][-o*']?[][()@\\\\{|DOPdp](?![A-Za-z0-9])|:[0-9](?![.,:]?" WORD ")", PTB_AS_IS},
    {"\\([-x=~<>'^][-_.][-x=~<>'^]\\)|[-x=~<>'^]_[-x=~<>'^]", PTB_AS_IS},
    // Telephone numbers.
    {"(?![0-9]++(?:(?:-[0-9]++)++[-_]?" WORD "|(?:-[0-9]++){3}))"
     "(?:\\([0-9]{2,3}\\)[ \\x91]?|(?:\\+\\+?)?(?:[0-9]{2,4}[- \\x91])?[0-9]{2,4}[- \\x91])"
     "[0-9]{3,4}[- \\x91]?[0-9]{3,5}",
     PTB_AS_IS},
    // Two words in one.
    {"(?i:can(?=not" APART ")|gon(?=na" APART ")|got(?=ta" APART ")|lem(?=me" APART ")|gim(?=me" APART
     ")|wan(?=na" APART ")|'t(?=is|was))",
     PTB_AS_IS},
    {SUFFIX, PTB_SUFFIX},
    {"[" CURLY "'](?i:em|til|cause|n(?:[" CURLY "']|&apos;))|'n" BOUNDARY "|(?:" CURLY "|&apos;)[Nn]|[" CURLY
     "'](?:[2-9]0s|[0-9]{2}" BOUNDARY ")",
     PTB_AS_IS},
    {NOT PLAIN_LETTER "+", PTB_AS_IS}, // of don’ta
    {NOT, PTB_SUFFIX},
    {"[A-Za-z\\x83]+?(?=" NOT ")", PTB_AS_IS},
    // A quote between a vowel and another, or a capital: HeO'Neil.
    {"(?!" PLAIN_LETTER "+" SUFFIX_BEGIN "(?!" LETTER "))" PLAIN_LETTER "+(?i:[aeiouy])[" CURLY
     "'`\\x8b][aeiouA-Z]" PLAIN_LETTER "*",
     PTB_AS_IS},
    {"(?![A-HJ-XZdlon]" QUOTE SUFFIXES LETTER "|[dloDLO]" QUOTE SUFFIXES PLAIN_WORD "|" NUMBER PLAIN_WORD
     "*+\\x83)" JOINED "(?=" SUFFIX_BEGIN ")",
     PTB_AS_IS},
    {"[DLdl](?:[" CURLY "']|&apos;)(?!" PLAIN_WORD "{2})|[Jj][" CURLY "'](?!" LETTER "{2})|(?:[Yyj]|[Oo][Ll])[" CURLY
     "'](?=" LETTER ")",
     PTB_AS_IS},
    // A full stop before other marks belongs to the word: v?s.,
    {"(?:" SENTENCES "|" JOINED "|" ANY_LETTER ANY_WORD "*+|" NUMBER "+)\\.(?=[,;:])", PTB_AS_IS},
    // Files. Where a word goes on behind the ending it is a word with marks inside, as foo.c!a, but 1.txt!a not.
    {"(?!" ABBREVIATED_END "\\.[A-Za-z](?!" WORD ")|" ACRONYM "(?!" ANY_WORD "))"
     "(?:(?=" NUMBER ")" FILE_NAME "|" FILE_NAME "(?![.!?]" ANY_LETTER "))",
     PTB_KEPT},
    // Abbreviations.
    {"(?:" ABBREVIATED_END "|(?i:ph|ed)\\.[Dd])\\.(?!" ACCENT "|" ANY_LETTER "(?:" ANY_WORD "|[.!?]" ANY_LETTER
     "|" SUFFIX_BEGIN "))",
     PTB_AS_IS},
    {ABBREVIATED_TITLE "\\.(?!-?" ANY_LETTER ")", PTB_AS_IS},
    {ABBREVIATED_BEFORE_NUMBER "\\.(?=" BLANK "?" NUMBER ")", PTB_AS_IS},
    {"[A-Za-z]\\.(?!" ANY_LETTER "|" BEGINNING ")", PTB_AS_IS},
    {ACRONYM "(?!" ANY_LETTER ")", PTB_AS_IS},
    // Numbers: dates, fractions of other scripts than ASCII, fractions.
    {"(?!" NUMBER "+(?:-" NUMBER "+){3})" NUMBER "{1,2}[-/]" NUMBER "{1,2}[-/]" NUMBER "{2,4}(?!" ANY_WORD ")",
     PTB_AS_IS},
    {"(?=[0-9]*+(?:\\x81|/[0-9]*+\\x81))" NUMBER "{1,4}/" NUMBER "{1,4}", PTB_AS_IS},
    {NUMBER "+(?:-|" NUMBER_BLANK ")" NUMBER "{1,4}(?:\\\\?/|\\x8a)" NUMBER "{1,4}", PTB_AS_IS},
    {"[-+\\x83]?[.,:\\x89]?" NUMBER "+(?:[.,:\\x89]" NUMBER "+)++|[-+]?[.,:\\x89]" NUMBER "+", PTB_AS_IS},
    {NUMBER "{1,4}\\x8a" NUMBER "{1,4}", PTB_AS_IS},
    {"[-+]" NUMBER "+", PTB_AS_IS},
    // Words with marks inside.
    {SLASHED "\\\\?/" SLASHED "(?:\\\\?/" SLASHED ")?", PTB_AS_IS},
    {SENTENCES, PTB_AS_IS},
    {"[A-Z]+(?:[&+][A-Z]+)++", PTB_AS_IS},
    {"(?i:o[" CURLY "'`\\x8b]o(?!" WORD ")|c[" CURLY "'](?:est|mon)|e'er|li[" CURLY "']l)", PTB_AS_IS},
    {"[Cc]\\+\\+|[CcFf]#|[A-Z]+\\$", PTB_AS_IS},
    // Soft hyphens go with hyphens, not with low lines.
    {"(?!\\x83|" NUMBER PLAIN_WORD "*+\\x83)" NAME "(?:[-\\x84]" NAME ")++(?!_)", PTB_AS_IS},
    {PLAIN_NAME "(?:[-_\\x84]" PLAIN_NAME ")++|" QUOTED, PTB_AS_IS},
    {ANY_LETTER ANY_WORD "*+", PTB_AS_IS},
    // Words behind a digit have neither marks nor soft hyphens nor HTML's letters: 3caf&eacute;
    {NUMBER "(?:[" DIGITS "\\x83]*+(?!" PLAIN_LETTER ")|" PLAIN_WORD "*+)", PTB_AS_IS},
    // Marks that stand together.
    {"[!?]+|\\\\\\*|\\*+|_+|#+|@+|<<|>>|\\x88+|\\x90+", PTB_AS_IS},
    {"[\\s\\S]", PTB_LISTED},
};
enum { RULES = sizeof rules / sizeof *rules };

static struct pattern *patterns[RULES];
static pthread_once_t compiled = PTHREAD_ONCE_INIT;

static void compile(void) {
    for (int i = 0; i < RULES; i++) {
        char *anchored = xformat("\\G(?:%s)", rules[i].expression);
        patterns[i] = pattern_new(anchored, PATTERN_BYTES);
        free(anchored);
    }
}

static struct ptb_token first_match(const char *shadow, size_t size, size_t from) {
    for (int i = 0; i < RULES; i++) {
        struct match match;
        if (pattern_find(patterns[i], shadow, size, from, &match))
            return (struct ptb_token){match.end, rules[i].writing};
    }
    bug("no rule takes byte %zu of a caption", from);
}

// Rules look ahead within a window only, as a caption without end would be searched anew for each token. A token near
// the window's end is looked for again in a longer one; so a tag or an address of more than a window may be cut, a word
// never.
enum { WINDOW = 1024, MARGIN = 128 };

struct ptb_token ptb_token_at(const char *shadow, size_t size, size_t from) {
    pthread_once(&compiled, compile);
    for (size_t window = WINDOW;; window *= 2) {
        const size_t limit = size - from > window ? from + window : size;
        const struct ptb_token token = first_match(shadow, limit, from);
        if (limit == size || token.end + MARGIN <= limit) return token;
    }
}
