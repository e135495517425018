/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several processes run random operations on slots and images, and each compares the
 * contents of its slots with a model in plain memory. One of them is killed now and
 * then, and another takes its place.
 *
 * The operations of a process depend on its seed and on the results of the pool.
 * SLOTPOOL_SEED sets the seed of all of them, SLOTPOOL_OPERATIONS the number of their
 * operations together.
 *
 * A program that includes this defines IN_USER_SPACE, which is true for the library's
 * user-space pools; DEFAULT_OPERATIONS; oracle_load() and oracle_unload(), which make
 * pools for slotpool_open() to find; and NR_VARIANTS variants of pools.
 */
#ifndef SELFTESTS_ORACLE_TESTS_H
#define SELFTESTS_ORACLE_TESTS_H

#include <signal.h>

#include "images.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "process.h"
#include "slots.h"

/* Without an end of an operation for so long, something hangs. */
#define HANGS_SECONDS 120
/* The number of operations ends a test, not the time. */
#define TEST_SECONDS (7 * 24 * 3600)

#define NR_WORKERS 3

/* Signal handlers need it. */
static struct process this_process;

/* ---- mappings ---- */

static void check_index(struct process *process, struct client *client, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < client->nr_slots; i++) {
		if (client->slots[i].index == index)
			check_slot(process, client, &client->slots[i]);
	}
}

static bool map_more(struct process *process, struct client *client)
{
	struct map *map = &client->maps[1 + pick(process, MAX_MAPS - 1)];
	uint32_t first = 0;
	uint32_t count = process->info.nr_slots;

	if (map->start) {
		note(process, map->first, 0, map->count);
		CHECK(process, map_destroy(map));
		return true;
	}
	if (one_in(process, 2)) {
		first = pick(process, process->info.nr_slots);
		count = 1 + pick(process, process->info.nr_slots - first);
	}
	note(process, first, 0, count);
	CHECK(process, map_create(map, slotpool_fd(client->pool), first, count,
				  process->stride_pages, pick(process, 512)));
	return true;
}

/* A range of a slot in a mapping, sometimes with some of its guard. */
static struct map *pick_range(struct process *process, struct client *client, uint32_t *index,
			      size_t *first, size_t *count)
{
	struct map *map;

	*index = pick_index(process, client);
	map = pick_map(process, client, *index);
	*first = pick_page(process, process->slot_pages);
	*count = 1 + pick(process, one_in(process, 4) ? process->stride_pages : 16);
	if (*count > process->stride_pages - *first)
		*count = process->stride_pages - *first;
	note(process, *index, *first * PAGE, *count * PAGE);
	return map;
}

static bool unmap(struct process *process, struct client *client)
{
	size_t first, count;
	uint32_t index;
	struct map *map = pick_range(process, client, &index, &first, &count);

	CHECK(process, map_punch(map, index, first, count));
	if (map == &client->maps[0] || one_in(process, 2))
		CHECK(process, map_fill(map, slotpool_fd(client->pool), index, first, count));
	check_index(process, client, index);
	return true;
}

/* Maps all of a slot afresh. */
static bool remap(struct process *process, struct client *client)
{
	uint32_t index = pick_index(process, client);
	struct map *map = pick_map(process, client, index);

	note(process, index, 0, 0);
	CHECK(process, map_fill(map, slotpool_fd(client->pool), index, 0, process->stride_pages));
	check_index(process, client, index);
	return true;
}

static bool protect(struct process *process, struct client *client)
{
	size_t first, count;
	uint32_t index;
	struct map *map = pick_range(process, client, &index, &first, &count);
	enum map_access access = pick(process, 3);

	if (map == &client->maps[0] && access == MAP_INACCESSIBLE)
		access = MAP_WRITABLE;
	if (map_has_hole(map, index, first, count))
		return false;
	CHECK(process, map_protect(map, index, first, count, access));
	check_index(process, client, index);
	return true;
}

static bool move(struct process *process, struct client *client)
{
	uint32_t index = pick_index(process, client);
	struct map *map = pick_map(process, client, index);

	note(process, index, 0, 0);
	CHECK(process, map_move(map, index));
	check_index(process, client, index);
	return true;
}

/* ---- the pool ---- */

