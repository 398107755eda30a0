// JPEG by libjpeg-turbo. It does what no other codec here does: it decodes at half or quarter size, by inverse
// transforms of fewer frequencies, and leaves out columns and rows that the part does not need. Training views owe much
// of their speed to that. Its errors, and those of its warnings that mean damaged pixels (it would go on with grey),
// come back by longjmp: so everything that is allocated hangs on the state, which jpeg_close releases. Warnings of
// bytes beside the data are none of these: the picture is whole.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

#include "base/fail.h"
#include "base/memory.h"
#include "image/codec.h"
#include "image/exif.h"

enum {
    SCAN_LIMIT = 500, // a progressive file of more scans costs hours and is nobody's photograph
    SCALE_LIMIT = 4,  // libjpeg-turbo has fast inverse transforms for whole, half and quarter size
    CROP_MARGIN = 2,  // fancy upsampling reads one chroma sample, two pixels, beyond each side
    READ_AHEAD = 8,   // bytes that the library may have taken from behind the code it decodes
    RESTARTS = 8,     // markers that follow each other in turn
};

struct jpeg_state {
    struct jpeg_decompress_struct decoder;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    struct picture *picture;
    bool decoding;    // past the headers
    bool strays;      // there were bytes that belong to nothing, or the file ended without its end marker
    bool ended;       // the library reads end markers of its own
    uint8_t *samples; // [ROW_BATCH, output_width, output_components]
};

_Noreturn static void give_up(j_common_ptr decoder) {
    struct jpeg_state *state = decoder->client_data;
    int code = decoder->err->msg_code;
    char text[JMSG_LENGTH_MAX];
    if (code == JERR_OUT_OF_MEMORY) die(EXIT_RUN, "out of memory decoding a JPEG");
    decoder->err->format_message(decoder, text);
    picture_refuse(state->picture, "%s JPEG: %s", state->ended || code == JWRN_HIT_MARKER ? "truncated" : "bad", text);
    longjmp(state->escape, 1);
}

static bool is_restart(int marker) {
    return marker >= JPEG_RST0 && marker < JPEG_RST0 + RESTARTS;
}

// Whether `count` bytes that no code used lie beside the data: they end where the library reads on, before `marker`.
// Bytes all alike are filler, but where the run began earlier, a cut code went on into it. Other bytes, when a restart
// marker ends them and they are many, are what a damaged code left over.
static bool is_beside_data(const struct jpeg_state *state, size_t count, int marker) {
    const uint8_t *bytes = state->picture->bytes;
    const uint8_t *end = state->ended ? bytes + state->picture->size : state->decoder.src->next_input_byte, *at = end;
    while (at > bytes && at[-1] == end[-1]) at--;
    const size_t alike = (size_t)(end - at);
    if (count > READ_AHEAD && alike >= count) return alike <= count + READ_AHEAD;
    return count <= READ_AHEAD || !is_restart(marker);
}

// A restart marker that is out of turn by one or two tells of lost code, and the library leaves some out. By more it is
// only misnumbered, and taken for the one that was due.
static bool is_misnumbered(int marker, int due) {
    const int ahead = (marker - JPEG_RST0 - due) & (RESTARTS - 1);
    return is_restart(marker) && ahead > 2 && ahead < RESTARTS - 2;
}

// Whether a warning leaves the pixels whole. A Huffman code that needs more than the file has gives another warning,
// JWRN_HIT_MARKER; an arithmetic one goes on in silence.
static bool warning_is_harmless(const struct jpeg_state *state, int code, const int details[2]) {
    switch (code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_BOGUS_ICC: return true;
    case JWRN_JPEG_EOF: return state->decoding && !state->decoder.arith_code;
    case JWRN_MUST_RESYNC: return is_misnumbered(details[0], details[1]);
    case JWRN_EXTRANEOUS_DATA: return !state->decoding || is_beside_data(state, (size_t)details[0], details[1]);
    default: return false;
    }
}

static void on_message(j_common_ptr decoder, int level) {
    struct jpeg_state *state = decoder->client_data;
    if (level >= 0) return;
    state->strays |= state->decoding;
    state->ended |= decoder->err->msg_code == JWRN_JPEG_EOF;
    if (!warning_is_harmless(state, decoder->err->msg_code, decoder->err->msg_parm.i)) give_up(decoder);
}

// Called as decoding goes on. A progressive file may hold any number of scans in few bytes, each as costly as a whole
// picture.
static void on_progress(j_common_ptr decoder) {
    struct jpeg_state *state = decoder->client_data;
    if (state->decoder.input_scan_number <= SCAN_LIMIT) return;
    picture_refuse(state->picture, "bad JPEG: more than %d scans", SCAN_LIMIT);
    longjmp(state->escape, 1);
}

static int orientation_of(const struct jpeg_decompress_struct *decoder) {
    for (jpeg_saved_marker_ptr marker = decoder->marker_list; marker; marker = marker->next) {
        if (marker->data_length >= 6 && !memcmp(marker->data, "Exif\0\0", 6))
            return exif_orientation(marker->data, marker->data_length);
    }
    return 1;
}

