/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library's behaviour with either backend. A program that includes this defines
 * library_load() and library_unload(), which make pools for slotpool_open() to find;
 * RESERVE_PAGES, the pages that their reserve has; and variants of pools.
 */
#ifndef SELFTESTS_LIBRARY_TESTS_H
#define SELFTESTS_LIBRARY_TESTS_H

#include <slotpool.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define NR_SLOTS 8
#define SLOT (16 * PAGE)
#define STRIDE (20 * PAGE)
#define GEOMETRY "nr_slots=8 slot_size=64K slot_stride=80K nr_shards=1 "

/* Makes pools with these parameters; returns 0 or -errno. */
static int library_load(const char *parameters);
static int library_unload(void);

/* Returns the number of VMAs of the pool in this process. */
static int count_vmas(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int nr = 0;

	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, POOL_DEVICE))
			nr++;
	}
	fclose(maps);
	return nr;
}

/* Pages of address space, whatever they are used for. */
static long count_pages(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long pages = -1;

	if (!statm)
		return -1;
	if (fscanf(statm, "%ld", &pages) != 1)
		pages = -1;
	fclose(statm);
	return pages;
}

/* Takes one particular slot; returns 0 or -errno. */
static int alloc_exact(struct slotpool *pool, uint32_t slot)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_EXACT, .slot = slot };

	return slotpool_alloc(pool, &alloc);
}

/* Takes a slot that starts as an image; returns it or -errno. */
static int alloc_image(struct slotpool *pool, uint32_t image)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = image };
	int ret = slotpool_alloc(pool, &alloc);

	return ret ? ret : (int)alloc.slot;
}

/* Makes an image of @nr_pages pages of one byte value; returns 0 or -errno. */
static int image_of_bytes(struct slotpool *pool, char value, size_t nr_pages, uint32_t *image)
{
	char bytes[nr_pages * PAGE];
	struct slotpool_image_range range = {
		.length = sizeof(bytes),
		.address = (uintptr_t)bytes,
	};

	memset(bytes, value, sizeof(bytes));
	return slotpool_image_memory(pool, &range, 1, sizeof(bytes), image, NULL);
}

TEST(closing_nothing_is_allowed)
{
	slotpool_close(NULL);
}

#if SLOTPOOL_MAKE_VERSION(0, 1, 0) > SLOTPOOL_VERSION
#error "the preprocessor compares versions"
#endif

TEST(the_linked_version_is_that_of_the_header)
{
	ASSERT_EQ(SLOTPOOL_VERSION, slotpool_version());
	ASSERT_EQ(SLOTPOOL_VERSION_MAJOR, slotpool_version() >> 16);
	ASSERT_EQ(SLOTPOOL_VERSION_MINOR, slotpool_version() >> 8 & 255);
	ASSERT_EQ(SLOTPOOL_VERSION_PATCH, slotpool_version() & 255);
	ASSERT_LT(slotpool_version(), SLOTPOOL_MAKE_VERSION(SLOTPOOL_VERSION_MAJOR + 1, 0, 0));
}

FIXTURE(library)
{
	struct slotpool *pool;
};

FIXTURE_VARIANT(library)
{
	const char *parameters;
};

FIXTURE_SETUP(library)
{
	ASSERT_EQ(0, library_load(variant->parameters));
	ASSERT_EQ(0, slotpool_open(NULL, &self->pool));
}

FIXTURE_TEARDOWN(library)
{
	slotpool_close(self->pool);
	EXPECT_EQ(0, count_vmas());
	EXPECT_EQ(0, library_unload());
}