static bool purge(struct process *process, struct client *client)
{
	static const uint32_t kinds[] = { 0, SLOTPOOL_PURGE_KEY, SLOTPOOL_PURGE_SLOT,
					  SLOTPOOL_PURGE_IMAGE };
	struct slotpool_purge_args argument = { .flags = kinds[pick(process, 4)] };
	int err;

	if (argument.flags == SLOTPOOL_PURGE_KEY)
		argument.key = pick(process, NR_KEYS);
	if (argument.flags == SLOTPOOL_PURGE_SLOT)
		argument.slot = pick(process, process->info.nr_slots);
	if (argument.flags == SLOTPOOL_PURGE_IMAGE) {
		if (!client->nr_handles)
			return false;
		argument.image = client->handles[pick(process, client->nr_handles)].number;
	}
	note(process, argument.slot, argument.flags, argument.image);
	err = client_call(client, SLOTPOOL_PURGE, &argument);
	CHECK(process, !err || (err == -ENOENT && argument.flags == SLOTPOOL_PURGE_SLOT));
	return true;
}

static bool list(struct process *process, struct client *client)
{
	struct slotpool_list_entry entries[MAX_SLOTS + 1];
	struct slotpool_list_args argument = {
		.entries = (uintptr_t)entries,
		.nr_entries = MAX_SLOTS + 1,
	};
	unsigned int i, j;

	CHECK(process, !client_call(client, SLOTPOOL_LIST, &argument));
	CHECK(process, argument.nr_entries == client->nr_slots);
	for (i = 0; i < client->nr_slots; i++) {
		const struct slotpool_list_entry *entry = NULL;
		const struct slot *slot = &client->slots[i];
		uint32_t flags = 0;

		for (j = 0; j < argument.nr_entries; j++) {
			if (entries[j].slot == slot->index)
				entry = &entries[j];
		}
		note(process, slot->index, 0, slot->limit * PAGE);
		if (slot->has_key)
			flags = SLOTPOOL_LIST_KEY;
		if (slot->image)
			flags = SLOTPOOL_LIST_IMAGE;
		CHECK(process, entry && entry->flags == flags && entry->key == slot->key);
		CHECK(process, entry->image == slot->handle);
		CHECK(process, entry->limit == slot->limit * PAGE);
		CHECK(process, entry->commit == slot->commit * PAGE);
	}
	return true;
}

static bool change_warm_slots(struct process *process, struct client *client)
{
	size_t value = pick(process, process->info.nr_slots);

	(void)client;
	note(process, -1, 0, value);
	CHECK(process, !set_max_unused_warm_slots(value));
	return true;
}

/* All shrinkers run. */
static bool press(struct process *process, struct client *client)
{
	(void)process;
	(void)client;
	CHECK(process, put_text("/proc/sys/vm/drop_caches", "2"));
	return true;
}

/* Has the library map all slots, or some. */
static void map_by_library(struct process *process, struct client *client)
{
	uint32_t first = 0;
	uint32_t count = process->info.nr_slots;

	if (one_in(process, 4)) {
		first = pick(process, process->info.nr_slots);
		count = 1 + pick(process, process->info.nr_slots - first);
	}
	CHECK(process, !slotpool_map(client->pool, first, count));
	map_adopt(&client->maps[0], slotpool_address(client->pool, first), first, count,
		  process->stride_pages);
}

/* Slots keep their contents, and can be used without being mapped. */
static bool unmap_all(struct process *process, struct client *client)
{
	(void)process;
	if (!client->maps[0].start)
		return false;
	slotpool_unmap(client->pool);
	map_forget(&client->maps[0]);
	return true;
}

static bool map_all(struct process *process, struct client *client)
{
	unsigned int i;

	if (client->maps[0].start)
		return false;
	map_by_library(process, client);
	for (i = 0; i < client->nr_slots; i++)
		check_slot(process, client, &client->slots[i]);
	return true;
}

static void open_client(struct process *process, struct client *client)
{
	CHECK(process, !slotpool_open(NULL, &client->pool));
	client->aloof = one_in(process, 6);
	if (IN_USER_SPACE)
		map_by_library(process, client);
	else
		CHECK(process, map_create(&client->maps[0], slotpool_fd(client->pool), 0,
					  process->info.nr_slots, process->stride_pages,
					  pick(process, 512)));
}

