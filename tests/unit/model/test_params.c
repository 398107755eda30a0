// The table of parameters: the paper's counts, the layout, initial values, files.
#include "fixture.h"

#include <glob.h>

#include "../base/support.h"

#include "base/random.h"

static void read_preset(struct model_config *config, const char *name) {
    char *path = xformat("../data/models/%s.json", name);
    assert_int_equal(model_config_read(config, path), 0);
    free(path);
}

static bool starts_with(const char *name, const char *start) {
    return !strncmp(name, start, strlen(start));
}

// Trainable numbers without poolers and the two projections to the embedding, which the paper leaves out.
static int64_t count_as_the_paper(const struct model_config *config, const struct model_part *part) {
    struct params *params = params_layout(config, part);
    int64_t count = 0;
    for (int i = 0; i < params->count; i++) {
        const char *name = params->item[i].name;
        bool left_out = starts_with(name, "visual.attn_pool") || !strcmp(name, "visual.proj") ||
                        !strcmp(name, "text.text_projection");
        if (!left_out) count += shape_count(params->item[i].shape);
    }
    params_free(&params);
    return count;
}

static void assert_millions(int64_t count, double millions, double rounding) {
    if (fabs((double)count / 1e6 - millions) > rounding)
        fail_msg("%lld parameters, not %.1fM", (long long)count, millions);
}

static void test_counts_are_the_papers(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_base");
    assert_millions(count_as_the_paper(&config, &image_part), 86.0, 0.05);
    assert_millions(count_as_the_paper(&config, &text_part), 296.9, 0.05);
    read_preset(&config, "coca_large");
    assert_millions(count_as_the_paper(&config, &image_part), 303.6, 0.05);
    assert_millions(count_as_the_paper(&config, &text_part), 483.9, 0.05);
    read_preset(&config, "coca_2b");
    assert_millions(count_as_the_paper(&config, &image_part), 1012, 0.5);
    assert_millions(count_as_the_paper(&config, &text_part), 1180, 0.5);
}

static int64_t count_all(const struct model_config *config) {
    int64_t count = 0;
    for (int part = 0; part < MODEL_PARTS; part++) {
        struct params *params = params_layout(config, model_parts[part]);
        count += params_count(params);
        params_free(&params);
    }
    return count;
}

static void test_counts_are_open_clips(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_ViT-B-32");
    assert_int_equal(count_all(&config), 253560065);
    read_preset(&config, "coca_ViT-L-14");
    assert_int_equal(count_all(&config), 638450177);
}

static void test_names_and_shapes_are_the_golden_ones(void **state) {
    (void)state;
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        struct golden golden;
        size_t count = 0;
        golden_open(&golden, golden_names[i]);
        for (int part = 0; part < MODEL_PARTS; part++) {
            struct params *params = params_layout(&golden.config, model_parts[part]);
            for (int k = 0; k < params->count; k++) {
                const struct tensor *tensor = safetensors_find(&golden.weights, params->item[k].name);
                if (!tensor) fail_msg("%s is not in the golden file", params->item[k].name);
                assert_true(shape_equal(tensor->shape, params->item[k].shape));
            }
            count += (size_t)params->count;
            params_free(&params);
        }
        assert_int_equal(count, golden.weights.count);
        golden_close(&golden);
    }
}

static struct ops *open_reference(void) {
    struct ops *ops;
    assert_int_equal(ops_open(&ops, "reference", DT_REAL, 1), 0);
    return ops;
}

// Widths that are multiples of nothing: tensors lie apart but aligned, keys' and values' weights in one piece.
static void test_layout(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_tiny");
    config.vision.width = 27;
    config.decoder.width = config.text.width = 15;
    struct params *params = params_layout(&config, &image_part);
    const struct param *k = params_find(params, "visual.attn_pool.attn.k_proj_weight");
    const struct param *v = params_find(params, "visual.attn_pool.attn.v_proj_weight");
    assert_int_equal(v->offset, k->offset + 15 * 27);
    for (int i = 0; i < params->count; i++) {
        const struct param *item = &params->item[i];
        int64_t end = i + 1 < params->count ? params->item[i + 1].offset : params->elements;
        assert_true(end >= item->offset + shape_count(item->shape));
        assert_true(item == v || item->offset % 32 == 0);
    }
    params_free(&params);
}

