// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two operations at once: a thread repeats one of them for a number of rounds, while its
 * rival, another thread, repeats the other on the same object.
 *
 * Some rules hold in any order of the two. The thread that finds one broken names it.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/random.h"

#define NR_PAGES 8
#define SLOT (16 * PAGE)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 4
#define GEOMETRY "nr_slots=4 slot_size=64K nr_shards=1 "
/* Whichever comes first: emulated machines are slow. */
#define ROUNDS 2000
#define SECONDS 4

struct race {
	const char *_Atomic broken;
	int fd;
	/* A second client of this process, or a second mapping */
	int other_fd;
	char *base, *other_base;
	int images[2];
	uint64_t seed;
	struct timespec start;
	atomic_uint phase;
	atomic_uint_least64_t written[NR_PAGES];
	atomic_int published;
	atomic_bool over;
	pthread_t thread;
	void (*rival)(struct race *race);
	atomic_int result;
};

/* Records the rule that is broken, and the value that was seen. */
static void broke(struct race *race, const char *rule, int result)
{
	race->result = result;
	race->broken = rule;
}

/* Return whether a byte that was read is one of two values, or could not be read. */
static bool is_one_of(int value, char first, char second)
{
	return value < 0 || value == first || value == second;
}

static void *run_rival(void *argument)
{
	struct race *race = argument;

	while (!race->over)
		race->rival(race);
	return NULL;
}

FIXTURE(races)
{
	struct race race;
};

FIXTURE_SETUP(races)
{
	self->race.seed = random_seed();
	TH_LOG("SLOTPOOL_SEED=%#llx", (unsigned long long)self->race.seed);
	access_handle();
	self->race.fd = -1;
	self->race.other_fd = -1;
	unload_pool();
}

static void load(struct __test_metadata *_metadata, struct race *race, const char *parameters)
{
	static const char bytes[2] = { '1', '2' };
	char text[256];
	int i;

	snprintf(text, sizeof(text), GEOMETRY "%s", parameters);
	ASSERT_EQ(0, load_pool(text));
	race->fd = open_pool();
	race->other_fd = open_pool();
	ASSERT_GE(race->fd, 0);
	ASSERT_GE(race->other_fd, 0);
	race->base = map_slots(race->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, race->base);
	for (i = 0; i < 2; i++) {
		char image[NR_PAGES * PAGE];
		struct slotpool_image_range range = {
			.length = sizeof(image),
			.address = (uintptr_t)image,
		};

		memset(image, bytes[i], sizeof(image));
		race->images[i] = call_image_memory(race->fd, sizeof(image), &range, 1);
		ASSERT_GT(race->images[i], 0);
	}
}

static void begin(struct __test_metadata *_metadata, struct race *race,
		  void (*rival)(struct race *race))
{
	race->rival = rival;
	clock_gettime(CLOCK_MONOTONIC, &race->start);
	ASSERT_EQ(0, pthread_create(&race->thread, NULL, run_rival, race));
}

static bool goes_on(const struct race *race, int round)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return !race->broken && round < ROUNDS && now.tv_sec < race->start.tv_sec + SECONDS;
}

static void end(struct __test_metadata *_metadata, struct race *race)
{
	race->over = true;
	ASSERT_EQ(0, pthread_join(race->thread, NULL));
	ASSERT_EQ(NULL, race->broken) {
		TH_LOG("broken: %s (%d)", race->broken, race->result);
	}
}

FIXTURE_TEARDOWN(races)
{
	if (self->race.base)
		EXPECT_EQ(0, munmap(self->race.base, NR_SLOTS * STRIDE));
	close(self->race.fd);
	close(self->race.other_fd);
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

static void write_slot_0(struct race *race)
{
	access_put(race->base + random_next(&race->seed) % NR_PAGES * PAGE, 'A');
}

TEST_F(races, a_fault_and_a_free)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, write_slot_0);
	for (i = 0; goes_on(race, i); i++) {
		int64_t held;

		ASSERT_EQ(0, call_alloc_exact(race->fd, 0));
		if (i % 4 == 0)
			sched_yield();
		held = call_free_flags(race->fd, 0, SLOTPOOL_FREE_DECOMMIT);
		ASSERT_EQ(0, held);
		if (call_stat(race->fd).held_pages)
			broke(race, "an emptied slot that nobody owns holds nothing", i);
	}
	end(_metadata, race);
}

static void use_slot_0_as_first_client(struct race *race)
{
	char *page = race->base + random_next(&race->seed) % NR_PAGES * PAGE;
	int value = access_get(page);

	if (!is_one_of(value, 0, 'A'))
		broke(race, "the first client reads zeros or its own bytes", value);
	access_put(page, 'A');
}

