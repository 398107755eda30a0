// What is taken from the environment and the files of AWS's tools, and the URLs that become of it.
#include "../base/support.h"

#include "remote/aws.h"
#include "remote/ini.h"

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",           "AWS_PROFILE",
    "AWS_REGION",          "AWS_DEFAULT_REGION",    "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"};

static int no_variables(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
    setenv("HOME", folder, 1);
    return 0;
}

static void is_value(const char *text, const char *section, const char *name, const char *value) {
    char *found = ini_value(text, strlen(text), section, name);
    if (value)
        assert_string_equal(found, value);
    else
        assert_null(found);
    free(found);
}

static void settings_are_found_in_their_section(void **state) {
    (void)state;
    const char *text = "\xEF\xBB\xBF"
                       "name = outside\r\n[ a ]\r\n# name = no\n; name = no\nname=first\r\n name = nested\n"
                       "name\t=  two words  # a comment\nother = a#b;c\nempty =\n[b]\nname = b\n[a]\nlast = x";
    is_value(text, "a", "name", "two words");
    is_value(text, "a", "other", "a#b;c");
    is_value(text, "a", "empty", "");
    is_value(text, "a", "last", "x");
    is_value(text, "b", "name", "b");
    is_value(text, "b", "other", NULL);
    is_value(text, "c", "name", NULL);
    is_value("", "a", "name", NULL);
    is_value("[a", "a", "name", NULL);
    is_value("[a]\nname", "a", "name", NULL);
}

static void keys_are_taken_together(void **state) {
    no_variables(state);
    struct aws aws;
    setenv("AWS_SHARED_CREDENTIALS_FILE", in_folder("keys"), 1);
    const char *text = "[default]\naws_access_key_id=I\naws_secret_access_key=S\naws_session_token=T\n[half]\n"
                       "aws_access_key_id=H\n";
    assert_int_equal(file_write(in_folder("keys"), text, strlen(text)), 0);
    setenv("AWS_ACCESS_KEY_ID", "E", 1); // without its secret it is none
    aws_read(&aws);
    assert_string_equal(aws.key_id, "I");
    assert_string_equal(aws.secret, "S");
    assert_string_equal(aws.token, "T");
    assert_has(aws.from, in_folder("keys"));
    assert_string_equal(aws.region, "us-east-1");
    assert_null(aws.endpoint);
    aws_release(&aws);

    setenv("AWS_SECRET_ACCESS_KEY", "F", 1);
    aws_read(&aws);
    assert_string_equal(aws.key_id, "E");
    assert_string_equal(aws.secret, "F");
    assert_null(aws.token);
    aws_release(&aws);

    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_PROFILE", "half", 1);
    aws_read(&aws);
    assert_null(aws.key_id);
    aws_release(&aws);
}

static void the_nearer_setting_counts(void **state) {
    no_variables(state);
    struct aws aws;
    const char *text = "[default]\nregion = r0\n[profile p]\nregion = r1\nendpoint_url = http://p/\n";
    assert_int_equal(file_write(in_folder("config"), text, strlen(text)), 0);
    setenv("AWS_CONFIG_FILE", in_folder("config"), 1);
    aws_read(&aws);
    assert_string_equal(aws.region, "r0");
    aws_release(&aws);
    setenv("AWS_PROFILE", "p", 1);
    aws_read(&aws);
    assert_string_equal(aws.region, "r1");
    assert_string_equal(aws.endpoint, "http://p/");
    aws_release(&aws);
    setenv("AWS_DEFAULT_REGION", "r2", 1);
    setenv("AWS_ENDPOINT_URL", "http://all", 1);
    aws_read(&aws);
    assert_string_equal(aws.region, "r2");
    assert_string_equal(aws.endpoint, "http://all");
    aws_release(&aws);
    setenv("AWS_REGION", "r3", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://s3", 1);
    aws_read(&aws);
    assert_string_equal(aws.region, "r3");
    assert_string_equal(aws.endpoint, "http://s3");
    aws_release(&aws);
}

static void is_url(const char *endpoint, const char *region, const char *bucket, const char *key, const char *url) {
    const struct aws aws = {.endpoint = (char *)(uintptr_t)endpoint, .region = (char *)(uintptr_t)region};
    char *made = aws_url(&aws, bucket, strlen(bucket), key);
    assert_string_equal(made, url);
    free(made);
}

static void buckets_are_hosts_or_paths(void **state) {
    (void)state;
    is_url(NULL, "eu-west-1", "b", "k/l", "https://b.s3.eu-west-1.amazonaws.com/k/l");
    is_url(NULL, "cn-north-1", "b", "k", "https://b.s3.cn-north-1.amazonaws.com.cn/k");
    is_url(NULL, "us-east-1", "b.c", "k", "https://s3.us-east-1.amazonaws.com/b.c/k");
    is_url("http://h:9000", "x", "b", "k", "http://h:9000/b/k");
    is_url("http://h/p//", "x", "b", "/k//l/../m", "http://h/p/b//k//l/../m");
    is_url("http://h", "x", "b", "a b+c%20~\xC3\xBC?#&=*'()!",
           "http://h/b/a%20b%2Bc%2520~%C3%BC%3F%23%26%3D%2A%27%28%29%21");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_found_in_their_section),
        cmocka_unit_test(keys_are_taken_together),
        cmocka_unit_test(the_nearer_setting_counts),
        cmocka_unit_test(buckets_are_hosts_or_paths),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
