/* SPDX-License-Identifier: MIT */
/*
 * What the programs measure with.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <slotpool.h>

#define PAGE 4096UL

/*
 * What this process has used of a CPU. In a machine whose clocks count
 * instructions a nanosecond is one; on this machine it is a nanosecond. The clock stands
 * still while others run.
 */
static inline uint64_t cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static inline void check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
}

/* The pool that the environment asks for. Where there can be none, nobody failed. */
static inline struct slotpool *open_pool(void)
{
	struct slotpool *pool;
	int ret = slotpool_open(NULL, &pool);

	if (ret == -EOPNOTSUPP) {
		printf("no PAGEMAP_SCAN: this kernel doesn't have it\n");
		exit(0);
	}
	check(ret, "the pool can't be opened");
	return pool;
}

/* A file in memory that holds an image, for those who map it themselves */
static inline int make_image_file(const void *image, size_t length)
{
	int file = memfd_create("image", MFD_CLOEXEC);

	if (file < 0 || write(file, image, length) != (ssize_t)length)
		err(1, "the image can't be made");
	return file;
}

static inline int compare_values(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sorts what it is given. What a timer interrupt hit is an outlier. */
static inline double median(double *values, unsigned int nr_values)
{
	qsort(values, nr_values, sizeof(*values), compare_values);
	return values[nr_values / 2];
}

#endif /* BENCH_MEASURE_H */
