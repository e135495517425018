// SPDX-License-Identifier: MIT
/*
 * Measure a request cycle: an instance touches its memory, and the memory is made new
 * for the next instance.
 *
 * Print records. Measure the cost of a cycle (the median over batches), and count page
 * faults, system calls and copied bytes in separate cycles. With --shootdowns count
 * interrupts instead. That takes two processors, and instructions are counted on one;
 * so FILE has the records of the costs, which name the best settings.
 */
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <slotpool.h>

#include "alternative.h"
#include "counts.h"
#include "measure.h"
#include "record.h"

/*
 * The median over batches counts; BATCH_COST is the approximate cost of a batch. Samples
 * of decay, timer ticks and the kernel's workers make some batches dearer, which must
 * stay the minority. A tick comes every 4 ms: it hits one batch in four.
 */
#define NR_BATCHES 13
#define BATCH_COST 1000000
/* Cycles before an alternative is in its steady state */
#define NR_FIRST 2
#define NR_COUNTED 4
/* Cycles to try a setting; the cheapest counts */
#define NR_TRIED 7
/* Bounds of the cost and of the number of averaged cycles */
#define AVERAGE_COST 50000000
#define MAX_AVERAGED 4096

#define GROWN (16 * PAGE)
#define SMALL (4UL << 20)
#define LARGE (64UL << 20)
#define IMAGE (256UL << 10)
#define HUGE (2UL << 20)

static const struct alternative *const alternatives[] = {
	&alternative_floor,
	&alternative_reset,
	&alternative_free_alloc,
	&alternative_scan,
	&alternative_raw_scan,
	&alternative_keep,
	&alternative_madvise,
	&alternative_mmap,
	&alternative_fork,
};

#define NR_ALTERNATIVES (sizeof(alternatives) / sizeof(*alternatives))

/* Pages to keep. The best number counts; the first one keeps all pages. */
static const uint64_t keeps[] = { 2 * LARGE / PAGE, 1024, 256, 64, 16, 4, 1 };

#define NR_KEEPS (sizeof(keeps) / sizeof(*keeps))

static struct {
	bool quick;
	const char *settings;
	uint64_t memory;
	const char *unit;
} options = { .memory = SMALL, .unit = "instructions/cycle" };

static char *contents;
const char *original;

static uint64_t cost(const struct alternative *alternative)
{
	return cpu_time() + (alternative->elsewhere ? alternative->elsewhere() : 0);
}

/* Run cycles. Return their cost. */
static uint64_t run(const struct alternative *alternative, const struct workload *workload,
		    unsigned int rounds)
{
	uint64_t start = cost(alternative);

	for (unsigned int i = 0; i < rounds; i++)
		alternative->cycle(workload);
	return cost(alternative) - start;
}

static unsigned int nr_settings(const struct alternative *alternative)
{
	return (alternative->keeps ? NR_KEEPS : 1) * (alternative->huge ? 2 : 1) *
	       (alternative->other ? 2 : 1);
}

static struct setting setting_number(const struct alternative *alternative, unsigned int number)
{
	struct setting setting = { .huge = true };

	if (alternative->other) {
		setting.other = number % 2;
		number /= 2;
	}
	if (alternative->huge) {
		setting.huge = !(number % 2);
		number /= 2;
	}
	setting.keep = keeps[number] * PAGE;
	return setting;
}

static bool start(const struct alternative *alternative, const struct workload *workload,
		  unsigned int number)
{
	struct setting setting = setting_number(alternative, number);

	prctl(PR_SET_THP_DISABLE, !setting.huge, 0, 0, 0);
	return alternative->start(workload, &setting);
}

