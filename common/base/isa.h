// How far kernels may go in the instructions of x86-64. What the processor has, each table of kernels asks by itself.
#pragma once

// The levels of the x86-64 psABI: SSE4.2, AVX2 with FMA, AVX-512.
enum isa { ISA_V2 = 2, ISA_V3, ISA_V4 };

// The highest level that this process may use: ISA_V4, or what the environment's COCA_ISA (v2, v3, v4) says. It is for
// tests and benches, which try a lesser machine's code on a better one. Another word: die(EXIT_USAGE).
enum isa isa_limit(void);
