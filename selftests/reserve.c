// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supply of pages: commitments, overcommitment, quotas, eviction.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (16 * PAGE)
#define STRIDE (2 * SLOT)

#define GEOMETRY "nr_slots=8 slot_size=64K nr_shards=1 max_unused_warm_slots=8 "

/* Allocates a slot with a commitment; returns it or -errno. */
static int alloc_commit(int fd, uint64_t limit, uint64_t commit)
{
	return call_alloc(fd, (struct slotpool_alloc_args){
		.flags = SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_COMMIT,
		.limit = limit,
		.commit = commit,
	});
}

/* A pool that commits, with a reserve of 32 pages. */
FIXTURE(commit)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(commit)
{
	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=32"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 8);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(commit)
{
	struct slotpool_stat_args stat;
	int fd;

	EXPECT_EQ(0, munmap(self->base, 8 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	fd = open_pool();
	stat = call_stat(fd);
	EXPECT_EQ(32, stat.reserve_free_pages);
	EXPECT_EQ(0, stat.committed_pages);
	EXPECT_EQ(0, stat.held_pages);
	EXPECT_EQ(8, stat.cold_slots);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(commit, commitments_take_from_the_reserve_before_anything_is_touched)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(16, call_stat(self->fd).committed_pages);
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(-ENOMEM, call_alloc_any(self->fd));
	ASSERT_EQ(2, call_alloc_limit(self->fd, 0));
	ASSERT_EQ(-ENOMEM, call_alloc_limit(self->fd, PAGE));
	ASSERT_EQ(3, call_stat(self->fd).used_slots);
	ASSERT_EQ(0, call_free(self->fd, 1));
	ASSERT_EQ(3, call_alloc_any(self->fd));
}

TEST_F(commit, touching_what_is_committed_never_fails)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	memset(self->base + STRIDE, 'y', SLOT);
	ASSERT_EQ(0, call_stat(self->fd).reserve_free_pages);
	ASSERT_EQ(0, call_stat(self->fd).committed_pages);
	ASSERT_TRUE(all_bytes(self->base, SLOT, 'x'));
	ASSERT_TRUE(all_bytes(self->base + STRIDE, SLOT, 'y'));
}

TEST_F(commit, a_commitment_counts_what_a_warm_slot_holds)
{
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_free(self->fd, 0));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	/* 16 pages are in slot 0, 16 are promised to slot 1. */
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	ASSERT_EQ(16, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, call_stat(self->fd).evictions);
}

TEST_F(commit, a_shortage_evicts_warm_slots_least_recently_used_first)
{
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	ASSERT_EQ(1, call_alloc_key(self->fd, 2));
	memset(self->base, 'x', SLOT);
	memset(self->base + STRIDE, 'x', SLOT);
	ASSERT_EQ(SLOT, call_free(self->fd, 1));
	ASSERT_EQ(SLOT, call_free(self->fd, 0));
	/* The next cold slot is slot 2; slot 1 pays for it. */
	ASSERT_EQ(2, call_alloc_key(self->fd, 3));
	ASSERT_EQ(1, call_stat(self->fd).evictions);
	ASSERT_EQ(SIGSEGV, access_read(self->base + STRIDE));
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	ASSERT_EQ(1, call_stat(self->fd).affine_allocs);
	memset(self->base, 'y', SLOT);
	memset(self->base + 2 * STRIDE, 'z', SLOT);
}

TEST_F(commit, growing_takes_from_the_reserve)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 4 * PAGE));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, 0, 12 * PAGE));
	ASSERT_EQ(2, call_alloc_limit(self->fd, 4 * PAGE));
	ASSERT_EQ(-ENOMEM, call_resize(self->fd, 0, 0, 13 * PAGE));
	/* It is as it was before. */
	ASSERT_EQ(12 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 12 * PAGE));
	ASSERT_EQ(32, call_stat(self->fd).committed_pages);
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 2, 0, 3 * PAGE));
	ASSERT_EQ(12 * PAGE, call_resize(self->fd, 0, 0, 13 * PAGE));
}

