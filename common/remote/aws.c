// Keys of the environment come before those of files, and are taken together: an ID of one with a secret of the other
// would be refused without a hint. A missing file is an empty one.
#include "remote/aws.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "remote/ini.h"

enum { FILE_LIMIT = 1 << 20 };

static const char *set_in(const char *variable) {
    const char *value = getenv(variable);
    return value && *value ? value : NULL;
}

static const char *profile(void) {
    const char *name = set_in("AWS_PROFILE");
    return name ? name : "default";
}

struct settings {
    char *path, *section;
    struct buffer text;
};

static void settings_read(struct settings *self, const char *variable, const char *name, const char *section) {
    const char *path = set_in(variable), *home = set_in("HOME");
    *self = (struct settings){.path = path ? xstrdup(path) : xformat("%s/.aws/%s", home ? home : "", name)};
    self->section = xstrdup(section);
    if (file_exists(self->path)) file_read(self->path, FILE_LIMIT, &self->text);
}

static void settings_release(struct settings *self) {
    free(self->path);
    free(self->section);
    buffer_release(&self->text);
}

static char *settings_value(const struct settings *self, const char *name) {
    char *value = self->text.size ? ini_value(self->text.bytes, self->text.size, self->section, name) : NULL;
    if (value && *value) return value;
    free(value);
    return NULL;
}

static bool take_keys_of_environment(struct aws *aws) {
    const char *key_id = set_in("AWS_ACCESS_KEY_ID"), *secret = set_in("AWS_SECRET_ACCESS_KEY"),
               *token = set_in("AWS_SESSION_TOKEN");
    if (!key_id || !secret) return false;
    aws->key_id = xstrdup(key_id);
    aws->secret = xstrdup(secret);
    aws->token = token ? xstrdup(token) : NULL;
    aws->from = xstrdup("AWS_ACCESS_KEY_ID");
    return true;
}

static bool take_keys_of_file(struct aws *aws, const struct settings *file) {
    char *key_id = settings_value(file, "aws_access_key_id"), *secret = settings_value(file, "aws_secret_access_key");
    if (!key_id || !secret) {
        free(key_id);
        free(secret);
        return false;
    }
    aws->key_id = key_id;
    aws->secret = secret;
    aws->token = settings_value(file, "aws_session_token");
    aws->from = xformat("[%s] of %s", file->section, file->path);
    return true;
}

static char *first_of(const char *const *variable, const struct settings *config, const char *name) {
    for (; *variable; variable++)
        if (set_in(*variable)) return xstrdup(set_in(*variable));
    return settings_value(config, name);
}

void aws_read(struct aws *aws) {
    static const char *const regions[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    static const char *const endpoints[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
    struct settings credentials, config;
    const bool is_default = !strcmp(profile(), "default");
    char *section = is_default ? xstrdup("default") : xformat("profile %s", profile());
    *aws = (struct aws){.key_id = NULL};
    settings_read(&credentials, "AWS_SHARED_CREDENTIALS_FILE", "credentials", profile());
    settings_read(&config, "AWS_CONFIG_FILE", "config", section);
    if (!take_keys_of_environment(aws) && !take_keys_of_file(aws, &credentials)) take_keys_of_file(aws, &config);
    aws->region = first_of(regions, &config, "region");
    if (!aws->region) aws->region = xstrdup("us-east-1");
    aws->endpoint = first_of(endpoints, &config, "endpoint_url");
    settings_release(&credentials);
    settings_release(&config);
    free(section);
}

void aws_release(struct aws *aws) {
    free(aws->key_id);
    free(aws->secret);
    free(aws->token);
    free(aws->from);
    free(aws->region);
    free(aws->endpoint);
    *aws = (struct aws){.key_id = NULL};
}

void aws_encode(struct buffer *out, const char *key) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *key; key++)
        if (strchr(plain, *key))
            buffer_append(out, key, 1);
        else
            buffer_format(out, "%%%02X", (unsigned char)*key);
}

static char *host_of(const struct aws *aws) {
    const char *top = text_begins(aws->region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    return xformat("s3.%s.%s", aws->region, top);
}

static void add_place(struct buffer *url, const struct aws *aws, const char *bucket, size_t size) {
    if (aws->endpoint) {
        size_t length = strlen(aws->endpoint);
        while (length && aws->endpoint[length - 1] == '/') length--;
        buffer_append(url, aws->endpoint, length);
        buffer_format(url, "/%.*s", (int)size, bucket);
        return;
    }
    char *host = host_of(aws);
    if (memchr(bucket, '.', size))
        buffer_format(url, "https://%s/%.*s", host, (int)size, bucket);
    else
        buffer_format(url, "https://%.*s.%s", (int)size, bucket, host);
    free(host);
}

char *aws_url(const struct aws *aws, const char *bucket, size_t bucket_size, const char *key) {
    struct buffer url = {0};
    add_place(&url, aws, bucket, bucket_size);
    buffer_text(&url, "/");
    aws_encode(&url, key);
    return url.bytes;
}
