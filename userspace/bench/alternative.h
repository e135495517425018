/* SPDX-License-Identifier: MIT */
/*
 * Ways to give each request an instance with new memory.
 */
#ifndef BENCH_ALTERNATIVE_H
#define BENCH_ALTERNATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "access.h"

/**
 * struct setting - choices that an alternative leaves to its user
 * @keep: bytes that a reset may keep
 * @huge: allow huge pages
 * @other: use the variant that &struct alternative.other names
 */
struct setting {
	uint64_t keep;
	bool huge, other;
};

/**
 * struct alternative - a way to give each request new memory
 * @name: its name in records, tables and plots
 * @keeps: &struct setting.keep applies
 * @decays: resets sample which pages are written, often at first
 * @huge: its memory may be huge pages, which is better for some workloads
 * @other: a variant that is better for some workloads, or NULL
 * @start: set up for a workload; returns false if this system can't run it
 * @cycle: serve one request
 * @stop: undo @start
 * @overwritten: return the bytes that resets have overwritten since @start, without
 *	those that page faults copied or cleared; NULL if it overwrites none
 * @elsewhere: return the CPU time that other processes have used for the cycles, in
 *	nanoseconds; NULL if there are none
 */
struct alternative {
	const char *name;
	bool keeps, decays, huge;
	const char *other;
	bool (*start)(const struct workload *workload, const struct setting *setting);
	void (*cycle)(const struct workload *workload);
	void (*stop)(void);
	uint64_t (*overwritten)(void);
	uint64_t (*elsewhere)(void);
};

/* alternative_floor.c: the work that nothing can avoid */
extern const struct alternative alternative_floor;

/* alternative_library.c: libslotpool with the module, and without it */
extern const struct alternative alternative_reset, alternative_free_alloc;
extern const struct alternative alternative_scan, alternative_keep, alternative_madvise;

/* alternative_raw_scan.c: as scan, without the library */
extern const struct alternative alternative_raw_scan;

/* alternative_system.c: a mapping, or a process, for each request */
extern const struct alternative alternative_mmap, alternative_fork;

/* The initial contents of a workload's memory */
extern const char *original;

#endif /* BENCH_ALTERNATIVE_H */
