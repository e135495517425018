/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as text or JSON, with the columns that the user chose.
 */
#ifndef SLOTPOOLCTL_TABLE_H
#define SLOTPOOLCTL_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum column_kind {
	COLUMN_TEXT,
	COLUMN_COUNT,
	COLUMN_SIZE,
};

struct column {
	const char *name; /* NULL ends a list of columns */
	enum column_kind kind;
	const char *help;
	bool on_request; /* only shown if table_options.output names it */
};

/* A size that stands for "no bound" */
#define NO_BOUND UINT64_MAX

/* A cell; the kind of its column decides between text and number. */
struct value {
	const char *text;
	uint64_t number;
};

struct table_options {
	bool json, raw, noheadings, bytes;
	const char *output; /* comma-separated names of columns, NULL for the default */
};

struct table;

struct table *table_new(const char *name, const struct column *columns,
			const struct table_options *options);
void table_add(struct table *table, const struct value *row);
void table_print(struct table *table);
void table_free(struct table *table);

void columns_help(FILE *stream, const struct column *columns);

#endif /* SLOTPOOLCTL_TABLE_H */
