/* SPDX-License-Identifier: MIT */
/*
 * What an instance does with its memory in a request cycle.
 */
#ifndef BENCH_ACCESS_H
#define BENCH_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct workload - a request
 * @memory: how large the memory is when the instance begins, in bytes
 * @image: bytes from its beginning on that aren't zeros then
 * @grown: bytes that the instance makes it grow by, at once
 * @scattered: pages that are written are spread over the memory, else they lie
 *	together at its beginning
 * @write_grown: what was grown is written too
 * @written: offsets of pages that are written
 * @read: offsets of pages that are only read, the highest ones
 */
struct workload {
	uint64_t memory, image, grown;
	bool scattered, write_grown;
	uint64_t *written, *read;
	unsigned int nr_written, nr_read;
};

/* Chooses the pages. There may be fewer left to read than that. */
void workload_set_up(struct workload *workload, unsigned int nr_written, unsigned int nr_read);
void workload_tear_down(struct workload *workload);
/* Writes its name. */
void workload_name(const struct workload *workload, unsigned int nr_read, char *name,
		   unsigned int size);

/* What the instance itself does: the same instructions for all alternatives */
static inline void workload_touch(const struct workload *workload, char *memory)
{
	for (unsigned int i = 0; i < workload->nr_written; i++)
		*(volatile uint64_t *)(memory + workload->written[i]) = i;
	for (unsigned int i = 0; i < workload->nr_read; i++)
		(void)*(volatile uint64_t *)(memory + workload->read[i]);
}

#endif /* BENCH_ACCESS_H */
