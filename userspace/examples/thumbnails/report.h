/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "server.h"

struct column {
	char label[32];
	struct run run;
	bool right;
};

bool placements_all_occur(const struct run *run, size_t nr_requests);

/* Print a table with a column for each run. Return 0 or a negative errno value. */
int report_print(const struct column *columns, size_t nr_columns,
		 size_t nr_requests);

#endif /* REPORT_H */
