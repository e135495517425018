// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decay: a slot gives back the private pages that its instances don't write any
 * more, and keeps those that they do.
 *
 * All of it with a module that reads the dirty bits of page tables, and with one
 * that is built without: kernels without CONFIG_MAPPING_DIRTY_HELPERS have none.
 */
#include <time.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOT_PAGES 2048L
#define SLOT (SLOT_PAGES * PAGE)
#define STRIDE (2 * SLOT)
#define GEOMETRY "nr_slots=4 slot_size=8M nr_shards=1 keep_bytes=8M reserve_pages=4096 "

/* The shortest time between two samples, and the longest, in resets */
#define MIN_INTERVAL 64
#define MAX_INTERVAL 4096

FIXTURE(decay)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(decay)
{
	const char *module;
	bool dirty_bits;
};

FIXTURE_VARIANT_ADD(decay, with_dirty_bits)
{
	.module = POOL_MODULE,
	.dirty_bits = true,
};

FIXTURE_VARIANT_ADD(decay, without_dirty_bits)
{
	.module = "/without-dirty-bits/slotpool.ko",
	.dirty_bits = false,
};

FIXTURE_SETUP(decay)
{
	unload_pool();
	ASSERT_EQ(0, load_module(variant->module, GEOMETRY "max_decay_samples=1000000"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 4);
	ASSERT_NE(MAP_FAILED, self->base);
	ASSERT_EQ(variant->dirty_bits,
		  !!(call_info(self->fd).features & SLOTPOOL_FEATURE_DIRTY_BITS));
}

FIXTURE_TEARDOWN(decay)
{
	EXPECT_EQ(0, munmap(self->base, 4 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* An instance: each page must be as it was, and is written. */
static bool live(char *memory, long nr_pages, long step)
{
	long i;

	for (i = 0; i < nr_pages; i++) {
		if (memory[i * step * PAGE])
			return false;
		memory[i * step * PAGE] = 'x';
	}
	return true;
}

/* Instances in slot 0, one after the other. */
static bool live_and_reset(int fd, char *memory, int rounds, long nr_pages, long step)
{
	while (rounds--) {
		if (!live(memory, nr_pages, step) || call_reset(fd, 0) < 0)
			return false;
	}
	return true;
}

TEST_F(decay, gives_back_what_is_not_written_any_more)
{
	struct slotpool_stat_args stat;
	long i;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(live(self->base, 256, 7));
	ASSERT_EQ(256 * PAGE, call_reset(self->fd, 0));
	/* One reset begins to watch, the next one looks. */
	ASSERT_TRUE(live_and_reset(self->fd, self->base, MIN_INTERVAL + 1, 4, 7));
	stat = call_stat(self->fd);
	ASSERT_EQ(1, stat.decay_samples);
	ASSERT_EQ(252, stat.decayed_pages);
	ASSERT_EQ(4, stat.held_pages);
	ASSERT_EQ(4096 - 4, stat.reserve_free_pages);
	for (i = 0; i < SLOT_PAGES; i++)
		ASSERT_EQ(0, self->base[i * PAGE]);
}

TEST_F(decay, keeps_what_is_written)
{
	long faults;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(live_and_reset(self->fd, self->base, 2, 16, 100));
	faults = minor_faults();
	ASSERT_TRUE(live_and_reset(self->fd, self->base, 1000, 16, 100));
	faults = minor_faults() - faults;
	ASSERT_GE(call_stat(self->fd).decay_samples, 3);
	ASSERT_EQ(0, call_stat(self->fd).decayed_pages);
	ASSERT_EQ(16, call_stat(self->fd).held_pages);
	/* Without dirty bits each sample costs a fault for each page. */
	ASSERT_LE(faults, variant->dirty_bits ? 0 : 5 * 16);
}

/* An instance that wrote 256 pages must not make the next thousand pay for them. */
TEST_F(decay, makes_resets_cost_what_instances_write)
{
	struct slotpool_stat_args before;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	/* The same holds in a slot that is new, and one that has not decayed for long. */
	ASSERT_TRUE(live_and_reset(self->fd, self->base, 3000, 4, 3));
	ASSERT_TRUE(live(self->base, 256, 3));
	before = call_stat(self->fd);
	ASSERT_TRUE(call_reset(self->fd, 0) > 0);
	ASSERT_TRUE(live_and_reset(self->fd, self->base, 1000, 4, 3));
	ASSERT_LE(call_stat(self->fd).reset_pages - before.reset_pages,
		  1000 * 4 + 256 * (MIN_INTERVAL + 2));
}

TEST_F(decay, looks_ever_more_seldom_while_it_finds_nothing)
{
	uint64_t samples;
	int rounds = 0;
	int interval;

	for (interval = MIN_INTERVAL; interval <= MAX_INTERVAL; interval *= 2)
		rounds += interval + 1;
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(live_and_reset(self->fd, self->base, rounds, 4, 1));
	ASSERT_EQ(7, call_stat(self->fd).decay_samples);
	ASSERT_TRUE(live_and_reset(self->fd, self->base, MAX_INTERVAL + 1, 4, 1));
	ASSERT_EQ(8, call_stat(self->fd).decay_samples);

	/* And often again when something was found. */
	samples = call_stat(self->fd).decay_samples;
	ASSERT_TRUE(live_and_reset(self->fd, self->base, MAX_INTERVAL + 1, 3, 1));
	ASSERT_TRUE(live_and_reset(self->fd, self->base, MIN_INTERVAL + 1, 3, 1));
	ASSERT_EQ(samples + 2, call_stat(self->fd).decay_samples);
}

/* Memory that an instance adds is gone at its end: the slot hasn't grown. */
TEST_F(decay, looks_as_seldom_at_a_memory_that_grows_for_each_instance)
{
	int i;

	ASSERT_EQ(0, call_alloc_limit(self->fd, 4 * PAGE));
	for (i = 0; i < 3000; i++) {
		ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, 0, 5 * PAGE));
		ASSERT_TRUE(live(self->base, 5, 1));
		ASSERT_LE(0, call_reset(self->fd, 0));
	}
	ASSERT_GE(call_stat(self->fd).decay_samples, 2);
	ASSERT_LE(call_stat(self->fd).decay_samples, 7);
}

TEST_F(decay, counts_free_and_alloc_like_a_reset)
{
	int i;

	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	ASSERT_TRUE(live(self->base, 64, 1));
	for (i = 0; i < MIN_INTERVAL + 2; i++) {
		ASSERT_GE(call_free(self->fd, 0), 0);
		ASSERT_EQ(0, call_alloc_key(self->fd, 1));
		ASSERT_TRUE(live(self->base, 2, 1));
	}
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	ASSERT_EQ(62, call_stat(self->fd).decayed_pages);
}

TEST_F(decay, sees_writes_through_any_mapping_and_by_system_calls)
{
	char *second = map_slots(self->fd, 0, 1);
	int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int i;

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(live(self->base, 3, 1));
	for (i = 0; i < 10 * MIN_INTERVAL; i++) {
		ASSERT_GE(call_reset(self->fd, 0), 0);
		self->base[0] = 'x';
		second[PAGE] = 'x';
		ASSERT_EQ(1, read(zeros, self->base + 2 * PAGE, 1));
	}
	ASSERT_GE(call_stat(self->fd).decay_samples, 2);
	ASSERT_EQ(0, call_stat(self->fd).decayed_pages);
	ASSERT_EQ(3, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, munmap(second, STRIDE));
	ASSERT_EQ(0, close(zeros));
}

/* A debugger's write leaves no trace in page tables. */
TEST_F(decay, restores_what_it_did_not_see_written)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int i;

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	for (i = 0; i < 10 * MIN_INTERVAL; i++) {
		ASSERT_EQ(1, pwrite(mem, "x", 1, (off_t)(self->base + 5 * PAGE)));
		self->base[0] = 'x';
		ASSERT_GE(call_reset(self->fd, 0), 0);
		ASSERT_EQ(0, self->base[5 * PAGE]);
		ASSERT_EQ(0, self->base[0]);
	}
	ASSERT_EQ(0, close(mem));
}

TEST_F(decay, restores_a_slot_to_its_image)
{
	static char bytes[64 * PAGE];
	struct slotpool_image_range range = {
		.length = sizeof(bytes),
		.address = (uintptr_t)bytes,
	};
	int i, image;

	memset(bytes, 'i', sizeof(bytes));
	image = call_image_memory(self->fd, sizeof(bytes), &range, 1);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	memset(self->base, 'x', sizeof(bytes));
	for (i = 0; i < 3 * MIN_INTERVAL; i++) {
		ASSERT_GE(call_reset(self->fd, 0), 0);
		/* Without dirty bits, reading a page keeps it too. */
		ASSERT_EQ('i', self->base[i % 2 * 33 * PAGE]);
		self->base[0] = 'x';
		self->base[33 * PAGE] = 'x';
	}
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	ASSERT_GE(call_reset(self->fd, 0), 0);
	ASSERT_EQ(0, memcmp(self->base, bytes, sizeof(bytes)));
}

TEST_F(decay, maps_what_it_keeps_again_with_one_fault)
{
	long faults;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(live(self->base, 64, 2));
	ASSERT_EQ(64 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(live_and_reset(self->fd, self->base, MIN_INTERVAL - 1, 32, 4));
	ASSERT_EQ(0, call_stat(self->fd).decayed_pages);
	ASSERT_TRUE(live(self->base, 32, 4));
	ASSERT_EQ(32 * PAGE, call_reset(self->fd, 0));
	/* The pages in between were given back with one flush for all. */
	faults = minor_faults();
	ASSERT_TRUE(live(self->base, 32, 4));
	faults = minor_faults() - faults;
	ASSERT_GE(faults, 1);
	ASSERT_LE(faults, 2);
}

TEST(decay_can_be_switched_off)
{
	struct slotpool_stat_args stat;
	char *base;
	int fd;

	ASSERT_EQ(0, load_pool(GEOMETRY "max_decay_samples=0"));
	fd = open_pool();
	base = map_slots(fd, 0, 1);
	ASSERT_NE(MAP_FAILED, base);
	ASSERT_EQ(0, call_alloc_any(fd));
	ASSERT_TRUE(live(base, 64, 1));
	ASSERT_EQ(64 * PAGE, call_reset(fd, 0));
	ASSERT_TRUE(live_and_reset(fd, base, 10 * MIN_INTERVAL, 1, 1));
	stat = call_stat(fd);
	EXPECT_EQ(0, stat.decay_samples);
	EXPECT_EQ(64, stat.held_pages);
	ASSERT_EQ(0, munmap(base, STRIDE));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, unload_pool());
}

TEST(decay_takes_no_more_samples_than_its_budget)
{
	struct slotpool_stat_args stat;
	struct timespec start, end;
	char *base;
	long i;
	int fd;

	ASSERT_EQ(0, load_pool("nr_slots=100 slot_size=64K nr_shards=1 max_decay_samples=3"));
	fd = open_pool();
	base = map_slots(fd, 0, 100);
	ASSERT_NE(MAP_FAILED, base);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(i, call_alloc_any(fd));
	for (i = 0; i < 100 * 2 * (MIN_INTERVAL + 1); i++) {
		base[i % 100 * 2 * 65536] = 'x';
		ASSERT_EQ(PAGE, call_reset(fd, i % 100));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	stat = call_stat(fd);
	EXPECT_GE(stat.decay_samples, 1);
	/* However long it took, so many seconds began in it at the most. */
	EXPECT_LE(stat.decay_samples, 3 * (end.tv_sec - start.tv_sec + 2));
	ASSERT_EQ(0, munmap(base, 100 * 2 * 65536));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, unload_pool());
}

TEST_HARNESS_MAIN