static int jpeg_open(struct picture *picture) {
    struct jpeg_state *state = xcalloc(1, sizeof *state);
    struct jpeg_decompress_struct *decoder = &state->decoder;
    picture->state = state;
    state->picture = picture;
    decoder->err = jpeg_std_error(&state->errors);
    decoder->client_data = state;
    state->errors.error_exit = give_up;
    state->errors.emit_message = on_message;
    state->progress.progress_monitor = on_progress;
    if (setjmp(state->escape)) return -EXIT_DATA;
    jpeg_create_decompress(decoder);
    decoder->progress = &state->progress;
    jpeg_mem_src(decoder, picture->bytes, picture->size);
    jpeg_save_markers(decoder, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(decoder, TRUE);
    picture->width = (int)decoder->image_width;
    picture->height = (int)decoder->image_height;
    picture->orientation = orientation_of(decoder);
    return 0;
}

static bool has_black(const struct jpeg_decompress_struct *decoder) {
    return decoder->jpeg_color_space == JCS_CMYK || decoder->jpeg_color_space == JCS_YCCK;
}

// CMYK as Adobe and everyone after it writes it to JPEG: inverted, 255 is no ink. In place, 4 bytes to 3. With K = 255
// − white and C = 255 − c the colour is (255 − C)(255 − K)/255, rounded where Pillow rounds.
static void cmyk_to_rgb(uint8_t *row, size_t width) {
    for (size_t i = 0; i < width; i++) {
        unsigned white = row[4 * i + 3];
        for (size_t c = 0; c < 3; c++) row[3 * i + c] = (uint8_t)(white - divide_255((255u - row[4 * i + c]) * white));
    }
}

// All scans have been read where there are several. Each component needs one; and what follows the last good scan may
// be taken for stray bytes, or be beyond the file's end, so then no coefficient may have bits outstanding.
static bool lacks_scans(const struct jpeg_state *state) {
    const struct jpeg_decompress_struct *decoder = &state->decoder;
    for (int c = 0; c < decoder->num_components; c++) {
        if (!decoder->comp_info[c].quant_table) return true;
        if (!decoder->progressive_mode || !state->strays) continue;
        for (int k = 0; k < DCTSIZE2; k++)
            if (decoder->coef_bits[c][k]) return true;
    }
    return false;
}

static void read_batch(struct jpeg_state *state, size_t stride, JDIMENSION count) {
    struct jpeg_decompress_struct *decoder = &state->decoder;
    JSAMPROW rows[ROW_BATCH];
    for (JDIMENSION i = 0; i < count; i++) rows[i] = state->samples + i * stride;
    for (JDIMENSION done = 0; done < count;) done += jpeg_read_scanlines(decoder, rows + done, count - done);
    if (!has_black(decoder)) return;
    for (JDIMENSION i = 0; i < count; i++) cmyk_to_rgb(rows[i], decoder->output_width);
}

// Narrows the decoded columns to those of the part; returns the first one decoded. The library begins at a whole block,
// so more may come than was asked for; the margin gives upsampling at the ends the samples it would have had.
static JDIMENSION crop_columns(struct jpeg_decompress_struct *decoder, struct rect part) {
    JDIMENSION left = (JDIMENSION)(part.left > CROP_MARGIN ? part.left - CROP_MARGIN : 0);
    JDIMENSION right = (JDIMENSION)(part.left + part.width + CROP_MARGIN);
    if (right > decoder->output_width) right = decoder->output_width;
    JDIMENSION width = right - left;
    if (width < decoder->output_width) jpeg_crop_scanline(decoder, &left, &width);
    return left;
}

// Rows above the part are skipped, which costs little more than their entropy decoding; those below are never asked
// for, so a baseline file that is damaged there still gives its part.
static int jpeg_decode(struct picture *picture, int scale, struct rect part, struct row_sink sink) {
    struct jpeg_state *state = picture->state;
    struct jpeg_decompress_struct *decoder = &state->decoder;
    if (setjmp(state->escape)) return -EXIT_DATA;
    state->decoding = true;
    decoder->scale_num = 1;
    decoder->scale_denom = (unsigned)scale;
    decoder->out_color_space = has_black(decoder) ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(decoder);
    if (lacks_scans(state)) return picture_refuse(picture, "truncated JPEG: scans are missing at its end");
    JDIMENSION first = crop_columns(decoder, part);
    if (part.top) jpeg_skip_scanlines(decoder, (JDIMENSION)part.top);
    size_t stride = (size_t)decoder->output_width * (size_t)decoder->output_components;
    state->samples = xmalloc(ROW_BATCH * stride);
    for (int done = 0; done < part.height; done += ROW_BATCH) {
        int count = part.height - done < ROW_BATCH ? part.height - done : ROW_BATCH;
        read_batch(state, stride, (JDIMENSION)count);
        sink.rows(sink.context, state->samples + 3 * ((size_t)part.left - first), stride, count);
    }
    return 0;
}

static void jpeg_close(struct picture *picture) {
    struct jpeg_state *state = picture->state;
    jpeg_destroy_decompress(&state->decoder);
    free(state->samples);
    free(state);
}

const struct codec codec_jpeg = {"JPEG", SCALE_LIMIT, jpeg_open, jpeg_decode, jpeg_close};
