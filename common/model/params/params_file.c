// Parameters in files: reads the masters of one part from a file that may hold a whole model, and writes any block
// under the parameters' names. Checkpoints, exports and pretrained weights come and go this way; which file it is, and
// whether it is what its manifest says, is the business of run/.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/params/params.h"
#include "model/params/positions.h"

static bool has_prefix(const struct model_part *part, const char *name) {
    for (int i = 0; part->prefixes && part->prefixes[i]; i++)
        if (text_begins(name, part->prefixes[i])) return true;
    return false;
}

// Whether a tensor of a file that holds several parts is this part's.
static bool claims(const struct model_part *part, const char *name, const struct model_part *const *known, int count) {
    if (part->prefixes) return has_prefix(part, name);
    for (int i = 0; i < count; i++)
        if (has_prefix(known[i], name)) return false;
    return true;
}

static bool loadable(enum dtype dtype) {
    return dtype == DT_F32 || dtype == DT_F16 || dtype == DT_BF16;
}

// A scalar is [] or [1].
static bool shape_same(struct shape wanted, struct shape found) {
    return shape_equal(wanted, found) || (wanted.rank == 0 && shape_equal(found, SHAPE(1)));
}

static bool shape_fits(const struct param *param, struct shape found) {
    return shape_same(param->shape, found) || positions_fit(param, found);
}

// Says what is wrong with one tensor, a line each; how many.
static int name_misfit(const char *path, const struct param *param, const struct tensor *found, bool train) {
    char wanted_text[SHAPE_TEXT], found_text[SHAPE_TEXT];
    if (!found && param->absence >= (train ? ABSENCE_IN_TRAINING : ABSENCE_ALLOWED)) return 0;
    if (!found)
        warn("%s: %s %s is missing", path, param->name, shape_format(param->shape, wanted_text));
    else if (!shape_fits(param, found->shape))
        warn("%s: %s is %s, not %s", path, param->name, shape_format(found->shape, found_text),
             shape_format(param->shape, wanted_text));
    else if (!loadable(found->dtype))
        warn("%s: %s is %s, not f32, f16 or bf16", path, param->name, dtype_name(found->dtype));
    else
        return 0;
    return 1;
}

static int name_strangers(const char *path, const struct params *params, const struct safetensors *file,
                          const struct model_part *const *known, int count) {
    int strangers = 0;
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->tensor[i].name;
        if (!claims(params->part, name, known, count) || params_find(params, name)) continue;
        warn("%s: %s is not in this model", path, name);
        strangers++;
    }
    return strangers;
}

static int check_file(const struct params *params, const struct safetensors *file, const char *path,
                      const struct model_part *const *known, int count) {
    int misfits = known ? name_strangers(path, params, file, known, count) : 0;
    for (int i = 0; i < params->count; i++)
        misfits += name_misfit(path, &params->item[i], safetensors_find(file, params->item[i].name), params->gradient);
    if (!misfits) return 0;
    return error(EXIT_USAGE,
                 "%s does not fit this model: %d tensors are missing, surplus or misshapen, named above; give the "
                 "configuration that belongs to these weights",
                 path, misfits);
}

static void say_resampled(const struct params *params, const struct param *param, struct shape found) {
    char wanted_text[SHAPE_TEXT], found_text[SHAPE_TEXT];
    note("%s: %s in the file, resampled to %s (%s)", param->name, shape_format(found, found_text),
         shape_format(param->shape, wanted_text), positions_rule(param, params->resample));
}

enum { PIECE = 1 << 16 }; // elements

// By pieces, so that what is looked through is in the cache when it is copied: reading a large file for that alone
// would cost as much as loading it.
static bool load_values(struct params *params, real *to, const struct tensor *tensor) {
    size_t size = dtype_size(tensor->dtype), count = (size_t)shape_count(tensor->shape);
    real *converted = tensor->dtype == DT_REAL ? NULL : xmalloc(PIECE * sizeof *converted);
    bool finite = true;
    for (size_t i = 0; i < count; i += PIECE) {
        size_t n = count - i < PIECE ? count - i : PIECE;
        const void *from = (const char *)tensor->data + i * size;
        finite &= dtype_finite(tensor->dtype, from, n);
        if (converted) dtype_convert(converted, DT_REAL, from, tensor->dtype, n);
        params->ops->upload(params->ops, to + i, converted ? converted : from, n * sizeof *to);
    }
    free(converted);
    return finite;
}

