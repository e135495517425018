// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strict pools: FREE unmaps, so that whatever touches a slot later traps.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOT (64 * PAGE)
#define STRIDE (2 * SLOT)
#define NR_KEPT 7
#define GEOMETRY "nr_slots=4 slot_size=256K nr_shards=1 max_unused_warm_slots=4 reserve_pages=256 "

FIXTURE(strict)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(strict)
{
	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY "strict=1"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 4);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(strict)
{
	EXPECT_EQ(0, munmap(self->base, 4 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

TEST_F(strict, a_pool_says_that_it_is)
{
	ASSERT_TRUE(call_info(self->fd).features & SLOTPOOL_FEATURE_STRICT);
}

TEST_F(strict, every_access_to_a_free_slot_traps)
{
	char *second = map_slots(self->fd, 0, 1);
	long page;

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', 32 * PAGE);
	for (page = 0; page < 64; page++)
		(void)*(volatile char *)(second + page * PAGE);
	ASSERT_EQ(32 * PAGE, call_free(self->fd, 0));
	for (page = 0; page < 64; page++) {
		ASSERT_EQ(SIGSEGV, access_read(self->base + page * PAGE));
		ASSERT_EQ(SIGSEGV, access_write(self->base + page * PAGE));
		ASSERT_EQ(SIGSEGV, access_read(second + page * PAGE));
	}
	ASSERT_EQ(0, munmap(second, STRIDE));
}

TEST_F(strict, a_slot_keeps_its_memory_and_is_new_for_the_next)
{
	struct slotpool_stat_args before;
	long faults;

	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', 32 * PAGE);
	ASSERT_EQ(32 * PAGE, call_free(self->fd, 0));
	before = call_stat(self->fd);
	ASSERT_EQ(32, before.held_pages);
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	faults = minor_faults();
	/* One fault maps all that it kept. */
	memset(self->base, 'y', 32 * PAGE);
	ASSERT_EQ(1, minor_faults() - faults);
	ASSERT_EQ(32 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
	ASSERT_EQ(before.reserve_free_pages, call_stat(self->fd).reserve_free_pages);
}

TEST_F(strict, what_a_slot_keeps_is_mapped_across_page_tables_in_any_order)
{
	const uintptr_t table = 512 * PAGE;
	static const int written[NR_KEPT] = { 40, 43, 5, 9, 41, 3, 60 };
	char *room, *slot;
	long faults;
	int i;

	room = mmap(NULL, 3 * table, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	/* The entries of page 32 and of those behind it are in another table. */
	slot = (char *)(((uintptr_t)room / table + 2) * table - 32 * PAGE);
	ASSERT_EQ(slot, mmap(slot, SLOT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self->fd,
			     0));
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	for (i = 0; i < NR_KEPT; i++)
		slot[written[i] * PAGE] = 'x';
	ASSERT_EQ(NR_KEPT * PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	faults = minor_faults();
	for (i = 0; i < NR_KEPT; i++) {
		ASSERT_EQ(0, slot[written[i] * PAGE]);
		slot[written[i] * PAGE] = 'a' + i;
	}
	ASSERT_EQ(1, minor_faults() - faults);
	for (i = 0; i < NR_KEPT; i++)
		ASSERT_EQ('a' + i, self->base[written[i] * PAGE]);
	ASSERT_EQ(0, munmap(room, 3 * table));
}

TEST_F(strict, a_lower_limit_counts_for_what_was_kept)
{
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_free(self->fd, 0));
	ASSERT_EQ(0, call_alloc(self->fd, (struct slotpool_alloc_args){
						  .flags = SLOTPOOL_ALLOC_KEY |
							   SLOTPOOL_ALLOC_LIMIT,
						  .key = 1,
						  .limit = 4 * PAGE }));
	ASSERT_EQ(4, call_stat(self->fd).held_pages);
	ASSERT_TRUE(all_bytes(self->base, 4 * PAGE, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 4 * PAGE));
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, 0, SLOT));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(strict, what_is_not_written_any_more_decays)
{
	int i;

	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', SLOT);
	for (i = 0; i < 150; i++) {
		ASSERT_GE(call_free(self->fd, 0), 0);
		ASSERT_EQ(0, call_alloc_key(self->fd, 1));
		ASSERT_EQ(0, self->base[3 * PAGE]);
		self->base[3 * PAGE] = 'x';
		self->base[7 * PAGE] = 'x';
	}
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
}

TEST_HARNESS_MAIN