/* The slots, images and mappings of the client are gone. */
static void forget_client(struct process *process, struct client *client)
{
	while (client->nr_slots)
		forget_slot(client, &client->slots[0]);
	while (client->nr_handles)
		model_image_put(client->handles[--client->nr_handles].image);
	if (process->run.client == client)
		process->run.left = 0;
}

static void unmap_client(struct process *process, struct client *client)
{
	unsigned int i;

	for (i = 0; i < MAX_MAPS; i++) {
		if (client->maps[i].start)
			CHECK(process, map_destroy(&client->maps[i]));
	}
}

/* The client lives on until its mappings and its descriptor are gone. */
static void close_client(struct process *process, struct client *client)
{
	if (IN_USER_SPACE) {
		unmap_all(process, client);
		slotpool_close(client->pool);
	} else if (one_in(process, 2)) {
		unmap_client(process, client);
		slotpool_close(client->pool);
	} else {
		slotpool_close(client->pool);
		if (client->nr_slots)
			compare(process, client);
		unmap_client(process, client);
	}
	forget_client(process, client);
}

static bool reopen(struct process *process, struct client *client)
{
	close_client(process, client);
	open_client(process, client);
	return true;
}

/* ---- processes ---- */

enum where {
	EVERYWHERE,
	MODULE_ONLY,
	USER_SPACE_ONLY,
};

struct operation {
	const char *name;
	unsigned int weight;
	bool (*run)(struct process *process, struct client *client);
	enum where where;
};

/* Weights are out of the sum of all that can be done. */
static const struct operation operations[] = {
	{ "alloc", 3000, alloc, EVERYWHERE },
	{ "free", 2400, give, EVERYWHERE },
	{ "reset", 2400, reset, EVERYWHERE },
	{ "many resets", 15, begin_resets, EVERYWHERE },
	{ "resize", 1200, resize, EVERYWHERE },
	{ "compare", 300, compare, EVERYWHERE },
	{ "write", 4000, write_somewhere, EVERYWHERE },
	{ "write scattered", 300, write_scattered, EVERYWHERE },
	{ "image of memory", 200, image_of_memory, EVERYWHERE },
	{ "image of file", 200, image_of_file, EVERYWHERE },
	{ "image of slot", 400, image_of_slot, EVERYWHERE },
	{ "snapshots", 150, snapshots, EVERYWHERE },
	{ "export", 200, export_image, EVERYWHERE },
	{ "close export", 150, close_export, EVERYWHERE },
	{ "import", 300, import_image, EVERYWHERE },
	{ "release", 1000, release_image, EVERYWHERE },
	{ "purge", 200, purge, EVERYWHERE },
	{ "list", 100, list, EVERYWHERE },
	{ "reopen", 30, reopen, EVERYWHERE },

	/* In user space /proc/self/mem writes to private memory whatever its protection. */
	{ "write too far", 200, write_too_far, MODULE_ONLY },
	/*
	 * In user space a slot is mapped once, by the library, which needs the
	 * protection for the limit.
	 */
	{ "write to read-only", 200, write_to_read_only, MODULE_ONLY },
	{ "write after protection", 150, write_after_protection, MODULE_ONLY },
	{ "map", 100, map_more, MODULE_ONLY },
	{ "unmap", 300, unmap, MODULE_ONLY },
	{ "remap", 200, remap, MODULE_ONLY },
	{ "protect", 500, protect, MODULE_ONLY },
	{ "move", 150, move, MODULE_ONLY },
	/* It isn't a parameter that changes in user space. */
	{ "change N", 50, change_warm_slots, MODULE_ONLY },
	/* There is nothing that could be reclaimed in user space. */
	{ "press", 10, press, MODULE_ONLY },

	/* The contents of the module's slots don't depend on mappings. */
	{ "unmap all", 300, unmap_all, USER_SPACE_ONLY },
	{ "map all", 1500, map_all, USER_SPACE_ONLY },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(*operations))

static unsigned int weight_of(const struct operation *operation)
{
	return operation->where == (IN_USER_SPACE ? MODULE_ONLY : USER_SPACE_ONLY) ?
		       0 :
		       operation->weight;
}

