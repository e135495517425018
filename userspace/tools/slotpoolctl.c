// SPDX-License-Identifier: GPL-2.0-only
/*
 * slotpoolctl: show the machine's pools and their counters.
 */
#include <err.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "slotpoolctl.h"

static void usage(FILE *stream)
{
	fputs("Usage:\n"
	      " slotpoolctl list [options]\n"
	      " slotpoolctl stat [options] [POOL]\n"
	      "\n"
	      "Show the machine's pools of memory slots, or the counters of one POOL\n"
	      "(by default slotpool0).\n"
	      "\n"
	      "Options:\n"
	      "  -b, --bytes           print sizes in bytes\n"
	      "  -J, --json            print JSON\n"
	      "  -n, --noheadings      print no headings\n"
	      "  -o, --output COLUMNS  print these columns, separated by commas\n"
	      "  -r, --raw             separate columns by one space\n"
	      "  -h, --help            print this help\n"
	      "  -V, --version         print the version\n"
	      "\n"
	      "Columns of list:\n",
	      stream);
	columns_help(stream, list_columns);
	fputs("\nColumns of stat:\n", stream);
	columns_help(stream, stat_columns);
	fputs("\nSee slotpoolctl(8) for details.\n", stream);
}

static int wrong_usage(void)
{
	fputs("Try 'slotpoolctl --help'.\n", stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "noheadings", no_argument, NULL, 'n' },
		{ "output", required_argument, NULL, 'o' },
		{ "raw", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct table_options table = { 0 };
	int nr_arguments, option;

	setlocale(LC_CTYPE, "");

	while ((option = getopt_long(argc, argv, "bhJno:rV", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			table.bytes = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'J':
			table.json = true;
			break;
		case 'n':
			table.noheadings = true;
			break;
		case 'o':
			table.output = optarg;
			break;
		case 'r':
			table.raw = true;
			break;
		case 'V':
			puts("slotpoolctl " VERSION);
			return EXIT_SUCCESS;
		default:
			return wrong_usage();
		}
	}

	if (table.json && table.raw) {
		warnx("--json and --raw are mutually exclusive");
		return wrong_usage();
	}

	argv += optind;
	nr_arguments = argc - optind;
	if (nr_arguments == 1 && !strcmp(argv[0], "list"))
		return list_pools(&table);
	if (nr_arguments == 1 && !strcmp(argv[0], "stat"))
		return stat_pool("slotpool0", &table);
	if (nr_arguments == 2 && !strcmp(argv[0], "stat"))
		return stat_pool(argv[1], &table);

	warnx(nr_arguments ? "expected 'list' or 'stat [POOL]'" : "no command");
	return wrong_usage();
}