// Design section 7 says of names what the layouts say by the way in which they add a tensor.
static void check_kinds(const struct params *params) {
    for (int i = 0; i < params->count; i++) {
        const struct param *param = &params->item[i];
        const char *name = param->name;
        bool decay =
            param->shape.rank >= 2 && !strstr(name, "ln") && !strstr(name, "bias") && !strstr(name, "logit_scale");
        if (param->decay != decay) fail_msg("decay of %s", name);
        if (param->linear != (decay && !strstr(name, "embedding") && !strstr(name, "query")))
            fail_msg("whether %s is a linear map's", name);
    }
}

static void test_kinds_of_all_presets(void **state) {
    (void)state;
    glob_t found;
    assert_int_equal(glob("../data/models/*.json", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct model_config config;
        assert_int_equal(model_config_read(&config, found.gl_pathv[i]), 0);
        for (int k = 0; k < MODEL_PARTS; k++) {
            struct params *params = params_layout(&config, model_parts[k]);
            check_kinds(params);
            params_free(&params);
        }
    }
    globfree(&found);
}

static void test_decay(void **state) {
    (void)state;
    static const struct {
        const struct model_part *part;
        const char *name;
        bool decay;
    } row[] = {
        {&image_part, "visual.conv1.weight", true},
        {&image_part, "visual.ln_post.weight", false},
        {&image_part, "visual.attn_pool.query", true},
        {&image_part, "visual.transformer.resblocks.0.mlp.c_fc.bias", false},
        {&text_part, "text.cls_emb", false},
        {&text_part, "text.positional_embedding", true},
        {&text_part, "text_decoder.cross_attn.0.attn.out_proj.weight", true},
        {&loss_part, "logit_scale", false},
    };
    struct model_config config;
    read_preset(&config, "coca_tiny");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct params *params = params_layout(&config, row[i].part);
        const struct param *param = params_find(params, row[i].name);
        assert_non_null(param);
        if (param->decay != row[i].decay) fail_msg("decay of %s", row[i].name);
        params_free(&params);
    }
}

static double deviation_of(const struct params *params, const char *name, double mean) {
    const struct param *param = params_find(params, name);
    double sum = 0;
    int64_t n = shape_count(param->shape);
    for (int64_t i = 0; i < n; i++) sum += pow(params->master[param->offset + i] - mean, 2);
    return sqrt(sum / (double)n);
}

static void test_initial_values(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_tiny");
    struct ops *ops = open_reference();
    struct params *text = params_new(ops, &config, &text_part, false),
                  *loss = params_new(ops, &config, &loss_part, false);
    params_initialize(text, 7);
    params_initialize(loss, 7);
    double D = config.text.width, proj = pow(D, -0.5) * pow(2 * config.text.layers, -0.5);
    assert_near_number("token embedding", deviation_of(text, "text.token_embedding.weight", 0), 0.02, 0.01);
    assert_near_number("in_proj", deviation_of(text, "text.transformer.resblocks.1.attn.in_proj_weight", 0),
                       pow(D, -0.5), 0.02);
    assert_near_number("out_proj", deviation_of(text, "text.transformer.resblocks.1.attn.out_proj.weight", 0), proj,
                       0.03);
    assert_near_number("c_fc", deviation_of(text, "text.transformer.resblocks.0.mlp.c_fc.weight", 0), pow(2 * D, -0.5),
                       0.02);
    assert_true(deviation_of(text, "text.ln_final.weight", 1) == 0);
    assert_true(deviation_of(text, "text.ln_final.bias", 0) == 0);
    assert_near_number("temperature", exp(-loss->master[0]), 0.07, 1e-6);
    params_free(&text);
    params_free(&loss);
    ops_close(&ops);
}

// A tensor's initial values follow from the seed and its name: not from the model around it.
static void test_initial_values_follow_the_name(void **state) {
    (void)state;
    struct model_config config, deeper;
    read_preset(&config, "coca_tiny");
    deeper = config;
    deeper.vision.layers++;
    struct ops *ops = open_reference();
    struct params *params[] = {params_new(ops, &config, &image_part, false),
                               params_new(ops, &deeper, &image_part, false),
                               params_new(ops, &config, &image_part, false)};
    params_initialize(params[0], 7);
    params_initialize(params[1], 7);
    params_initialize(params[2], 8);
    size_t bytes = (size_t)(config.decoder.width * config.embed_dim) * sizeof(real);
    struct weight proj[3];
    for (int i = 0; i < 3; i++) proj[i] = params_weight(params[i], "visual.%s", "proj");
    assert_memory_equal(proj[0].master, proj[1].master, bytes);
    assert_memory_not_equal(proj[0].master, proj[2].master, bytes);
    for (int i = 0; i < 3; i++) params_free(&params[i]);
    ops_close(&ops);
}