TEST_F(library, what_is_sealed_off_is_refused)
{
	uint64_t kept = SLOTPOOL_SEAL_KEEP(SLOTPOOL_FREE) | SLOTPOOL_SEAL_KEEP(SLOTPOOL_SEAL);
	uint64_t left;

	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	ASSERT_EQ(-EINVAL, slotpool_seal(self->pool, SLOTPOOL_SEAL_MMAP << 1, kept, &left));
	ASSERT_EQ(0, slotpool_seal(self->pool, SLOTPOOL_SEAL_MMAP, kept, &left));
	ASSERT_EQ(kept, left);
	ASSERT_EQ(-EACCES, slotpool_reset(self->pool, 0, NULL));
	ASSERT_EQ(-EACCES, slotpool_map(self->pool, 0, 1));
	ASSERT_EQ(0, slotpool_free(self->pool, 0, 0, NULL));
	ASSERT_EQ(-EACCES, alloc_exact(self->pool, 0));
	ASSERT_EQ(0, slotpool_seal(self->pool, 0, ~0ULL, NULL));
	ASSERT_EQ(-EACCES, alloc_exact(self->pool, 0));
}

TEST_F(library, a_pool_can_be_opened_twice)
{
	struct slotpool *pool;

	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	slotpool_close(pool);
}

TEST_F(library, the_geometry_is_the_pools)
{
	const struct slotpool_info_args *info = slotpool_info(self->pool);

	ASSERT_EQ(NR_SLOTS, info->nr_slots);
	ASSERT_EQ(SLOT, info->slot_size);
	ASSERT_EQ(STRIDE, info->slot_stride);
	ASSERT_EQ(8, info->max_unused_warm_slots);
	ASSERT_EQ(RESERVE_PAGES, info->reserve_pages);
	ASSERT_EQ(1, info->nr_shards);
	ASSERT_EQ(PAGE, info->page_size);
}

TEST_F(library, a_request_takes_a_slot_and_gives_it_back)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = 7,
		.limit = 2 * PAGE,
	};
	uint64_t held = 0;
	char *memory;
	uint32_t slot;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_COLD, alloc.placement);
	slot = alloc.slot;
	ASSERT_EQ(slot * STRIDE, alloc.offset);

	memory = slotpool_address(self->pool, slot);
	ASSERT_NE(NULL, memory);
	ASSERT_TRUE(all_bytes(memory, 2 * PAGE, 0));
	ASSERT_FALSE(can_read(memory + 2 * PAGE));
	memset(memory, 'x', 2 * PAGE);

	ASSERT_EQ(0, slotpool_reset(self->pool, slot, &held));
	ASSERT_EQ(2 * PAGE, held);
	ASSERT_TRUE(all_bytes(memory, 2 * PAGE, 0));

	memory[0] = 'y';
	held = 0;
	ASSERT_EQ(0, slotpool_free(self->pool, slot, 0, &held));
	ASSERT_EQ(2 * PAGE, held);

	alloc = (struct slotpool_alloc_args){ .flags = SLOTPOOL_ALLOC_KEY, .key = 7 };
	ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_AFFINE, alloc.placement);
	ASSERT_EQ(slot, alloc.slot);
	ASSERT_TRUE(all_bytes(memory, SLOT, 0));
	ASSERT_EQ(0, slotpool_free(self->pool, slot, SLOTPOOL_FREE_DECOMMIT, &held));
	ASSERT_EQ(0, held);
}

TEST_F(library, results_that_nobody_wants_are_optional)
{
	uint32_t image;

	ASSERT_EQ(0, alloc_exact(self->pool, 3));
	ASSERT_EQ(0, slotpool_reset(self->pool, 3, NULL));
	ASSERT_EQ(0, slotpool_resize(self->pool, 3, 0, PAGE, 0, NULL));
	ASSERT_EQ(0, slotpool_image_slot(self->pool, 3, &image, NULL));
	ASSERT_EQ(0, slotpool_free(self->pool, 3, 0, NULL));
}

