/* SPDX-License-Identifier: MIT */
/*
 * Where mappings go.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <stddef.h>

/*
 * Has the next mapping, of that size, begin at a multiple of 2 MiB, as the slots of a
 * pool do that are some GiB apart. How much of a memory shares page tables with other
 * mappings would be chance otherwise, and what it costs to give memory back depends on
 * that. To be undone when the mapping is gone.
 */
void place_aligned(size_t size);
void place_as_usual(void);

#endif /* BENCH_PLACE_H */