static void test_file_round_trip(void **state) {
    (void)state;
    struct model_config config;
    struct safetensors file;
    uint64_t checksum;
    int64_t size;
    read_preset(&config, "coca_tiny");
    struct ops *ops = open_reference();
    struct params *a = params_new(ops, &config, &image_part, false), *b = params_new(ops, &config, &image_part, false);
    char *path = path_join(folder, "image.safetensors");
    params_initialize(a, 3);
    assert_int_equal(params_write(a, a->master, path, &checksum, &size), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(b, &file, path, model_parts, MODEL_PARTS), 0);
    assert_memory_equal(a->master, b->master, (size_t)a->elements * sizeof(real));
    safetensors_close(&file);
    params_free(&a);
    params_free(&b);
    ops_close(&ops);
    free(path);
}

// The file of another model, or of another part, is refused as a whole and changes nothing.
static void test_files_that_do_not_fit(void **state) {
    (void)state;
    struct golden golden, other;
    golden_open(&golden, "narrow_vision");
    golden_open(&other, "wide_vision");
    struct ops *ops = open_reference();
    struct params *params = params_new(ops, &golden.config, &text_part, false);
    assert_int_equal(params_load(params, &other.weights, "other", NULL, 0), -EXIT_USAGE);
    assert_int_equal(params_load(params, &golden.batch, "batch", NULL, 0), -EXIT_USAGE);
    for (int64_t i = 0; i < params->elements; i++) assert_true(params->master[i] == 0);
    params_free(&params);
    ops_close(&ops);
    golden_close(&golden);
    golden_close(&other);
}

