// SPDX-License-Identifier: MIT
/*
 * Serve thumbnails from WebAssembly guests. Several processes serve requests at once, each
 * request in a fresh instance. Instances run in slots of slotpool, and start from zeros,
 * an image or a snapshot with the N of the pool, and from zeros with N = 0; and for
 * comparison in memory that is reset with madvise(). Each reply is compared with that of a
 * native build.
 */
#include <errno.h>
#include <error.h>
#include <getopt.h>
#include <slotpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "report.h"
#include "server.h"
#include "workload.h"

#define NR_SLOTPOOL_COLUMNS 4
#define MAX_COLUMNS (NR_SLOTPOOL_COLUMNS + 1)
#define NR_REQUESTS 320
#define KNOB "/sys/class/misc/slotpool0/max_unused_warm_slots"

enum backend {
	BACKEND_ALL,
	BACKEND_SLOTPOOL,
	BACKEND_MADVISE,
};

static void bad_usage(void)
{
	fputs("usage: thumbnails [--backend=slotpool|madvise] [--seed=NUMBER] DIRECTORY\n",
	      stderr);
	exit(2);
}

/* The backend of slotpool's runs, and N of its placement rule */
struct pool {
	const struct memory_backend *memory;
	unsigned long long knob;
};

/* Print the backend, and read the pool's N. */
static void look_at_pool(struct pool *pool)
{
	struct slotpool *handle;
	const char *backend;
	int ret = slotpool_open(NULL, &handle);

	if (ret)
		error(1, -ret, "cannot open a pool: load slotpool.ko, or use --backend=madvise");
	backend = slotpool_backend(handle);
	printf("libslotpool's backend: %s\n", backend);
	pool->memory = strcmp(backend, "kernel") ? &slotpool_user_memory : &slotpool_memory;
	pool->knob = slotpool_info(handle)->max_unused_warm_slots;
	slotpool_close(handle);
}

static void write_attribute(unsigned long long value)
{
	FILE *file = fopen(KNOB, "w");

	if (!file || fprintf(file, "%llu\n", value) < 0 || fclose(file))
		error(1, errno, KNOB);
}

/* Workers that start later read the environment. */
static void write_parameter(unsigned long long value)
{
	const char *others = getenv("SLOTPOOL_USER_POOL");
	char *parameters;

	if (asprintf(&parameters, "%s max_unused_warm_slots=%llu", others ? others : "",
		     value) < 0 ||
	    setenv("SLOTPOOL_USER_POOL", parameters, 1))
		error(1, errno, "SLOTPOOL_USER_POOL");
	free(parameters);
}

static void write_knob(const struct pool *pool, unsigned long long value)
{
	if (pool->memory == &slotpool_memory)
		write_attribute(value);
	else
		write_parameter(value);
}

static bool answers_are_right(const struct column *column,
			      const struct request *requests)
{
	size_t wrong = 0;

	for (size_t i = 0; i < NR_REQUESTS; i++) {
		enum outcome outcome = column->run.results[i].outcome;
		bool must_trap = !requests[i].expected.data;

		if (outcome == (must_trap ? OUTCOME_TRAPPED : OUTCOME_RIGHT))
			continue;
		wrong++;
		error(0, 0, "%s: request %zu, guest %s: %s", column->label, i,
		      guest_name(requests[i].guest), outcome_name(outcome));
	}
	return !wrong;
}

/* Return 0, or -1 if the requests could not be served. */
static int fill_column(struct column *column, const char *label,
		       const struct memory_backend *backend, enum start start,
		       const struct request *requests)
{
	snprintf(column->label, sizeof(column->label), "%s", label);
	if (server_run(backend, start, requests, NR_REQUESTS, label, &column->run))
		return -1;
	column->right = answers_are_right(column, requests);
	return 0;
}

static int fill_slotpool_columns(struct column columns[NR_SLOTPOOL_COLUMNS],
				 const struct request *requests)
{
	static const char *const starts[] = {
		[START_ZEROS] = "zeros",
		[START_IMAGE] = "image",
		[START_SNAPSHOT] = "snapshot",
	};
	struct pool pool;
	char label[32];
	int i, ret;

	look_at_pool(&pool);
	for (i = START_ZEROS; i <= START_SNAPSHOT; i++) {
		snprintf(label, sizeof(label), "%s, N = %llu", starts[i], pool.knob);
		ret = fill_column(&columns[i], label, pool.memory, i, requests);
		if (ret)
			return ret;
		if (!placements_all_occur(&columns[i].run, NR_REQUESTS)) {
			error(0, 0, "%s: affine, recycled and cold must all occur", label);
			columns[i].right = false;
		}
	}
	write_knob(&pool, 0);
	ret = fill_column(&columns[i], "zeros, N = 0", pool.memory, START_ZEROS, requests);
	write_knob(&pool, pool.knob);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "seed", required_argument, NULL, 's' },
		{},
	};
	static struct request requests[NR_REQUESTS];
	struct column columns[MAX_COLUMNS];
	enum backend backend = BACKEND_ALL;
	unsigned int seed = 1;
	size_t nr_columns = 0;
	int option, ret;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			seed = strtoul(optarg, NULL, 0);
		else if (option == 'b' && !strcmp(optarg, "slotpool"))
			backend = BACKEND_SLOTPOOL;
		else if (option == 'b' && !strcmp(optarg, "madvise"))
			backend = BACKEND_MADVISE;
		else
			bad_usage();
	}
	if (optind != argc - 1)
		bad_usage();

	ret = memory_init();
	if (ret)
		error(1, -ret, "cannot catch stray accesses");
	guests_init();
	workload_load(argv[optind], seed, requests, NR_REQUESTS);
	printf("%d requests, seed %u, each in a fresh instance\n",
	       NR_REQUESTS, seed);
	if (mlockall(MCL_CURRENT))
		error(0, errno, "cannot lock memory: faults outside of slots are counted, too");
	munlockall();
	if (backend != BACKEND_MADVISE) {
		if (fill_slotpool_columns(columns, requests))
			return 1;
		nr_columns += NR_SLOTPOOL_COLUMNS;
	}
	if (backend != BACKEND_SLOTPOOL) {
		if (fill_column(&columns[nr_columns], "madvise", &madvise_memory, START_ZEROS,
				requests))
			return 1;
		nr_columns++;
	}

	ret = report_print(columns, nr_columns, NR_REQUESTS);
	if (ret)
		error(1, -ret, "cannot print the table");
	for (size_t i = 0; i < nr_columns; i++)
		if (!columns[i].right)
			error(1, 0, "%s: some requests had the wrong result", columns[i].label);
	printf("every thumbnail is byte for byte the native build's; stray accesses trapped\n");
	return 0;
}
