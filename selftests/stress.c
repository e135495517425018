// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many threads of several processes at once, one of which is killed again and again.
 * No process ever sees a byte of another one, and the pool is idle in the end.
 *
 * A seed, which SLOTPOOL_SEED sets, determines their operations.
 */
#include <pthread.h>
#include <time.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"
#include "lib/random.h"

#define NR_SLOTS 24
#define SLOT_PAGES 256
#define PAGE_WORDS (PAGE / sizeof(uint64_t))
#define STRIDE (2 * SLOT_PAGES * PAGE)
#define GEOMETRY                                               \
	"nr_slots=24 nr_shards=2 slot_size=1M slot_stride=2M " \
	"max_unused_warm_slots=4 keep_bytes=256K "

#define NR_PROCESSES 3
#define MAX_THREADS 3
#define MAX_HELD 2
#define SECONDS 6
#define MAX_STEPS 20000

/* A process that gets killed, and threads of each process */
#define VICTIM 0
static const unsigned int nr_threads[NR_PROCESSES] = { 2, 3, 3 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* A process of the test. */
struct process {
	uint64_t seed;
	uint64_t deadline;
	/* Of all processes that were started */
	unsigned int number;
	unsigned int nr_threads;
	bool commits;
	int fd;
	/* Two mappings of the pool */
	char *maps[2];
};

/* An allocated slot and its expected contents. */
struct held {
	uint32_t slot;
	unsigned int limit, reset_limit;
	unsigned int commit, reset_commit;
	unsigned int keep;
	/* Pages written to since the slot was new */
	unsigned int touched;
	/* The word that fills each page */
	uint64_t stamps[SLOT_PAGES];
};

struct thread {
	struct process *process;
	uint64_t random;
	/* The latest; no other thread has the same */
	uint64_t stamp;
	unsigned int nr_held;
	struct held held[MAX_HELD];
};

/* There is no teardown to go to outside the test's own process. */
#define CHECK(process, condition)                                                 \
	do {                                                                      \
		if (!(condition)) {                                               \
			fprintf(TH_LOG_STREAM, "# %d: " #condition ", errno %d, " \
					       "SLOTPOOL_SEED=%#llx\n",           \
				__LINE__, errno,                                  \
				(unsigned long long)(process)->seed);             \
			_exit(1);                                                 \
		}                                                                 \
	} while (0)

static unsigned int pick(struct thread *thread, unsigned int choices)
{
	return random_next(&thread->random) % choices;
}

/* Both mappings must show the same. */
static char *memory_of(struct thread *thread, const struct held *held)
{
	return thread->process->maps[pick(thread, 2)] + held->slot * STRIDE;
}

/* A page must be filled with a stamp. */
static void check_page(const struct process *process, uint32_t slot, unsigned int page,
		       const char *memory, uint64_t stamp)
{
	const uint64_t *words = (const uint64_t *)(memory + page * PAGE);
	uint64_t difference = 0;
	size_t i;

	for (i = 0; i < PAGE_WORDS; i++)
		difference |= words[i] ^ stamp;
	if (!difference)
		return;
	for (i = 0; i < PAGE_WORDS - 1 && words[i] == stamp; i++)
		;
	fprintf(TH_LOG_STREAM,
		"# slot %u offset %#lx: %#llx instead of %#llx, SLOTPOOL_SEED=%#llx\n", slot,
		page * PAGE + i * sizeof(*words), (unsigned long long)words[i],
		(unsigned long long)stamp, (unsigned long long)process->seed);
	_exit(1);
}

static void check_held(struct thread *thread, const struct held *held)
{
	const char *memory = memory_of(thread, held);
	unsigned int page;

	for (page = 0; page < held->limit; page++)
		check_page(thread->process, held->slot, page, memory, held->stamps[page]);
}

static void fill_page(char *memory, unsigned int page, uint64_t stamp)
{
	uint64_t *words = (uint64_t *)(memory + page * PAGE);
	size_t i;

	for (i = 0; i < PAGE_WORDS; i++)
		words[i] = stamp;
}

/* Pages from one on are absent. */
static void forget_pages(struct held *held, unsigned int first)
{
	unsigned int page;

	for (page = first; page < SLOT_PAGES; page++) {
		if (held->stamps[page])
			held->touched--;
		held->stamps[page] = 0;
	}
}

static void take(struct thread *thread)
{
	const struct process *process = thread->process;
	struct slotpool_alloc_args alloc = { .flags = 0 };
	struct held *held = &thread->held[thread->nr_held];
	int err;

	if (thread->nr_held == MAX_HELD)
		return;
	memset(held, 0, sizeof(*held));
	held->limit = SLOT_PAGES;
	if (pick(thread, 2)) {
		held->limit = pick(thread, SLOT_PAGES + 1);
		alloc.flags |= SLOTPOOL_ALLOC_LIMIT;
		alloc.limit = held->limit * PAGE;
	}
	held->commit = process->commits ? held->limit : 0;
	if (process->commits && pick(thread, 2)) {
		held->commit = pick(thread, held->limit + 1);
		alloc.flags |= SLOTPOOL_ALLOC_COMMIT;
		alloc.commit = held->commit * PAGE;
	}
	held->keep = 64;
	if (pick(thread, 2)) {
		held->keep = pick(thread, SLOT_PAGES);
		alloc.flags |= SLOTPOOL_ALLOC_KEEP;
		alloc.keep = held->keep * PAGE;
	}
	if (pick(thread, 3)) {
		alloc.flags |= SLOTPOOL_ALLOC_KEY;
		alloc.key = pick(thread, 4);
	}
	if (!pick(thread, 4)) {
		alloc.flags |= SLOTPOOL_ALLOC_EXACT;
		alloc.slot = pick(thread, NR_SLOTS);
	}

	err = call_command(process->fd, SLOTPOOL_ALLOC, &alloc);
	if (err == -ENOSPC || (err == -ENOMEM && process->commits) ||
	    (err == -EBUSY && alloc.flags & SLOTPOOL_ALLOC_EXACT))
		return;
	CHECK(process, !err && alloc.slot < NR_SLOTS);
	held->slot = alloc.slot;
	held->reset_limit = held->limit;
	held->reset_commit = held->commit;
	thread->nr_held++;
	check_held(thread, held);
	if (held->limit < SLOT_PAGES)
		CHECK(process, !can_read(memory_of(thread, held) + held->limit * PAGE));
}

static void write_pages(struct thread *thread, struct held *held)
{
	unsigned int left = 1 + pick(thread, 16);

	while (left-- && held->limit) {
		unsigned int page = pick(thread, held->limit);

		if (!held->stamps[page]) {
			/* One more could find the reserve empty. */
			if (thread->process->commits && held->touched >= held->commit)
				continue;
			held->touched++;
		}
		held->stamps[page] = ++thread->stamp;
		fill_page(memory_of(thread, held), page, thread->stamp);
	}
}

static void resize(struct thread *thread, struct held *held)
{
	const struct process *process = thread->process;
	unsigned int limit = pick(thread, SLOT_PAGES + 1);
	struct slotpool_resize_args resize = {
		.flags = pick(thread, 2) ? SLOTPOOL_RESIZE_GROW_ONLY : 0,
		.slot = held->slot,
		.limit = limit * PAGE,
	};
	int err = call_command(process->fd, SLOTPOOL_RESIZE, &resize);

	if (err == -ENOMEM && process->commits)
		return;
	CHECK(process, !err && resize.old_limit == held->limit * PAGE);
	if (resize.flags & SLOTPOOL_RESIZE_GROW_ONLY && limit <= held->limit)
		return;
	forget_pages(held, limit);
	held->limit = limit;
	held->commit = process->commits ? limit : 0;
	if (held->reset_limit > limit)
		held->reset_limit = limit;
	if (held->reset_commit > held->commit)
		held->reset_commit = held->commit;
	check_held(thread, held);
}

static void reset(struct thread *thread, struct held *held)
{
	const struct process *process = thread->process;
	struct slotpool_list_entry entry;
	struct slotpool_list_args list = {
		.entries = (uintptr_t)&entry,
		.nr_entries = 1,
		.first = held->slot,
	};
	int64_t bytes = call_reset(process->fd, held->slot);

	CHECK(process, bytes >= 0 && bytes <= (int64_t)(held->keep * PAGE));
	forget_pages(held, 0);
	held->limit = held->reset_limit;
	held->commit = held->reset_commit;
	CHECK(process, !call_command(process->fd, SLOTPOOL_LIST, &list) && list.nr_entries == 1);
	CHECK(process, entry.slot == held->slot);
	CHECK(process, entry.limit == held->limit * PAGE);
	CHECK(process, entry.commit == held->commit * PAGE);
	check_held(thread, held);
}

static void give(struct thread *thread, struct held *held)
{
	const struct process *process = thread->process;
	bool decommit = pick(thread, 2);
	int64_t bytes = call_free_flags(process->fd, held->slot,
					decommit ? SLOTPOOL_FREE_DECOMMIT : 0);

	CHECK(process, bytes >= 0 && bytes <= (int64_t)(decommit ? 0 : held->keep * PAGE));
	*held = thread->held[--thread->nr_held];
}

/* Takes a part of a slot out of the mapping and puts it back. */
static void remap(struct thread *thread, struct held *held)
{
	const struct process *process = thread->process;
	unsigned int first = pick(thread, SLOT_PAGES);
	size_t length = (1 + pick(thread, SLOT_PAGES - first)) * PAGE;
	char *part = memory_of(thread, held) + first * PAGE;

	/* Something takes its place, or other threads' mappings might. */
	CHECK(process, part == mmap(part, length, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	CHECK(process, part == mmap(part, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				    process->fd, held->slot * STRIDE + first * PAGE));
	check_held(thread, held);
}

static void purge(struct thread *thread)
{
	const struct process *process = thread->process;
	int purged;

	switch (pick(thread, 3)) {
	case 0:
		purged = call_purge(process->fd, 0, 0, 0);
		break;
	case 1:
		purged = call_purge(process->fd, SLOTPOOL_PURGE_KEY, pick(thread, 4), 0);
		break;
	default:
		purged = call_purge(process->fd, SLOTPOOL_PURGE_SLOT, 0, pick(thread, NR_SLOTS));
		CHECK(process, purged == 1 || purged == -ENOENT);
		return;
	}
	CHECK(process, purged >= 0);
}

/* Lives through another client of the same process. */
static void second_client(struct thread *thread)
{
	const struct process *process = thread->process;
	int fd = open_pool();
	int slot = call_alloc_key(fd, pick(thread, 4));
	unsigned int page;
	char *map;

	CHECK(process, fd >= 0);
	if (slot < 0) {
		CHECK(process, slot == -ENOSPC || (slot == -ENOMEM && process->commits));
		close(fd);
		return;
	}
	map = map_slots(fd, slot, 1);
	CHECK(process, map != MAP_FAILED);
	for (page = 0; page < SLOT_PAGES; page++)
		check_page(process, slot, page, map, 0);
	thread->stamp++;
	for (page = 0; page < SLOT_PAGES; page += 3)
		fill_page(map, page, thread->stamp);
	if (pick(thread, 2))
		CHECK(process, call_free(fd, slot) >= 0);
	if (pick(thread, 2)) {
		close(fd);
		munmap(map, STRIDE);
	} else {
		munmap(map, STRIDE);
		close(fd);
	}
}

static void step(struct thread *thread)
{
	struct held *held = NULL;

	if (thread->nr_held)
		held = &thread->held[pick(thread, thread->nr_held)];
	switch (held ? pick(thread, 16) : 0) {
	case 0:
	case 1:
		take(thread);
		break;
	case 2:
		resize(thread, held);
		break;
	case 3:
		reset(thread, held);
		break;
	case 4:
	case 5:
		give(thread, held);
		break;
	case 6:
		remap(thread, held);
		break;
	case 7:
		purge(thread);
		break;
	case 8:
		CHECK(thread->process, !set_max_unused_warm_slots(pick(thread, NR_SLOTS)));
		break;
	case 9:
		second_client(thread);
		break;
	case 10:
	case 11:
		check_held(thread, held);
		break;
	default:
		write_pages(thread, held);
		break;
	}
}

static void *run_thread(void *argument)
{
	struct thread *thread = argument;
	unsigned int steps = 0;

	while (steps++ < MAX_STEPS && now_ms() < thread->process->deadline)
		step(thread);
	return NULL;
}

/* These threads only touch memory that they may touch. */
static void refused(int number, siginfo_t *info, void *context)
{
	(void)context;
	dprintf(STDERR_FILENO, "# signal %d at %p\n", number, info->si_addr);
	_exit(1);
}

/* Leaves slots behind for the end of the process to free. */
static void run_process(struct process *process)
{
	struct sigaction action = { .sa_sigaction = refused, .sa_flags = SA_SIGINFO };
	static struct thread threads[MAX_THREADS];
	pthread_t handles[MAX_THREADS];
	unsigned int i;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	process->fd = open_pool();
	CHECK(process, process->fd >= 0);
	for (i = 0; i < 2; i++) {
		process->maps[i] = map_slots(process->fd, 0, NR_SLOTS);
		CHECK(process, process->maps[i] != MAP_FAILED);
	}
	for (i = 0; i < process->nr_threads; i++) {
		uint64_t number = process->number * MAX_THREADS + i + 1;

		threads[i].process = process;
		threads[i].random = process->seed + (number << 40);
		threads[i].stamp = number << 40;
		CHECK(process, !pthread_create(&handles[i], NULL, run_thread, &threads[i]));
	}
	for (i = 0; i < process->nr_threads; i++)
		pthread_join(handles[i], NULL);
	_exit(0);
}

FIXTURE(stress)
{
	uint64_t seed;
};

FIXTURE_VARIANT(stress)
{
	const char *parameters;
	bool commits;
};

FIXTURE_VARIANT_ADD(stress, overcommitting_pool)
{
	.parameters = GEOMETRY "overcommit=1 reserve_pages=512",
	.commits = false,
};

FIXTURE_VARIANT_ADD(stress, committing_pool)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=2048",
	.commits = true,
};

FIXTURE_SETUP(stress)
{
	/* A test that failed may have left it behind. */
	unload_pool();
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->seed = random_seed();
	TH_LOG("SLOTPOOL_SEED=%#llx", (unsigned long long)self->seed);
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* Runs clients for a while; returns how many of them found something wrong. */
static unsigned int churn(struct process *process, uint64_t *random, unsigned int *kills)
{
	pid_t children[NR_PROCESSES] = { 0 };
	unsigned int failed = 0;
	unsigned int i;
	int status;

	process->deadline = now_ms() + SECONDS * 1000;
	do {
		for (i = 0; i < NR_PROCESSES; i++) {
			if (children[i])
				continue;
			process->number++;
			process->nr_threads = nr_threads[i];
			children[i] = fork();
			if (children[i] == 0)
				run_process(process);
			if (children[i] < 0)
				return failed + 1;
		}
		usleep(50000 + random_next(random) % 500000);
		kill(children[VICTIM], SIGKILL);
		waitpid(children[VICTIM], &status, 0);
		children[VICTIM] = 0;
		if (WIFSIGNALED(status))
			(*kills)++;
		else if (WEXITSTATUS(status))
			failed++;
	} while (now_ms() < process->deadline);
	for (i = 0; i < NR_PROCESSES; i++) {
		if (children[i] && (waitpid(children[i], &status, 0) != children[i] || status))
			failed++;
	}
	return failed;
}

TEST_F(stress, nobody_sees_a_byte_of_anybody_else)
{
	struct process process = { .seed = self->seed, .commits = variant->commits };
	uint64_t random = self->seed;
	struct slotpool_stat_args stat;
	unsigned int kills = 0;
	bool enough;
	int round;

	/* A slow machine gets further chances to come across everything. */
	for (round = 0, enough = false; round < 20 && !enough; round++) {
		ASSERT_EQ(0, churn(&process, &random, &kills));
		ASSERT_TRUE(pool_is_idle());
		stat = pool_gauges();
		enough = kills && stat.affine_allocs && stat.recycled_allocs && stat.cold_allocs &&
			 (!variant->commits || stat.evictions);
	}
	TH_LOG("%llu affine, %llu recycled, %llu cold, %llu evictions, %u kills",
	       stat.affine_allocs, stat.recycled_allocs, stat.cold_allocs, stat.evictions, kills);
	ASSERT_TRUE(enough);
}

/* ---- Threads of one client that don't agree about a slot ---- */

#define RACE_SLOT 3
#define RACE_PAGES 16
#define NR_RACERS 6
/* In the upper half of every word that each of the two clients writes */
#define RACER 0x1111
#define STRANGER 0x2222

enum race_count {
	RACE_DONE,
	RACE_REFUSED,
	RACE_TAKEN,
	RACE_STRANGER,
	RACE_NR_COUNTS,
};

struct race {
	struct process process;
	/* Shared with the process of the stranger */
	unsigned int *counts;
};

struct racer {
	struct race *race;
	uint64_t random;
	char *map;
	void (*step)(struct racer *racer);
};

static void count(const struct race *race, enum race_count what)
{
	__atomic_fetch_add(&race->counts[what], 1, __ATOMIC_RELAXED);
}

static unsigned int race_pick(struct racer *racer, unsigned int choices)
{
	return random_next(&racer->random) % choices;
}

static uint64_t *race_word(struct racer *racer)
{
	return (uint64_t *)(racer->map + race_pick(racer, RACE_PAGES) * PAGE +
			    race_pick(racer, PAGE_WORDS) * sizeof(uint64_t));
}

/*
 * The bytes that are neither zero nor the racers'. A reset that goes on at the
 * same time may clear a word byte by byte, so half a word may be seen.
 */
static uint32_t foreign_bytes(uint32_t value)
{
	uint32_t foreign = 0;
	unsigned int shift;

	for (shift = 0; shift < 32; shift += 8) {
		uint32_t byte = value & 0xffU << shift;

		if (byte && byte != (RACER & 0xffU << shift))
			foreign |= byte;
	}
	return foreign;
}

static void race_read(struct racer *racer)
{
	uint64_t *word = race_word(racer);
	uint64_t value;

	if (sigsetjmp(access_return, 0)) {
		count(racer->race, RACE_REFUSED);
		return;
	}
	value = __atomic_load_n(word, __ATOMIC_RELAXED);
	CHECK(&racer->race->process, !foreign_bytes(value >> 32));
	count(racer->race, RACE_DONE);
}

static void race_write(struct racer *racer)
{
	uint64_t *word = race_word(racer);

	if (sigsetjmp(access_return, 0)) {
		count(racer->race, RACE_REFUSED);
		return;
	}
	__atomic_store_n(word, (uint64_t)RACER << 32 | race_pick(racer, 1000), __ATOMIC_RELAXED);
	count(racer->race, RACE_DONE);
}

/* Commands for the slot that several threads give at once. */
static void race_command(struct racer *racer)
{
	const struct process *process = &racer->race->process;
	int64_t result;

	switch (race_pick(racer, 8)) {
	case 0:
		result = call_reset(process->fd, RACE_SLOT);
		CHECK(process, result >= 0 || result == -ENOENT);
		break;
	case 1:
		result = call_resize(process->fd, RACE_SLOT, 0,
				     race_pick(racer, RACE_PAGES + 1) * PAGE);
		CHECK(process, result >= 0 || result == -ENOENT);
		break;
	case 2:
		result = call_free(process->fd, RACE_SLOT);
		CHECK(process, result >= 0 || result == -ENOENT);
		break;
	case 3:
		result = call_free_flags(process->fd, RACE_SLOT, SLOTPOOL_FREE_DECOMMIT);
		CHECK(process, result == 0 || result == -ENOENT);
		break;
	case 4:
		result = call_purge(process->fd, SLOTPOOL_PURGE_SLOT, 0, RACE_SLOT);
		CHECK(process, result == 1 || result == -ENOENT);
		break;
	default:
		result = call_alloc_exact(process->fd, RACE_SLOT);
		CHECK(process, result == RACE_SLOT || result == -EBUSY);
		if (result == RACE_SLOT)
			count(racer->race, RACE_TAKEN);
	}
}

static void *run_racer(void *argument)
{
	struct racer *racer = argument;
	unsigned int steps = 0;

	while (steps++ < 50 * MAX_STEPS && now_ms() < racer->race->process.deadline)
		racer->step(racer);
	return NULL;
}

static void run_race(struct race *race)
{
	struct sigaction action = { .sa_handler = access_handler, .sa_flags = SA_NODEFER };
	struct racer racers[NR_RACERS];
	pthread_t handles[NR_RACERS];
	unsigned int i;

	sigaction(SIGSEGV, &action, NULL);
	race->process.fd = open_pool();
	for (i = 0; i < 2; i++) {
		race->process.maps[i] = map_slots(race->process.fd, RACE_SLOT, 1);
		CHECK(&race->process, race->process.maps[i] != MAP_FAILED);
	}
	for (i = 0; i < NR_RACERS; i++) {
		racers[i].race = race;
		racers[i].random = race->process.seed + i;
		racers[i].map = race->process.maps[i % 2];
		racers[i].step = race_command;
		if (i < 4)
			racers[i].step = i < 2 ? race_read : race_write;
		CHECK(&race->process, !pthread_create(&handles[i], NULL, run_racer, &racers[i]));
	}
	for (i = 0; i < NR_RACERS; i++)
		pthread_join(handles[i], NULL);
	_exit(0);
}

/* Takes the same slot whenever it is free. */
static void run_stranger(struct race *race)
{
	const struct process *process = &race->process;
	uint64_t stamp = (uint64_t)STRANGER << 32;
	unsigned int steps = 0;

	while (steps++ < MAX_STEPS && now_ms() < process->deadline) {
		int fd = open_pool();
		char *map = map_slots(fd, RACE_SLOT, 1);
		int slot = call_alloc_exact(fd, RACE_SLOT);
		unsigned int page;

		CHECK(process, fd >= 0 && map != MAP_FAILED);
		CHECK(process, slot == RACE_SLOT || slot == -EBUSY);
		if (slot == RACE_SLOT) {
			for (page = 0; page < RACE_PAGES; page++)
				check_page(process, slot, page, map, 0);
			stamp++;
			for (page = 0; page < RACE_PAGES; page++)
				fill_page(map, page, stamp);
			for (page = 0; page < RACE_PAGES; page++)
				check_page(process, slot, page, map, stamp);
			count(race, RACE_STRANGER);
		}
		munmap(map, STRIDE);
		close(fd);
	}
	_exit(0);
}

TEST_F(stress, threads_racing_for_a_slot_see_nothing_of_a_stranger)
{
	struct race race = {
		.process.seed = self->seed,
		.process.deadline = now_ms() + SECONDS * 1000 / 2,
	};
	pid_t children[2];
	int fd, slot, status;
	unsigned int i;

	race.counts = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, race.counts);
	for (i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0 && i == 0)
			run_race(&race);
		if (children[i] == 0)
			run_stranger(&race);
		ASSERT_GT(children[i], 0);
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		ASSERT_EQ(0, status);
	}
	TH_LOG("%u accesses, %u refused, taken %u times and by the stranger %u times",
	       race.counts[RACE_DONE], race.counts[RACE_REFUSED], race.counts[RACE_TAKEN],
	       race.counts[RACE_STRANGER]);
	for (i = 0; i < RACE_NR_COUNTS; i++)
		ASSERT_GT(race.counts[i], 0);

	/* No slot is lost. */
	ASSERT_TRUE(pool_is_idle());
	fd = open_pool();
	for (slot = 0; slot < NR_SLOTS; slot++)
		ASSERT_GE(call_alloc_limit(fd, PAGE), 0);
	ASSERT_EQ(0, close(fd));
}

TEST_HARNESS_MAIN
