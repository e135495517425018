// SPDX-License-Identifier: MIT
/*
 * Measure what threads or processes that use slots at the same time cost one another:
 * TLB flush interrupts, contended kernel locks, context switches and page faults a
 * cycle. These counts are also valid on emulated processors; how often threads meet
 * differs between runs.
 *
 *	contention ALTERNATIVE threads|processes warm|cold|decay
 *
 * An instance writes 16 pages, scattered. In "warm" cycles the freed slot keeps its
 * memory. In "cold" cycles it gives its memory back, and every thread faults fresh
 * memory in. "decay" is "warm", but one instance in 64 writes other pages, which decay
 * gives back later. Interrupts are counted for the whole system, everything else for
 * the workers alone, with perf events. count-instructions counts the instructions of
 * all processors in the same time.
 */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "marker.h"
#include "measure.h"
#include "record.h"

#define NR_WORKERS 8
#define NR_CYCLES 256
#define IMAGE (256 * PAGE)
#define NR_WRITTEN 16
#define NR_REGULAR 64
#define EVENTS "/sys/kernel/tracing/events/"

enum mode { WARM,
	    COLD,
	    DECAY };

static const char *const modes[] = { [WARM] = "warm", [COLD] = "cold", [DECAY] = "decay" };

static enum mode mode;
/* The image that all instances start from */
static int image_file;
/* Shared by the workers and the counting main thread */
static pthread_barrier_t *barrier;

struct worker {
	pthread_t thread;
	struct slotpool *pool;
	uint32_t image;
};

/* ---- counters ---- */

enum counter { CONTENTIONS,
	       SWITCHES,
	       FAULTS,
	       NR_COUNTERS };

static int open_counter(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = config,
		.inherit = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		err(1, "perf_event_open");
	return fd;
}

static uint64_t event_id(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned int id;

	if (!file || fscanf(file, "%u", &id) != 1)
		err(1, "%s", path);
	fclose(file);
	return id;
}

static void open_counters(int counters[NR_COUNTERS])
{
	counters[CONTENTIONS] =
		open_counter(PERF_TYPE_TRACEPOINT, event_id(EVENTS "lock/contention_begin/id"));
	counters[SWITCHES] = open_counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES);
	counters[FAULTS] = open_counter(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS);
}

/* Return the TLB flush interrupts of all processors so far. */
static uint64_t shootdowns(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	uint64_t sum = 0;
	char line[512];

	if (!file)
		err(1, "/proc/interrupts");
	while (fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "TLB:"), *end;

		if (!at)
			continue;
		/* Stop at the description that follows the numbers. */
		for (at += 4; sum += strtoull(at, &end, 10), end != at; at = end)
			;
	}
	fclose(file);
	return sum;
}

struct counts {
	uint64_t shootdowns, counters[NR_COUNTERS];
};

static struct counts count(const int counters[NR_COUNTERS])
{
	struct counts counts = { .shootdowns = shootdowns() };

	for (int i = 0; i < NR_COUNTERS; i++) {
		if (read(counters[i], &counts.counters[i], sizeof(counts.counters[i])) !=
		    sizeof(counts.counters[i]))
			err(1, "cannot read a counter");
	}
	return counts;
}

/* ---- workers ---- */

static void cycle(const struct worker *worker, unsigned int round)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE,
					     .image = worker->image };
	bool odd = mode == DECAY && round % NR_REGULAR == 0;
	char *memory;

	check(slotpool_alloc(worker->pool, &alloc), "ALLOC");
	memory = slotpool_address(worker->pool, alloc.slot);
	if (odd)
		memory += (1 + round / NR_REGULAR % 15) * PAGE;
	for (unsigned long i = 0; i < NR_WRITTEN; i++)
		*(volatile char *)(memory + i * (IMAGE / NR_WRITTEN)) = 'w';
	check(slotpool_free(worker->pool, alloc.slot, mode == COLD ? SLOTPOOL_FREE_DECOMMIT : 0,
			    NULL),
	      "FREE");
}