TEST_F(library, errors_of_the_kernel_are_passed_on)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = 1 };
	uint64_t untouched = 42;
	int i;

	ASSERT_EQ(-EINVAL, slotpool_alloc(self->pool, &alloc));
	ASSERT_EQ(-ENOENT, slotpool_reset(self->pool, 0, &untouched));
	ASSERT_EQ(-EINVAL, slotpool_reset(self->pool, NR_SLOTS, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_free(self->pool, 0, 0, &untouched));
	ASSERT_EQ(-EINVAL, slotpool_free(self->pool, 0, 1U << 31, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_resize(self->pool, 0, 0, PAGE, 0, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_purge_slot(self->pool, 0));
	ASSERT_EQ(42, untouched);

	for (i = 0; i < NR_SLOTS; i++)
		ASSERT_EQ(0, alloc_exact(self->pool, i));
	ASSERT_EQ(-EBUSY, alloc_exact(self->pool, 0));
	alloc = (struct slotpool_alloc_args){ .flags = 0 };
	ASSERT_EQ(-ENOSPC, slotpool_alloc(self->pool, &alloc));
}

TEST_F(library, a_slot_is_its_owners_alone)
{
	struct slotpool *other;
	uint32_t image;

	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, alloc_exact(self->pool, 3));
	EXPECT_EQ(-ENOENT, slotpool_reset(other, 3, NULL));
	EXPECT_EQ(-ENOENT, slotpool_resize(other, 3, 0, PAGE, 0, NULL));
	EXPECT_EQ(-ENOENT, slotpool_image_slot(other, 3, &image, NULL));
	EXPECT_EQ(-ENOENT, slotpool_free(other, 3, 0, NULL));
	EXPECT_EQ(-EBUSY, alloc_exact(other, 3));

	ASSERT_EQ(0, slotpool_free(self->pool, 3, 0, NULL));
	EXPECT_EQ(-ENOENT, slotpool_reset(self->pool, 3, NULL));
	EXPECT_EQ(-ENOENT, slotpool_resize(self->pool, 3, 0, PAGE, 0, NULL));
	EXPECT_EQ(-ENOENT, slotpool_image_slot(self->pool, 3, &image, NULL));
	EXPECT_EQ(-ENOENT, slotpool_free(self->pool, 3, 0, NULL));
	EXPECT_EQ(-ENOENT, slotpool_purge_slot(other, 3));
	EXPECT_EQ(0, slotpool_purge(other));
	EXPECT_EQ(1, slotpool_purge(self->pool));
	slotpool_close(other);
}

TEST_F(library, freeing_what_is_not_owned_can_be_allowed)
{
	uint64_t held = 42;

	ASSERT_EQ(0, slotpool_free(self->pool, 0, SLOTPOOL_FREE_IF_OWNED, &held));
	ASSERT_EQ(0, held);
}

TEST_F(library, resize_tells_the_old_limit)
{
	uint64_t old = 0;
	char *memory;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 2));
	memory = slotpool_address(self->pool, 2);

	ASSERT_EQ(0, slotpool_resize(self->pool, 2, 0, PAGE, 0, &old));
	ASSERT_EQ(SLOT, old);
	ASSERT_FALSE(can_write(memory + PAGE));
	ASSERT_EQ(0, slotpool_resize(self->pool, 2, SLOTPOOL_RESIZE_GROW_ONLY, 3 * PAGE, 0, &old));
	ASSERT_EQ(PAGE, old);
	ASSERT_TRUE(can_write(memory + PAGE));
	ASSERT_EQ(0, slotpool_resize(self->pool, 2, SLOTPOOL_RESIZE_GROW_ONLY, PAGE, 0, &old));
	ASSERT_EQ(3 * PAGE, old);
	ASSERT_TRUE(can_write(memory + PAGE));
}

TEST_F(library, purge_tells_how_many_slots)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_KEY };
	uint32_t slots[6];
	int i;

	for (i = 0; i < 6; i++) {
		alloc = (struct slotpool_alloc_args){ .flags = SLOTPOOL_ALLOC_KEY, .key = i / 3 };
		ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
		slots[i] = alloc.slot;
	}
	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, slotpool_free(self->pool, slots[i], 0, NULL));

	ASSERT_EQ(1, slotpool_purge_slot(self->pool, slots[0]));
	ASSERT_EQ(2, slotpool_purge_key(self->pool, 0));
	ASSERT_EQ(3, slotpool_purge(self->pool));
	ASSERT_EQ(0, slotpool_purge(self->pool));
}

