// The rules of the caption tokenizer: the first that matches says what the token is. They were written from what the
// program that COCO runs was seen to do with texts made to ask it; its own rules were not looked at. Where several
// could hold, order stands for the longest match that it takes.
#include "text/ptb_rules.h"

#include <pthread.h>
#include <stdlib.h>

#include "text/pattern.h"

#define ACCENT "&[AEIOUaeiou](?:acute|grave|uml);"
#define LETTERS "A-Za-z\\x80\\x83"
#define LETTER "[" LETTERS "]"
#define ANY_LETTER "(?:[" LETTERS "\\x8c]|" ACCENT ")" // marks too
#define DIGITS "0-9\\x81"
#define NUMBER "[" DIGITS "]"
#define WORD "[" LETTERS DIGITS "]"
#define ANY_WORD "(?:[" LETTERS DIGITS "\\x8c]|" ACCENT ")"
#define END "(?![" LETTERS DIGITS "\\x8c])"
#define CURLY "\\x8e"
#define ELISION "[dloDLO](?:['`" CURLY "]|&apos;)(?=" LETTER "{2})"
#define QUOTED "(?:[dlon]|[A-HJ-XZ])(?:['`" CURLY "]|&apos;)(?=" LETTER "{2})"
#define NAME "(?:" ELISION ")?" WORD "+"
#define JOINED NAME "(?:[-_\\x84]" NAME ")*+"
#define ASCII_WORD "[A-Za-z0-9]+(?:-[A-Za-z0-9]+){0,2}"
#define SUFFIXES "(?i:[sdm]|ll|re|ve)"
#define SUFFIX "(?:" CURLY SUFFIXES "|(?:'|&apos;)" SUFFIXES "(?![A-Za-z]))"
#define NOT "(?i:n)['" CURLY "\\x8b](?i:t)"
#define UNBROKEN "[^ \"<>(){|}]"
#define ADDRESS "[^ \"<>(){|}.]"

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
    " +(?:A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Now|"  \
    "Once|One|Other|Our|She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|"      \
    "You)(?= |\\z)"

#define FILE                                                                                                           \
    "(?i:bat|bmp|c|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|"      \
    "wav|x|xml|zip)"