TEST_F(races, a_fault_and_a_change_of_client)
{
	struct race *race = &self->race;
	int i, page;

	load(_metadata, race, "reserve_pages=64");
	race->other_base = map_slots(race->other_fd, 0, 1);
	ASSERT_NE(MAP_FAILED, race->other_base);
	begin(_metadata, race, use_slot_0_as_first_client);
	for (i = 0; goes_on(race, i); i++) {
		ASSERT_EQ(0, call_alloc_exact(race->other_fd, 0));
		for (page = 0; page < NR_PAGES; page++) {
			int value = access_get(race->other_base + page * PAGE);

			if (value)
				broke(race, "the second client finds zeros", value);
			race->other_base[page * PAGE] = 'B';
		}
		ASSERT_EQ(NR_PAGES * PAGE, call_free(race->other_fd, 0));
		ASSERT_EQ(0, call_alloc_exact(race->fd, 0));
		if (i % 4 == 0)
			sched_yield();
		ASSERT_LE(0, call_free(race->fd, 0));
	}
	end(_metadata, race);
	ASSERT_EQ(0, munmap(race->other_base, STRIDE));
}

TEST_F(races, a_fault_and_a_change_of_image)
{
	struct race *race = &self->race;
	int i, page;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, write_slot_0);
	for (i = 0; goes_on(race, i); i++) {
		struct slotpool_alloc_args alloc = {
			.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_IMAGE,
			.image = race->images[i % 2],
		};

		ASSERT_EQ(0, call_alloc(race->fd, alloc));
		for (page = 0; page < NR_PAGES; page++) {
			/* Nobody writes to its end. */
			int value = access_get(race->base + page * PAGE + PAGE - 1);

			if (value != (i % 2 ? '2' : '1'))
				broke(race, "a slot reads as its image", value);
		}
		ASSERT_LE(0, call_free(race->fd, 0));
	}
	end(_metadata, race);
}

static void read_slot_0_through_the_second_mapping(struct race *race)
{
	unsigned int page = random_next(&race->seed) % NR_PAGES;
	unsigned int phase = race->phase;
	uint64_t written = race->written[page];
	volatile uint64_t *address = (uint64_t *)(race->other_base + page * PAGE);
	uint64_t value;

	/* Odd while the slot becomes new */
	if (phase % 2)
		return;
	if (sigsetjmp(access_return, 0))
		return;
	value = *address;
	if (value < written && race->phase == phase)
		broke(race, "a written byte is read through every mapping", page);
}