TEST_F(library, an_image_of_memory_has_zeros_between_its_ranges)
{
	struct slotpool_image_range ranges[] = {
		{ .offset = 2 * PAGE + 100, .length = 4, .address = (uintptr_t)"data" },
		{ .offset = 10, .length = 6, .address = (uintptr_t)"rodata" },
	};
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE };
	char expected[3 * PAGE] = { 0 };
	uint64_t stored = 0;
	char *memory;
	int round;

	memcpy(expected + 10, "rodata", 6);
	memcpy(expected + 2 * PAGE + 100, "data", 4);
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_image_memory(self->pool, ranges, 2, sizeof(expected), &alloc.image,
					   &stored));
	ASSERT_EQ(2 * PAGE, stored);

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
		ASSERT_EQ(round ? SLOTPOOL_CONTENTS_KEPT : SLOTPOOL_CONTENTS_NEW, alloc.contents);
		memory = slotpool_address(self->pool, alloc.slot);
		ASSERT_EQ(0, memcmp(expected, memory, sizeof(expected)));
		ASSERT_FALSE(can_read(memory + sizeof(expected)));
		memset(memory, 'x', sizeof(expected));
		ASSERT_EQ(0, slotpool_reset(self->pool, alloc.slot, NULL));
		ASSERT_EQ(0, memcmp(expected, memory, sizeof(expected)));
		memset(memory, 'y', sizeof(expected));
		ASSERT_EQ(0, slotpool_free(self->pool, alloc.slot, 0, NULL));
	}
}

TEST_F(library, an_image_of_a_file_has_the_range_asked_for)
{
	int file = memfd_create("image", MFD_CLOEXEC);
	struct slotpool_file_range range = {
		.file_offset = 3,
		.image_offset = PAGE + 7,
		.length = 3,
	};
	char expected[2 * PAGE] = { 0 };
	uint64_t stored = 0;
	uint32_t image = 0;
	int slot;

	ASSERT_EQ(10, pwrite(file, "0123456789", 10, 0));
	memcpy(expected + PAGE + 7, "345", 3);
	ASSERT_EQ(0, slotpool_image_file(self->pool, file, &range, sizeof(expected), &image,
					 &stored));
	ASSERT_EQ(PAGE, stored);
	ASSERT_EQ(0, close(file));

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	slot = alloc_image(self->pool, image);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, memcmp(expected, slotpool_address(self->pool, slot), sizeof(expected)));
}

TEST_F(library, an_unset_field_of_a_file_range_is_zero)
{
	struct slotpool_file_range range = { .length = 3 };
	int file = memfd_create("image", MFD_CLOEXEC);
	uint64_t stored;
	uint32_t image;
	char *memory;
	int slot;

	ASSERT_EQ(5, pwrite(file, "01234", 5, 0));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_image_file(self->pool, file, &range, PAGE, &image, NULL));
	slot = alloc_image(self->pool, image);
	ASSERT_GE(slot, 0);
	memory = slotpool_address(self->pool, slot);
	EXPECT_EQ(0, memcmp(memory, "012", 3));
	EXPECT_TRUE(all_bytes(memory + 3, PAGE - 3, 0));

	range = (struct slotpool_file_range){ .file_offset = 1, .image_offset = 7 };
	ASSERT_EQ(0, slotpool_image_file(self->pool, file, &range, PAGE, &image, &stored));
	EXPECT_EQ(0, stored);
	ASSERT_EQ(0, close(file));
}

TEST_F(library, an_image_of_a_slot_is_a_snapshot)
{
	uint64_t stored = 0, old = 0;
	uint32_t image = 0;
	char *memory;
	int slot;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 3));
	ASSERT_EQ(0, slotpool_resize(self->pool, 3, 0, 4 * PAGE, 0, NULL));
	memory = slotpool_address(self->pool, 3);
	memset(memory + PAGE, 's', PAGE);
	ASSERT_EQ(0, slotpool_image_slot(self->pool, 3, &image, &stored));
	ASSERT_EQ(PAGE, stored);
	memset(memory, 'x', 4 * PAGE);

	slot = alloc_image(self->pool, image);
	ASSERT_GE(slot, 0);
	memory = slotpool_address(self->pool, slot);
	ASSERT_TRUE(all_bytes(memory, PAGE, 0));
	ASSERT_TRUE(all_bytes(memory + PAGE, PAGE, 's'));
	ASSERT_TRUE(all_bytes(memory + 2 * PAGE, 2 * PAGE, 0));
	ASSERT_EQ(0, slotpool_resize(self->pool, slot, SLOTPOOL_RESIZE_GROW_ONLY, 0, 0, &old));
	ASSERT_EQ(4 * PAGE, old);
}

