// SPDX-License-Identifier: MIT
/*
 * Measure requests to the demo's guests, including the guest's own work, which is the
 * same for all alternatives. "cold" is the first request of a process that has just
 * opened its memory. "warm" is a request that was made before. The floor is the guest's
 * work alone, in memory that exists and is zeroed outside of the measurement.
 *
 *	requests ALTERNATIVE DIRECTORY	use the pool of the environment; "floor" and
 *					"raw madvise" do without libslotpool
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "measure.h"
#include "record.h"
#include "workload.h"

#define NR_REQUESTS 48
/* Requests before a warm one */
#define NR_WARM_UPS 2

static uint8_t *plain;
static size_t plain_limit;

static int plain_open(void)
{
	if (!plain)
		plain = mmap(NULL, REACH, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (plain == MAP_FAILED)
		err(1, "mmap");
	memset(plain, 0, plain_limit);
	return 0;
}

static void plain_close(void)
{
}

static int plain_alloc(uint64_t key, size_t limit, uint8_t **address,
		       enum slotpool_placement *placement)
{
	(void)key;
	*address = plain;
	*placement = SLOTPOOL_PLACED_AFFINE;
	if (plain_limit < limit)
		plain_limit = limit;
	return 0;
}

static int plain_grow(size_t limit)
{
	if (plain_limit < limit)
		plain_limit = limit;
	return 0;
}

static const struct memory_backend plain_memory = {
	.open = plain_open,
	.close = plain_close,
	.alloc = plain_alloc,
	.grow = plain_grow,
	.free = plain_close,
};

static double serve(const struct request *request)
{
	uint64_t start = cpu_time();
	enum outcome outcome = guest_serve(request->guest, &request->input, &request->expected);

	if (outcome != OUTCOME_RIGHT)
		errx(1, "guest %s: %s", guest_name(request->guest), outcome_name(outcome));
	return cpu_time() - start;
}

struct costs {
	double cold, warm;
};

/* Open new memory for each request: its cost must not depend on the one before. */
static struct costs try(const struct memory_backend *backend, const struct request *request)
{
	struct costs costs;

	check(memory_open(backend), "cannot open the memory");
	costs.cold = serve(request);
	for (int i = 0; i < NR_WARM_UPS; i++)
		serve(request);
	costs.warm = serve(request);
	memory_close();
	return costs;
}

static struct costs try_floor(const struct memory_backend *backend, const struct request *request)
{
	double cost = 0;

	/* The first request faults the memory in. */
	for (int i = 0; i < 2; i++) {
		check(memory_open(backend), "cannot open the memory");
		cost = serve(request);
		memory_close();
	}
	return (struct costs){ cost, cost };
}

static void tell(const char *alternative, enum start start, const char *which, struct costs sum,
		 int nr)
{
	static const char *const starts[] = {
		[START_ZEROS] = "zeros",
		[START_IMAGE] = "image",
		[START_SNAPSHOT] = "snapshot",
	};
	char workload[80];

	snprintf(workload, sizeof(workload), "thumbnails %s cold%s", starts[start], which);
	record(alternative, workload, "cost", "instructions/request", sum.cold / nr);
	snprintf(workload, sizeof(workload), "thumbnails %s warm%s", starts[start], which);
	record(alternative, workload, "cost", "instructions/request", sum.warm / nr);
}

static void measure(const char *alternative, const struct memory_backend *backend,
		    enum start start, const struct request *requests)
{
	/* Requests that don't grow their memory, and those that do */
	struct costs sums[2] = { 0 };
	int nr[2] = { 0 };

	if (start != START_ZEROS) {
		check(memory_open(backend), "cannot open the memory");
		check(guests_prepare(start), "cannot prepare the guests");
		memory_close();
	}
	for (int i = 0; i < NR_REQUESTS; i++) {
		struct costs costs;
		bool grown;

		if (requests[i].guest == GUEST_STRAY)
			continue;
		costs = backend == &plain_memory ? try_floor(backend, &requests[i]) :
						   try(backend, &requests[i]);
		grown = memory_use()->grown;
		sums[grown].cold += costs.cold;
		sums[grown].warm += costs.warm;
		nr[grown]++;
	}
	guests_forget();
	tell(alternative, start, ", not grown", sums[false], nr[false]);
	tell(alternative, start, ", grown", sums[true], nr[true]);
	tell(alternative, start, "",
	     (struct costs){ sums[0].cold + sums[1].cold, sums[0].warm + sums[1].warm },
	     nr[0] + nr[1]);
}

static void measure_pool(const char *alternative, const struct request *requests)
{
	const char *backend = getenv("SLOTPOOL_BACKEND");
	bool is_user = backend && !strcmp(backend, "user");

	slotpool_close(open_pool());
	for (int start = START_ZEROS; start <= START_SNAPSHOT; start++)
		measure(alternative, is_user ? &slotpool_user_memory : &slotpool_memory, start,
			requests);
}

int main(int argc, char **argv)
{
	static struct request requests[NR_REQUESTS];

	if (argc != 3)
		errx(2, "usage: requests ALTERNATIVE DIRECTORY");
	check(memory_init(), "cannot catch stray accesses");
	guests_init();
	workload_load(argv[2], 1, requests, NR_REQUESTS);
	/* Don't count faults on memory outside of slots. */
	if (mlockall(MCL_CURRENT))
		err(1, "mlockall");
	munlockall();
	if (!strcmp(argv[1], "floor"))
		measure(argv[1], &plain_memory, START_ZEROS, requests);
	else if (!strcmp(argv[1], "raw madvise"))
		measure(argv[1], &madvise_memory, START_ZEROS, requests);
	else
		measure_pool(argv[1], requests);
	return 0;
}