TEST_F(races, a_read_and_a_write_fault_of_a_page_mapped_twice)
{
	struct race *race = &self->race;
	int i, page;

	load(_metadata, race, "reserve_pages=64");
	race->other_base = map_slots(race->fd, 0, 1);
	ASSERT_NE(MAP_FAILED, race->other_base);
	race->phase = 1;
	begin(_metadata, race, read_slot_0_through_the_second_mapping);
	for (i = 1; goes_on(race, i); i++) {
		ASSERT_EQ(0, call_alloc_exact(race->fd, 0));
		for (page = 0; page < NR_PAGES; page++)
			race->written[page] = 0;
		race->phase++;
		for (page = 0; page < NR_PAGES; page++) {
			*(volatile uint64_t *)(race->base + page * PAGE) = i;
			race->written[page] = i;
		}
		for (page = 0; page < NR_PAGES; page++) {
			if (*(volatile uint64_t *)(race->other_base + page * PAGE) != (uint64_t)i)
				broke(race, "both mappings show the same", page);
		}
		race->phase++;
		ASSERT_EQ(0, call_free_flags(race->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	}
	end(_metadata, race);
	ASSERT_EQ(0, munmap(race->other_base, STRIDE));
}

TEST_F(races, a_fault_and_a_resize)
{
	struct race *race = &self->race;
	int i, page;

	load(_metadata, race, "reserve_pages=64");
	ASSERT_EQ(0, call_alloc_exact(race->fd, 0));
	begin(_metadata, race, write_slot_0);
	for (i = 0; goes_on(race, i); i++) {
		ASSERT_LE(0, call_resize(race->fd, 0, 0, 0));
		for (page = 0; page < NR_PAGES; page++) {
			int value = access_get(race->base + page * PAGE);

			if (value >= 0)
				broke(race, "nothing above the limit can be read", value);
		}
		if (call_stat(race->fd).held_pages)
			broke(race, "nothing above the limit is held", i);
		ASSERT_EQ(0, call_resize(race->fd, 0, 0, SLOT));
		if (i % 4 == 0)
			sched_yield();
	}
	end(_metadata, race);
	ASSERT_LE(0, call_free(race->fd, 0));
}

TEST_F(races, a_reset_and_a_thread_that_writes)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64 keep_bytes=16K");
	race->other_base = map_slots(race->other_fd, 2, 1);
	ASSERT_NE(MAP_FAILED, race->other_base);
	ASSERT_EQ(0, call_alloc_exact(race->fd, 0));
	ASSERT_EQ(1, call_alloc_exact(race->fd, 1));
	ASSERT_EQ(2, call_alloc_exact(race->other_fd, 2));
	memset(race->base + STRIDE, 'n', NR_PAGES * PAGE);
	memset(race->other_base, 'o', NR_PAGES * PAGE);
	begin(_metadata, race, write_slot_0);
	for (i = 0; goes_on(race, i); i++) {
		ASSERT_LE(0, call_reset(race->fd, 0));
		if (i % 100 == 0 &&
		    !(all_bytes(race->base + STRIDE, NR_PAGES * PAGE, 'n') &&
		      all_bytes(race->other_base, NR_PAGES * PAGE, 'o')))
			broke(race, "no other slot changes", i);
	}
	end(_metadata, race);
	ASSERT_LE(0, call_reset(race->fd, 0));
	ASSERT_TRUE(all_bytes(race->base, SLOT, 0));
	ASSERT_TRUE(all_bytes(race->base + STRIDE, NR_PAGES * PAGE, 'n'));
	ASSERT_TRUE(all_bytes(race->other_base, NR_PAGES * PAGE, 'o'));
	ASSERT_EQ(0, call_free_flags(race->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_free_flags(race->fd, 1, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, munmap(race->other_base, STRIDE));
}

/* Writes to the slot until it is told to stop, and says when it has. */
static void write_until_stopped(struct race *race)
{
	if (race->phase == 1) {
		race->phase = 2;
		while (race->phase == 2 && !race->over)
			sched_yield();
	}
	access_put(race->base, 'w');
}

TEST_F(races, a_free_in_a_strict_pool_and_a_thread_that_writes)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64 strict=1");
	race->phase = 1;
	begin(_metadata, race, write_until_stopped);
	/* Nor must it write before the first instance looks. */
	while (race->phase != 2)
		sched_yield();
	for (i = 0; goes_on(race, i); i++) {
		ASSERT_EQ(0, call_alloc_key(race->fd, 1));
		if (access_get(race->base) != 0)
			broke(race, "a write during FREE is gone", i);
		memset(race->base, 'm', NR_PAGES * PAGE);
		race->phase = 0;
		sched_yield();
		ASSERT_LE(0, call_free(race->fd, 0));
		race->phase = 1;
		while (race->phase != 2)
			sched_yield();
	}
	end(_metadata, race);
}

/* Uses slots of any of three affinities. */
static void use_slots(struct race *race)
{
	int slot = call_alloc_key(race->fd, random_next(&race->seed) % 3);
	int page;

	if (slot < 0) {
		broke(race, "there is a slot for two threads", slot);
		return;
	}
	for (page = 0; page < NR_PAGES; page++) {
		char *address = race->base + slot * STRIDE + page * PAGE;

		if (*address)
			broke(race, "a slot starts with zeros", *address);
		*address = 'A' + slot;
	}
	for (page = 0; page < NR_PAGES; page++) {
		char *address = race->base + slot * STRIDE + page * PAGE;

		if (*address != 'A' + slot)
			broke(race, "a slot in use keeps its bytes", *address);
	}
	if (call_free(race->fd, slot) < 0)
		broke(race, "a slot in use can be freed", slot);
}

static void use_slots_against(struct __test_metadata *_metadata, struct race *race,
			      const char *parameters, void (*rival)(struct race *race))
{
	int i;

	load(_metadata, race, parameters);
	begin(_metadata, race, rival);
	for (i = 0; goes_on(race, i); i++)
		use_slots(race);
	end(_metadata, race);
}

static void purge_everything(struct race *race)
{
	if (call_purge(race->fd, 0, 0, 0) < 0)
		broke(race, "a purge works", 0);
}

TEST_F(races, a_purge_and_an_allocation)
{
	use_slots_against(_metadata, &self->race, "reserve_pages=64", purge_everything);
}

TEST_F(races, two_allocations)
{
	struct race *race = &self->race;
	struct race mine;
	int i;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, use_slots);
	mine = *race;
	mine.seed++;
	for (i = 0; goes_on(race, i) && !mine.broken; i++)
		use_slots(&mine);
	if (mine.broken)
		broke(race, mine.broken, mine.result);
	end(_metadata, race);
}

static void shrink_caches(struct race *race)
{
	if (!put_text("/proc/sys/vm/drop_caches", "2"))
		broke(race, "caches can be dropped", errno);
}

TEST_F(races, the_shrinker_and_allocations)
{
	use_slots_against(_metadata, &self->race, "reserve_pages=0", shrink_caches);
}

static void make_and_release_an_image(struct race *race)
{
	char image[PAGE];
	struct slotpool_image_range range = {
		.length = sizeof(image),
		.address = (uintptr_t)image,
	};
	int handle;

	memset(image, 'i', sizeof(image));
	handle = call_image_memory(race->fd, PAGE, &range, 1);
	if (handle < 0) {
		broke(race, "an image can be made", handle);
		return;
	}
	race->published = handle;
	if (random_next(&race->seed) % 2)
		sched_yield();
	if (call_release(race->fd, handle) < 0)
		broke(race, "an image can be released", handle);
}

TEST_F(races, the_release_of_an_image_and_an_allocation)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, make_and_release_an_image);
	for (i = 0; goes_on(race, i); i++) {
		int handle = race->published;
		int slot = call_alloc_image(race->fd, handle);
		int value;

		if (slot == -ENOENT)
			continue;
		ASSERT_LE(0, slot);
		/* The handle may have been an earlier image's. */
		value = access_get(race->base + slot * STRIDE + i % PAGE);
		if (value != 'i' && value != '1' && value != '2')
			broke(race, "a slot reads as its image", value);
		race->base[slot * STRIDE] = 'w';
		ASSERT_LE(0, call_free_flags(race->fd, slot, i % 2 ? 0 : SLOTPOOL_FREE_DECOMMIT));
	}
	end(_metadata, race);
}

