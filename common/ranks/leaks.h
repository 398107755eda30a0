// What the sanitizers are told of libraries that move bytes: these keep what they allocate when they are finished.
// Without the sanitizers nothing here does anything.
#pragma once

void leaks_ignore(void); // what this thread allocates from here on
void leaks_heed(void);
void leaks_name(void);   // once a library has been started: what its own threads allocate
void leaks_forget(void); // it is not finished before the process ends: nothing is looked for then