static void *work(void *argument)
{
	const struct worker *worker = argument;
	unsigned int i;

	/* Warm the slots up, and take the first page faults. */
	for (i = 0; i < NR_REGULAR; i++)
		cycle(worker, i);
	pthread_barrier_wait(barrier);
	/* The main thread reads the counters. */
	pthread_barrier_wait(barrier);
	for (i = 0; i < NR_CYCLES; i++)
		cycle(worker, i);
	pthread_barrier_wait(barrier);
	/* It reads them again before any worker exits. */
	pthread_barrier_wait(barrier);
	return NULL;
}

static void open_worker(struct worker *worker)
{
	worker->pool = open_pool();
	check(slotpool_map(worker->pool, 0, slotpool_info(worker->pool)->nr_slots), "mmap");
	check(slotpool_import(worker->pool, image_file, &worker->image, NULL), "IMPORT");
}

static void make_image(void)
{
	static char bytes[IMAGE];
	struct slotpool_image_range range = { .length = IMAGE, .address = (uintptr_t)bytes };
	struct slotpool *pool;
	uint32_t image;

	memset(bytes, 'i', IMAGE);
	pool = open_pool();
	check(slotpool_image_memory(pool, &range, 1, IMAGE, &image, NULL), "IMAGE");
	image_file = slotpool_export(pool, image);
	check(image_file, "EXPORT");
	slotpool_close(pool);
}

static void start_threads(struct worker workers[NR_WORKERS])
{
	open_worker(&workers[0]);
	for (int i = 0; i < NR_WORKERS; i++) {
		workers[i] = workers[0];
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			errx(1, "cannot create a thread");
	}
}

static void start_processes(void)
{
	for (int i = 0; i < NR_WORKERS; i++) {
		struct worker worker;
		pid_t child = fork();

		if (child < 0)
			err(1, "fork");
		if (child)
			continue;
		open_worker(&worker);
		work(&worker);
		_exit(0);
	}
}

static void make_barrier(void)
{
	pthread_barrierattr_t attributes;

	barrier = mmap(NULL, sizeof(*barrier), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (barrier == MAP_FAILED)
		err(1, "mmap");
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attributes, NR_WORKERS + 1);
}

static void tell(const char *alternative, const char *workers, struct counts before,
		 struct counts after)
{
	static const struct {
		const char *figure, *unit;
	} figures[NR_COUNTERS] = {
		[CONTENTIONS] = { "contended locks", "acquisitions/cycle" },
		[SWITCHES] = { "context switches", "switches/cycle" },
		[FAULTS] = { "page faults", "faults/cycle" },
	};
	const double nr_cycles = NR_WORKERS * NR_CYCLES;
	char workload[80];

	snprintf(workload, sizeof(workload), "%s %s=%d CPUs=%ld", modes[mode], workers,
		 NR_WORKERS, sysconf(_SC_NPROCESSORS_ONLN));
	record(alternative, workload, "shootdown interrupts", "interrupts/cycle",
	       (after.shootdowns - before.shootdowns) / nr_cycles);
	for (int i = 0; i < NR_COUNTERS; i++)
		record(alternative, workload, figures[i].figure, figures[i].unit,
		       (after.counters[i] - before.counters[i]) / nr_cycles);
	/* count-instructions adds the instructions of these cycles. */
	printf("counted\t%s\t%s\t%d\n", alternative, workload, NR_WORKERS * NR_CYCLES);
}

static bool read_mode(const char *name)
{
	for (mode = WARM; mode <= DECAY; mode++) {
		if (!strcmp(name, modes[mode]))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct worker workers[NR_WORKERS];
	int counters[NR_COUNTERS];
	struct counts before, after;
	bool threads;

	if (argc != 4 || !read_mode(argv[3]))
		errx(2, "usage: contention ALTERNATIVE threads|processes warm|cold|decay");
	threads = !strcmp(argv[2], "threads");
	make_barrier();
	make_image();
	open_counters(counters);
	if (threads)
		start_threads(workers);
	else
		start_processes();

	pthread_barrier_wait(barrier);
	before = count(counters);
	mark();
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	mark();
	after = count(counters);
	pthread_barrier_wait(barrier);
	tell(argv[1], argv[2], before, after);

	if (threads) {
		for (int i = 0; i < NR_WORKERS; i++)
			pthread_join(workers[i].thread, NULL);
	} else {
		while (wait(NULL) > 0)
			;
	}
	return 0;
}
