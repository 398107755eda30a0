// Videos of several containers and codecs, made by the test with ffmpeg: every frame is held against what ffmpeg itself
// writes as pixels, in its order.
#include "image/video.h"

#include <unistd.h>

#include "pictures.h"

enum { SIDE_X = 64, SIDE_Y = 48, FRAMES = 40 };
#define MAKE "ffmpeg -v error -y -f lavfi -i testsrc2=s=64x48:r=25:d=1.6 "

static char folder[] = "/tmp/coca-video-XXXXXX";

// Not a failure: run.sh installs both for the tests, other builds need neither.
static void need_ffmpeg(void) {
    char reason[IMAGE_REASON];
    if (video_available(reason) || system("command -v ffmpeg >/dev/null")) skip();
}

static void run(const char *format, ...) PRINTF_LIKE(1, 2);
static void run(const char *format, ...) {
    char command[1024];
    va_list list;
    const int at = snprintf(command, sizeof command, "cd %s && ", folder);
    va_start(list, format);
    vsnprintf(command + at, sizeof command - (size_t)at, format, list);
    va_end(list);
    assert_int_equal(system(command), 0);
}

static struct buffer bytes_of(const char *name) {
    struct buffer bytes = {0};
    char *path = path_join(folder, name);
    assert_int_equal(file_read(path, 16 << 20, &bytes), 0);
    free(path);
    return bytes;
}

struct frames {
    uint8_t *pixels; // [count, size]
    size_t size;
    int taken;
};

static void take(void *context, int i, const struct image *frame) {
    struct frames *frames = context;
    assert_int_equal(3 * (size_t)frame->width * (size_t)frame->height, frames->size);
    memcpy(frames->pixels + (size_t)i * frames->size, frame->pixels, frames->size);
    frames->taken++;
}

static struct video *open_video(const struct buffer *bytes) {
    struct video *video;
    char reason[IMAGE_REASON] = "";
    if (video_open(&video, bytes->bytes, bytes->size, reason)) fail_msg("%s", reason);
    return video;
}

static struct frames read_frames(struct video *video, int count) {
    const struct video_header *header = video_header(video);
    char reason[IMAGE_REASON] = "";
    const struct video_wanted wanted = {SAMPLING_CENTRES, count, 0, 1};
    struct frames frames = {.size = 3 * (size_t)header->width * (size_t)header->height};
    frames.pixels = xcalloc((size_t)count, frames.size);
    if (video_read(video, &wanted, take, &frames, reason)) fail_msg("%s", reason);
    return frames;
}

// The frames as ffmpeg has them, with the same converter.
static struct buffer reference(const char *name) {
    run("ffmpeg -v error -y -flags bitexact -i %s -map 0:v:0 -vsync passthrough -sws_flags bilinear+bitexact -f rawvideo "
        "-pix_fmt rgb24 raw",
        name);
    return bytes_of("raw");
}

// All frames, five of them, and five once the decoder has counted: each that of ffmpeg, to the bit.
static void check_frames(const char *name, int width, int height) {
    struct buffer bytes = bytes_of(name), raw = reference(name);
    struct video *video = open_video(&bytes);
    char reason[IMAGE_REASON] = "";
    const size_t size = 3 * (size_t)width * (size_t)height;
    assert_int_equal(video_header(video)->width, width);
    assert_int_equal(video_header(video)->height, height);
    for (int counted = 0; counted < 2; counted++) {
        struct frames few = read_frames(video, 5);
        const int frames = (int)video_header(video)->frames;
        assert_int_equal(raw.size, (size_t)frames * size);
        for (int i = 0; i < 5; i++)
            assert_memory_equal(few.pixels + (size_t)i * size, raw.bytes + (size_t)((2 * i + 1) * frames / 10) * size,
                                size);
        struct frames all = read_frames(video, frames);
        assert_memory_equal(all.pixels, raw.bytes, raw.size);
        free(few.pixels);
        free(all.pixels);
        assert_int_equal(video_verify(video, reason), 0);
    }
    video_close(&video);
    buffer_release(&bytes);
    buffer_release(&raw);
}

