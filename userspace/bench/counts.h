/* SPDX-License-Identifier: MIT */
/*
 * What the system counts, of this process and its children unless it says else.
 */
#ifndef BENCH_COUNTS_H
#define BENCH_COUNTS_H

#include <stdint.h>

uint64_t count_page_faults(void);

/* Page faults of the whole machine that cleared a huge page */
uint64_t count_huge_faults(void);

/*
 * System calls, and those that change mappings, from the moment on when counting
 * begins. Returns -1 where the kernel doesn't let one count.
 */
int count_calls_begin(void);
void count_calls_end(uint64_t *calls, uint64_t *mapping_calls);

/*
 * Interrupts that had a CPU flush its TLB, of the whole machine. A thread of this
 * process keeps another CPU busy meanwhile, which is all it takes: how many there
 * are is no matter of time.
 */
void count_shootdowns_begin(void);
uint64_t count_shootdowns(void);
void count_shootdowns_end(void);

#endif /* BENCH_COUNTS_H */