static const struct operation *pick_operation(struct process *process)
{
	unsigned int sum = 0;
	size_t i, number;

	for (i = 0; i < NR_OPERATIONS; i++)
		sum += weight_of(&operations[i]);
	number = pick(process, sum);
	for (i = 0; number >= weight_of(&operations[i]); i++)
		number -= weight_of(&operations[i]);
	return &operations[i];
}

static void name_note(struct process *process, const struct client *client, const char *name)
{
	process->notes[process->operation % NR_NOTES] = (struct note){
		.operation = process->operation,
		.name = name,
		.client = client - process->clients,
		.slot = -1,
	};
}

/* Returns whether there was anything to do it with. */
static bool step(struct process *process)
{
	struct client *client = &process->clients[pick(process, NR_CLIENTS)];
	const struct operation *operation;

	/* Other operations come in between. */
	if (process->run.left && pick(process, 16)) {
		name_note(process, process->run.client, "one of many resets");
		return run_resets(process);
	}
	operation = pick_operation(process);
	name_note(process, client, operation->name);
	return operation->run(process, client);
}

/* No access traps that isn't tried out by a system call. */
static void died(int number, siginfo_t *info, void *context)
{
	(void)context;
	fprintf(stderr, "# signal %d at %p\n", number, info->si_addr);
	fail(&this_process);
}

static void setup_process(struct process *process, const struct options *options, uint64_t seed,
			  struct progress *progress)
{
	struct slotpool *pool;

	process->options = options;
	process->progress = progress;
	process->seed = seed;
	process->random = seed;
	CHECK(process, !slotpool_open(NULL, &pool));
	process->info = *slotpool_info(pool);
	process->slot_pages = process->info.slot_size / PAGE;
	process->stride_pages = process->info.slot_stride / PAGE;
	slotpool_close(pool);
}

/* Exports images for all processes, which have nothing else in common. */
static void prepare(struct process *process)
{
	struct client *client = &process->clients[0];
	unsigned int i;

	open_client(process, client);
	for (i = 0; i < MAX_IMAGES; i++) {
		name_note(process, client, "prepare");
		if (i % 2)
			image_of_memory(process, client);
		else
			image_of_file(process, client);
		export_image(process, client);
	}
	close_client(process, client);
}

/* Nothing stays behind of the clients that a pool had. */
static void check_idle(struct process *process)
{
	struct slotpool_stat_args stat;
	struct slotpool *pool;
	unsigned int i;

	CHECK(process, !slotpool_open(NULL, &pool));
	for (i = 0; i < NR_CLIENTS; i++)
		close_client(process, &process->clients[i]);
	CHECK(process, !slotpool_stat(pool, &stat));
	CHECK(process, stat.cold_slots == process->info.nr_slots && !stat.held_pages);
	CHECK(process, !stat.images && !stat.image_pages);
	slotpool_close(pool);
}

static void __attribute__((noreturn)) run_worker(struct process *process)
{
	struct progress *progress = process->progress;
	struct sigaction action = { .sa_sigaction = died, .sa_flags = SA_SIGINFO | SA_NODEFER };
	unsigned int i, j;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	process->memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	CHECK(process, process->memory >= 0 && !pipe(process->pipes));
	for (i = 0; i < NR_CLIENTS; i++) {
		open_client(process, &process->clients[i]);
		for (j = 0; j < MAX_SLOTS; j++)
			model_slot_setup(&process->clients[i].slots[j], process->slot_pages);
	}
	while (__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED) < progress->end) {
		alarm(HANGS_SECONDS);
		process->operation++;
		while (!step(process))
			;
	}
	/* The rest goes with the process, but a user-space pool has no other process. */
	if (IN_USER_SPACE)
		check_idle(process);
	_exit(0);
}

/* ---- the test ---- */

/* These return 0 or -errno. */
static int oracle_load(const struct options *options);
static int oracle_unload(void);

FIXTURE(oracle)
{
	uint64_t seed;
	struct progress *progress;
	pid_t workers[NR_WORKERS];
};

FIXTURE_VARIANT(oracle)
{
	struct options options;
};

#define SLOTS(nr_slots, nr_shards) \
	"nr_slots=" #nr_slots " nr_shards=" #nr_shards " max_decay_samples=1000000 "
