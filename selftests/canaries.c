// SPDX-License-Identifier: GPL-2.0-only
/*
 * No byte of one client, or of one affinity, is ever readable by another. One
 * tenant fills slots with a canary and gives them up in one of the ways there
 * are; the next one gets the same slots and compares all of each.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOTS 4
#define SLOT (32 * PAGE)
#define STRIDE (2 * SLOT)
#define CANARY 0x5c
#define GEOMETRY "nr_slots=4 slot_size=128K nr_shards=1 max_unused_warm_slots=0 "

FIXTURE(canaries)
{
	int fd;
	char *base;
};

enum give_up {
	GIVE_UP_FREE,
	GIVE_UP_DECOMMIT,
	GIVE_UP_PURGE,
	GIVE_UP_RESET,
	GIVE_UP_SHRINK,
	GIVE_UP_CLOSE,
};

FIXTURE_VARIANT(canaries)
{
	const char *parameters;
	enum give_up give_up;
};

/* A reserve that hands the same pages to the next tenant at once. */
FIXTURE_VARIANT_ADD(canaries, free)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_FREE,
};

FIXTURE_VARIANT_ADD(canaries, free_and_keep_little)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128 keep_bytes=12K",
	.give_up = GIVE_UP_FREE,
};

FIXTURE_VARIANT_ADD(canaries, free_without_a_reserve)
{
	.parameters = GEOMETRY "reserve_pages=0",
	.give_up = GIVE_UP_FREE,
};

FIXTURE_VARIANT_ADD(canaries, decommit)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_DECOMMIT,
};

FIXTURE_VARIANT_ADD(canaries, purge)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_PURGE,
};

FIXTURE_VARIANT_ADD(canaries, reset_and_free)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_RESET,
};

FIXTURE_VARIANT_ADD(canaries, shrink_and_free)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_SHRINK,
};

FIXTURE_VARIANT_ADD(canaries, close)
{
	.parameters = GEOMETRY "overcommit=0 reserve_pages=128",
	.give_up = GIVE_UP_CLOSE,
};

FIXTURE_SETUP(canaries)
{
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, SLOTS);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(canaries)
{
	EXPECT_EQ(0, munmap(self->base, SLOTS * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

/*
 * Return whether all of the four slots read as new ones, to a client that only reads and
 * to one that writes a byte of each page.
 */
static bool all_zeros(int fd, char *base, uint64_t key)
{
	int i, slot;
	long page;

	for (i = 0; i < SLOTS; i++) {
		slot = call_alloc_key(fd, key);
		if (slot < 0 || !all_bytes(base + slot * STRIDE, SLOT, 0))
			return false;
	}
	for (i = 0; i < SLOTS; i++) {
		for (page = 0; page < SLOT; page += PAGE) {
			char *start = base + i * STRIDE + page;

			start[page / PAGE] = 'w';
			start[page / PAGE] = 0;
			if (!all_bytes(start, PAGE, 0))
				return false;
		}
	}
	return true;
}

static bool give_up(int fd, enum give_up how, int slot)
{
	switch (how) {
	case GIVE_UP_FREE:
	case GIVE_UP_PURGE:
		return call_free(fd, slot) >= 0;
	case GIVE_UP_DECOMMIT:
		return call_free_flags(fd, slot, SLOTPOOL_FREE_DECOMMIT) == 0;
	case GIVE_UP_RESET:
		return call_reset(fd, slot) >= 0 && call_free(fd, slot) >= 0;
	case GIVE_UP_SHRINK:
		return call_resize(fd, slot, 0, PAGE) == SLOT && call_free(fd, slot) >= 0;
	case GIVE_UP_CLOSE:
		return true;
	}
	return false;
}

/* Fills all slots with the canary and gives them up; returns success. */
static bool live_and_give_up(int fd, char *base, enum give_up how, uint64_t key)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (call_alloc_key(fd, key) < 0)
			return false;
	}
	for (i = 0; i < SLOTS; i++)
		memset(base + i * STRIDE, CANARY, SLOT);
	for (i = 0; i < SLOTS; i++) {
		if (!give_up(fd, how, i))
			return false;
	}
	return how != GIVE_UP_PURGE || call_purge(fd, SLOTPOOL_PURGE_KEY, key, 0) == SLOTS;
}

TEST_F(canaries, no_byte_passes_to_another_process)
{
	int status;
	pid_t child;

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		int fd = open_pool();
		char *base = map_slots(fd, 0, SLOTS);

		_exit(base == MAP_FAILED || !live_and_give_up(fd, base, variant->give_up, 1));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(all_zeros(self->fd, self->base, 1));
}

TEST_F(canaries, no_byte_passes_to_another_client_while_both_live)
{
	int fd = open_pool();
	char *base = map_slots(fd, 0, SLOTS);
	int i;

	ASSERT_NE(MAP_FAILED, base);
	ASSERT_TRUE(live_and_give_up(fd, base, variant->give_up, 1));
	if (variant->give_up == GIVE_UP_CLOSE) {
		ASSERT_EQ(0, munmap(base, SLOTS * STRIDE));
		ASSERT_EQ(0, close(fd));
	}
	ASSERT_TRUE(all_zeros(self->fd, self->base, 1));
	if (variant->give_up == GIVE_UP_CLOSE)
		return;

	/* Nor does a byte pass back through entries that are still there. */
	for (i = 0; i < SLOTS; i++) {
		memset(self->base + i * STRIDE, 's', SLOT);
		ASSERT_EQ(SIGSEGV, access_read(base + i * STRIDE));
		ASSERT_EQ(SIGSEGV, access_write(base + i * STRIDE + SLOT - 1));
		ASSERT_TRUE(all_bytes(self->base + i * STRIDE, SLOT, 's'));
	}
	ASSERT_EQ(0, munmap(base, SLOTS * STRIDE));
	ASSERT_EQ(0, close(fd));
}

TEST_F(canaries, no_byte_passes_to_another_affinity)
{
	int i;

	if (variant->give_up == GIVE_UP_CLOSE) {
		/* A client's affinities end with it. */
		return;
	}
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(live_and_give_up(self->fd, self->base, variant->give_up, 1));
		ASSERT_TRUE(all_zeros(self->fd, self->base, 2));
		ASSERT_TRUE(give_up(self->fd, GIVE_UP_FREE, 0));
		ASSERT_TRUE(give_up(self->fd, GIVE_UP_FREE, 1));
		ASSERT_TRUE(give_up(self->fd, GIVE_UP_DECOMMIT, 2));
		ASSERT_TRUE(give_up(self->fd, GIVE_UP_DECOMMIT, 3));
	}
}

TEST_F(canaries, no_byte_passes_to_the_same_affinity)
{
	if (variant->give_up == GIVE_UP_CLOSE)
		return;
	ASSERT_TRUE(live_and_give_up(self->fd, self->base, variant->give_up, 1));
	ASSERT_TRUE(all_zeros(self->fd, self->base, 1));
}

TEST_HARNESS_MAIN
