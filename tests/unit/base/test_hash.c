#include "support.h"

#include "base/hash.h"

#define PRIME 2654435761u // also the second seed of the vectors

// The sanity buffer of xxHash's own self-test.
static void fill(unsigned char *bytes, size_t size) {
    uint64_t generator = PRIME;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(generator >> 56);
        generator *= 11400714785074694797u;
    }
}

// Computed with libxxhash 0.8.1 over that buffer.
static const struct {
    size_t size;
    uint64_t seed_zero, seed_prime;
} vectors[] = {
    {0, 0xef46db3751d8e999, 0xac75fda2929b17ef},    {1, 0xe934a84adb052768, 0x5014607643a9b4c3},
    {3, 0xff7e1959cb50794a, 0xaa8584e83660f7d1},    {4, 0x9136a0dca57457ee, 0xcaab286bd8e9fdb5},
    {5, 0x9b046fb1397f09a5, 0x2af5249930f984ec},    {7, 0x6c83909a9f01ed25, 0xf98d03b1ad6f9293},
    {8, 0xcdbcf538e71d1348, 0xfe0c047a5353cdac},    {9, 0x554b1ae991eda6b6, 0x7908265248f6d73f},
    {12, 0x0723bf50086ead9a, 0x8252819f4e506951},   {14, 0x8282dcc4994e35c8, 0xc3bd6bf63deb6df0},
    {15, 0x180719316d622d84, 0xd61105c20e91f99f},   {16, 0x98c90b57fdfcb55c, 0xc900ad2d536b607e},
    {31, 0x299b39a290e6d783, 0xda673d5feb5c1d79},   {32, 0x18b216492bb44b70, 0xb3f33bdf93ade409},
    {33, 0x55c8dc3e578f5b59, 0xe92c292f64bc3071},   {40, 0x23b3810d7d8b1731, 0x5a57f246772bc540},
    {63, 0xa9efbe0fa0f3f4e7, 0x6c911fadb05b6fc2},   {64, 0xef558f8acac2b5cd, 0xb5eeba99264cc44f},
    {65, 0xde0f20dc2631af7a, 0xd3f6ff3941e310ca},   {222, 0xb641ae8cb691c174, 0x20cb8ab7ae10c14a},
    {2367, 0xa82418ddec0ea581, 0xa36a93c18052673a},
};

static void bytes_hash_as_xxh64(void **state) {
    (void)state;
    unsigned char bytes[2367 + 1];
    for (int shift = 0; shift < 2; shift++) {
        fill(bytes + shift, 2367);
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
            assert_int_equal(hash_bytes(bytes + shift, vectors[i].size, 0), vectors[i].seed_zero);
            assert_int_equal(hash_bytes(bytes + shift, vectors[i].size, PRIME), vectors[i].seed_prime);
        }
    }
    assert_int_equal(hash_bytes(NULL, 0, 0), 0xef46db3751d8e999);
}

static void pieces_hash_as_the_whole(void **state) {
    (void)state;
    unsigned char bytes[2367];
    fill(bytes, sizeof bytes);
    for (size_t piece = 1; piece < 100; piece++) {
        struct hash_stream stream;
        hash_stream_begin(&stream);
        for (size_t at = 0; at < sizeof bytes; at += piece) {
            assert_int_equal(hash_stream_end(&stream), hash_bytes(bytes, at, 0));
            hash_stream_add(&stream, bytes + at, at + piece < sizeof bytes ? piece : sizeof bytes - at);
        }
        assert_int_equal(hash_stream_end(&stream), hash_bytes(bytes, sizeof bytes, 0));
    }
}

static void a_text_hashes_without_its_nul(void **state) {
    (void)state;
    assert_int_equal(hash_text("abc", 0), 0x44bc2cf5ad770999);
    assert_int_equal(hash_text("", PRIME), 0xac75fda2929b17ef);
}

static void hashes_print_as_sixteen_digits(void **state) {
    (void)state;
    char text[HASH_TEXT_SIZE];
    hash_format(text, 0xabc);
    assert_string_equal(text, "0000000000000abc");
    hash_format(text, UINT64_MAX);
    assert_string_equal(text, "ffffffffffffffff");
}

static void what_is_printed_reads_back_and_nothing_else(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "abc",
                                        "0000000000000ABC",
                                        " 000000000000abc",
                                        "+000000000000abc",
                                        "0000000000000abcd",
                                        "0000000000000abc ",
                                        "000000000000000g"};
    uint64_t hash;
    assert_true(hash_parse(&hash, "0000000000000abc") && hash == 0xabc);
    assert_true(hash_parse(&hash, "ffffffffffffffff") && hash == UINT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_true(!hash_parse(&hash, wrong[i]) && !hash);
}

static void a_file_hashes_as_its_bytes(void **state) {
    (void)state;
    unsigned char bytes[2367];
    uint64_t hash = 0;
    fill(bytes, sizeof bytes);
    assert_int_equal(file_write(in_folder("bytes"), bytes, sizeof bytes), 0);
    assert_int_equal(hash_file(in_folder("bytes"), &hash), 0);
    assert_int_equal(hash, 0xa82418ddec0ea581);
    assert_int_equal(file_write(in_folder("bytes"), bytes, 0), 0);
    assert_int_equal(hash_file(in_folder("bytes"), &hash), 0);
    assert_int_equal(hash, 0xef46db3751d8e999);
}

static void a_missing_file_is_bad_data(void **state) {
    (void)state;
    uint64_t hash;
    listen_in();
    int status = hash_file(in_folder("missing"), &hash);
    const char *text = heard();
    assert_int_equal(status, -EXIT_DATA);
    assert_has(text, in_folder("missing"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_hash_as_xxh64),
        cmocka_unit_test(pieces_hash_as_the_whole),
        cmocka_unit_test(a_text_hashes_without_its_nul),
        cmocka_unit_test(hashes_print_as_sixteen_digits),
        cmocka_unit_test(what_is_printed_reads_back_and_nothing_else),
        cmocka_unit_test(a_file_hashes_as_its_bytes),
        cmocka_unit_test(a_missing_file_is_bad_data),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
