// Fails the nth call: a task is run with the 1st, the 2nd, … call of the system or allocation failing, until it passes
// without one that failed.
//
// Linked into each tests/unit/ROOM/test_faults.c, calls.c stands before the C library's functions for the whole
// program, libraries of others included: open, fopen and the writes of its streams, read, mmap, write, fsync,
// ftruncate, close, rename, remove, mkdir, scandir, zmq_msg_send; malloc and its kin. What fails has half of
// its effect: a write has written half, an fsync or a close of what was not synced has lost half of the file. So a
// result that nobody looked at leaves a torn file.
//
// Each try is a process of its own in an empty folder. The nth call fails once; or from then on, as when a disk is
// full; or the process is killed in it. Then must hold:
// - it reports, with the name of the file, or passes in spite of it (a remedy was at hand);
// - no crash, no leak, no descriptor left open; no "*.tmp", unless it was killed or could not remove it;
// - on the disk is the state before or the state after, never one between;
// - the same task, tried again, passes.
#pragma once

#include <stdbool.h>

struct fault_task {
    void (*prepare)(void); // makes the state before, in the current folder, which is empty
    int (*attempt)(void);  // the task: 0, -exit_code when it reported, 1 when it passed with a wrong result; no asserts
    bool (*is_before)(void); // whether the disk holds that state, all that was there whole; NULL: the task only reads
    bool (*is_after)(void);
    const char *names; // of files; each report has one of them: "this|that"
};

// Fails the test with the name and number of the call that the task did not survive.
void assert_survives(const struct fault_task *task);

// What assert_survives would say, or NULL; the caller frees.
char *find_fault(const struct fault_task *task);
