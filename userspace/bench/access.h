/* SPDX-License-Identifier: MIT */
/*
 * The accesses of an instance to its memory.
 */
#ifndef BENCH_ACCESS_H
#define BENCH_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct workload - a request
 * @memory: size of the memory when the instance starts, in bytes
 * @image: size of the image at its beginning; the rest starts as zeros
 * @grown: bytes that the instance grows its memory by, in one step
 * @scattered: the written pages are spread over the memory; otherwise they lie
 *	together at its beginning
 * @write_grown: the instance also writes the pages that it has grown
 * @written: offsets of the written pages
 * @read: offsets of pages that are only read, the highest ones
 * @nr_written: entries of @written
 * @nr_read: entries of @read
 */
struct workload {
	uint64_t memory, image, grown;
	bool scattered, write_grown;
	uint64_t *written, *read;
	unsigned int nr_written, nr_read;
};

/* Choose the pages. @nr_read is reduced to the pages that are not written. */
void workload_set_up(struct workload *workload, unsigned int nr_written, unsigned int nr_read);
void workload_tear_down(struct workload *workload);
/* Format the workload's name. */
void workload_name(const struct workload *workload, unsigned int nr_read, char *name,
		   unsigned int size);

/* The instance's own work: the same instructions for all alternatives */
static inline void workload_touch(const struct workload *workload, char *memory)
{
	for (unsigned int i = 0; i < workload->nr_written; i++)
		*(volatile uint64_t *)(memory + workload->written[i]) = i;
	for (unsigned int i = 0; i < workload->nr_read; i++)
		(void)*(volatile uint64_t *)(memory + workload->read[i]);
}

#endif /* BENCH_ACCESS_H */
