/* SPDX-License-Identifier: MIT */
/*
 * Counters of the system, for this process and its children if not said otherwise.
 */
#ifndef BENCH_COUNTS_H
#define BENCH_COUNTS_H

#include <stdint.h>

uint64_t count_page_faults(void);

/* Page faults of the whole system that cleared a huge page */
uint64_t count_huge_faults(void);

/*
 * Count system calls, and those that change mappings. count_calls_begin() returns -1 if
 * the kernel has no such counters.
 */
int count_calls_begin(void);
void count_calls_end(uint64_t *calls, uint64_t *mapping_calls);

/*
 * TLB flush interrupts of the whole system. A thread of this process keeps another CPU
 * busy in between. The count doesn't depend on time.
 */
void count_shootdowns_begin(void);
uint64_t count_shootdowns(void);
void count_shootdowns_end(void);

#endif /* BENCH_COUNTS_H */
