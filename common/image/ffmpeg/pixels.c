// From a decoded frame to RGB, and how the stream says that pictures are to be turned.
#include <stdio.h>
#include <string.h>

#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>

#include "base/fail.h"
#include "image/ffmpeg/ffmpeg.h"

// The matrix maps (x, y), y down, to (a·x + c·y, b·x + d·y); m = [a b u c d v …] in 16.16. EXIF orientations are the
// eight with entries of −1, 0 and 1; others are left alone, as players do that cannot turn by degrees.
int orientation_of(const AVStream *stream) {
    static const signed char matrices[][4] = {{1, 0, 0, 1}, {-1, 0, 0, 1}, {-1, 0, 0, -1}, {1, 0, 0, -1},
                                              {0, 1, 1, 0}, {0, 1, -1, 0}, {0, -1, -1, 0}, {0, -1, 1, 0}};
    size_t size = 0;
    const int32_t *m = (const int32_t *)av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (!m || size < 9 * sizeof *m) return 1;
    const int32_t one = 1 << 16, found[4] = {m[0], m[1], m[3], m[4]};
    for (int i = 0; i < 8; i++) {
        bool same = true;
        for (int j = 0; j < 4; j++) same = same && found[j] == one * matrices[i][j];
        if (same) return i + 1;
    }
    return 1;
}

static bool is_full_range(const AVFrame *frame) {
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: return true;
    default: return frame->color_range == AVCOL_RANGE_JPEG;
    }
}

// The stream's matrix and range to full-range RGB. The numbers of matrices are those of H.273, which
// sws_getCoefficients takes; a matrix that is not said is BT.601's, as swscale has it. Formats that hold RGB have none,
// and refuse one.
static int set_colours(struct SwsContext *scaler, const AVFrame *frame) {
    const int *from = sws_getCoefficients(frame->colorspace), *to = sws_getCoefficients(SWS_CS_DEFAULT);
    return sws_setColorspaceDetails(scaler, from, is_full_range(frame), to, 1, 0, 1 << 16, 1 << 16);
}

// The converter that PyAV takes, to its bits, and so the one that the loaders of the field have made what models were
// trained on with. SWS_ACCURATE_RND would leave it for another one, which is right on average where this one is dark by
// a level or less, and so a mean of up to 1.1 levels away from those frames.
static int prepare_scaler(struct ffmpeg *self) {
    const AVFrame *frame = self->frame;
    self->scaler = sws_getCachedContext(self->scaler, frame->width, frame->height, frame->format, frame->width,
                                        frame->height, AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_BITEXACT, NULL, NULL, NULL);
    if (!self->scaler) return ffmpeg_refuse(self, "its pixel format", AVERROR(ENOSYS));
    set_colours(self->scaler, frame);
    return 0;
}

// swscale's kernels write whole vectors, beyond the end of a row that leaves them no room.
int pixels_convert(struct ffmpeg *self, uint8_t *rgb) {
    const int height = self->frame->height, row = 3 * self->frame->width, stride = (row + 127) / 64 * 64;
    int status = prepare_scaler(self);
    if (status) return status;
    uint8_t *wide = ffmpeg_held(av_malloc((size_t)stride * (size_t)height));
    status = sws_scale(self->scaler, (const uint8_t *const *)self->frame->data, self->frame->linesize, 0, height,
                       (uint8_t *[]){wide}, (int[]){stride});
    for (int y = 0; y < height; y++)
        memcpy(rgb + (size_t)y * (size_t)row, wide + (size_t)y * (size_t)stride, (size_t)row);
    av_free(wide);
    return status == height ? 0 : ffmpeg_refuse(self, "a frame's pixels", status < 0 ? status : AVERROR_INVALIDDATA);
}