static const struct kind {
    const char *name, *options, *codec;
    enum video_container container;
} kinds[] = {
    {"b.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 3 -g 8", "h264", VIDEO_MP4},
    {"open.mp4", "-pix_fmt yuv420p -c:v libx264 -bf 3 -g 10 -x264-params open-gop=1", "h264", VIDEO_MP4},
    {"fragments.mp4", "-pix_fmt yuv420p -c:v libx264 -g 10 -movflags frag_keyframe+empty_moov", "h264", VIDEO_MP4},
    {"b.mov", "-c:v prores_ks", "prores", VIDEO_MP4},
    {"b.mkv", "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 8", "h264", VIDEO_MATROSKA},
    {"vp8.webm", "-pix_fmt yuv420p -c:v libvpx -g 10", "vp8", VIDEO_MATROSKA},
    {"hidden.webm", "-pix_fmt yuv420p -c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -g 20", "vp8", VIDEO_MATROSKA},
    {"vp9.webm", "-pix_fmt yuv420p -c:v libvpx-vp9 -auto-alt-ref 1 -g 10", "vp9", VIDEO_MATROSKA},
    {"b.avi", "-c:v mjpeg", "mjpeg", VIDEO_AVI},
    {"mpeg4.avi", "-c:v mpeg4 -g 10", "mpeg4", VIDEO_AVI},
    {"untimed.avi", "-c:v mpeg4 -bf 2 -g 10", "mpeg4", VIDEO_AVI},
    {"h264.avi", "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 10", "h264", VIDEO_AVI},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void make_kind(const struct kind *kind) {
    run(MAKE "-bitexact %s %s", kind->options, kind->name);
}

static void test_containers_and_codecs(void **state) {
    (void)state;
    need_ffmpeg();
    for (int i = 0; i < KINDS; i++) {
        make_kind(&kinds[i]);
        struct buffer bytes = bytes_of(kinds[i].name);
        struct video *video = open_video(&bytes);
        assert_int_equal(video_container_of(bytes.bytes, bytes.size), kinds[i].container);
        assert_string_equal(video_header(video)->codec, kinds[i].codec);
        assert_true(fabs(video_header(video)->seconds - 1.6) < 0.1);
        video_close(&video);
        buffer_release(&bytes);
        check_frames(kinds[i].name, SIDE_X, SIDE_Y);
    }
}

// An edit list hides what stands before the cut, which players do not show.
static void test_hidden_frames_are_none(void **state) {
    (void)state;
    need_ffmpeg();
    run(MAKE "-pix_fmt yuv420p -c:v libx264 -bf 2 -g 20 whole.mp4");
    run("ffmpeg -v error -y -ss 1 -i whole.mp4 -c copy edited.mp4");
    struct buffer bytes = bytes_of("edited.mp4");
    struct video *video = open_video(&bytes);
    assert_int_equal(video_header(video)->frames, 15);
    video_close(&video);
    buffer_release(&bytes);
    check_frames("edited.mp4", SIDE_X, SIDE_Y);
}

static double mean_difference(const uint8_t *a, const uint8_t *b, size_t size) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += abs(a[i] - b[i]);
    return sum / (double)size;
}

// ffmpeg turns before it makes RGB, where coarse colour is halved along the other side: not the same bits.
static void test_rotation(void **state) {
    (void)state;
    need_ffmpeg();
    run(MAKE "-pix_fmt yuv420p -c:v libx264 flat.mp4");
    for (int degrees = 90; degrees < 360; degrees += 90) {
        run("ffmpeg -v error -y -i flat.mp4 -c copy -metadata:s:v rotate=%d turned.mp4", degrees);
        struct buffer bytes = bytes_of("turned.mp4"), raw = reference("turned.mp4");
        struct video *video = open_video(&bytes);
        assert_int_equal(video_header(video)->width, degrees == 180 ? SIDE_X : SIDE_Y);
        struct frames all = read_frames(video, FRAMES);
        assert_int_equal(raw.size, FRAMES * all.size);
        assert_true(mean_difference(all.pixels, (uint8_t *)raw.bytes, raw.size) < 0.5);
        free(all.pixels);
        video_close(&video);
        buffer_release(&bytes);
        buffer_release(&raw);
    }
}

// One colour, stored with each matrix and range, comes back; with the wrong matrix its green would be 30 levels off.
static void test_matrix_and_range(void **state) {
    (void)state;
    need_ffmpeg();
    static const char *const stored[][3] = {
        {"bt709", "tv", "bt709"}, {"bt709", "pc", "bt709"}, {"bt601", "pc", "smpte170m"}, {"bt601", "tv", "unknown"}};
    for (int i = 0; i < 4; i++) {
        run("ffmpeg -v error -y -f lavfi -i color=0xd02810:s=64x48:r=25:d=0.2 -vf "
            "scale=out_color_matrix=%s:out_range=%s,format=yuv420p -c:v libx264 -qp 0 -colorspace %s -color_range %s "
            "colour.mp4",
            stored[i][0], stored[i][1], stored[i][2], stored[i][1]);
        struct buffer bytes = bytes_of("colour.mp4");
        struct video *video = open_video(&bytes);
        struct frames frame = read_frames(video, 1);
        const uint8_t wanted[3] = {0xd0, 0x28, 0x10};
        for (int c = 0; c < 3; c++) assert_true(abs(frame.pixels[c] - wanted[c]) <= 3);
        free(frame.pixels);
        video_close(&video);
        buffer_release(&bytes);
    }
}

static void assert_refused(const struct buffer *bytes, size_t size, const char *word) {
    struct video *video;
    char reason[IMAGE_REASON] = "";
    assert_int_equal(video_open(&video, bytes->bytes, size, reason), -EXIT_DATA);
    assert_null(video);
    if (!strstr(reason, word)) fail_msg("\"%s\" lacks \"%s\"", reason, word);
}