TEST_F(library, a_snapshot_is_as_long_as_the_limit)
{
	uint32_t image, snapshot;
	uint64_t stored, old;
	int slot;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 4, &image));
	slot = alloc_image(self->pool, image);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, slotpool_resize(self->pool, slot, 0, 2 * PAGE, 0, NULL));
	ASSERT_EQ(0, slotpool_image_slot(self->pool, slot, &snapshot, &stored));
	EXPECT_EQ(2 * PAGE, stored);
	slot = alloc_image(self->pool, snapshot);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, slotpool_resize(self->pool, slot, 0, PAGE, 0, &old));
	EXPECT_EQ(2 * PAGE, old);
}

TEST_F(library, an_exported_image_is_imported_by_another_client)
{
	uint32_t image = 0, imported = 0, again = 0;
	struct slotpool *other;
	uint64_t length = 0;
	int fd, slot;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 2, &image));
	fd = slotpool_export(self->pool, image);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, slotpool_release(self->pool, image));

	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, slotpool_import(other, fd, &imported, &length));
	ASSERT_EQ(2 * PAGE, length);
	ASSERT_EQ(0, slotpool_import(other, fd, &again, NULL));
	ASSERT_EQ(imported, again);
	ASSERT_EQ(0, close(fd));

	ASSERT_EQ(0, slotpool_map(other, 0, NR_SLOTS));
	slot = alloc_image(other, imported);
	ASSERT_GE(slot, 0);
	ASSERT_TRUE(all_bytes(slotpool_address(other, slot), 2 * PAGE, 'i'));
	slotpool_close(other);
}

TEST_F(library, what_an_image_leaves_behind_is_purged)
{
	uint32_t image = 0;
	int slots[3], i;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 1, &image));
	for (i = 0; i < 3; i++) {
		slots[i] = alloc_image(self->pool, image);
		ASSERT_GE(slots[i], 0);
	}
	ASSERT_EQ(0, alloc_exact(self->pool, 7));
	ASSERT_EQ(0, slotpool_free(self->pool, 7, 0, NULL));
	ASSERT_EQ(0, slotpool_free(self->pool, slots[0], 0, NULL));
	ASSERT_EQ(1, slotpool_purge_image(self->pool, image));
	ASSERT_EQ(0, slotpool_purge_image(self->pool, image));

	ASSERT_EQ(0, slotpool_free(self->pool, slots[1], 0, NULL));
	ASSERT_EQ(0, slotpool_free(self->pool, slots[2], 0, NULL));
	ASSERT_EQ(2, slotpool_release(self->pool, image));
	ASSERT_EQ(-ENOENT, slotpool_release(self->pool, image));
	ASSERT_EQ(1, slotpool_purge(self->pool));
}

TEST_F(library, an_image_goes_with_its_last_user)
{
	struct slotpool_stat_args stat;
	uint32_t image, again;
	int fd, slot;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 3, &image));
	fd = slotpool_export(self->pool, image);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, slotpool_import(self->pool, fd, &again, NULL));
	ASSERT_EQ(0, close(fd));
	slot = alloc_image(self->pool, image);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	EXPECT_EQ(1, stat.client_images);
	EXPECT_EQ(3, stat.client_image_pages);

	ASSERT_EQ(0, slotpool_release(self->pool, image));
	ASSERT_EQ(0, slotpool_release(self->pool, image));
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	EXPECT_EQ(0, stat.client_images);
	EXPECT_EQ(3, stat.client_image_pages);
	EXPECT_EQ(1, stat.images);
	EXPECT_EQ(3, stat.image_pages);

	ASSERT_EQ(0, slotpool_free(self->pool, slot, SLOTPOOL_FREE_DECOMMIT, NULL));
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	EXPECT_EQ(0, stat.client_image_pages);
	EXPECT_EQ(0, stat.images);
	EXPECT_EQ(0, stat.image_pages);
}