TEST_F(commit, pages_that_a_lower_limit_drops_are_promised_when_it_rises)
{
	long i;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, 0, 4 * PAGE));
	ASSERT_EQ(4, call_stat(self->fd).held_pages);
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, 0, SLOT));
	ASSERT_EQ(12, call_stat(self->fd).committed_pages);
	/* Another slot takes what is left. */
	ASSERT_EQ(1, call_alloc_any(self->fd));
	memset(self->base + STRIDE, 'y', SLOT);
	for (i = 4; i < 16; i++)
		ASSERT_EQ(0, access_write(self->base + i * PAGE));
}

TEST_F(commit, growing_only_to_the_same_limit_leaves_the_commitment)
{
	struct slotpool_resize_args resize = {
		.flags = SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT,
		.limit = 8 * PAGE,
		.commit = PAGE,
	};

	ASSERT_EQ(0, alloc_commit(self->fd, 8 * PAGE, 6 * PAGE));
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_RESIZE, &resize));
	ASSERT_EQ(8 * PAGE, resize.old_limit);
	ASSERT_EQ(6, call_stat(self->fd).committed_pages);
	resize.limit = 9 * PAGE;
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_RESIZE, &resize));
	ASSERT_EQ(1, call_stat(self->fd).committed_pages);
}

TEST_F(commit, growing_to_less_than_there_is_needs_nothing)
{
	ASSERT_EQ(0, alloc_commit(self->fd, SLOT, 8 * PAGE));
	ASSERT_EQ(1, alloc_commit(self->fd, SLOT, 16 * PAGE));
	ASSERT_EQ(2, alloc_commit(self->fd, SLOT, 8 * PAGE));
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 15 * PAGE));
	ASSERT_EQ(32, call_stat(self->fd).committed_pages);
	/* The owner is checked before the commitment. */
	ASSERT_EQ(-ENOENT, call_resize(self->fd, 7, 0, SLOT));
}

TEST_F(commit, pages_that_a_reset_gives_back_stay_promised)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_KEEP, .keep = PAGE };

	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(31, call_stat(self->fd).committed_pages);
	ASSERT_EQ(-ENOMEM, call_alloc_limit(self->fd, PAGE));
	memset(self->base, 'y', SLOT);
	memset(self->base + STRIDE, 'y', SLOT);
}

TEST_F(commit, other_pages_than_the_last_time_can_be_touched)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_COMMIT,
		.key = 1,
		.commit = 4 * PAGE,
	};

	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	memset(self->base, 'x', 4 * PAGE);
	ASSERT_EQ(4 * PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	ASSERT_EQ(4, call_stat(self->fd).committed_pages);
	/* All that is left of the reserve is somebody else's. */
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(2, alloc_commit(self->fd, SLOT, 8 * PAGE));
	memset(self->base + 4 * PAGE, 'y', 4 * PAGE);
	ASSERT_EQ(0, call_stat(self->fd).evictions);

	/* A reset has 4 pages again for others than the 8 that are held. */
	ASSERT_LE(0, call_reset(self->fd, 0));
	ASSERT_EQ(4 + 16 + 8, call_stat(self->fd).committed_pages);
	memset(self->base + 8 * PAGE, 'z', 4 * PAGE);
	ASSERT_TRUE(all_bytes(self->base, 8 * PAGE, 0));
}

TEST_F(commit, memory_beyond_the_commitment_is_there_while_the_reserve_lasts)
{
	ASSERT_EQ(0, alloc_commit(self->fd, SLOT, 4 * PAGE));
	ASSERT_EQ(1, alloc_commit(self->fd, SLOT, SLOT));
	memset(self->base, 'x', SLOT);
	memset(self->base + STRIDE, 'x', SLOT);
	ASSERT_EQ(2, alloc_commit(self->fd, SLOT, 0));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 2 * STRIDE));
	/* Reading needs no page. */
	ASSERT_EQ(0, access_read(self->base + 2 * STRIDE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 2 * STRIDE));
	ASSERT_FALSE(can_write(self->base + 2 * STRIDE));
	ASSERT_EQ(SLOT, call_free(self->fd, 1));
	/* Now slot 1 is warm and pays for it. */
	ASSERT_EQ(0, access_write(self->base + 2 * STRIDE));
	ASSERT_EQ(1, call_stat(self->fd).evictions);
}

