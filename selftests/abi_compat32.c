// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit caller of a 64-bit kernel: the layout of the structures is the
 * same, and so is the behaviour of the commands.
 */
#define _FILE_OFFSET_BITS 64

#include "lib/abi_layout.h"
#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

_Static_assert(sizeof(void *) == 4, "not a 32-bit program");

#define SLOT_SIZE (16 * PAGE)
/* Offsets in the file are above 4 GiB, and long has 32 bits. */
#define SLOT_STRIDE (256ULL * PAGE)
#define NR_SLOTS 100000
/* Begins where 32 bits don't reach */
#define HIGH_SLOT (NR_SLOTS - 1)
#define HIGH_KEY 0xfedcba9876543210ULL

FIXTURE(compat32)
{
	int fd;
};

FIXTURE_SETUP(compat32)
{
	ASSERT_EQ(0, load_pool("nr_slots=100000 slot_size=64K slot_stride=1M reserve_pages=64"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(compat32)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

static int alloc_high_slot(int fd, struct slotpool_alloc_args *alloc)
{
	*alloc = (struct slotpool_alloc_args){
		.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.slot = HIGH_SLOT,
		.key = HIGH_KEY,
		.limit = 8 * PAGE,
	};
	return call_command(fd, SLOTPOOL_ALLOC, alloc);
}

TEST_F(compat32, reads_what_the_pool_is_like)
{
	struct slotpool_info_args info = call_info(self->fd);

	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(SLOTPOOL_FEATURE_OVERCOMMIT | SLOTPOOL_FEATURE_DIRTY_BITS, info.features);
	EXPECT_EQ(SLOT_SIZE, info.slot_size);
	EXPECT_EQ(SLOT_STRIDE, info.slot_stride);
	EXPECT_EQ(1 << 20, info.keep_bytes);
	EXPECT_EQ(100, info.max_unused_warm_slots);
	EXPECT_EQ(64, info.reserve_pages);
	EXPECT_EQ(NR_SLOTS, info.nr_slots);
	EXPECT_EQ(PAGE, info.page_size);
}

TEST_F(compat32, takes_a_slot_through_its_life)
{
	struct slotpool_list_entry entry = { };
	struct slotpool_list_args list = { .entries = (uintptr_t)&entry, .nr_entries = 1 };
	struct slotpool_alloc_args alloc;
	struct slotpool_stat_args stat;
	char *map;

	ASSERT_EQ(0, alloc_high_slot(self->fd, &alloc));
	EXPECT_EQ(HIGH_SLOT, alloc.slot);
	EXPECT_EQ(SLOTPOOL_PLACED_COLD, alloc.placement);
	EXPECT_EQ(HIGH_SLOT * SLOT_STRIDE, alloc.offset);

	map = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   (off_t)alloc.offset);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(all_bytes(map, 8 * PAGE, 0));
	memset(map, 'w', 2 * PAGE);
	EXPECT_TRUE(all_bytes(map, 2 * PAGE, 'w'));
	EXPECT_FALSE(can_read(map + 8 * PAGE));
	EXPECT_FALSE(can_write(map + 8 * PAGE));

	EXPECT_EQ(8 * PAGE, call_resize(self->fd, HIGH_SLOT, 0, 16 * PAGE));
	EXPECT_TRUE(can_write(map + 15 * PAGE));
	EXPECT_EQ(16 * PAGE, call_resize(self->fd, HIGH_SLOT, SLOTPOOL_RESIZE_GROW_ONLY, PAGE));
	EXPECT_TRUE(can_write(map + 15 * PAGE));

	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_LIST, &list));
	EXPECT_EQ(1, list.nr_entries);
	EXPECT_EQ(HIGH_SLOT, entry.slot);
	EXPECT_EQ(SLOTPOOL_LIST_KEY, entry.flags);
	EXPECT_EQ(HIGH_KEY, entry.key);
	EXPECT_EQ(16 * PAGE, entry.limit);
	EXPECT_EQ(0, entry.commit);
	EXPECT_EQ(3 * PAGE, entry.held);

	/* The third page is above the limit that a reset goes back to. */
	EXPECT_EQ(2 * PAGE, call_reset(self->fd, HIGH_SLOT));
	EXPECT_TRUE(all_bytes(map, 8 * PAGE, 0));
	EXPECT_FALSE(can_read(map + 8 * PAGE));

	EXPECT_EQ(2 * PAGE, call_free(self->fd, HIGH_SLOT));
	EXPECT_FALSE(can_read(map + 8 * PAGE));

	stat = call_stat(self->fd);
	EXPECT_EQ(0, stat.used_slots);
	EXPECT_EQ(1, stat.warm_slots);
	EXPECT_EQ(NR_SLOTS - 1, stat.cold_slots);
	EXPECT_EQ(2, stat.held_pages);
	EXPECT_EQ(62, stat.reserve_free_pages);
	EXPECT_EQ(1, stat.cold_allocs);
	EXPECT_EQ(1, stat.frees);
	EXPECT_EQ(1, stat.resets);
	EXPECT_EQ(2, stat.client_pages);

	ASSERT_EQ(0, alloc_high_slot(self->fd, &alloc));
	EXPECT_EQ(SLOTPOOL_PLACED_AFFINE, alloc.placement);
	EXPECT_TRUE(all_bytes(map, 8 * PAGE, 0));
	EXPECT_EQ(2 * PAGE, call_free(self->fd, HIGH_SLOT));

	EXPECT_EQ(0, call_purge(self->fd, SLOTPOOL_PURGE_KEY, (uint32_t)HIGH_KEY, 0));
	EXPECT_EQ(1, call_purge(self->fd, SLOTPOOL_PURGE_KEY, HIGH_KEY, 0));
	stat = call_stat(self->fd);
	EXPECT_EQ(NR_SLOTS, stat.cold_slots);
	EXPECT_EQ(0, stat.held_pages);
	EXPECT_EQ(0, munmap(map, SLOT_SIZE));
}