TEST_F(library, errors_about_images_are_passed_on)
{
	struct slotpool_image_range range = { .length = PAGE };
	struct slotpool_file_range file_range = { .length = PAGE };
	int file = memfd_create("no image", MFD_CLOEXEC);
	uint64_t untouched = 42;
	uint32_t image = 42;

	ASSERT_EQ(-EFAULT,
		  slotpool_image_memory(self->pool, &range, 1, PAGE, &image, &untouched));
	ASSERT_EQ(-EINVAL, slotpool_image_memory(self->pool, NULL, 0, 1, &image, &untouched));
	ASSERT_EQ(-EBADF,
		  slotpool_image_file(self->pool, -1, &file_range, PAGE, &image, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_image_slot(self->pool, 0, &image, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_export(self->pool, 42));
	ASSERT_EQ(-EBADF, slotpool_import(self->pool, -1, &image, &untouched));
	ASSERT_EQ(-EINVAL, slotpool_import(self->pool, file, &image, &untouched));
	ASSERT_EQ(-ENOENT, slotpool_release(self->pool, 42));
	ASSERT_EQ(-ENOENT, slotpool_purge_image(self->pool, 42));
	ASSERT_EQ(42, untouched);
	ASSERT_EQ(42, image);
}

TEST_F(library, list_goes_on_where_it_stopped)
{
	struct slotpool_list_entry entries[2];
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT,
		.key = 9,
		.slot = 6,
		.limit = PAGE,
	};
	uint32_t first = 0;

	ASSERT_EQ(0, slotpool_list(self->pool, &first, entries, 2));
	ASSERT_EQ(NR_SLOTS, first);

	ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
	ASSERT_EQ(0, alloc_exact(self->pool, 1));
	ASSERT_EQ(0, alloc_exact(self->pool, 4));

	first = 0;
	ASSERT_EQ(2, slotpool_list(self->pool, &first, entries, 2));
	ASSERT_EQ(1, entries[0].slot);
	ASSERT_EQ(0, entries[0].flags);
	ASSERT_EQ(SLOT, entries[0].limit);
	ASSERT_EQ(4, entries[1].slot);
	ASSERT_EQ(1, slotpool_list(self->pool, &first, entries, 2));
	ASSERT_EQ(6, entries[0].slot);
	ASSERT_EQ(SLOTPOOL_LIST_KEY, entries[0].flags);
	ASSERT_EQ(9, entries[0].key);
	ASSERT_EQ(PAGE, entries[0].limit);
	ASSERT_EQ(NR_SLOTS, first);
}

TEST_F(library, stat_counts_for_the_whole_pool)
{
	struct slotpool *other;
	struct slotpool_stat_args stat;

	memset(&stat, 0xff, sizeof(stat));
	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	ASSERT_EQ(0, alloc_exact(self->pool, 1));
	*(char *)slotpool_address(self->pool, 0) = 'x';
	ASSERT_EQ(0, slotpool_free(self->pool, 1, SLOTPOOL_FREE_DECOMMIT, NULL));

	ASSERT_EQ(0, slotpool_stat(other, &stat));
	EXPECT_EQ(1, stat.used_slots);
	EXPECT_EQ(NR_SLOTS - 1, stat.warm_slots + stat.cold_slots);
	EXPECT_EQ(1, stat.held_pages);
	EXPECT_EQ(RESERVE_PAGES ? RESERVE_PAGES - 1 : 0, stat.reserve_free_pages);
	EXPECT_EQ(2, stat.cold_allocs);
	EXPECT_EQ(1, stat.frees);
	EXPECT_EQ(0, stat.client_pages);
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	EXPECT_EQ(1, stat.client_pages);
	slotpool_close(other);
}

TEST_F(library, close_frees_what_was_allocated)
{
	struct slotpool_stat_args stat;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	*(char *)slotpool_address(self->pool, 0) = 'x';
	slotpool_close(self->pool);
	ASSERT_EQ(0, count_vmas());

	ASSERT_EQ(0, slotpool_open(NULL, &self->pool));
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	ASSERT_EQ(NR_SLOTS, stat.cold_slots);
	ASSERT_EQ(0, stat.held_pages);
}

TEST_F(library, only_a_range_inside_the_pool_can_be_mapped)
{
	ASSERT_EQ(-EINVAL, slotpool_map(self->pool, 0, 0));
	ASSERT_EQ(-EINVAL, slotpool_map(self->pool, NR_SLOTS, 1));
	ASSERT_EQ(-EINVAL, slotpool_map(self->pool, 0, NR_SLOTS + 1));
	ASSERT_EQ(-EINVAL, slotpool_map(self->pool, 1, NR_SLOTS));
	ASSERT_EQ(-EINVAL, slotpool_map(self->pool, UINT32_MAX, UINT32_MAX));
	ASSERT_EQ(0, slotpool_map(self->pool, NR_SLOTS - 1, 1));
}

TEST_F(library, only_one_range_can_be_mapped)
{
	ASSERT_EQ(0, slotpool_map(self->pool, 0, 2));
	ASSERT_EQ(-EBUSY, slotpool_map(self->pool, 2, 2));
	ASSERT_EQ(-EBUSY, slotpool_map(self->pool, 0, 0));
}

TEST_F(library, addresses_are_those_of_mapped_slots)
{
	char *base;
	uint32_t i;

	ASSERT_EQ(NULL, slotpool_address(self->pool, 0));
	ASSERT_EQ(0, slotpool_map(self->pool, 2, 3));
	base = slotpool_address(self->pool, 2);
	ASSERT_NE(NULL, base);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(base + i * STRIDE, slotpool_address(self->pool, 2 + i));
	ASSERT_EQ(NULL, slotpool_address(self->pool, 1));
	ASSERT_EQ(NULL, slotpool_address(self->pool, 5));
	ASSERT_EQ(NULL, slotpool_address(self->pool, UINT32_MAX));
}

TEST_F(library, slots_outlive_a_mapping)
{
	char *memory;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 5));
	memset(slotpool_address(self->pool, 5), 'x', SLOT);
	memory = slotpool_address(self->pool, 5);
	slotpool_unmap(self->pool);
	slotpool_unmap(self->pool);
	ASSERT_EQ(0, count_vmas());
	ASSERT_FALSE(can_write(memory));
	ASSERT_EQ(NULL, slotpool_address(self->pool, 5));

	ASSERT_EQ(0, slotpool_map(self->pool, 4, 2));
	memory = slotpool_address(self->pool, 5);
	ASSERT_TRUE(all_bytes(memory, SLOT, 'x'));
	ASSERT_TRUE(can_write(memory + SLOT - 1));
	ASSERT_FALSE(can_read(memory + SLOT));
}

