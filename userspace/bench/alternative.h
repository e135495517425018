/* SPDX-License-Identifier: MIT */
/*
 * Ways to give each request an instance whose memory is new.
 */
#ifndef BENCH_ALTERNATIVE_H
#define BENCH_ALTERNATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "access.h"

/**
 * struct setting - what the user of an alternative chooses
 * @keep: bytes that may stay
 * @huge: the system's huge pages are used, else the process does without
 * @other: the way that &struct alternative.other names, else the ordinary one
 */
struct setting {
	uint64_t keep;
	bool huge, other;
};

/**
 * struct alternative - a way to do it
 * @name: as records have it
 * @keeps: a number of bytes to keep is to be chosen
 * @decays: it samples what instances write, often at first
 * @huge: it has memory that may be huge pages, which helps or doesn't
 * @other: another way to do the same, which is better for some workloads
 * @start: get ready for a workload; returns false if that can't be done here
 * @cycle: one request
 * @stop: undo @start
 * @overwritten: bytes that cycles since @start have overwritten themselves;
 *	what a page fault copies or clears is none of them; NULL if there are none
 * @elsewhere: nanoseconds that other processes have used for the cycles so far;
 *	NULL if there are none
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

/* alternative_floor.c: what can't be avoided */
extern const struct alternative alternative_floor;

/* alternative_library.c: libslotpool, with the module and without */
extern const struct alternative alternative_reset, alternative_free_alloc;
extern const struct alternative alternative_scan, alternative_keep, alternative_madvise;

/* alternative_raw_scan.c: one of these, without the library */
extern const struct alternative alternative_raw_scan;

/* alternative_system.c: mappings and processes of their own */
extern const struct alternative alternative_mmap, alternative_fork;

/* What a workload's memory is at first */
extern const char *original;

#endif /* BENCH_ALTERNATIVE_H */
