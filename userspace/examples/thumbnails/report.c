// SPDX-License-Identifier: MIT
#include <errno.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"

#define CELL_SIZE 32

/* The requests of a row */
enum {
	ALL = -1,
	AFFINE = SLOTPOOL_PLACED_AFFINE,
	RECYCLED = SLOTPOOL_PLACED_RECYCLED,
	COLD = SLOTPOOL_PLACED_COLD,
	AFFINE_FIXED,
	AFFINE_GROWN,
};

static bool matches(const struct result *result, int which)
{
	const struct memory_use *memory = &result->memory;

	switch (which) {
	case ALL:
		return true;
	case AFFINE_FIXED:
		return memory->placement == SLOTPOOL_PLACED_AFFINE && !memory->grown;
	case AFFINE_GROWN:
		return memory->placement == SLOTPOOL_PLACED_AFFINE && memory->grown;
	default:
		return (int)memory->placement == which;
	}
}

static size_t count_matches(const struct run *run, size_t nr_requests, int which)
{
	size_t count = 0;

	for (size_t i = 0; i < nr_requests; i++)
		count += matches(&run->results[i], which);
	return count;
}

bool placements_all_occur(const struct run *run, size_t nr_requests)
{
	return count_matches(run, nr_requests, AFFINE) &&
	       count_matches(run, nr_requests, RECYCLED) &&
	       count_matches(run, nr_requests, COLD);
}

static void format_outcome(char *cell, const struct run *run,
			   size_t nr_requests, int outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < nr_requests; i++)
		count += (int)run->results[i].outcome == outcome;
	snprintf(cell, CELL_SIZE, "%zu", count);
}

static void format_share(char *cell, const struct run *run, size_t nr_requests,
			 int which)
{
	snprintf(cell, CELL_SIZE, "%.1f%%",
		 100.0 * count_matches(run, nr_requests, which) / nr_requests);
}

static void format_mean(char *cell, uint64_t sum, size_t count)
{
	if (count)
		snprintf(cell, CELL_SIZE, "%.1f", (double)sum / count);
}

static void format_mean_faults(char *cell, const struct run *run,
			       size_t nr_requests, int which)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr_requests; i++)
		if (matches(&run->results[i], which))
			sum += run->results[i].faults;
	format_mean(cell, sum, count_matches(run, nr_requests, which));
}

static void format_mean_start_faults(char *cell, const struct run *run,
				     size_t nr_requests, int which)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr_requests; i++)
		if (matches(&run->results[i], which))
			sum += run->results[i].memory.start_faults;
	format_mean(cell, sum, count_matches(run, nr_requests, which));
}

static int compare_faults(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void format_median_faults(char *cell, const struct run *run,
				 size_t nr_requests, int which)
{
	uint64_t *sorted = calloc(nr_requests, sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		abort();
	for (size_t i = 0; i < nr_requests; i++)
		if (matches(&run->results[i], which))
			sorted[count++] = run->results[i].faults;
	qsort(sorted, count, sizeof(*sorted), compare_faults);
	if (count)
		snprintf(cell, CELL_SIZE, "%llu",
			 (unsigned long long)sorted[count / 2]);
	free(sorted);
}

static void format_reset(char *cell, const struct run *run, size_t nr_requests,
			 int unused)
{
	(void)unused;
	if (run->totals.reset_bytes)
		snprintf(cell, CELL_SIZE, "%llu",
			 (unsigned long long)run->totals.reset_bytes / nr_requests);
}

static void format_held(char *cell, const struct run *run, size_t nr_requests,
			int unused)
{
	(void)nr_requests;
	(void)unused;
	snprintf(cell, CELL_SIZE, "%llu",
		 (unsigned long long)run->totals.held_bytes >> 10);
}

static void format_images(char *cell, const struct run *run, size_t nr_requests,
			  int unused)
{
	(void)nr_requests;
	(void)unused;
	if (run->totals.image_bytes)
		snprintf(cell, CELL_SIZE, "%llu",
			 (unsigned long long)run->totals.image_bytes >> 10);
}

static void format_page_tables(char *cell, const struct run *run,
			       size_t nr_requests, int unused)
{
	(void)nr_requests;
	(void)unused;
	snprintf(cell, CELL_SIZE, "%llu",
		 (unsigned long long)run->page_table_bytes >> 10);
}

static const struct row {
	const char *title;
	/* Leaves the cell unchanged without a value. */
	void (*format)(char *cell, const struct run *run, size_t nr_requests,
		       int argument);
	int argument;
} rows[] = {
	{ "requests answered right", format_outcome, OUTCOME_RIGHT },
	{ "requests trapped, as they must", format_outcome, OUTCOME_TRAPPED },
	{ "affine placements", format_share, AFFINE },
	{ "recycled placements", format_share, RECYCLED },
	{ "cold placements", format_share, COLD },
	{ "page faults a request, mean", format_mean_faults, ALL },
	{ "  warm (affine), median", format_median_faults, AFFINE },
	{ "  warm (affine), mean", format_mean_faults, AFFINE },
	{ "    memory not grown, mean", format_mean_faults, AFFINE_FIXED },
	{ "    memory grown, mean", format_mean_faults, AFFINE_GROWN },
	{ "  recycled, mean", format_mean_faults, RECYCLED },
	{ "    until initialised, mean", format_mean_start_faults, RECYCLED },
	{ "  cold, mean", format_mean_faults, COLD },
	{ "    until initialised, mean", format_mean_start_faults, COLD },
	{ "bytes reset a request", format_reset, 0 },
	{ "memory held now, KiB", format_held, 0 },
	{ "images of all guests, KiB", format_images, 0 },
	{ "page tables for it, KiB", format_page_tables, 0 },
};

static int add_row(struct libscols_table *table, const struct row *row,
		   const struct column *columns, size_t nr_columns,
		   size_t nr_requests)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int ret;

	if (!line)
		return -ENOMEM;
	ret = scols_line_set_data(line, 0, row->title);
	for (size_t i = 0; !ret && i < nr_columns; i++) {
		char cell[CELL_SIZE] = "-";

		row->format(cell, &columns[i].run, nr_requests, row->argument);
		ret = scols_line_set_data(line, i + 1, cell);
	}
	return ret;
}

static int fill(struct libscols_table *table, const struct column *columns,
		size_t nr_columns, size_t nr_requests)
{
	int ret = 0;

	if (!scols_table_new_column(table, "", 0, 0))
		return -ENOMEM;
	for (size_t i = 0; i < nr_columns; i++)
		if (!scols_table_new_column(table, columns[i].label, 0,
					    SCOLS_FL_RIGHT))
			return -ENOMEM;
	for (size_t i = 0; !ret && i < sizeof(rows) / sizeof(*rows); i++)
		ret = add_row(table, &rows[i], columns, nr_columns, nr_requests);
	return ret;
}

int report_print(const struct column *columns, size_t nr_columns,
		 size_t nr_requests)
{
	struct libscols_table *table = scols_new_table();
	int ret;

	if (!table)
		return -ENOMEM;
	ret = fill(table, columns, nr_columns, nr_requests);
	if (!ret)
		ret = scols_print_table(table);
	scols_unref_table(table);
	return ret;
}