static void stop(const struct alternative *alternative)
{
	alternative->stop();
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

/* Return the approximate cost of a cycle. Give up early if it is far above @least. */
static uint64_t try_cost(const struct alternative *alternative, const struct workload *workload,
			 uint64_t least)
{
	uint64_t cheapest = UINT64_MAX;

	run(alternative, workload, NR_FIRST);
	for (int i = 0; i < NR_TRIED; i++) {
		uint64_t costs = run(alternative, workload, 1);

		if (costs < cheapest)
			cheapest = costs;
		if (cheapest / 2 > least)
			break;
	}
	return cheapest;
}

static double median_cost(const struct alternative *alternative, const struct workload *workload)
{
	/* The CPU time of other processes is known to the microsecond only. */
	uint64_t batch_cost = alternative->elsewhere ? 2 * BATCH_COST : BATCH_COST;
	double costs[NR_BATCHES];
	unsigned int rounds;

	rounds = 1 + batch_cost / (1 + try_cost(alternative, workload, UINT64_MAX));
	/*
	 * The intervals between samples double. After as many cycles as are measured,
	 * at most one sample falls into the measured ones.
	 */
	if (alternative->decays)
		run(alternative, workload, NR_BATCHES * rounds);
	for (int i = 0; i < NR_BATCHES; i++)
		costs[i] = (double)run(alternative, workload, rounds) / rounds;
	return median(costs, NR_BATCHES);
}

/*
 * Find the setting with the cheapest cycle. A later setting must be clearly better: the
 * result must not depend on noise.
 */
static unsigned int find_best_setting(const struct alternative *alternative,
				      const struct workload *workload)
{
	uint64_t least = UINT64_MAX;
	unsigned int best = 0;

	for (unsigned int i = 0; i < nr_settings(alternative); i++) {
		uint64_t costs;

		if (!start(alternative, workload, i))
			continue;
		costs = try_cost(alternative, workload, least);
		stop(alternative);
		if (costs < least - least / 200) {
			least = costs;
			best = i;
		}
	}
	return best;
}

/* Read the best setting from the records of the costs. */
static unsigned int read_best_setting(const struct alternative *alternative, const char *name)
{
	FILE *file = fopen(options.settings, "r");
	char line[300], start[200];
	unsigned int best = 0;
	int length;

	if (!file)
		err(1, "%s", options.settings);
	length = snprintf(start, sizeof(start), "record\t%s\t%s\tsetting\tnumber\t",
			  alternative->name, name);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, start, length))
			best = strtoul(line + length, NULL, 10);
	}
	fclose(file);
	return best;
}

static void record_setting(const struct alternative *alternative, const struct workload *workload,
			   const char *name, unsigned int number)
{
	struct setting setting = setting_number(alternative, number);
	uint64_t all = workload->memory + workload->grown;

	if (nr_settings(alternative) == 1)
		return;
	record(alternative->name, name, "setting", "number", number);
	if (alternative->keeps)
		record(alternative->name, name, "keep", "bytes",
		       setting.keep < all ? setting.keep : all);
	if (alternative->huge)
		record(alternative->name, name, "huge pages", "boolean", setting.huge);
	if (alternative->other)
		record(alternative->name, name, alternative->other, "boolean", setting.other);
}

/*
 * Measure the mean cost of a new slot's cycles. It includes the first samples of decay,
 * which medians don't show.
 */
static void average(const struct alternative *alternative, const struct workload *workload,
		    const char *name, double usual)
{
	unsigned int rounds = AVERAGE_COST / (1 + usual);

	if (rounds > MAX_AVERAGED)
		rounds = MAX_AVERAGED;
	if (!start(alternative, workload, 0))
		return;
	record(alternative->name, name, "mean cost", options.unit,
	       (double)run(alternative, workload, rounds) / rounds);
	stop(alternative);
}

/*
 * Count the bytes that resets overwrite, and that page faults copy or clear. If a cycle
 * only writes, each of its page faults copies or clears a page.
 */
static double copied(const struct alternative *alternative, const struct workload *workload)
{
	struct workload writes = *workload;
	uint64_t overwritten = 0, faults, huge_faults;

	writes.nr_read = 0;
	run(alternative, &writes, NR_FIRST);
	if (alternative->overwritten)
		overwritten = alternative->overwritten();
	/* In this order: reading the first counter takes page faults. */
	huge_faults = count_huge_faults();
	faults = count_page_faults();
	run(alternative, &writes, NR_COUNTED);
	faults = count_page_faults() - faults;
	huge_faults = count_huge_faults() - huge_faults;
	if (alternative->overwritten)
		overwritten = alternative->overwritten() - overwritten;
	return overwritten + (faults - huge_faults) * PAGE + huge_faults * HUGE;
}

static void count(const struct alternative *alternative, const struct workload *workload,
		  const char *name)
{
	uint64_t faults, calls, mapping_calls;

	run(alternative, workload, NR_FIRST);
	faults = count_page_faults();
	run(alternative, workload, NR_COUNTED);
	faults = count_page_faults() - faults;
	record(alternative->name, name, "page faults", "1/cycle", (double)faults / NR_COUNTED);
	record(alternative->name, name, "bytes copied", "bytes/cycle",
	       copied(alternative, workload) / NR_COUNTED);

	if (count_calls_begin())
		return;
	for (unsigned int i = 0; i < NR_COUNTED; i++)
		alternative->cycle(workload);
	count_calls_end(&calls, &mapping_calls);
	record(alternative->name, name, "system calls", "1/cycle", (double)calls / NR_COUNTED);
	record(alternative->name, name, "mapping calls", "1/cycle",
	       (double)mapping_calls / NR_COUNTED);
}

