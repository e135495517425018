// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print tables. Functions exit the program if memory is short or if the user
 * chose columns that don't exist.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libsmartcols.h>

#include "slotpoolctl.h"
#include "table.h"

struct table {
	struct libscols_table *scols;
	const struct column *columns;
	bool bytes, json;
	size_t nr_shown;
	size_t shown[]; /* indices of columns */
};

static void check(int ret)
{
	if (ret) {
		if (ret < 0)
			errno = -ret;
		err(EXIT_FAILURE, "cannot write the table");
	}
}

static size_t count_columns(const struct column *columns)
{
	size_t nr = 0;

	while (columns[nr].name)
		nr++;
	return nr;
}

static void show_column(struct table *table, const char *name)
{
	size_t i, j;

	for (i = 0; table->columns[i].name; i++) {
		if (strcasecmp(table->columns[i].name, name))
			continue;
		for (j = 0; j < table->nr_shown; j++)
			if (table->shown[j] == i)
				errx(EXIT_USAGE, "column %s is named twice", name);
		table->shown[table->nr_shown++] = i;
		return;
	}

	warnx("there is no column '%s'; the columns are:", name);
	columns_help(stderr, table->columns);
	exit(EXIT_USAGE);
}

static void choose_columns(struct table *table, const char *output)
{
	char *copy, *rest, *name;
	size_t i;

	if (!output) {
		for (i = 0; table->columns[i].name; i++)
			if (!table->columns[i].on_request)
				table->shown[table->nr_shown++] = i;
		return;
	}

	copy = strdup(output);
	if (!copy)
		err(EXIT_FAILURE, "--output");
	rest = copy;
	while ((name = strsep(&rest, ",")))
		show_column(table, name);
	free(copy);
}

static void add_column(const struct table *table, const struct column *column)
{
	int flags = column->kind == COLUMN_TEXT ? 0 : SCOLS_FL_RIGHT;
	struct libscols_column *scols;

	scols = scols_table_new_column(table->scols, column->name, 0, flags);
	if (!scols)
		err(EXIT_FAILURE, "column %s", column->name);
	if (column->kind == COLUMN_COUNT || (column->kind == COLUMN_SIZE && table->bytes))
		check(scols_column_set_json_type(scols, SCOLS_JSON_NUMBER));
}

struct table *table_new(const char *name, const struct column *columns,
			const struct table_options *options)
{
	size_t nr_columns = count_columns(columns);
	struct table *table = calloc(1, sizeof(*table) + nr_columns * sizeof(table->shown[0]));
	size_t i;

	if (!table)
		err(EXIT_FAILURE, "cannot create the table");
	table->columns = columns;
	table->bytes = options->bytes;
	table->json = options->json;
	choose_columns(table, options->output);

	scols_init_debug(0);
	table->scols = scols_new_table();
	if (!table->scols)
		err(EXIT_FAILURE, "cannot create the table");
	check(scols_table_set_name(table->scols, name));
	check(scols_table_enable_json(table->scols, options->json));
	check(scols_table_enable_raw(table->scols, options->raw));
	check(scols_table_enable_noheadings(table->scols, options->noheadings));
	for (i = 0; i < table->nr_shown; i++)
		add_column(table, &columns[table->shown[i]]);
	return table;
}

/* Format a size with one decimal place, or none if it is whole: "1.5G", "4M". */
static char *size_text(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double size = bytes;
	size_t unit = 0;
	char *text;
	int ret;

	while (size >= 1024) {
		size /= 1024;
		unit++;
	}
	ret = asprintf(&text, "%.*f%c", size == (uint64_t)size ? 0 : 1, size, units[unit]);
	return ret < 0 ? NULL : text;
}

static char *cell_text(const struct table *table, enum column_kind kind, const struct value *value)
{
	char *text;

	if (kind == COLUMN_TEXT)
		return strdup(value->text);
	/* libsmartcols prints an empty cell as null in JSON. */
	if (kind == COLUMN_SIZE && value->number == NO_BOUND)
		return strdup(table->json ? "" : "-");
	if (kind == COLUMN_SIZE && !table->bytes)
		return size_text(value->number);
	if (asprintf(&text, "%llu", (unsigned long long)value->number) < 0)
		return NULL;
	return text;
}

/* Add a row, which has a value for each column given to table_new(). */
void table_add(struct table *table, const struct value *row)
{
	struct libscols_line *line = scols_table_new_line(table->scols, NULL);
	size_t i;

	if (!line)
		err(EXIT_FAILURE, "cannot fill the table");
	for (i = 0; i < table->nr_shown; i++) {
		size_t index = table->shown[i];
		char *text = cell_text(table, table->columns[index].kind, &row[index]);

		if (!text)
			err(EXIT_FAILURE, "cannot fill the table");
		check(scols_line_refer_data(line, i, text));
	}
}

void table_print(struct table *table)
{
	check(scols_print_table(table->scols));
	if (fflush(stdout) || ferror(stdout))
		err(EXIT_FAILURE, "standard output");
}

void table_free(struct table *table)
{
	scols_unref_table(table->scols);
	free(table);
}

void columns_help(FILE *stream, const struct column *columns)
{
	size_t i;

	for (i = 0; columns[i].name; i++)
		fprintf(stream, "  %-10s %s%s\n", columns[i].name, columns[i].help,
			columns[i].on_request ? " (only with --output)" : "");
}