TEST_F(library, what_happens_to_slots_between_mappings_is_seen)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE };
	uint32_t snapshot;
	char *memory;
	int i, slot;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 4, &alloc.image));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
		ASSERT_EQ(i, alloc.slot);
		memset(slotpool_address(self->pool, i), 'x', 3 * PAGE);
	}
	slotpool_unmap(self->pool);
	ASSERT_EQ(0, slotpool_resize(self->pool, 0, 0, PAGE, 0, NULL));
	ASSERT_EQ(0, slotpool_resize(self->pool, 0, 0, 6 * PAGE, 0, NULL));
	ASSERT_EQ(0, slotpool_reset(self->pool, 1, NULL));
	ASSERT_EQ(0, slotpool_image_slot(self->pool, 2, &snapshot, NULL));
	ASSERT_EQ(0, slotpool_free(self->pool, 3, 0, NULL));
	slot = alloc_image(self->pool, snapshot);
	ASSERT_EQ(4, slot);

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	memory = slotpool_address(self->pool, 0);
	EXPECT_TRUE(all_bytes(memory, PAGE, 'x'));
	EXPECT_TRUE(all_bytes(memory + PAGE, 3 * PAGE, 'i'));
	EXPECT_TRUE(all_bytes(memory + 4 * PAGE, 2 * PAGE, 0));
	EXPECT_FALSE(can_read(memory + 6 * PAGE));
	EXPECT_TRUE(all_bytes(slotpool_address(self->pool, 1), 4 * PAGE, 'i'));
	for (i = 2; i < 5; i += 2) {
		memory = slotpool_address(self->pool, i);
		EXPECT_TRUE(all_bytes(memory, 3 * PAGE, 'x'));
		EXPECT_TRUE(all_bytes(memory + 3 * PAGE, PAGE, 'i'));
	}
	ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
	ASSERT_EQ(3, alloc.slot);
	EXPECT_TRUE(all_bytes(slotpool_address(self->pool, 3), 4 * PAGE, 'i'));
}

