// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <stdio.h>

#include "measure.h"
#include "access.h"

static bool is_written(const struct workload *workload, unsigned int nr_written, uint64_t offset)
{
	for (unsigned int i = 0; i < nr_written; i++) {
		if (workload->written[i] == offset)
			return true;
	}
	return false;
}

void workload_set_up(struct workload *workload, unsigned int nr_written, unsigned int nr_read)
{
	uint64_t nr_pages = workload->memory / PAGE;
	uint64_t nr_grown = workload->write_grown ? workload->grown / PAGE : 0;
	uint64_t step = workload->scattered ? nr_pages / nr_written : 1;

	workload->written = calloc(nr_written + nr_grown + 1, sizeof(*workload->written));
	workload->read = calloc(nr_read + 1, sizeof(*workload->read));
	if (!workload->written || !workload->read)
		err(1, "calloc");
	for (unsigned int i = 0; i < nr_written; i++)
		workload->written[i] = i * step * PAGE;
	workload->nr_read = 0;
	for (uint64_t page = nr_pages; page-- && workload->nr_read < nr_read;) {
		if (!is_written(workload, nr_written, page * PAGE))
			workload->read[workload->nr_read++] = page * PAGE;
	}
	for (uint64_t i = 0; i < nr_grown; i++)
		workload->written[nr_written + i] = workload->memory + i * PAGE;
	workload->nr_written = nr_written + nr_grown;
}

void workload_tear_down(struct workload *workload)
{
	free(workload->written);
	free(workload->read);
}

void workload_name(const struct workload *workload, unsigned int nr_read, char *name,
		   unsigned int size)
{
	uint64_t nr_grown = workload->grown / PAGE;

	snprintf(name, size,
		 "reuse written=%" PRIu64 " %s read=%u growth=%" PRIu64 "%s memory=%" PRIu64
		 "M image=%" PRIu64 "K",
		 workload->nr_written - (workload->write_grown ? nr_grown : 0),
		 workload->scattered ? "scattered" : "together", nr_read, nr_grown,
		 workload->write_grown ? " (written)" : "", workload->memory >> 20,
		 workload->image >> 10);
}
