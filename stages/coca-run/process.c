// Starts the processes of a job for job.c: command line, descriptors, process group, and what makes a process die with
// its supervisor.
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

bool row_has_log(const struct row *row) {
    return row->kind != ROW_SINK && row->kind != ROW_FEEDER;
}

// Feeders and side processes are any programs.
static bool row_is_stage(const struct row *row) {
    return row->kind == ROW_STAGE || row->kind == ROW_SINK || row->kind == ROW_WORKER;
}

char *process_file(const struct process *process, const struct surroundings *around, const char *folder,
                   const char *suffix) {
    return xformat("%s/%s/%s.%s", around->directory, folder, process->name, suffix);
}

// ---- its command line

static void add_option(struct strings *words, const char *name, const char *value) {
    strings_add_text(words, name);
    strings_add_text(words, value);
}

static void add_file(struct strings *words, const char *option, const char *folder, const struct process *process,
                     const char *suffix) {
    char *file = xformat("%s/%s.%s", folder, process->name, suffix);
    add_option(words, option, file);
    free(file);
}

// --EDGE ADDRESS or --EDGE=ADDRESS
static bool has_edge(const struct row *row, const char *edge) {
    size_t length = strlen(edge);
    for (size_t i = 1; i < row->command.count; i++) {
        const char *word = row->command.item[i];
        if (!strncmp(word, "--", 2) && !strncmp(word + 2, edge, length) &&
            (!word[2 + length] || word[2 + length] == '='))
            return true;
    }
    return false;
}

bool record_is_of(const struct record *record, const struct row *row) {
    return row->name && (!record->stage || !strcmp(record->stage, row->name)) && has_edge(row, record->edge);
}

static void add_records(struct strings *words, const struct row *row, const struct surroundings *around) {
    for (int i = 0; i < around->records; i++) {
        const struct record *record = &around->record[i];
        if (!record_is_of(record, row)) continue;
        char *value = xformat("%s=%s", record->edge, record->file);
        add_option(words, "--record", value);
        free(value);
    }
}

static void add_strings(struct strings *words, const struct strings *more) {
    for (size_t i = 0; i < more->count; i++) strings_add_text(words, more->item[i]);
}

static void add_rank(struct strings *words, const struct process *process) {
    char *rank = xformat("%d", process->number);
    if (process->row->count > 1) add_option(words, "--rank", rank);
    free(rank);
}

static void make_command(struct strings *words, const struct process *process, const struct surroundings *around) {
    add_strings(words, &process->row->command);
    if (!row_is_stage(process->row)) return;
    add_option(words, "--run-dir", around->directory);
    if (!process->row->away) add_option(words, "--supervisor", "sockets/supervisor");
    add_file(words, "--ready", "sockets", process, "ready");
    add_file(words, "--counters", "log", process, "counters");
    add_rank(words, process);
    add_strings(words, around->options);
    add_records(words, process->row, around);
}

// ---- its birth

// Standard descriptors of the child: what a kind does not have is /dev/null.
static void direct(const struct row *row, int log, int lock) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (row->kind != ROW_FEEDER) dup2(row->kind == ROW_AGAIN ? lock : null, STDIN_FILENO);
    if (row->kind == ROW_FEEDER) dup2(null, STDOUT_FILENO);
    if (!row_has_log(row)) return;
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
}

// In the child. Whoever starts it finds its words, and this one's, where the process's own would be.
static _Noreturn void become(const struct row *row, char **argv, int log, pid_t parent,
                             const struct surroundings *around) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_PEER); // it died before that
    direct(row, log, around->lock);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &around->mask, NULL);
    execvp(argv[0], argv);
    error(EXIT_USAGE, "%s: %s cannot be started: %s", row->name, argv[0], strerror(errno));
    _exit(EXIT_USAGE);
}

static void write_pid(const struct process *process, const struct surroundings *around) {
    char *path = process_file(process, around, "sockets", "pid");
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", (int)process->pid) < 0 || fclose(file))
        warn("%s: cannot be written: %s", path, strerror(errno));
    free(path);
}

// -1 when the kind has none, -2 reported.
static int open_log(struct process *process, const struct surroundings *around) {
    if (!row_has_log(process->row)) return -1;
    char *path = process_file(process, around, "log", "log");
    int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (log < 0) {
        error(EXIT_RUN, "%s: cannot be written: %s", path, strerror(errno));
        log = -2;
    }
    free(path);
    return log;
}

// Of an earlier start of it.
static void forget_ready(const struct process *process, const struct surroundings *around) {
    char *path = process_file(process, around, "sockets", "ready");
    unlink(path);
    free(path);
}

int process_start(struct process *process, const struct surroundings *around) {
    struct strings words = {0};
    int log = open_log(process, around);
    if (log == -2) return -EXIT_RUN;
    make_command(&words, process, around);
    char **argv = xcalloc(words.count + 1, sizeof *argv);
    memcpy(argv, words.item, words.count * sizeof *argv);
    forget_ready(process, around);
    pid_t parent = getpid();
    process->start_at = INFINITY;
    process->pid = fork();
    if (process->pid == 0) become(process->row, argv, log, parent, around);
    int status = process->pid < 0 ? error(EXIT_RUN, "%s: no process: %s", process->name, strerror(errno)) : 0;
    if (status) {
        process->pid = 0;
    } else {
        setpgid(process->pid, process->pid); // whoever of the two comes first: a signal may follow at once
        process->last_pid = process->pid;
        write_pid(process, around);
    }
    free(argv);
    strings_release(&words);
    if (log >= 0) close(log);
    return status;
}

void process_signal(const struct process *process, int number) {
    if (process->pid) kill(-process->pid, number);
}