TEST_F(library, stray_accesses_raise_sigsegv)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_EXACT,
		.slot = 3,
		.limit = 2 * PAGE,
	};
	struct slotpool *other;
	char *memory;

	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, slotpool_map(other, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_alloc(self->pool, &alloc));
	memory = slotpool_address(self->pool, 3);

	EXPECT_EQ(0, access_write(memory + 2 * PAGE - 1));
	EXPECT_EQ(SIGSEGV, access_read(memory + 2 * PAGE));
	EXPECT_EQ(SIGSEGV, access_write(memory + 2 * PAGE));
	EXPECT_EQ(SIGSEGV, access_read(memory + SLOT));
	EXPECT_EQ(SIGSEGV, access_write(memory + STRIDE - 1));
	EXPECT_EQ(SIGSEGV, access_write(memory - 1));
	EXPECT_EQ(SIGSEGV, access_read(slotpool_address(self->pool, 4)));
	EXPECT_EQ(SIGSEGV, access_write(slotpool_address(other, 3)));

	/* It goes to the other handle, and holds nothing of the first one. */
	ASSERT_EQ(0, slotpool_free(self->pool, 3, 0, NULL));
	ASSERT_EQ(0, slotpool_alloc(other, &alloc));
	EXPECT_TRUE(all_bytes(slotpool_address(other, 3), 2 * PAGE, 0));
	EXPECT_EQ(0, access_write(slotpool_address(other, 3)));
	EXPECT_EQ(SIGSEGV, access_read(memory));
	slotpool_close(other);
}

TEST_F(library, a_mapping_that_fails_leaves_nothing_behind)
{
	int status;
	pid_t child;

	/* Binds the file to this process. */
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		long before = count_pages();

		if (slotpool_map(self->pool, 0, NR_SLOTS) != -EPERM)
			_exit(1);
		if (before < 0 || count_pages() != before)
			_exit(2);
		_exit(slotpool_address(self->pool, 0) ? 3 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
}

TEST_F(library, closing_in_a_child_unmaps_nothing_of_its_own)
{
	char *memory;
	int status;
	pid_t child;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	memory = slotpool_address(self->pool, 0);
	*memory = 'x';
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		/* Takes a place that the mapping has in the parent. */
		if (mmap(memory, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != memory)
			_exit(1);
		slotpool_close(self->pool);
		_exit(can_write(memory) ? 0 : 2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ('x', *memory);
}

/* 781 TiB, where a process has 128 */
TEST(a_pool_larger_than_the_address_space_is_used_by_ranges)
{
	const uint32_t nr_slots = 100000;
	struct slotpool *pool;
	long before;
	char *memory;

	ASSERT_EQ(0, library_load("nr_slots=100000 slot_size=4G slot_stride=8G"));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	before = count_pages();
	ASSERT_EQ(-ENOMEM, slotpool_map(pool, 0, nr_slots));
	ASSERT_EQ(before, count_pages());

	ASSERT_EQ(0, slotpool_map(pool, nr_slots - 1000, 1000));
	ASSERT_EQ(0, alloc_exact(pool, nr_slots - 1));
	memory = slotpool_address(pool, nr_slots - 1);
	memory[(4UL << 30) - 1] = 'x';
	ASSERT_EQ('x', memory[(4UL << 30) - 1]);
	ASSERT_FALSE(can_read(memory + (4UL << 30)));

	slotpool_close(pool);
	ASSERT_EQ(0, library_unload());
}

#endif /* SELFTESTS_LIBRARY_TESTS_H */
