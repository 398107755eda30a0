// Arming the functions of calls.c, for the judge.
#pragma once

#include <stdbool.h>

enum fault_kind { FAULT_CALL, FAULT_ALLOCATION };
enum fault_manner { FAULT_ONCE, FAULT_FROM_THEN_ON, FAULT_KILLED };
enum { FAULT_KILLED_CODE = 90 }; // with which the process exits

// What a try has to tell, in memory that it shares with the judge.
struct fault_report {
    int count;     // calls of the kind
    int struck;    // of them, that failed
    char name[24]; // of the first that did
};

struct fault {
    enum fault_kind kind;
    enum fault_manner manner;
    int nth; // from 1
    struct fault_report *report;
};

// From here on the calls of this thread are counted.
void calls_arm(struct fault what);
void calls_disarm(void);