/* Makes two slots warm that hold 4 pages each. Returns success. */
static bool make_warm(int fd, char *base, uint32_t first)
{
	uint32_t slot;

	for (slot = first; slot < first + 2; slot++) {
		struct slotpool_alloc_args alloc = {
			.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
			.slot = slot,
			.key = slot,
			.limit = 4 * PAGE,
		};

		if (call_alloc(fd, alloc) != (int)slot)
			return false;
		memset(base + slot * STRIDE, 'x', 4 * PAGE);
		if (call_free(fd, slot) != 4 * PAGE)
			return false;
	}
	return true;
}

TEST_F(commit, a_commitment_that_warm_slots_cannot_provide_evicts_nothing)
{
	int other = open_pool();
	char *map = map_slots(other, 0, 8);
	int i;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_TRUE(make_warm(other, map, 4));
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, alloc_commit(self->fd, SLOT, 4 * PAGE));
	/* 4 pages are free, and 8 in warm slots. */
	for (i = 0; i < 10; i++)
		ASSERT_EQ(-ENOMEM, call_alloc_any(self->fd));
	ASSERT_EQ(2, call_stat(self->fd).warm_slots);
	ASSERT_EQ(0, call_stat(self->fd).evictions);
	ASSERT_EQ(2, alloc_commit(self->fd, SLOT, 12 * PAGE));
	ASSERT_EQ(2, call_stat(self->fd).evictions);
	ASSERT_EQ(0, munmap(map, 8 * STRIDE));
	ASSERT_EQ(0, close(other));
}

TEST_F(commit, a_shortage_evicts_the_clients_own_warm_slots_first)
{
	int other = open_pool();
	char *map = map_slots(other, 0, 8);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_TRUE(make_warm(other, map, 4));
	ASSERT_TRUE(make_warm(self->fd, self->base, 6));
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_LE(0, alloc_commit(self->fd, SLOT, PAGE));
	ASSERT_EQ(1, call_stat(self->fd).evictions);
	ASSERT_LE(0, alloc_commit(self->fd, SLOT, 4 * PAGE));
	ASSERT_EQ(2, call_stat(self->fd).evictions);
	/* With none of its own it takes the one that was free for longest. */
	ASSERT_LE(0, alloc_commit(self->fd, SLOT, 4 * PAGE));
	ASSERT_EQ(3, call_stat(self->fd).evictions);
	ASSERT_EQ(1, call_stat(self->fd).warm_slots);
	ASSERT_EQ(SIGSEGV, access_read(map + 4 * STRIDE));
	ASSERT_EQ(0, access_read(map + 5 * STRIDE));
	ASSERT_EQ(0, munmap(map, 8 * STRIDE));
	ASSERT_EQ(0, close(other));
}

TEST_F(commit, what_can_never_be_committed_evicts_nothing)
{
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	self->base[0] = 'x';
	ASSERT_EQ(PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, munmap(self->base, 8 * STRIDE));
	ASSERT_EQ(0, unload_pool());
	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=8"));
	self->fd = open_pool();
	ASSERT_EQ(0, call_alloc_limit(self->fd, 4 * PAGE));
	ASSERT_EQ(0, call_free(self->fd, 0));
	ASSERT_EQ(-ENOMEM, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_stat(self->fd).warm_slots);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload_pool());
	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=32"));
	self->fd = open_pool();
	self->base = map_slots(self->fd, 0, 8);
	ASSERT_NE(MAP_FAILED, self->base);
}

/* A pool that overcommits, with a reserve of 8 pages. */
FIXTURE(overcommit)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(overcommit)
{
	const char *parameters;
	long quota;
};

FIXTURE_VARIANT_ADD(overcommit, without_quota)
{
	.parameters = GEOMETRY "reserve_pages=8",
	.quota = 8 * 16,
};

FIXTURE_VARIANT_ADD(overcommit, with_quota)
{
	.parameters = GEOMETRY "reserve_pages=8 max_client_pages=20",
	.quota = 20,
};

