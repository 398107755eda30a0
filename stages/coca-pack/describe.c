// A record as JSON for `show`: what a person wants to know before trusting a dataset. Of pictures only what their
// headers say; one whose header cannot be read is described by its defect, so that looking never fails. A video's
// packets are counted.
#include "describe.h"

#include <string.h>

#include "image/image.h"
#include "image/video.h"
#include "text_json.h"

static json_t *describe_picture(struct span picture) {
    static const char *const names[] = {
        [IMAGE_UNKNOWN] = "unknown", [IMAGE_JPEG] = "jpeg", [IMAGE_PNG] = "png", [IMAGE_WEBP] = "webp"};
    struct image_header header;
    char reason[IMAGE_REASON];
    json_t *json = json_pack("{s:I}", "bytes", (json_int_t)picture.size);
    if (image_read_header(&header, picture.bytes, picture.size, reason)) {
        json_object_set_new(json, "defect", text_json((struct span){reason, strlen(reason)}));
        return json;
    }
    json_object_set_new(json, "format", json_string(names[header.format]));
    json_object_set_new(json, "width", json_integer(header.width));
    json_object_set_new(json, "height", json_integer(header.height));
    return json;
}

static json_t *describe_pictures(const struct record *record) {
    json_t *pictures = json_array();
    for (int i = 0; i < record->image_count; i++) json_array_append_new(pictures, describe_picture(record->images[i]));
    return pictures;
}

static json_t *describe_video(struct span bytes) {
    struct video *video;
    char reason[IMAGE_REASON];
    json_t *json = json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes.size, "container",
                             video_container_name(video_container_of(bytes.bytes, bytes.size)));
    if (video_open(&video, bytes.bytes, bytes.size, reason)) {
        json_object_set_new(json, "defect", text_json((struct span){reason, strlen(reason)}));
        return json;
    }
    const struct video_header *header = video_header(video);
    json_object_set_new(json, "codec", json_string(header->codec));
    json_object_set_new(json, "width", json_integer(header->width));
    json_object_set_new(json, "height", json_integer(header->height));
    json_object_set_new(json, "frames", json_integer(header->frames));
    if (header->seconds > 0) json_object_set_new(json, "seconds", json_real(header->seconds));
    video_close(&video);
    return json;
}

// Only what the record has: a missing key is a missing field.
json_t *describe_record(const struct record *record) {
    json_t *json = json_object();
    if (record->id.size) json_object_set_new(json, "id", text_json(record->id));
    if (record->image.size) json_object_set_new(json, "image", describe_picture(record->image));
    if (record->image_count) json_object_set_new(json, "images", describe_pictures(record));
    if (record->video.size) json_object_set_new(json, "video", describe_video(record->video));
    if (record->class >= 0) json_object_set_new(json, "class", json_integer(record->class));
    record_texts_json(json, record);
    return json;
}