TEST_F(compat32, gives_memory_back_when_asked)
{
	struct slotpool_alloc_args alloc;
	char *map;

	ASSERT_EQ(0, alloc_high_slot(self->fd, &alloc));
	map = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   (off_t)alloc.offset);
	ASSERT_NE(MAP_FAILED, map);
	map[0] = 'w';
	EXPECT_EQ(0, call_free_flags(self->fd, HIGH_SLOT, SLOTPOOL_FREE_DECOMMIT));
	EXPECT_EQ(0, call_stat(self->fd).held_pages);
	EXPECT_EQ(0, call_free_flags(self->fd, HIGH_SLOT, SLOTPOOL_FREE_IF_OWNED));
	EXPECT_EQ(0, munmap(map, SLOT_SIZE));
}

TEST_F(compat32, makes_and_shares_images)
{
	static const char text[] = "a 32-bit address";
	const struct slotpool_image_range range = {
		.offset = 8 * PAGE + 1,
		.length = sizeof(text),
		.address = (uintptr_t)text,
	};
	int image = call_image_memory(self->fd, 12 * PAGE, &range, 1);
	int file = call_export(self->fd, image);
	int slot = call_alloc_image(self->fd, image);
	char *map;

	ASSERT_GE(slot, 0);
	map = mmap(NULL, SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   (off_t)(slot * SLOT_STRIDE));
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_STREQ(text, map + range.offset);
	EXPECT_FALSE(can_read(map + 12 * PAGE));
	EXPECT_EQ(image, call_import(self->fd, file));
	EXPECT_EQ(0, call_release(self->fd, image));
	map[0] = 'x';
	EXPECT_GT(call_image_slot(self->fd, slot), 0);
	EXPECT_EQ(PAGE, call_free(self->fd, slot));
	EXPECT_EQ(1, call_release(self->fd, image));
	EXPECT_EQ(0, close(file));
	EXPECT_EQ(0, munmap(map, SLOT_SIZE));
}

TEST_F(compat32, gets_the_same_errors)
{
	struct slotpool_list_args list = { .entries = 1ULL << 32, .nr_entries = 1 };
	struct slotpool_info_args info = { .size = sizeof(info) - 4 };
	struct slotpool_alloc_args alloc;
	int slot = call_alloc_any(self->fd);

	ASSERT_GE(slot, 0);
	EXPECT_EQ(-EBUSY, call_alloc_exact(self->fd, slot));
	EXPECT_EQ(-EINVAL, call_alloc_exact(self->fd, NR_SLOTS));
	EXPECT_EQ(-EINVAL, call_alloc_limit(self->fd, SLOT_SIZE + PAGE));
	/* Valid if only the lower half is looked at */
	EXPECT_EQ(-EINVAL, call_alloc_limit(self->fd, (1ULL << 32) + PAGE));
	EXPECT_EQ(-EINVAL, call_resize(self->fd, slot, 0, (1ULL << 32) + PAGE));
	EXPECT_EQ(-EINVAL, call_alloc(self->fd, (struct slotpool_alloc_args){ .key = 1ULL << 32 }));
	EXPECT_EQ(-EOPNOTSUPP, call_alloc(self->fd, (struct slotpool_alloc_args){
							    .flags = SLOTPOOL_ALLOC_COMMIT,
							    .commit = PAGE }));
	EXPECT_EQ(-ENOENT, call_reset(self->fd, HIGH_SLOT));
	EXPECT_EQ(-ENOENT, call_free(self->fd, HIGH_SLOT));
	EXPECT_EQ(-ENOENT, call_resize(self->fd, HIGH_SLOT, 0, PAGE));
	EXPECT_EQ(-ENOENT, call_purge(self->fd, SLOTPOOL_PURGE_SLOT, 0, slot));
	EXPECT_EQ(-EINVAL, call_purge(self->fd, 8, 0, 0));

	ASSERT_EQ(-1, ioctl(self->fd, SLOTPOOL_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, ioctl(self->fd, SLOTPOOL_INFO, NULL));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(-1, ioctl(self->fd, SLOTPOOL_INFO, UINT32_MAX));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(-1, ioctl(self->fd, SLOTPOOL_SEAL + 1, &info));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-EFAULT, call_command(self->fd, SLOTPOOL_LIST, &list));

	ASSERT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd,
				   (off_t)(NR_SLOTS * SLOT_STRIDE)));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, alloc_high_slot(self->fd, &alloc));
	EXPECT_EQ(-EBUSY, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	EXPECT_EQ(2, call_stat(self->fd).used_slots);
}

TEST_HARNESS_MAIN
