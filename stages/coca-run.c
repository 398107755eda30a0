// coca-run: starts, watches, restarts and stops the processes of one job. The manual page is below; the table is read
// in coca-run/table.c, a job lives in job.c, and guard.c sees that nobody outlives it. pipelines/lib/supervise.sh
// writes the tables of our scripts.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "coca-run/folder.h"
#include "coca-run/guard.h"
#include "coca-run/job.h"
#include "stage/command.h"
#include "stage/option_rows.h"

static const char manual[] =
    "Reads a table of processes and runs them as one job in the directory DIR, which it locks. A row is a line:\n"
    "\n"
    "  KIND NAME [SETTING=VALUE]... COMMAND [ARGUMENT]...\n"
    "\n"
    "  stage   the job needs it to its end; stdin is /dev/null, its words go to DIR/log/NAME.log\n"
    "  sink    the same, with stdout and stderr of coca-run\n"
    "  worker  count=N of them (1), called NAME.0, NAME.1, ...; may die and are started again\n"
    "  feeder  any program that makes what the job reads, from coca-run's stdin; ends before the job or with it\n"
    "  side    any program that goes on beside the job, which does not depend on it; its words go to log/NAME.log\n"
    "  again   runs, with the lock on DIR as stdin, before the job starts again when it lost a stage or a sink (see\n"
    "          below); its words go to log/NAME.log\n"
    "  then    alone in its line: what follows is another job, which starts when the one before ended with 0\n"
    "\n"
    "Words are quoted as in a shell, by '...', \"...\" or a backslash, and nothing in them is expanded; # begins a\n"
    "comment, a backslash at the end of a line goes on in the next one. A process that a signal ended, or that\n"
    "left with 4, is started again restarts=N times (5 for workers, else 0) within=SECONDS (60), each time after\n"
    "twice the wait of the time before (0.1 s at first); once more, and the job ends.\n"
    "\n"
    "A stage or sink is lost when a signal ended it, when it left with 4, or with a code that is none of a stage's but\n"
    "a launcher's (mpirun, srun, ssh). Without a row `again` that ends the job. With one, what is left of the job is\n"
    "killed, the row's command is run, after the same wait as for a process, and all rows are started again,\n"
    "restarts=N times (3) within=SECONDS (600). If the command fails, the job ends with its code. Who left with 4\n"
    "because another process was stopped (SIGSTOP) does not count as lost, but that one. What was lost is kept in\n"
    "DIR/incident.json.\n"
    "\n"
    "Stages, sinks and workers get --run-dir, --supervisor, --ready sockets/NAME.ready, --counters\n"
    "log/NAME.counters and the OPTIONs behind `--` added to their commands, and the workers of a row with several\n"
    "--rank 0, 1, ...; sockets/NAME.pid holds the number of each process.\n"
    "away=1 says that the command starts its process on other hosts, which know no --supervisor.\n"
    "\n"
    "The job is over when no stage and no sink is left: feeders are ended, workers leave with their consumers,\n"
    "side processes are waited for, and whatever they started is ended with them. The first that leaves with\n"
    "another code than 0 decides the exit code, and the others are told to leave; a process ended by a signal\n"
    "counts as 4. Who leaves with 4 lost a peer: the peer's own end, if it is heard of within half a second,\n"
    "counts instead. The last lines of its log are printed, and where the log is.\n"
    "\n"
    "SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask for a clean end: the signal is passed on to --conductor, without one\n"
    "to all. Signals closer together than a second are one request, so whoever stops the job may signal each of\n"
    "its processes; a later one kills all. Exit codes then are 130 (SIGINT), 129 (SIGHUP) and 143 (SIGTERM, and\n"
    "SIGUSR1, which batch systems warn with before it). When coca-run itself is killed, every process of the job\n"
    "is killed with it.\n"
    "\n"
    "Exit codes: 0 done, 2 the table or DIR cannot be used, 4 a process was lost, else the first failure's.\n"
    "\n"
    "Example:\n"
    "  printf '%s\\n' 'stage list ls -l' 'sink say echo done' >table && coca-run --run-dir /tmp/job <table";

struct run {
    struct {
        char *run_dir, *conductor;
        int64_t table;
        bool scratch, times;
        double grace;
        struct strings record;
    } own;
    struct table table;
    struct supervisor supervisor;
    struct record *record;
    sigset_t taken;
};

#define FIELD(member) offsetof(__typeof__(((struct run *)0)->own), member)
static const struct option rows[] = {
    TEXT("run-dir", run_dir, "DIR", NULL, "the job's directory", OPTION_LOCAL),
    INT("table", table, "DESCRIPTOR", "0", 0, 1 << 20,
        "where the table is read; with another than stdin, stdin is the feeders'", OPTION_LOCAL),
    TEXT("conductor", conductor, "NAME", NULL, "of the process that ends the others when it is asked to", OPTION_LOCAL),
    LIST("record", record, "[STAGE:]EDGE=FILE",
         "has the processes, or the one named, that receive on an edge record it", OPTION_LOCAL | OPTION_OUTPUT),
    REAL("grace", grace, "SECONDS", "20", 0, 1e6,
         "for processes to leave once they were told to, before they are killed", OPTION_LOCAL),
    FLAG("scratch", scratch, "remove DIR at the end, unless a log in it was named", OPTION_LOCAL),
    FLAG("times", times, "print where each process's time went", OPTION_LOCAL),
};

enum { TABLE_LIMIT = 16 << 20 };

// ---- what it is told