/* A life in a slot that was empty, and that no other life's pages show up in. */
static void start_cold(struct race *race, int which)
{
	int slot = call_alloc_image(race->fd, race->images[which]);
	int page, value;

	if (slot < 0) {
		broke(race, "there is a slot", slot);
		return;
	}
	for (page = 0; page < NR_PAGES; page++) {
		value = access_get(race->base + slot * STRIDE + page * PAGE);
		if (value != '1' + which)
			broke(race, "a slot begins as its image", value);
		access_put(race->base + slot * STRIDE + page * PAGE, 'A' + which);
	}
	for (page = 0; page < NR_PAGES; page++) {
		value = access_get(race->base + slot * STRIDE + page * PAGE);
		if (value != 'A' + which)
			broke(race, "a slot keeps the bytes that are written to it", value);
	}
	value = call_free_flags(race->fd, slot, SLOTPOOL_FREE_DECOMMIT);
	if (value)
		broke(race, "the slot can be emptied", value);
}

static void start_cold_too(struct race *race)
{
	start_cold(race, 1);
}

TEST_F(races, two_cold_starts)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, start_cold_too);
	for (i = 0; goes_on(race, i / 4); i++)
		start_cold(race, 0);
	end(_metadata, race);
	ASSERT_LT(NR_PAGES, call_stat(race->fd).prepared_pages);
}

static void change_n(struct race *race)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", (unsigned int)(random_next(&race->seed) % 6));
	if (!put_text(POOL_ATTRIBUTES "max_unused_warm_slots", text))
		broke(race, "N can be written", errno);
	snprintf(text, sizeof(text), "%u", (unsigned int)(random_next(&race->seed) % 16 * PAGE));
	if (!put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", text))
		broke(race, "the bound of idle bytes can be written", errno);
}

TEST_F(races, a_change_of_n_and_allocations)
{
	use_slots_against(_metadata, &self->race, "reserve_pages=64", change_n);
}

/* The descriptor is closed at any moment, and is another file's a moment later. */
static void map_what_is_open(struct race *race)
{
	char *map = mmap(NULL, STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, race->published, 0);
	int value;

	if (map == MAP_FAILED)
		return;
	value = access_get(map);
	if (!is_one_of(value, 0, 'm'))
		broke(race, "a mapping shows its client's slot", value);
	access_put(map, 'm');
	munmap(map, STRIDE);
}

TEST_F(races, a_mapping_and_a_close)
{
	struct race *race = &self->race;
	int i;

	load(_metadata, race, "reserve_pages=64");
	race->published = -1;
	begin(_metadata, race, map_what_is_open);
	for (i = 0; goes_on(race, i); i++) {
		int fd = open_pool();

		ASSERT_GE(fd, 0);
		/* A mapping of the last file may still have the slot. */
		if (i % 2)
			call_alloc_exact(fd, 0);
		race->published = fd;
		if (i % 4 == 0)
			sched_yield();
		ASSERT_EQ(0, close(fd));
	}
	end(_metadata, race);
}