FIXTURE_SETUP(overcommit)
{
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 8);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(overcommit)
{
	struct slotpool_stat_args stat;
	int fd;

	EXPECT_EQ(0, munmap(self->base, 8 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	fd = open_pool();
	stat = call_stat(fd);
	EXPECT_EQ(8, stat.reserve_free_pages);
	EXPECT_EQ(0, stat.held_pages);
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(overcommit, writes_get_pages_up_to_the_quota_and_then_trap)
{
	long i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(i, call_alloc_any(self->fd));
	for (i = 0; i < variant->quota; i++)
		ASSERT_EQ(0, access_write(self->base + i / 16 * STRIDE + i % 16 * PAGE));
	ASSERT_EQ(variant->quota, call_stat(self->fd).client_pages);
	ASSERT_EQ(variant->quota, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, call_stat(self->fd).reserve_free_pages);
	for (; i < 8 * 16; i++)
		ASSERT_EQ(SIGSEGV, access_write(self->base + i / 16 * STRIDE + i % 16 * PAGE));
	ASSERT_EQ(variant->quota, call_stat(self->fd).held_pages);
}

TEST_F(overcommit, the_reserve_gets_its_own_pages_back_and_no_others)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(16, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(8, call_stat(self->fd).reserve_free_pages);
}

TEST_F(overcommit, a_client_at_its_quota_gives_up_its_own_warm_slots)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_free(self->fd, 0));
	memset(self->base + STRIDE, 'y', SLOT);
	ASSERT_TRUE(all_bytes(self->base + STRIDE, SLOT, 'y'));
	ASSERT_EQ(variant->quota < 32 ? 16 : 32, call_stat(self->fd).held_pages);
}

TEST_F(overcommit, a_quota_is_each_clients_own)
{
	int other = open_pool();
	char *map = map_slots(other, 0, 8);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(other));
	memset(self->base, 'x', SLOT);
	memset(map + STRIDE, 'y', SLOT);
	ASSERT_EQ(32, call_stat(self->fd).held_pages);
	ASSERT_EQ(16, call_stat(self->fd).client_pages);
	ASSERT_EQ(0, munmap(map, 8 * STRIDE));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(16, call_stat(self->fd).held_pages);
}

/* A bound that a slot reaches, and its error */
FIXTURE(stale)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(stale)
{
	const char *parameters;
};

FIXTURE_VARIANT_ADD(stale, quota)
{
	.parameters = GEOMETRY "reserve_pages=64 max_client_pages=12",
};

FIXTURE_VARIANT_ADD(stale, reserve)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=12",
};

FIXTURE_SETUP(stale)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_COMMIT };

	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 1);
	ASSERT_NE(MAP_FAILED, self->base);
	/* An instance that writes as much as the bound allows is gone. */
	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	memset(self->base, 'x', 12 * PAGE);
	ASSERT_EQ(12 * PAGE, call_reset(self->fd, 0));
}