static void measure_shootdowns(const struct alternative *alternative,
			       const struct workload *workload, const char *name)
{
	uint64_t before;

	if (!start(alternative, workload, read_best_setting(alternative, name)))
		return;
	run(alternative, workload, NR_FIRST);
	before = count_shootdowns();
	run(alternative, workload, NR_COUNTED);
	record(alternative->name, name, "shootdown interrupts", "1/cycle",
	       (double)(count_shootdowns() - before) / NR_COUNTED);
	stop(alternative);
}

static void measure(const struct alternative *alternative, const struct workload *workload,
		    const char *name)
{
	unsigned int setting = find_best_setting(alternative, workload);
	double usual;

	if (!start(alternative, workload, setting))
		return;
	usual = median_cost(alternative, workload);
	record(alternative->name, name, "cost", options.unit, usual);
	record_setting(alternative, workload, name, setting);
	count(alternative, workload, name);
	stop(alternative);
	if (alternative == &alternative_reset)
		average(alternative, workload, name, usual);
}

/* A row of a table */
struct row {
	unsigned int written;
	bool scattered;
	unsigned int read;
	unsigned int grown;
	bool write_grown;
	uint64_t image;
};

static void measure_row(struct row row)
{
	struct workload workload = {
		.memory = options.memory,
		.image = row.image ? row.image : IMAGE,
		.grown = row.grown * PAGE,
		.scattered = row.scattered,
		.write_grown = row.write_grown,
	};
	char name[120];

	memset(contents, 'i', workload.image);
	memset(contents + workload.image, 0, workload.memory - workload.image);
	workload_set_up(&workload, row.written, row.read);
	workload_name(&workload, row.read, name, sizeof(name));
	printf("progress\t%s\n", name);
	fflush(stdout);
	for (unsigned int i = 0; i < NR_ALTERNATIVES; i++) {
		if (options.settings)
			measure_shootdowns(alternatives[i], &workload, name);
		else
			measure(alternatives[i], &workload, name);
	}
	workload_tear_down(&workload);
}

/* The rows of the main table */
static const struct row main_rows[] = {
	{ .written = 1 },
	{ .written = 4 },
	{ .written = 16 },
	{ .written = 64 },
	{ .written = 256 },
	{ .written = 1024 },
	{ .written = 64, .scattered = true },
	{ .written = 256, .scattered = true },
	{ .written = 1, .read = 1024 },
	{ .written = 64, .scattered = true, .read = 1024 },
};

/* Rows outside of the matrix */
static const struct row more_rows[] = {
	{ .written = 16, .grown = 16, .write_grown = true },
	{ .written = 1, .read = 1024, .image = SMALL },
	{ .written = 64, .scattered = true, .read = 1024, .image = SMALL },
};

#define NR_ROWS(rows) (sizeof(rows) / sizeof(*(rows)))

static void measure_rows(const struct row *rows, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		measure_row(rows[i]);
}

/* All combinations of writing, reading and growing */
static void measure_matrix(void)
{
	static const unsigned int writes[] = { 0, 1, 4, 16, 64, 256, 1024 };
	static const unsigned int reads[] = { 0, 64, 1024 };

	for (unsigned int i = 0; i < NR_ROWS(writes); i++) {
		/* These are the same, scattered or together. */
		bool one_way = writes[i] <= 1 || writes[i] == SMALL / PAGE;

		for (unsigned int k = 0; k < NR_ROWS(reads) * 4; k++) {
			struct row row = {
				.written = writes[i],
				.read = reads[k / 4],
				.grown = k & 2 ? GROWN / PAGE : 0,
				.scattered = k & 1,
			};

			if (!row.scattered || !one_way)
				measure_row(row);
		}
	}
}

static void measure_large(void)
{
	measure_row((struct row){ .written = 64, .scattered = true, .read = 1024 });
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "large", no_argument, NULL, 'l' },
		{ "shootdowns", required_argument, NULL, 's' },
		{ "native", no_argument, NULL, 'n' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'q':
			options.quick = true;
			break;
		case 'l':
			options.memory = LARGE;
			break;
		case 's':
			options.settings = optarg;
			break;
		case 'n':
			options.unit = "ns/cycle";
			break;
		default:
			errx(2, "usage: cycles [--quick] [--large] [--native] [--shootdowns FILE]");
		}
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	contents = mmap(NULL, options.memory, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (contents == MAP_FAILED)
		err(1, "mmap");
	original = contents;
	if (options.settings)
		count_shootdowns_begin();
	if (options.memory == LARGE) {
		measure_large();
	} else if (options.quick) {
		measure_rows(main_rows, NR_ROWS(main_rows));
	} else {
		measure_matrix();
		measure_rows(more_rows, NR_ROWS(more_rows));
	}
	if (options.settings)
		count_shootdowns_end();
	return 0;
}
