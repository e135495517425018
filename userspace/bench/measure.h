/* SPDX-License-Identifier: MIT */
/*
 * Clocks and helpers of the programs.
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
 * Return the CPU time of this process. A nanosecond is an instruction in a machine that
 * counts instructions, and a nanosecond elsewhere. The clock stands still while other
 * processes run.
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

/* Open the pool of the environment. Exit with success if this kernel can't provide it. */
static inline struct slotpool *open_pool(void)
{
	struct slotpool *pool;
	int ret = slotpool_open(NULL, &pool);

	if (ret == -EOPNOTSUPP) {
		printf("this kernel does not have PAGEMAP_SCAN\n");
		exit(0);
	}
	check(ret, "cannot open the pool");
	return pool;
}

/* Make a file in memory that holds an image. */
static inline int make_image_file(const void *image, size_t length)
{
	int file = memfd_create("image", MFD_CLOEXEC);

	if (file < 0 || write(file, image, length) != (ssize_t)length)
		err(1, "cannot make the image");
	return file;
}

static inline int compare_values(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Sort @values and return the median. Timer interrupts make outliers. */
static inline double median(double *values, unsigned int nr_values)
{
	qsort(values, nr_values, sizeof(*values), compare_values);
	return values[nr_values / 2];
}

#endif /* BENCH_MEASURE_H */