static void *touch_all_slots(void *argument)
{
	char *base = argument;
	unsigned int i;

	for (i = 0;; i++)
		access_put(base + i % NR_SLOTS * STRIDE + i / NR_SLOTS % NR_PAGES * PAGE, 'x');
	return NULL;
}

/* A process that ends while its other threads fault. */
static void end_while_faulting(unsigned int yields)
{
	int fd = open_pool();
	char *base = map_slots(fd, 0, NR_SLOTS);
	pthread_t thread;
	unsigned int i;

	if (fd < 0 || base == MAP_FAILED)
		_exit(1);
	for (i = 0; i < NR_SLOTS; i++) {
		if (call_alloc_any(fd) < 0)
			_exit(2);
	}
	for (i = 0; i < 3; i++) {
		if (pthread_create(&thread, NULL, touch_all_slots, base))
			_exit(3);
	}
	for (i = 0; i < yields; i++)
		sched_yield();
	_exit(0);
}

TEST_F(races, an_exit_and_faults)
{
	struct race *race = &self->race;
	int i, status;

	ASSERT_EQ(0, load_pool(GEOMETRY "reserve_pages=16"));
	clock_gettime(CLOCK_MONOTONIC, &race->start);
	for (i = 0; goes_on(race, i); i++) {
		pid_t child = fork();

		ASSERT_NE(-1, child);
		if (!child)
			end_while_faulting(random_next(&race->seed) % 200);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(0, status);
		ASSERT_TRUE(pool_is_idle());
	}
}

/* Uses the pool whenever there is one. */
static void use_a_pool_that_comes_and_goes(struct race *race)
{
	int fd = open_pool();
	char *base;

	if (fd < 0) {
		/* The device has no driver, or no node. */
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO)
			broke(race, "there is a pool or none", errno);
		return;
	}
	base = map_slots(fd, 0, 1);
	if (base == MAP_FAILED || call_alloc_exact(fd, 0) || !access_put(base, 'u'))
		broke(race, "a pool that could be opened works", errno);
	if (base != MAP_FAILED)
		munmap(base, STRIDE);
	close(fd);
}

TEST_F(races, an_unload_and_an_open)
{
	struct race *race = &self->race;
	int i, nr_unloaded = 0;

	ASSERT_EQ(0, load_pool(GEOMETRY "reserve_pages=16"));
	begin(_metadata, race, use_a_pool_that_comes_and_goes);
	for (i = 0; goes_on(race, i) || !nr_unloaded; i++) {
		int err = unload_pool();

		if (err) {
			ASSERT_TRUE(err == -EAGAIN || err == -EBUSY) {
				TH_LOG("unload: %s", strerror(-err));
			}
			sched_yield();
			continue;
		}
		nr_unloaded++;
		ASSERT_EQ(0, load_pool(GEOMETRY "reserve_pages=16"));
	}
	end(_metadata, race);
	ASSERT_GT(nr_unloaded, 0);
}

/* The file can be taken over once the other process has none of its slots. */
static void take_the_file_over(struct race *race)
{
	int slot = call_alloc_any(race->other_fd);

	if (slot == -EPERM || slot == -ENOSPC)
		return;
	if (slot < 0 || call_free_flags(race->other_fd, slot, SLOTPOOL_FREE_DECOMMIT))
		broke(race, "a process that has the file can use it or gets EPERM", slot);
}

TEST_F(races, the_end_of_a_process_and_the_next_use_of_its_file)
{
	struct race *race = &self->race;
	int i, status;

	load(_metadata, race, "reserve_pages=64");
	begin(_metadata, race, take_the_file_over);
	for (i = 0; goes_on(race, i); i++) {
		pid_t child = fork();

		ASSERT_NE(-1, child);
		if (!child) {
			char *base = map_slots(race->other_fd, 0, NR_SLOTS);
			int slot = call_alloc_any(race->other_fd);

			if (slot >= 0 && base != MAP_FAILED)
				base[slot * STRIDE] = 'c';
			if (slot >= 0)
				call_free(race->other_fd, slot);
			/* With a mapping */
			_exit(0);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(0, status);
	}
	end(_metadata, race);
	ASSERT_EQ(0, call_alloc_exact(race->other_fd, 0));
	ASSERT_EQ(0, call_free_flags(race->other_fd, 0, SLOTPOOL_FREE_DECOMMIT));
}

TEST_HARNESS_MAIN