FIXTURE_TEARDOWN(stale)
{
	EXPECT_EQ(0, munmap(self->base, STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

TEST_F(stale, pages_of_an_earlier_instance_make_way_for_writes)
{
	long i;

	self->base[3 * PAGE] = 'y';
	for (i = 12; i < 16; i++)
		ASSERT_EQ(0, access_write(self->base + i * PAGE));
	ASSERT_LE(call_stat(self->fd).held_pages, 12);
	ASSERT_EQ('y', self->base[3 * PAGE]);
	self->base[3 * PAGE] = 0;
	ASSERT_TRUE(all_bytes(self->base, 12 * PAGE, 0));
	for (i = 12; i < 16; i++)
		ASSERT_EQ('w', self->base[i * PAGE]);
	/* The rest of the bound is the instance's. */
	for (i = 4; i < 11; i++)
		ASSERT_EQ(0, access_write(self->base + i * PAGE));
	ASSERT_EQ(0, access_write(self->base + 3 * PAGE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 11 * PAGE));
	ASSERT_EQ(12, call_stat(self->fd).held_pages);
	ASSERT_EQ(12 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(stale, pages_of_an_earlier_instance_make_way_for_a_debugger)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_GE(mem, 0);
	ASSERT_EQ(1, pwrite(mem, "d", 1, (off_t)(self->base + 14 * PAGE)));
	ASSERT_EQ('d', self->base[14 * PAGE]);
	ASSERT_TRUE(all_bytes(self->base, 14 * PAGE, 0));
	ASSERT_EQ(0, close(mem));
}

TEST(a_commitment_above_the_quota_is_refused)
{
	int fd;

	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=64 max_client_pages=20"));
	fd = open_pool();
	ASSERT_EQ(0, call_alloc_any(fd));
	ASSERT_EQ(-EDQUOT, call_alloc_any(fd));
	ASSERT_EQ(1, call_alloc_limit(fd, 4 * PAGE));
	ASSERT_EQ(-EDQUOT, call_resize(fd, 1, 0, 5 * PAGE));
	ASSERT_EQ(20, call_stat(fd).client_pages);
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, unload_pool());
}

static int refused_client;
static atomic_bool refused_stop;

/* Asks for a commitment above the quota again and again. */
static void *ask_for_too_much(void *result)
{
	long *refused = result;

	while (!refused_stop)
		*refused += alloc_commit(refused_client, SLOT, SLOT) == -EDQUOT;
	return NULL;
}

FIXTURE(quota)
{
	int fd;
};

FIXTURE_SETUP(quota)
{
	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=128 max_client_pages=20"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(quota)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

/* So many rounds take long on a machine that is busy otherwise. */
TEST_F(quota, of_a_refused_commitment_refuses_no_other_page)
{
	long i, written, refused = 0;
	pthread_t thread;
	char *base;

	refused_client = self->fd;
	base = map_slots(refused_client, 0, 8);
	ASSERT_NE(MAP_FAILED, base);
	ASSERT_EQ(0, alloc_commit(refused_client, SLOT, 0));
	memset(base, 'x', 10 * PAGE);
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_for_too_much, &refused));
	/* The eleventh page of twenty comes and goes. */
	for (written = 0, i = 0; i < 5000; i++) {
		if (call_resize(refused_client, 0, SLOTPOOL_RESIZE_COMMIT, SLOT) < 0)
			break;
		written += !access_write(base + 10 * PAGE);
		if (call_resize(refused_client, 0, SLOTPOOL_RESIZE_COMMIT, 10 * PAGE) < 0)
			break;
	}
	refused_stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(5000, i);
	ASSERT_EQ(5000, written);
	ASSERT_LT(0, refused);
	ASSERT_EQ(0, munmap(base, 8 * STRIDE));
}

/* Pools with a client that has warm slots, and a cgroup with a bound. */
FIXTURE(cgroup)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(cgroup)
{
	const char *parameters;
	const char *bound;
	bool survives;
};

/* 128 MiB take 256 KiB of page tables; to keep track of them takes 800 more. */
FIXTURE_VARIANT_ADD(cgroup, commit)
{
	.parameters = "nr_slots=8 slot_size=128M nr_shards=1 overcommit=0 reserve_pages=33000",
	.bound = "640K",
	.survives = true,
};

FIXTURE_VARIANT_ADD(cgroup, overcommit)
{
	.parameters = "nr_slots=8 slot_size=128M nr_shards=1 reserve_pages=32",
	.bound = "8M",
};

FIXTURE_SETUP(cgroup)
{
	int i;

	ASSERT_TRUE(put_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(TEST_CGROUP, 0755));
	ASSERT_TRUE(put_text(TEST_CGROUP "/memory.max", variant->bound));
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	self->base = map_slots(self->fd, 0, 4);
	ASSERT_NE(MAP_FAILED, self->base);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(i, call_alloc_limit(self->fd, 8 * PAGE));
	for (i = 0; i < 4; i++)
		memset(self->base + i * (256UL << 20), 'x', 8 * PAGE);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(8 * PAGE, call_free(self->fd, i));
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_EQ(0, munmap(self->base, 4 * (256UL << 20)));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
	EXPECT_EQ(0, rmdir(TEST_CGROUP));
}

TEST_F(cgroup, a_bound_holds_and_costs_no_other_client_its_warm_slots)
{
	int status;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		int fd, slot;
		char *base;

		if (!put_text(TEST_CGROUP "/cgroup.procs", "0"))
			_exit(2);
		fd = open_pool();
		slot = call_alloc_exact(fd, 7);
		base = map_slots(fd, 7, 1);
		if (slot != 7 || base == MAP_FAILED)
			_exit(3);
		for (long i = 0; i < 32768; i++)
			base[i * PAGE] = 'y';
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(variant->survives ? 0 : SIGKILL, status);
	ASSERT_EQ(0, call_stat(self->fd).evictions);
	ASSERT_EQ(4, call_stat(self->fd).warm_slots);
	ASSERT_EQ(32, call_stat(self->fd).held_pages);
}

TEST_HARNESS_MAIN
