// Names what stands where a picture should: other formats, pages and messages of servers that came in its place, files
// that only point to one. format.c asks when no codec takes the bytes, so that whoever packs data sees at once what
// happened to it. Nothing here decodes; a wrong name costs a word in a reason.
#include "image/foreign.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct magic {
    const char *name;
    size_t at, size; // the bytes stand at `at`
    const char *bytes;
};
#define MAGIC(name, at, bytes)                                                                                         \
    { name, at, sizeof(bytes) - 1, bytes }

#define CONVERT " (convert it to PNG or JPEG)"
#define ANNEX "a git-annex pointer (git annex get fetches the picture)"
#define PAGE "an HTML page, as a server sends it in a picture's place"

// Earlier ones win.
static const struct magic magics[] = {
    MAGIC("a PNG that was copied as text, which changed its bytes", 0, "\x89PNG"),
    MAGIC("a GIF" CONVERT, 0, "GIF8"),
    MAGIC("a TIFF" CONVERT, 0, "II*\0"),
    MAGIC("a TIFF" CONVERT, 0, "MM\0*"),
    MAGIC("a BigTIFF" CONVERT, 0, "II+\0"),
    MAGIC("a BigTIFF" CONVERT, 0, "MM\0+"),
    MAGIC("an AVIF" CONVERT, 4, "ftypavi"),
    MAGIC("a HEIC" CONVERT, 4, "ftyphei"),
    MAGIC("a HEIC" CONVERT, 4, "ftyphev"),
    MAGIC("a HEIF" CONVERT, 4, "ftypmif1"),
    MAGIC("a HEIF" CONVERT, 4, "ftypmsf1"),
    MAGIC("a video (MP4 or a relative)", 4, "ftyp"),
    MAGIC("a JPEG XL" CONVERT, 0, "\0\0\0\x0cJXL \r\n\x87\n"),
    MAGIC("a JPEG XL" CONVERT, 0, "\xff\x0a"),
    MAGIC("a JPEG 2000" CONVERT, 0, "\0\0\0\x0cjP  \r\n\x87\n"),
    MAGIC("a JPEG 2000" CONVERT, 0, "\xff\x4f\xff\x51"),
    MAGIC("a Photoshop file" CONVERT, 0, "8BPS"),
    MAGIC("an icon (ICO)" CONVERT, 0, "\0\0\1\0"),
    MAGIC("a cursor (CUR)" CONVERT, 0, "\0\0\2\0"),
    MAGIC("a QOI" CONVERT, 0, "qoif"),
    MAGIC("an OpenEXR" CONVERT, 0, "\x76\x2f\x31\x01"),
    MAGIC("a PDF", 0, "%PDF"),
    MAGIC("PostScript", 0, "%!PS"),
    MAGIC("a video (Matroska or WebM)", 0, "\x1a\x45\xdf\xa3"),
    MAGIC("an AVI video", 8, "AVI "),
    MAGIC("gzip data (gunzip it)", 0, "\x1f\x8b"),
    MAGIC("bzip2 data (bunzip2 it)", 0, "BZh"),
    MAGIC("xz data (unxz it)", 0, "\xfd\x37zXZ"),
    MAGIC("Zstandard data (unzstd it)", 0, "\x28\xb5\x2f\xfd"),
    MAGIC("a zip archive (unzip it)", 0, "PK\3\4"),
    MAGIC("a zip archive (unzip it)", 0, "PK\5\6"),
    MAGIC("a 7-Zip archive (unpack it)", 0, "7z\xbc\xaf\x27\x1c"),
    MAGIC("a RAR archive (unpack it)", 0, "Rar!\x1a\x07"),
    MAGIC("a tar archive (coca-pack pack --from tar reads it)", 257, "ustar"),
    MAGIC("a BMP" CONVERT, 0, "BM"),
    MAGIC("a Netpbm picture" CONVERT, 0, "P4\n"),
    MAGIC("a Netpbm picture" CONVERT, 0, "P5\n"),
    MAGIC("a Netpbm picture" CONVERT, 0, "P6\n"),
};

// Of text, behind a byte order mark and blanks, in capitals or not.
static const struct magic beginnings[] = {
    MAGIC("a Git LFS pointer (git lfs pull fetches the picture)", 0, "version https://git-lfs.github.com/spec/"),
    MAGIC(ANNEX, 0, "/annex/objects/"),
    MAGIC(ANNEX, 0, ".git/annex/objects/"),
    MAGIC(ANNEX, 0, "../.git/annex/objects/"),
    MAGIC(PAGE, 0, "<!doctype html"),
    MAGIC(PAGE, 0, "<html"),
    MAGIC(PAGE, 0, "<head"),
    MAGIC(PAGE, 0, "<body"),
    MAGIC("XML text, as a server sends it in a picture's place", 0, "<?xml"),
    MAGIC("XML text, as a server sends it in a picture's place", 0, "<"),
    MAGIC("JSON text, as a server sends it in a picture's place", 0, "{"),
    MAGIC("JSON text, as a server sends it in a picture's place", 0, "["),
};

static bool has_magic(const struct magic *magic, const char *bytes, size_t size) {
    return size >= magic->at + magic->size && !memcmp(bytes + magic->at, magic->bytes, magic->size);
}

static bool has_beginning(const struct magic *magic, const char *bytes, size_t size) {
    return size >= magic->size && !strncasecmp(bytes, magic->bytes, magic->size);
}

static bool is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void skip_blanks(const char **bytes, size_t *size) {
    if (*size >= 3 && !memcmp(*bytes, "\xef\xbb\xbf", 3)) *bytes += 3, *size -= 3;
    while (*size && is_blank(**bytes)) ++*bytes, --*size;
}

// XML's declaration, comments and document type may stand before the element.
static bool is_svg(const char *bytes, size_t size) {
    enum { LOOKED_AT = 1024 };
    if (!size || *bytes != '<') return false;
    return memmem(bytes, size < LOOKED_AT ? size : LOOKED_AT, "<svg", 4);
}

static bool is_zeros(const char *bytes, size_t size) {
    return size && !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

// Every byte of the first ones a letter, a sign, a blank, or beyond ASCII.
static bool is_text(const char *bytes, size_t size) {
    enum { LOOKED_AT = 64 };
    for (size_t i = 0; i < size && i < LOOKED_AT; i++)
        if ((unsigned char)bytes[i] == 0x7f || ((unsigned char)bytes[i] < ' ' && !is_blank(bytes[i]))) return false;
    return true;
}

static const char *name_of_text(const char *bytes, size_t size) {
    if (!is_text(bytes, size)) return NULL;
    skip_blanks(&bytes, &size);
    if (is_svg(bytes, size)) return "an SVG" CONVERT;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (has_beginning(&beginnings[i], bytes, size)) return beginnings[i].name;
    return "text";
}

const char *foreign_name(const void *bytes, size_t size) {
    if (is_zeros(bytes, size)) return "zero bytes alone, as of a download or copy that was cut short";
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (has_magic(&magics[i], bytes, size)) return magics[i].name;
    return name_of_text(bytes, size);
}
