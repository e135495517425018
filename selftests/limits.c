// SPDX-License-Identifier: GPL-2.0-only
/*
 * The limit of a slot: set by ALLOC, moved by RESIZE, undone by RESET.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOT (64 * PAGE)

FIXTURE(limits)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, load_pool("nr_slots=1 slot_size=256K reserve_pages=64"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 1);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(limits)
{
	EXPECT_EQ(0, munmap(self->base, 2 * SLOT));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(limits, accesses_at_and_above_the_limit_trap)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 5 * PAGE));
	ASSERT_EQ(0, access_write(self->base + 5 * PAGE - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 5 * PAGE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 5 * PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + SLOT - 1));
	ASSERT_FALSE(can_read(self->base + 5 * PAGE));
	ASSERT_FALSE(can_write(self->base + 5 * PAGE));
}

TEST_F(limits, a_limit_of_nothing_lets_nothing_be_touched)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base));
	ASSERT_EQ(SIGSEGV, access_write(self->base));
}

TEST_F(limits, growing_returns_the_old_limit_and_gives_zeros)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, PAGE));
	self->base[0] = 'x';
	ASSERT_EQ(PAGE, call_resize(self->fd, 0, 0, 3 * PAGE));
	ASSERT_EQ('x', self->base[0]);
	ASSERT_TRUE(all_bytes(self->base + PAGE, 2 * PAGE, 0));
	ASSERT_EQ(0, access_write(self->base + 3 * PAGE - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 3 * PAGE));
	ASSERT_EQ(3 * PAGE, call_resize(self->fd, 0, 0, SLOT));
}

TEST_F(limits, shrinking_takes_pages_away_that_were_written)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, SLOT));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, 0, 2 * PAGE));
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, access_write(self->base + 2 * PAGE - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 2 * PAGE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + SLOT - 1));
	/* Memory that comes back has lost its contents. */
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, 0, SLOT));
	ASSERT_EQ('x', self->base[PAGE]);
	ASSERT_TRUE(all_bytes(self->base + 2 * PAGE, SLOT - 2 * PAGE, 0));
}

TEST_F(limits, shrinking_takes_pages_away_that_were_only_read)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, SLOT));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, 0, PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + SLOT - 1));
}

TEST_F(limits, shrinking_takes_pages_away_that_only_a_debugger_wrote)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, call_alloc_limit(self->fd, SLOT));
	ASSERT_EQ(1, pwrite(mem, "x", 1, (off_t)(self->base + 8 * PAGE)));
	ASSERT_EQ(0, close(mem));
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, 0, PAGE));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
	ASSERT_EQ(PAGE, call_resize(self->fd, 0, 0, SLOT));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(limits, grow_only_never_shrinks)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 4 * PAGE));
	self->base[3 * PAGE] = 'x';
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, PAGE));
	ASSERT_EQ('x', self->base[3 * PAGE]);
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 4 * PAGE));
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 5 * PAGE));
	ASSERT_EQ(0, access_write(self->base + 5 * PAGE - 1));
}

TEST_F(limits, a_small_instance_after_a_large_one_stays_within_its_limit)
{
	struct slotpool_alloc_args small = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = 1,
		.limit = 2 * PAGE,
	};

	/* Written up to here, read from here on: present both. */
	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	memset(self->base, 'x', SLOT / 2);
	ASSERT_TRUE(all_bytes(self->base + SLOT / 2, SLOT / 2, 0));
	ASSERT_EQ(SLOT / 2, call_free(self->fd, 0));

	ASSERT_EQ(0, call_alloc(self->fd, small));
	ASSERT_EQ(1, call_stat(self->fd).affine_allocs);
	ASSERT_TRUE(all_bytes(self->base, 2 * PAGE, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 2 * PAGE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + SLOT / 2 - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + SLOT - 1));
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
}

TEST_F(limits, a_large_instance_after_a_small_one_sees_zeros)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 2 * PAGE));
	memset(self->base, 'x', 2 * PAGE);
	ASSERT_EQ(2 * PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, call_alloc_limit(self->fd, SLOT));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(limits, reset_undoes_growth)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 2 * PAGE));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, 0, 8 * PAGE));
	memset(self->base, 'x', 8 * PAGE);
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base, 2 * PAGE, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 2 * PAGE));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, 0, 8 * PAGE));
	ASSERT_TRUE(all_bytes(self->base, 8 * PAGE, 0));
}

TEST_F(limits, reset_undoes_growth_that_nobody_used)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 2 * PAGE));
	memset(self->base, 'x', 2 * PAGE);
	/* From the second one on it has nothing to do but to copy. */
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, 0, 8 * PAGE));
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 2 * PAGE));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 0));
}

TEST_F(limits, reset_does_not_undo_shrinking)
{
	ASSERT_EQ(0, call_alloc_limit(self->fd, 8 * PAGE));
	ASSERT_EQ(8 * PAGE, call_resize(self->fd, 0, 0, 2 * PAGE));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, 0, 4 * PAGE));
	ASSERT_EQ(0, call_reset(self->fd, 0));
	ASSERT_EQ(2 * PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, 0));
}

TEST_F(limits, growing_takes_no_fault_until_it_is_used)
{
	struct slotpool_stat_args before, after;

	ASSERT_EQ(0, call_alloc_limit(self->fd, PAGE));
	self->base[0] = 'x';
	before = call_stat(self->fd);
	ASSERT_EQ(PAGE, call_resize(self->fd, 0, SLOTPOOL_RESIZE_GROW_ONLY, SLOT));
	after = call_stat(self->fd);
	ASSERT_EQ(before.held_pages, after.held_pages);
	ASSERT_EQ(before.write_faults, after.write_faults);
}

TEST_HARNESS_MAIN