static const struct rule {
    const char *expression;
    enum ptb_writing writing;
} rules[] = {
    // Most words of a caption are these; for the others they would only be slow.
    {"(?!(?i:cannot|gonna|gotta|lemme|gimme|wanna)(?: |\\z))[A-Za-z]++(?= |\\z)", PTB_AS_IS},
    {"(?:[ \\x84-\\x87\\x8d\"]|\\x89(?!" NUMBER "))++", PTB_NOTHING},
    {"-{5,}", PTB_AS_IS},
    {"-{2,4}|''|``", PTB_NOTHING},
    // Tags, and what HTML writes for characters.
    {"<[!?][A-Za-z-][^<>]*>", PTB_TAG},
    {"</?[A-Za-z][\\w:.-]*(?: +[A-Za-z][\\w:.-]*(?: *= *(?:\"[^\"<>]*\"|'[^'<>]*'|[^ \"'<>=]+))?)* */?>", PTB_TAG},
    {"&(?i:lt|gt|amp|nbsp|apos|quot|mdash|ndash);", PTB_LISTED},
    {"&#[0-9]+;", PTB_AS_IS},
    // Addresses. The counts keep a long caption from being read again and again.
    {"<?[A-Za-z0-9]" UNBROKEN "{0,99}?@" ADDRESS "++(?:\\." ADDRESS "++)*+>?", PTB_AS_IS},
    {"(?i:https?)://" UNBROKEN "{1,999}\\." UNBROKEN "{0,999}(?<![!,.?-])", PTB_AS_IS},
    {"(?:www(?:\\.[A-Za-z-]+){1,9}\\.[a-z]{2,4}|[a-z]+(?:\\.[a-z]+){0,9}\\.(?:com|net|org|edu))/"
     "[^ \"<>()|]{1,999}[^ \"<>(){|}!,.?-]",
     PTB_AS_IS},
    {"@[A-Za-z]\\w*|#" ANY_LETTER "++", PTB_AS_IS},
    // Faces.
    {"[<>]?[:;=][-o*']?[][()@\\\\{|DPdp](?![A-Za-z0-9])|:[0-9](?![.,:]?" WORD ")", PTB_AS_IS},
    {"\\([-x=~<>'^][-_.][-x=~<>'^]\\)|[-x=~<>'^]_[-x=~<>'^]", PTB_AS_IS},
    // Telephone numbers.
    {"(?:\\([0-9]{2,3}\\) ?|(?:\\+\\+?)?(?:[0-9]{2,4}[- ])?[0-9]{2,4}[- ])[0-9]{3,4}[- ]?[0-9]{3,5}", PTB_AS_IS},
    // Two words in one.
    {"(?i:can(?=not" END ")|gon(?=na" END ")|got(?=ta" END ")|lem(?=me" END ")|gim(?=me" END ")|wan(?=na" END
     ")|'t(?=is|was))",
     PTB_AS_IS},
    {SUFFIX, PTB_SUFFIX},
    {"[" CURLY "'](?i:em|til|cause|n[" CURLY "'])|'n(?= |\\z)|" CURLY "n|[" CURLY "'](?:[2-9]0s|[0-9]{2}(?= |\\z))",
     PTB_AS_IS},
    {"(?i:n)(?:" CURLY "(?i:t)|['\\x8b](?i:t)" LETTER "*)", PTB_SUFFIX},
    {"[A-Za-z]+?(?=" NOT ")", PTB_AS_IS},
    {"(?![A-HJ-XZdlon]" CURLY SUFFIXES LETTER ")" JOINED "(?=" SUFFIX ")", PTB_AS_IS},
    {"[DLJdlj][" CURLY "'](?!" LETTER "{2})|(?:[Yyj]|[Oo][Ll])[" CURLY "'](?=" LETTER ")", PTB_AS_IS},
    // Abbreviations.
    {"(?:" ABBREVIATED_END "|(?i:ph|ed)\\.[Dd])\\.(?!" ANY_LETTER ANY_WORD ")", PTB_AS_IS},
    {ABBREVIATED_TITLE "\\.(?!-?" ANY_LETTER ")", PTB_AS_IS},
    {ABBREVIATED_BEFORE_NUMBER "\\.(?= *" NUMBER ")", PTB_AS_IS},
    {"(?:" JOINED "|" NUMBER "+)\\.(?=[,;:])", PTB_AS_IS},
    {"[A-Za-z]\\.(?!" ANY_LETTER "|" BEGINNING ")(?:-" JOINED ")?", PTB_AS_IS},
    {"[A-Za-z](?:\\.[A-Za-z])++\\.(?!" ANY_LETTER ")(?:-" JOINED ")?", PTB_AS_IS},
    {"[A-Za-z](?:[A-Za-z0-9]*(?:\\.[A-Za-z][A-Za-z0-9]*)++\\.?|[A-Za-z]*\\.)(?:-[A-Za-z0-9]+)++", PTB_AS_IS},
    // Numbers.
    {NUMBER "+ " NUMBER "{1,4}[/\\x8a]" NUMBER "{1,4}", PTB_AS_IS},
    {NUMBER "{1,2}[-/]" NUMBER "{1,2}[-/]" NUMBER "{2,4}" END, PTB_AS_IS},
    {NUMBER "+(?:[.,]" NUMBER "+)++-" NUMBER "+|"
            "[A-Za-z0-9]+(?:\\.[A-Za-z0-9]+){0,9}\\." FILE "(?=[ .,;:!?)\"']|\\z)",
     PTB_AS_IS},
    {"[-+]?[.,:\\x89]?" NUMBER "+(?:[.,:\\x89]" NUMBER "+)++|[-+]?[.,:\\x89]" NUMBER "+", PTB_AS_IS},
    {NUMBER "+\\x8a" NUMBER "+", PTB_AS_IS},
    {"[-+]" NUMBER "+", PTB_AS_IS},
    // Words with marks inside.
    {ASCII_WORD "/" ASCII_WORD "(?:/" ASCII_WORD ")?", PTB_AS_IS},
    {ANY_LETTER ANY_WORD "*+(?:[.!?]" ANY_LETTER ANY_WORD "*+)++", PTB_AS_IS},
    {"[A-Z]+(?:[&+][A-Z]+)++", PTB_AS_IS},
    {"(?i:c[" CURLY "'](?:est|mon)|e'er|li[" CURLY "']l)", PTB_AS_IS},
    {LETTER "+(?i:[aeiouy][" CURLY "'][aeiou])" LETTER "*", PTB_AS_IS},
    {"[Cc]\\+\\+|[CcFf]#|[A-Z][A-Z0-9]*\\$", PTB_AS_IS},
    {NAME "(?:[-_\\x84]" NAME ")++|" QUOTED WORD "+", PTB_AS_IS},
    {ANY_WORD "++", PTB_AS_IS},
    // Marks that stand together.
    {"[!?]+|\\*+|_+|#+|@+|<<|>>|\\x88+", PTB_AS_IS},
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