static void test_what_is_cut_says_so(void **state) {
    (void)state;
    need_ffmpeg();
    for (int i = 0; i < KINDS; i++) {
        if (!strcmp(kinds[i].name, "fragments.mp4")) continue; // may end at each fragment
        make_kind(&kinds[i]);
        struct buffer bytes = bytes_of(kinds[i].name);
        assert_refused(&bytes, bytes.size * 6 / 10, "cut");
        assert_refused(&bytes, bytes.size - 1, "bytes are there, with ");
        assert_refused(&bytes, 11, "neither");
        buffer_release(&bytes);
    }
}

// Frames before the damage can be had; those behind it are refused with how many there were.
static void test_damage_is_named(void **state) {
    (void)state;
    need_ffmpeg();
    run(MAKE "-pix_fmt yuv420p -c:v libx264 -g 40 -bf 0 damaged.mp4");
    struct buffer bytes = bytes_of("damaged.mp4");
    memset(bytes.bytes + bytes.size / 2, 0xff, 400);
    struct video *video = open_video(&bytes);
    char reason[IMAGE_REASON] = "";
    struct frames frames = {.size = 3 * SIDE_X * SIDE_Y};
    frames.pixels = xcalloc(2, frames.size);
    const struct video_wanted end = {SAMPLING_LINSPACE, 2, 0, 1}, beginning = {SAMPLING_STARTS, 2, 0, 10};
    assert_int_equal(video_read(video, &end, take, &frames, reason), -EXIT_DATA);
    if (!strstr(reason, "behind the first")) fail_msg("%s", reason);
    assert_int_equal(video_read(video, &beginning, take, &frames, reason), 0);
    assert_int_equal(video_verify(video, reason), -EXIT_DATA);
    free(frames.pixels);
    video_close(&video);
    buffer_release(&bytes);
}

static void test_what_is_no_video(void **state) {
    (void)state;
    need_ffmpeg();
    run("ffmpeg -v error -y -f lavfi -i sine=d=1 -c:a aac sound.mp4");
    struct buffer bytes = bytes_of("sound.mp4");
    assert_refused(&bytes, bytes.size, "no video");
    buffer_release(&bytes);
    struct buffer text = {0};
    buffer_text(&text, "\x1a\x45\xdf\xa3 and then something else altogether");
    assert_refused(&text, text.size, "webm");
    buffer_release(&text);
}

// A header that asks for more pixels than are decoded: mjpeg in AVI, its sizes forged.
static void test_sides_are_bounded(void **state) {
    (void)state;
    need_ffmpeg();
    run(MAKE "-c:v rawvideo -pix_fmt bgr24 raw.avi");
    struct buffer bytes = bytes_of("raw.avi");
    char *format = memmem(bytes.bytes, bytes.size, "strf", 4);
    assert_non_null(format);
    memcpy(format + 12, "\x00\x00\x01\x00", 4); // 65,536 wide
    assert_refused(&bytes, bytes.size, "65536 x 48");
    buffer_release(&bytes);
}

static void test_sampling(void **state) {
    (void)state;
    static const int64_t starts[] = {0, 2, 5, 7}, centres[] = {1, 3, 6, 8}, linspace[] = {0, 3, 6, 9};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(frame_at(SAMPLING_STARTS, i, 4, 10), starts[i]);
        assert_int_equal(frame_at(SAMPLING_CENTRES, i, 4, 10), centres[i]);
        assert_int_equal(frame_at(SAMPLING_LINSPACE, i, 4, 10), linspace[i]);
        assert_int_equal(frame_at(SAMPLING_STARTS, i, 4, 2), i / 2);
        assert_int_equal(frame_at((enum frame_sampling)(i % 3), 0, 1, 9), 4);
        assert_int_equal(frame_at((enum frame_sampling)(i % 3), i, 4, 1), 0);
    }
    // numpy.linspace(0, 122, 15).astype(int)[7], where the doubles fall short of 7 · 122/14 = 61.
    assert_int_equal(frame_at(SAMPLING_LINSPACE, 7, 15, 123), 60);
    assert_int_equal(frame_at(SAMPLING_LINSPACE, 14, 15, 123), 122);
}

static void test_clips(void **state) {
    (void)state;
    for (int clip = 0; clip < 5; clip++) {
        const struct video_wanted wanted = {SAMPLING_STARTS, 2, clip, 5}, many = {SAMPLING_CENTRES, 3, clip, 5};
        assert_int_equal(video_frame(&wanted, 0, 20), 4 * clip);
        assert_int_equal(video_frame(&wanted, 1, 20), 4 * clip + 2);
        for (int i = 0; i < 3; i++) assert_int_equal(video_frame(&many, i, 2), 2 * clip / 5); // fewer frames than clips
    }
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return directory_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_clips),
        cmocka_unit_test(test_containers_and_codecs),
        cmocka_unit_test(test_hidden_frames_are_none),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_matrix_and_range),
        cmocka_unit_test(test_what_is_cut_says_so),
        cmocka_unit_test(test_damage_is_named),
        cmocka_unit_test(test_what_is_no_video),
        cmocka_unit_test(test_sides_are_bounded),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
