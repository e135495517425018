/* SPDX-License-Identifier: MIT */
/*
 * The placement of mappings.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <stddef.h>

/*
 * Make the next mapping, of @size bytes, begin at a multiple of 2 MiB, as slots do in a
 * pool with a stride of some GiB. Otherwise chance decides whether a memory shares page
 * tables with other mappings, and the cost of giving memory back depends on that. Call
 * place_as_usual() after the mapping is gone.
 */
void place_aligned(size_t size);
void place_as_usual(void);

#endif /* BENCH_PLACE_H */