static bool load_resampled(struct params *params, real *to, const struct param *param, const struct tensor *tensor) {
    size_t count = (size_t)shape_count(param->shape), found = (size_t)shape_count(tensor->shape);
    real *values = xmalloc(found * sizeof *values), *resampled = xmalloc(count * sizeof *resampled);
    dtype_convert(values, DT_REAL, tensor->data, tensor->dtype, found);
    say_resampled(params, param, tensor->shape);
    positions_resample(resampled, param, params->resample, values, tensor->shape);
    params->ops->upload(params->ops, to, resampled, count * sizeof *resampled);
    free(values);
    free(resampled);
    return dtype_finite(tensor->dtype, tensor->data, found);
}

// Whether all of it is finite.
static bool load_tensor(struct params *params, const struct param *param, const struct tensor *tensor) {
    real *to = params_destination(params, param);
    bool finite = shape_same(param->shape, tensor->shape) ? load_values(params, to, tensor)
                                                          : load_resampled(params, to, param, tensor);
    params_settle(params, param);
    return finite;
}

// Names the first of so many tensors that the file lacks.
static void say_initial(const char *path, const struct param *first, int count) {
    if (count > 1)
        note("%s has no %s, nor %d more tensors of this model; they start anew", path, first->name, count - 1);
    else if (first->deviation > 0)
        note("%s has no %s; it starts anew", path, first->name);
    else
        note("%s has no %s; it starts at %g", path, first->name, first->mean);
}

// Training skips the steps that meet such a number, and says so (train/training_step.c); elsewhere it would end up in
// what is written, and nobody could tell why.
static int say_not_finite(const struct params *params, const char *path, const char *first, int count) {
    static const char text[] = "%s: %d of the %d tensors of the %s part hold numbers that are not finite (NaN or "
                               "infinite), %s first%s";
    const char *part = params->part->name;
    if (!params->gradient)
        return error(EXIT_DATA, text, path, count, params->count, part, first,
                     "; fetch the weights again, or take an older checkpoint");
    warn(text, path, count, params->count, part, first, "");
    return 0;
}

int params_load(struct params *params, const struct safetensors *file, const char *path,
                const struct model_part *const *known, int count) {
    int status = check_file(params, file, path, known, count), odd = 0, absent = 0;
    const char *first = NULL;
    const struct param *anew = NULL; // the first
    if (status) return status;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const struct tensor *tensor = safetensors_find(file, param->name);
        if (!tensor && !absent++) anew = param;
        if (!tensor)
            params_initialize_one(params, param, params->seed);
        else if (!load_tensor(params, param, tensor) && !odd++)
            first = tensor->name;
    }
    if (absent) say_initial(path, anew, absent);
    params_refresh(params);
    return odd ? say_not_finite(params, path, first, odd) : 0;
}

int params_write(const struct params *params, const real *block, const char *path, uint64_t *checksum, int64_t *size) {
    real *host = xmalloc((size_t)params->own_elements * sizeof *host);
    struct tensor *tensor = xcalloc((size_t)params->count, sizeof *tensor);
    size_t count = 0;
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        if (param->own < 0) continue;
        tensor[count] = (struct tensor){.dtype = DT_REAL, .shape = param->shape, .data = host + param->own};
        memcpy(tensor[count].name, param->name, sizeof tensor[count].name);
        params->ops->download(params->ops, host + param->own, block + param->offset,
                              (size_t)tensor_bytes(&tensor[count++]));
    }
    int status = safetensors_write(path, tensor, count, NULL, 0, checksum, size);
    free(tensor);
    free(host);
    return status;
}