#define SMALL(nr_slots, nr_shards) \
	SLOTS(nr_slots, nr_shards) "slot_size=256K slot_stride=512K "
/* They begin anywhere in a page table, and span several. */
#define LARGE(nr_slots, nr_shards) \
	SLOTS(nr_slots, nr_shards) "slot_size=4M slot_stride=4112K "

static uint64_t nr_operations(void)
{
	const char *given = getenv("SLOTPOOL_OPERATIONS");

	return given ? strtoull(given, NULL, 0) : DEFAULT_OPERATIONS;
}

FIXTURE_SETUP(oracle)
{
	ASSERT_EQ(0, oracle_load(&variant->options));
	self->seed = random_seed();
	TH_LOG("SLOTPOOL_SEED=%#llx", (unsigned long long)self->seed);
	self->progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	ASSERT_NE(MAP_FAILED, self->progress);
	self->progress->end = (nr_operations() + NR_VARIANTS - 1) / NR_VARIANTS;
}

FIXTURE_TEARDOWN(oracle)
{
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		if (self->workers[i] <= 0)
			continue;
		kill(self->workers[i], SIGKILL);
		waitpid(self->workers[i], NULL, 0);
	}
	EXPECT_EQ(0, oracle_unload());
}

static pid_t start_worker(unsigned int number)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	this_process.number = number;
	this_process.random = this_process.seed + ((uint64_t)number << 40);
	run_worker(&this_process);
}

TEST_F_TIMEOUT(oracle, every_slot_contains_what_it_must, TEST_SECONDS)
{
	const struct progress *progress = self->progress;
	uint64_t random = self->seed;
	struct slotpool_stat_args stat;
	unsigned int started = 0;
	unsigned int kills = 0;
	uint64_t next_kill;
	int status;
	unsigned int i;

	setup_process(&this_process, &variant->options, self->seed, self->progress);
	prepare(&this_process);
	for (i = 0; i < NR_WORKERS; i++) {
		self->workers[i] = start_worker(++started);
		ASSERT_GT(self->workers[i], 0);
	}
	next_kill = random_next(&random) % 2000;
	while (done(progress) < progress->end) {
		usleep(2000);
		for (i = 0; i < NR_WORKERS; i++) {
			if (waitpid(self->workers[i], &status, WNOHANG) != self->workers[i])
				continue;
			self->workers[i] = 0;
			ASSERT_EQ(0, status);
			ASSERT_GE(done(progress), progress->end);
		}
		if (done(progress) < next_kill)
			continue;
		next_kill = done(progress) + random_next(&random) % 4000;
		i = random_next(&random) % NR_WORKERS;
		if (!self->workers[i])
			continue;
		kill(self->workers[i], SIGKILL);
		ASSERT_EQ(self->workers[i], waitpid(self->workers[i], &status, 0));
		self->workers[i] = start_worker(++started);
		ASSERT_GT(self->workers[i], 0);
		/* It may have ended in another way just before. */
		if (!WIFSIGNALED(status))
			ASSERT_EQ(0, status);
		kills++;
	}
	for (i = 0; i < NR_WORKERS; i++) {
		if (!self->workers[i])
			continue;
		ASSERT_EQ(self->workers[i], waitpid(self->workers[i], &status, 0));
		self->workers[i] = 0;
		ASSERT_EQ(0, status);
	}

	while (close_export(&this_process, NULL))
		;
	TH_LOG("%llu operations, %u kills", (unsigned long long)done(progress), kills);
	/* In user space the pools are gone, and were idle. */
	if (IN_USER_SPACE)
		return;
	ASSERT_TRUE(pool_is_idle());
	stat = pool_gauges();
	TH_LOG("%llu affine, %llu recycled, %llu cold, %llu evictions", stat.affine_allocs,
	       stat.recycled_allocs, stat.cold_allocs, stat.evictions);
	TH_LOG("%llu pages decayed in %llu samples, %llu prepared, %llu read, %llu of them dropped",
	       stat.decayed_pages, stat.decay_samples, stat.prepared_pages, stat.image_reads,
	       stat.image_drops);
}

#endif /* SELFTESTS_ORACLE_TESTS_H */
