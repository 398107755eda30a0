// One NaN among a billion weights makes every caption empty and every embedding NaN, and nothing in what is written
// tells why. params_load asks here before it fills a part. All bytes of the file are read once more than they must be,
// so threads share them: they come from the disk in parallel then, and the copy that follows finds them in memory.
#include "model/params/finite.h"

#include <stdatomic.h>

#include "ops/cpu/pool.h"

// A tensor that threads look through, each its share.
struct search {
    const struct tensor *tensor;
    atomic_bool *odd; // somebody found something
};

#define SEARCH_ALONE 65536 // so few are looked through before another thread has heard of it

static void search_share(const void *context, struct share share) {
    const struct search *search = context;
    const struct tensor *tensor = search->tensor;
    struct range range = share_of(share, shape_count(tensor->shape), SEARCH_ALONE);
    const char *from = (const char *)tensor->data + (size_t)range.begin * dtype_size(tensor->dtype);
    if (!dtype_finite(tensor->dtype, from, (size_t)(range.end - range.begin))) atomic_store(search->odd, true);
}

static bool is_finite(struct pool *pool, const struct tensor *tensor) {
    atomic_bool odd = false;
    const struct search search = {tensor, &odd};
    pool_run(pool, shape_count(tensor->shape) < SEARCH_ALONE, search_share, &search);
    return !odd;
}

// How many of the tensors hold what is not finite, and the first of them.
static int count_odd(const struct params *params, const struct safetensors *file, const char **first) {
    struct pool *pool = pool_new(params->ops->threads);
    int count = 0;
    if (!pool) pool = pool_new(1);
    for (int i = 0; i < params->count; i++) {
        const struct tensor *tensor = safetensors_find(file, params->item[i].name);
        if (tensor && !is_finite(pool, tensor) && !count++) *first = tensor->name;
    }
    pool_free(&pool);
    return count;
}

int finite_check(const struct params *params, const struct safetensors *file, const char *path) {
    static const char text[] = "%s: %d of the %d tensors of the %s part hold numbers that are not finite (NaN or "
                               "infinite), %s first%s";
    const char *first = NULL, *part = params->part->name;
    int count = count_odd(params, file, &first);
    if (!count) return 0;
    if (!params->gradient)
        return error(EXIT_DATA, text, path, count, params->count, part, first,
                     "; fetch the weights again, or take an older checkpoint");
    warn(text, path, count, params->count, part, first, "");
    return 0;
}
