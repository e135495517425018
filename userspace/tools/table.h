/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables as text or JSON, with the columns that the user asked for.
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
	bool on_request; /* shown only if it is named in table_options.output */
};

/* A size that stands for "no bound" */
#define NO_BOUND UINT64_MAX

/* A cell: text or a number, as the kind of its column says. */
struct value {
	const char *text;
	uint64_t number;
};

struct table_options {
	bool json, raw, noheadings, bytes;
	const char *output; /* names of columns, or NULL for the usual ones */
};

struct table;

struct table *table_new(const char *name, const struct column *columns,
			const struct table_options *options);
void table_add(struct table *table, const struct value *row);
void table_print(struct table *table);
void table_free(struct table *table);

void columns_help(FILE *stream, const struct column *columns);

#endif /* SLOTPOOLCTL_TABLE_H */