// A scalar may have shape [1]; strangers count only with `exact`, under the part's own prefixes or under nobody's.
static void test_scalars_and_strangers(void **state) {
    (void)state;
    struct model_config config;
    struct safetensors file;
    float number = 3, extra = 4;
    struct tensor tensor[] = {{"logit_scale", DT_F32, SHAPE(1), &number},
                              {"visual.other", DT_F32, SHAPE(1), &extra},
                              {"logit_bias", DT_F32, SHAPE(1), &extra}};
    char *path = path_join(folder, "loss.safetensors");
    read_preset(&config, "coca_tiny");
    struct ops *ops = open_reference();
    struct params *params = params_new(ops, &config, &loss_part, false);
    assert_int_equal(safetensors_write(path, tensor, 3, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(params, &file, path, model_parts, MODEL_PARTS), -EXIT_USAGE);
    assert_int_equal(params_load(params, &file, path, NULL, 0), 0);
    assert_true(params->master[0] == 3);
    safetensors_close(&file);
    assert_int_equal(safetensors_write(path, tensor, 2, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(params, &file, path, model_parts, MODEL_PARTS), 0);
    safetensors_close(&file);
    params_free(&params);
    ops_close(&ops);
    free(path);
}

// The bias is a parameter of the loss where the configuration has it; weights of a softmax start it anew.
static void test_the_bias_of_the_sigmoid_loss(void **state) {
    (void)state;
    struct model_config config;
    struct safetensors file;
    float number = 3;
    const struct tensor tensor[] = {{"logit_scale", DT_F32, SHAPE(1), &number}};
    char *path = path_join(folder, "loss.safetensors");
    read_preset(&config, "coca_tiny");
    model_config_use_sigmoid(&config);
    struct ops *ops = open_reference();
    struct params *params = params_new(ops, &config, &loss_part, false);
    real *scale = params_weight(params, "logit_scale").master, *bias = params_weight(params, "logit_bias").master;
    assert_int_equal(params_count(params), 2);
    assert_false(params_find(params, "logit_bias")->decay);
    params_initialize(params, 1);
    assert_near_number("scale", exp(*scale), 10, 1e-6);
    assert_true(*bias == -10);
    *bias = 0;
    assert_int_equal(safetensors_write(path, tensor, 1, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(params, &file, path, model_parts, MODEL_PARTS), 0);
    assert_true(*scale == 3 && *bias == -10);
    safetensors_close(&file);
    params_free(&params);
    ops_close(&ops);
    free(path);
}

static void layout_probe(struct params *params, const struct model_config *config) {
    params_layout_add_linear(params, SHAPE(7, config->embed_dim), 1, "probe.%s", "weight");
    params_layout_add(params, SHAPE(7), 0.5, 0, "probe.bias");
    params_layout_add_norm(params, 3, "probe.ln");
}

static const char *const probe_prefixes[] = {"probe.", NULL};
static const struct model_part probe_part = {"probe", probe_prefixes, layout_probe};

// In a file of the whole model each part refuses what is its own and unknown, and leaves the others' alone.
static void test_a_part_of_somebody_else(void **state) {
    (void)state;
    const struct model_part *known[] = {&image_part, &text_part, &loss_part, &probe_part};
    struct model_config config;
    struct safetensors file;
    char *path = path_join(folder, "probe.safetensors");
    read_preset(&config, "coca_tiny");
    float numbers[7 * 512] = {0};
    struct tensor tensor[] = {
        {"logit_scale", DT_F32, SHAPE(1), numbers},   {"probe.weight", DT_F32, SHAPE(7, config.embed_dim), numbers},
        {"probe.bias", DT_F32, SHAPE(7), numbers},    {"probe.ln.weight", DT_F32, SHAPE(3), numbers},
        {"probe.ln.bias", DT_F32, SHAPE(3), numbers}, {"probe.other", DT_F32, SHAPE(3), numbers}};
    struct ops *ops = open_reference();
    struct params *probe = params_new(ops, &config, &probe_part, true),
                  *loss = params_new(ops, &config, &loss_part, false);
    params_initialize(probe, 1);
    assert_true(probe->master[params_find(probe, "probe.bias")->offset] == 0.5F);
    assert_true(probe->item[0].decay && probe->item[0].linear && !probe->item[1].decay && !probe->item[2].decay);
    assert_int_equal(params_linear_count(probe), 7 * config.embed_dim);
    assert_int_equal(safetensors_write(path, tensor, 6, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(probe, &file, path, known, 4), -EXIT_USAGE);
    assert_int_equal(params_load(probe, &file, path, NULL, 0), 0);
    assert_int_equal(params_load(loss, &file, path, known, 4), 0);
    assert_int_equal(params_load(loss, &file, path, model_parts, MODEL_PARTS), -EXIT_USAGE);
    safetensors_close(&file);
    assert_int_equal(safetensors_write(path, tensor, 5, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(probe, &file, path, known, 4), 0);
    safetensors_close(&file);
    params_free(&probe);
    params_free(&loss);
    ops_close(&ops);
    free(path);
}

// A model without a head has no tensors of one; in a file it then refuses them.
static void test_no_head(void **state) {
    (void)state;
    const struct model_part *known[] = {&image_part, &text_part, &loss_part, &head_part};
    struct model_config config;
    struct safetensors file;
    float numbers[2] = {0};
    const struct tensor tensor[] = {{"head.fc.bias", DT_F32, SHAPE(2), numbers},
                                    {"logit_scale", DT_F32, SHAPE(1), numbers}};
    char *path = path_join(folder, "head.safetensors");
    read_preset(&config, "coca_tiny");
    struct ops *ops = open_reference();
    struct params *head = params_new(ops, &config, &head_part, true);
    assert_int_equal(head->count, 0);
    params_initialize(head, 1);
    assert_int_equal(safetensors_write(path, tensor, 2, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(head, &file, path, known, 4), -EXIT_USAGE);
    struct params *loss = params_new(ops, &config, &loss_part, true);
    assert_int_equal(params_load(loss, &file, path, known, 4), 0); // it is the head's
    safetensors_close(&file);
    params_free(&head);
    params_free(&loss);
    ops_close(&ops);
    free(path);
}

// Shapes, decay and initial values: scores begin as zeros.
static void test_a_heads_tensors(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_tiny");
    config.head = (struct head_config){TASK_NLVR2, 3, 2, 4, 2};
    struct ops *ops = open_reference();
    struct params *head = params_new(ops, &config, &head_part, true);
    int64_t K = config.decoder.width;
    params_initialize(head, 7);
    assert_int_equal(head->count, 13);
    assert_int_equal(params_count(head), 2 * K + 3 * 2 * K + 4 * K * K + 4 * K + 3 * 2 * K + 3);
    const struct param *query = params_find(head, "head.attn_pool.query"), *fc = params_find(head, "head.fc.weight");
    assert_true(shape_equal(query->shape, SHAPE(2, K)) && shape_equal(fc->shape, SHAPE(3, 2 * K)));
    assert_true(query->decay && fc->decay && fc->linear && !params_find(head, "head.fc.bias")->decay);
    assert_false(params_find(head, "head.ln_post.weight")->decay);
    for (int64_t i = 0; i < 6 * K; i++) assert_true(head->master[fc->offset + i] == 0);
    assert_true(head->master[query->offset] != 0);
    for (int i = 0; i < head->count; i++) assert_int_equal(head->item[i].group, GROUP_NEVER_LOCKED);
    params_free(&head);
    ops_close(&ops);
}

// Weights of a model without a head, or with some of one: training begins the rest from its seed, and what does not
// train has no use for a head that nobody taught.
static void test_a_head_begins_anew(void **state) {
    (void)state;
    struct model_config config;
    struct safetensors file;
    read_preset(&config, "coca_tiny");
    config.head = (struct head_config){TASK_RECOGNITION, 2, 1, 4, 1};
    float numbers[2] = {3, 4};
    const struct tensor tensor[] = {{"head.fc.bias", DT_F32, SHAPE(2), numbers},
                                    {"logit_scale", DT_F32, SHAPE(1), numbers}};
    char *path = path_join(folder, "anew.safetensors");
    struct ops *ops = open_reference();
    struct params *drawn = params_new(ops, &config, &head_part, true),
                  *loaded = params_new(ops, &config, &head_part, true),
                  *used = params_new(ops, &config, &head_part, false);
    params_initialize(drawn, 9);
    loaded->seed = 9;
    assert_int_equal(safetensors_write(path, tensor, 2, NULL, 0, NULL, NULL), 0);
    assert_int_equal(safetensors_open(&file, path), 0);
    assert_int_equal(params_load(used, &file, path, NULL, 0), -EXIT_USAGE);
    assert_int_equal(params_load(loaded, &file, path, NULL, 0), 0);
    memcpy(params_weight(drawn, "head.fc.bias").master, numbers, sizeof numbers);
    assert_memory_equal(loaded->master, drawn->master, (size_t)drawn->elements * sizeof(real));
    safetensors_close(&file);
    params_free(&drawn);
    params_free(&loaded);
    params_free(&used);
    ops_close(&ops);
    free(path);
}

static void test_initial_values_in_any_team(void **state) {
    (void)state;
    struct model_config config;
    read_preset(&config, "coca_tiny");
    struct ops *ops[2] = {open_reference(), NULL};
    struct params *image[2];
    assert_int_equal(ops_open(&ops[1], "cpu", DT_REAL, 3), 0);
    for (int i = 0; i < 2; i++) {
        image[i] = params_new(ops[i], &config, &image_part, false);
        params_initialize(image[i], 5);
    }
    assert_memory_equal(image[0]->master, image[1]->master, (size_t)image[0]->elements * sizeof(real));
    for (int i = 0; i < 2; i++) {
        params_free(&image[i]);
        ops_close(&ops[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_the_papers),
        cmocka_unit_test(test_counts_are_open_clips),
        cmocka_unit_test(test_names_and_shapes_are_the_golden_ones),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_kinds_of_all_presets),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_initial_values),
        cmocka_unit_test(test_initial_values_follow_the_name),
        cmocka_unit_test(test_file_round_trip),
        cmocka_unit_test(test_files_that_do_not_fit),
        cmocka_unit_test(test_scalars_and_strangers),
        cmocka_unit_test(test_the_bias_of_the_sigmoid_loss),
        cmocka_unit_test(test_a_part_of_somebody_else),
        cmocka_unit_test(test_no_head),
        cmocka_unit_test(test_a_heads_tensors),
        cmocka_unit_test(test_a_head_begins_anew),
        cmocka_unit_test(test_initial_values_in_any_team),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
