// What the tests of base and tensor share: cmocka, a scratch folder, and what was said on stderr.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

// An empty folder for the group: use as its set-up and tear-down.
static char folder[] = "/tmp/coca-unit-XXXXXX";

static inline int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    return directory_remove(folder);
}

// FOLDER/name, good until the fourth call from here.
static inline const char *in_folder(const char *name) {
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

// Between listen and heard, stderr goes to a file; assert only afterwards.
static FILE *ear;
static int mouth;

static inline void listen_in(void) {
    ear = tmpfile();
    mouth = dup(2);
    if (!ear || mouth < 0 || dup2(fileno(ear), 2) < 0) abort();
}

static inline const char *heard(void) {
    static char text[8192];
    dup2(mouth, 2);
    close(mouth);
    rewind(ear);
    text[fread(text, 1, sizeof text - 1, ear)] = 0;
    fclose(ear);
    return text;
}

#define assert_has(text, part)                                                                                         \
    do {                                                                                                               \
        const char *has_text = (text);                                                                                 \
        if (!strstr(has_text, part)) fail_msg("\"%s\" lacks \"%s\"", has_text, part);                                  \
    } while (0)

// The wait status of a child that runs `action`; it exits with 99 when `action` returns.
static inline int fate(void (*action)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        action();
        _exit(99);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child) abort();
    return status;
}

static inline void assert_exits(void (*action)(void), int code, const char *words) {
    listen_in();
    int status = fate(action);
    const char *text = heard();
    if (!WIFEXITED(status)) fail_msg("no exit, but status %d: %s", status, text);
    assert_int_equal(WEXITSTATUS(status), code);
    assert_has(text, words);
}

static inline void assert_aborts(void (*action)(void), const char *words) {
    listen_in();
    int status = fate(action);
    const char *text = heard();
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) fail_msg("no abort, but status %d: %s", status, text);
    assert_has(text, words);
}