static int read_table(struct run *run) {
    const int64_t from = run->own.table;
    struct buffer text = {0};
    char *path = from ? xformat("/dev/fd/%d", (int)from) : xstrdup("-");
    int status = file_read(path, TABLE_LIMIT, &text);
    if (!status) status = table_read(&run->table, text.bytes, text.size);
    int null = from ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (from)
        close((int)from);
    else
        dup2(null, STDIN_FILENO);
    if (null >= 0) close(null);
    buffer_release(&text);
    free(path);
    return status;
}

// [STAGE:]EDGE=FILE, FILE seen from here.
static int read_record(struct record *record, const char *text, const char *here) {
    const char *file = strchr(text, '='), *edge = memchr(text, ':', file ? (size_t)(file - text) : 0);
    if (!file) return error(EXIT_USAGE, "--record %s: it is EDGE=FILE, or STAGE:EDGE=FILE", text);
    record->stage = edge ? xstrndup(text, (size_t)(edge - text)) : NULL;
    edge = edge ? edge + 1 : text;
    record->edge = xstrndup(edge, (size_t)(file - edge));
    record->file = path_join(here, file + 1);
    return 0;
}

static void warn_of_record(const struct run *run, const struct record *record) {
    for (int i = 0; i < run->table.count; i++)
        if (record_is_of(record, &run->table.row[i])) return;
    warn("--record %s%s%s=%s: no stage of this job has such an edge", record->stage ? record->stage : "",
         record->stage ? ":" : "", record->edge, record->file);
}

static int read_records(struct run *run) {
    char *here = getcwd(NULL, 0);
    int count = (int)run->own.record.count, status = here ? 0 : error(EXIT_RUN, "the current directory cannot be read");
    run->record = xcalloc((size_t)count + 1, sizeof *run->record);
    for (int i = 0; i < count && !status; i++) {
        status = read_record(&run->record[i], run->own.record.item[i], here);
        if (!status) warn_of_record(run, &run->record[i]);
    }
    run->supervisor.around.record = run->record;
    run->supervisor.around.records = status ? 0 : count;
    free(here);
    return status;
}

static int check_conductor(const struct run *run) {
    const char *name = run->own.conductor;
    for (int i = 0; name && i < run->table.count; i++)
        if (run->table.row[i].name && !strcmp(run->table.row[i].name, name)) return 0;
    return name ? error(EXIT_USAGE, "--conductor %s: the table has no such row", name) : 0;
}

static int find_directory(struct run *run) {
    if (!run->own.run_dir) return error(EXIT_USAGE, "give --run-dir DIR");
    run->supervisor.around.directory = realpath(run->own.run_dir, NULL);
    if (!run->supervisor.around.directory)
        return error(EXIT_USAGE, "--run-dir %s: %s", run->own.run_dir, strerror(errno));
    if (text_is_plain(run->supervisor.around.directory)) return 0;
    return error(EXIT_USAGE, "--run-dir: a folder's name has a control character; rename it");
}

// ---- the jobs

static int next_then(const struct table *table, int row) {
    while (row < table->count && table->row[row].kind != ROW_THEN) row++;
    return row;
}

static int run_jobs(struct run *run) {
    const struct table *table = &run->table;
    int code = 0;
    for (int from = 0, to; from <= table->count && !code && !run->supervisor.asked; from = to + 1) {
        to = next_then(table, from);
        code = job_run(&run->supervisor, table->row + from, to - from);
    }
    return code;
}

static int supervise(void *context, int guard_end) {
    struct run *run = context;
    struct supervisor *supervisor = &run->supervisor;
    supervisor->guard = guard_end;
    supervisor->signals = signalfd(-1, &run->taken, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0) return error(EXIT_RUN, "no descriptor for signals: %s", strerror(errno));
    int code = run_jobs(run);
    supervisor_clean(supervisor);
    close(supervisor->signals);
    return -code;
}

static void release(struct run *run) {
    for (size_t i = 0; run->record && i < run->own.record.count; i++) {
        free(run->record[i].stage);
        free(run->record[i].edge);
        free(run->record[i].file);
    }
    free(run->record);
    free(run->supervisor.around.directory);
    table_release(&run->table);
}

static int guard_jobs(struct run *run) {
    int status = read_table(run);
    if (!status) status = check_conductor(run);
    if (!status) status = read_records(run);
    if (status) {
        supervisor_clean(&run->supervisor);
        return status;
    }
    signals_block(&run->taken, &run->supervisor.around.mask);
    return guard(supervise, run, &run->taken);
}

static int run(void *context, const struct strings *operands) {
    struct run *run = context;
    run->supervisor = (struct supervisor){.around = {.options = operands},
                                          .conductor = run->own.conductor,
                                          .scratch = run->own.scratch,
                                          .times = run->own.times,
                                          .grace = run->own.grace};
    int *lock = &run->supervisor.around.lock, status = find_directory(run);
    *lock = -1;
    if (!status) status = folder_take(run->supervisor.around.directory, lock);
    if (!status) status = guard_jobs(run);
    if (*lock >= 0) close(*lock);
    release(run);
    return status;
}

int main(int argc, char **argv) {
    struct run job = {.record = NULL};
    struct option_table own = OPTION_TABLE(rows, &job.own);
    struct option_table *const tables[] = {&own, NULL};
    const struct tool tool = {.name = "coca-run",
                              .summary = "runs the processes of a job",
                              .manual = manual,
                              .tables = tables,
                              .operands = "<TABLE [-- OPTION...]",
                              .context = &job,
                              .run = run};
    return tool_main(&tool, argc, argv);
}
