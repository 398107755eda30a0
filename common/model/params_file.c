#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/params.h"

// What a part's tensors begin with in a file that holds the whole model.
static bool of_part(enum model_part part, const char *name) {
    static const char *const prefix[][2] = {
        [PART_IMAGE] = {"visual.",     "visual."      },
        [PART_TEXT] = {"text.",       "text_decoder."},
        [PART_LOSS] = {"logit_scale", "logit_scale"  }
    };
    for (int i = 0; i < 2; i++)
        if (!strncmp(name, prefix[part][i], strlen(prefix[part][i]))) return true;
    return false;
}

static bool loadable(enum dtype dtype) {
    return dtype == DT_F32 || dtype == DT_F16 || dtype == DT_BF16;
}

// A scalar is [] or [1].
static bool shape_fits(struct shape wanted, struct shape found) {
    return shape_equal(wanted, found) || (wanted.rank == 0 && shape_equal(found, SHAPE(1)));
}

static void list_misfit(struct buffer *text, const struct param *param, const struct tensor *found) {
    char wanted_text[SHAPE_TEXT], found_text[SHAPE_TEXT];
    if (!found)
        buffer_format(text, "\n  %s %s is missing", param->name, shape_format(param->shape, wanted_text));
    else if (!shape_fits(param->shape, found->shape))
        buffer_format(text, "\n  %s is %s, not %s", param->name, shape_format(found->shape, found_text),
                      shape_format(param->shape, wanted_text));
    else if (!loadable(found->dtype))
        buffer_format(text, "\n  %s is %s, not f32, f16 or bf16", param->name, dtype_name(found->dtype));
}

static void list_strangers(struct buffer *text, const struct params *params, const struct safetensors *file) {
    for (size_t i = 0; i < file->count; i++)
        if (of_part(params->part, file->tensor[i].name) && !params_find(params, file->tensor[i].name))
            buffer_format(text, "\n  %s is not in this model", file->tensor[i].name);
}

static int check_file(const struct params *params, const struct safetensors *file, const char *path, bool exact) {
    struct buffer text = {0};
    for (int i = 0; i < params->count; i++)
        list_misfit(&text, &params->item[i], safetensors_find(file, params->item[i].name));
    if (exact) list_strangers(&text, params, file);
    int status = text.size ? error(EXIT_USAGE, "%s does not fit this model:%s", path, text.bytes) : 0;
    buffer_release(&text);
    return status;
}

static void load_tensor(struct params *params, const struct param *param, const struct tensor *tensor) {
    int64_t count = shape_count(param->shape);
    real *values = xmalloc((size_t)count * sizeof *values);
    dtype_convert(values, DT_REAL, tensor->data, tensor->dtype, (size_t)count);
    params->ops->upload(params->ops, params->master + param->offset, values, (size_t)count * sizeof *values);
    free(values);
}

int params_load(struct params *params, const struct safetensors *file, const char *path, bool exact) {
    int status = check_file(params, file, path, exact);
    if (status) return status;
    for (int i = 0; i < params->count; i++)
        load_tensor(params, &params->item[i], safetensors_find(file, params->item[i].name));
    params_refresh(params);
    return 0;
}

int params_write(const struct params *params, const real *block, const char *path, uint64_t *checksum, int64_t *size) {
    size_t bytes = (size_t)params->elements * sizeof *block;
    real *host = xmalloc(bytes);
    params->ops->download(params->ops, host, block, bytes);
    struct tensor *tensor = xcalloc((size_t)params->count, sizeof *tensor);
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        tensor[i] = (struct tensor){.dtype = DT_REAL, .shape = param->shape, .data = host + param->offset};
        memcpy(tensor[i].name, param->name, sizeof tensor[i].name);
    }
    int status = safetensors_write(path, tensor, (size_t)params->count, NULL, 0, checksum, size);
    free(tensor);
    free(host);
    return status;
}
