// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images: their sources, and slots that start with their contents and return to them.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/kernel_log.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define SLOT_PAGES 32
#define SLOT (SLOT_PAGES * PAGE)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 8
#define GEOMETRY "nr_slots=8 slot_size=128K nr_shards=1 max_unused_warm_slots=8 "
#define BOUNDS "max_image_bytes=16K max_client_image_bytes=32K max_pool_image_bytes=48K"

static char bytes[SLOT];

/* Bytes that differ from page to page and within each, and are never zero. */
static void fill(char *to, size_t length, unsigned int seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		to[i] = 1 + (i + i / PAGE * 7 + seed) % 255;
}

FIXTURE(images)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(images)
{
	/* A test that failed can have kept it busy. */
	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY "reserve_pages=256"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, self->base);
	fill(bytes, SLOT, 0);
}

FIXTURE_TEARDOWN(images)
{
	EXPECT_EQ(0, munmap(self->base, NR_SLOTS * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* An image of some pages of bytes[]; returns its handle or -errno. */
static int image_of_pages(int fd, unsigned int nr_pages)
{
	struct slotpool_image_range range = {
		.length = nr_pages * PAGE,
		.address = (uintptr_t)bytes,
	};

	return call_image_memory(fd, nr_pages * PAGE, &range, 1);
}

TEST_F(images, a_slot_reads_as_its_image_and_holds_nothing)
{
	int image = image_of_pages(self->fd, 4);

	ASSERT_GT(image, 0);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(0, memcmp(self->base, bytes, 4 * PAGE));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
	ASSERT_EQ(4, call_stat(self->fd).image_pages);
}

TEST_F(images, the_limit_is_the_images_length_unless_asked_otherwise)
{
	int image = image_of_pages(self->fd, 4);
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_LIMIT,
		.image = image,
		.limit = 6 * PAGE,
	};

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(0, access_read(self->base + 4 * PAGE - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 4 * PAGE));
	ASSERT_EQ(4 * PAGE, call_resize(self->fd, 0, 0, 5 * PAGE));
	ASSERT_TRUE(all_bytes(self->base + 4 * PAGE, PAGE, 0));

	ASSERT_EQ(1, call_alloc(self->fd, alloc));
	ASSERT_EQ(0, memcmp(self->base + STRIDE, bytes, 4 * PAGE));
	ASSERT_TRUE(all_bytes(self->base + STRIDE + 4 * PAGE, 2 * PAGE, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + STRIDE + 6 * PAGE));

	alloc.limit = 2 * PAGE;
	ASSERT_EQ(2, call_alloc(self->fd, alloc));
	ASSERT_EQ(0, memcmp(self->base + 2 * STRIDE, bytes, 2 * PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 2 * STRIDE + 2 * PAGE));
}

TEST_F(images, a_write_makes_just_its_page_private_and_leaves_the_image_alone)
{
	int image = image_of_pages(self->fd, 4);

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(1, call_alloc_image(self->fd, image));
	/* A page that was read before, and one that was not. */
	ASSERT_EQ(bytes[PAGE], self->base[PAGE]);
	self->base[PAGE] = 0;
	self->base[2 * PAGE + 9] = 0;
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, self->base[PAGE]);
	ASSERT_EQ(0, memcmp(self->base + PAGE + 1, bytes + PAGE + 1, PAGE - 1));
	ASSERT_EQ(0, memcmp(self->base + 2 * PAGE, bytes + 2 * PAGE, 9));
	ASSERT_EQ(0, memcmp(self->base + STRIDE, bytes, 4 * PAGE));
}

TEST_F(images, reset_and_free_restore_what_was_written_and_nothing_else)
{
	int image = image_of_pages(self->fd, SLOT_PAGES);
	struct slotpool_stat_args before;
	int round;

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	memset(self->base + 3 * PAGE, 'x', 2 * PAGE);
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(0, memcmp(self->base, bytes, SLOT));

	before = call_stat(self->fd);
	for (round = 0; round < 5; round++) {
		self->base[3 * PAGE] = 'y';
		self->base[5 * PAGE - 1] = 'z';
		ASSERT_EQ(2 * PAGE, call_free(self->fd, 0));
		ASSERT_EQ(0, call_alloc_image(self->fd, image));
		ASSERT_EQ(0, memcmp(self->base, bytes, SLOT));
	}
	ASSERT_EQ(before.reset_pages + 10, call_stat(self->fd).reset_pages);
	ASSERT_EQ(before.affine_allocs + 5, call_stat(self->fd).affine_allocs);
	ASSERT_EQ(before.write_faults, call_stat(self->fd).write_faults);
}

TEST_F(images, a_shrunk_slot_that_grows_again_shows_its_image)
{
	int image = image_of_pages(self->fd, 8);

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	memset(self->base, 'x', 8 * PAGE);
	ASSERT_EQ(8 * PAGE, call_resize(self->fd, 0, 0, 3 * PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + 3 * PAGE));
	ASSERT_EQ(3 * PAGE, call_resize(self->fd, 0, 0, 8 * PAGE));
	ASSERT_TRUE(all_bytes(self->base, 3 * PAGE, 'x'));
	ASSERT_EQ(0, memcmp(self->base + 3 * PAGE, bytes + 3 * PAGE, 5 * PAGE));
}

TEST_F(images, alloc_says_whether_memory_was_kept)
{
	int image = image_of_pages(self->fd, 4);
	int other = image_of_pages(self->fd, 4);
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_EXACT,
		.image = image,
	};

	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_COLD, alloc.placement);
	ASSERT_EQ(SLOTPOOL_CONTENTS_NEW, alloc.contents);
	self->base[0] = 'x';
	ASSERT_EQ(PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_AFFINE, alloc.placement);
	ASSERT_EQ(SLOTPOOL_CONTENTS_KEPT, alloc.contents);
	ASSERT_EQ(PAGE, call_free(self->fd, 0));
	alloc.image = other;
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_RECYCLED, alloc.placement);
	ASSERT_EQ(SLOTPOOL_CONTENTS_NEW, alloc.contents);
}

TEST_F(images, a_slot_that_changes_its_image_shows_nothing_of_the_old_one)
{
	int images[3];
	int i, round;

	/* 0 is none: zeros. */
	images[0] = 0;
	images[1] = image_of_pages(self->fd, SLOT_PAGES);
	fill(bytes, SLOT, 99);
	images[2] = image_of_pages(self->fd, SLOT_PAGES);
	for (round = 0; round < 9; round++) {
		struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_EXACT };

		i = (round * 2 + round / 3) % 3;
		if (images[i]) {
			alloc.flags |= SLOTPOOL_ALLOC_IMAGE;
			alloc.image = images[i];
		}
		fill(bytes, SLOT, i == 2 ? 99 : 0);
		if (!i)
			memset(bytes, 0, SLOT);
		ASSERT_EQ(0, call_alloc(self->fd, alloc));
		/* Written where nothing was read, and the other way round. */
		self->base[(round % 4) * PAGE] ^= 0x55;
		bytes[(round % 4) * PAGE] ^= 0x55;
		ASSERT_EQ(0, memcmp(self->base, bytes, SLOT)) {
			TH_LOG("round %d", round);
		}
		memset(self->base + 5 * PAGE, 'c', 3 * PAGE);
		ASSERT_GE(call_free(self->fd, 0), 0);
	}
}

TEST_F(images, ranges_of_memory_go_where_they_belong)
{
	/* In no order; two in one page, one over three, one empty */
	const struct slotpool_image_range ranges[] = {
		{ .offset = 5 * PAGE - 3, .length = PAGE + 6, .address = (uintptr_t)bytes + 17 },
		{ .offset = 100, .length = 50, .address = (uintptr_t)bytes },
		{ .offset = 9 * PAGE, .length = 0, .address = 1 },
		{ .offset = 150, .length = 1, .address = (uintptr_t)bytes + 1000 },
	};
	static char expected[12 * PAGE];
	struct slotpool_image_args image = {
		.flags = SLOTPOOL_IMAGE_MEMORY,
		.length = sizeof(expected),
		.ranges = (uintptr_t)ranges,
		.nr_ranges = 4,
	};

	memcpy(expected + 5 * PAGE - 3, bytes + 17, PAGE + 6);
	memcpy(expected + 100, bytes, 50);
	expected[150] = bytes[1000];
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_IMAGE, &image));
	ASSERT_EQ(4 * PAGE, image.stored);
	ASSERT_EQ(sizeof(expected), image.length);
	/* The source may change. */
	memset(bytes, 'n', sizeof(bytes));
	ASSERT_EQ(0, call_alloc_image(self->fd, image.image));
	ASSERT_EQ(0, memcmp(self->base, expected, sizeof(expected)));
}

TEST_F(images, pages_of_zeros_are_not_stored)
{
	int image;

	memset(bytes + 2 * PAGE, 0, 3 * PAGE);
	image = image_of_pages(self->fd, 8);
	ASSERT_GT(image, 0);
	ASSERT_EQ(5, call_stat(self->fd).image_pages);
	ASSERT_EQ(5, call_stat(self->fd).client_image_pages);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(0, memcmp(self->base, bytes, 8 * PAGE));
}

TEST_F(images, a_range_of_a_file_goes_where_it_belongs)
{
	static char expected[8 * PAGE];
	const size_t skip = 123, length = 3 * PAGE + 77, offset = PAGE + 1000;
	bool sealed;

	memcpy(expected + offset, bytes + skip, length);
	for (sealed = false;; sealed = true) {
		int file = make_memfd(bytes, 6 * PAGE, sealed);
		struct slotpool_image_args image = {
			.flags = SLOTPOOL_IMAGE_FILE,
			.length = sizeof(expected),
			.offset = offset,
			.fd = file,
			.file_offset = skip,
			.file_length = length,
		};
		int slot;

		ASSERT_GE(file, 0);
		ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_IMAGE, &image));
		ASSERT_EQ(sealed ? 0 : 4 * PAGE, image.stored);
		/* Neither the file's position nor its descriptor plays a part. */
		ASSERT_EQ(6 * PAGE, lseek(file, 0, SEEK_CUR));
		if (!sealed)
			ASSERT_EQ(0, ftruncate(file, 0));
		ASSERT_EQ(0, close(file));
		slot = call_alloc_image(self->fd, image.image);
		ASSERT_GE(slot, 0);
		ASSERT_EQ(0, memcmp(self->base + slot * STRIDE, expected, sizeof(expected)));
		if (sealed)
			break;
	}
}

TEST_F(images, a_sealed_file_is_read_page_by_page_when_it_is_needed)
{
	int file = make_memfd(bytes, SLOT, true);
	int image = call_image_file(self->fd, SLOT, file);
	struct slotpool_stat_args stat;

	ASSERT_GT(image, 0);
	ASSERT_EQ(0, close(file));
	stat = call_stat(self->fd);
	ASSERT_EQ(0, stat.image_pages);
	ASSERT_EQ(SLOT_PAGES, stat.image_charged_pages);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(bytes[3 * PAGE], self->base[3 * PAGE]);
	self->base[7 * PAGE] = 'x';
	ASSERT_EQ(bytes[7 * PAGE + 1], self->base[7 * PAGE + 1]);
	stat = call_stat(self->fd);
	ASSERT_EQ(2, stat.image_pages);
	ASSERT_EQ(2, stat.image_reads);
	ASSERT_EQ(1, stat.held_pages);
	ASSERT_EQ(PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(0, memcmp(self->base, bytes, SLOT));
	ASSERT_EQ(SLOT_PAGES, call_stat(self->fd).image_pages);
}

TEST_F(images, a_file_that_can_still_change_is_read_at_once)
{
	const int seals[] = { F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seals); i++) {
		int file = make_memfd(bytes, 4 * PAGE, false);
		struct slotpool_image_args image = {
			.flags = SLOTPOOL_IMAGE_FILE,
			.length = 4 * PAGE,
			.fd = file,
			.file_length = 4 * PAGE,
		};

		ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, seals[i]));
		ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_IMAGE, &image));
		ASSERT_EQ(4 * PAGE, image.stored);
		ASSERT_EQ(0, close(file));
	}
}

/* Leaves pages that are not zeros where the kernel takes the next ones from. */
static void litter(void)
{
	const size_t length = 16UL << 20;
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);

	memset(memory, 'k', length);
	munmap(memory, length);
}

TEST_F(images, around_what_they_are_made_of_are_zeros)
{
	const struct slotpool_image_range range = {
		.offset = 3 * PAGE + 50,
		.length = 1,
		.address = (uintptr_t)bytes,
	};
	static char expected[4 * PAGE];
	struct slotpool_image_args image = {
		.flags = SLOTPOOL_IMAGE_FILE,
		.length = 4 * PAGE,
		.offset = range.offset,
		.file_length = 1,
	};
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	int i, slot, handle;
	static char buffer[PAGE];

	expected[range.offset] = bytes[0];
	for (i = 0; i < 3; i++) {
		litter();
		if (i) {
			image.fd = make_memfd(bytes, PAGE, i == 1);
			handle = call_image(self->fd, image);
			ASSERT_EQ(0, close(image.fd));
		} else {
			handle = call_image_memory(self->fd, 4 * PAGE, &range, 1);
		}
		ASSERT_GT(handle, 0);
		slot = call_alloc_image(self->fd, handle);
		ASSERT_GE(slot, 0);
		litter();
		ASSERT_EQ(PAGE, pread(mem, buffer, PAGE, (off_t)(self->base + slot * STRIDE)));
		ASSERT_TRUE(all_bytes(buffer, PAGE, 0));
		ASSERT_EQ(0, memcmp(self->base + slot * STRIDE, expected, 4 * PAGE));
	}
	ASSERT_EQ(0, close(mem));
}

TEST_F(images, a_snapshot_is_the_slot_as_it_stands)
{
	int image, snapshot, second;

	memset(bytes + 9 * PAGE, 0, PAGE);
	image = image_of_pages(self->fd, 12);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(12 * PAGE, call_resize(self->fd, 0, 0, 16 * PAGE));
	memset(bytes + 12 * PAGE, 0, 4 * PAGE);
	/* A page of the image, one of its zeros, one beyond it, and one with zeros. */
	bytes[2 * PAGE + 1] = 'a';
	self->base[2 * PAGE + 1] = 'a';
	bytes[9 * PAGE + 1] = 'b';
	self->base[9 * PAGE + 1] = 'b';
	bytes[14 * PAGE + 1] = 'c';
	self->base[14 * PAGE + 1] = 'c';
	memset(self->base + 4 * PAGE, 0, PAGE);
	memset(bytes + 4 * PAGE, 0, PAGE);
	snapshot = call_image_slot(self->fd, 0);
	ASSERT_GT(snapshot, 0);
	/* Both images share equal pages: 11 pages and 3 more. */
	ASSERT_EQ(0, call_release(self->fd, image));

	/* The slot goes on as before, and the snapshot doesn't follow. */
	ASSERT_EQ(0, memcmp(self->base, bytes, 16 * PAGE));
	memset(self->base, 'n', 16 * PAGE);
	ASSERT_EQ(1, call_alloc_image(self->fd, snapshot));
	ASSERT_EQ(0, memcmp(self->base + STRIDE, bytes, 16 * PAGE));
	ASSERT_EQ(SIGSEGV, access_read(self->base + STRIDE + 16 * PAGE));

	bytes[0] = 'd';
	self->base[STRIDE] = 'd';
	second = call_image_slot(self->fd, 1);
	ASSERT_EQ(2, call_alloc_image(self->fd, second));
	ASSERT_EQ(0, memcmp(self->base + 2 * STRIDE, bytes, 16 * PAGE));
	ASSERT_GE(call_reset(self->fd, 1), 0);
	ASSERT_NE('d', self->base[STRIDE]);
}

TEST_F(images, a_snapshot_of_a_slot_without_image_stores_what_was_written)
{
	int snapshot;

	memset(bytes, 0, SLOT);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	bytes[3 * PAGE] = 'x';
	self->base[3 * PAGE] = 'x';
	self->base[5 * PAGE] = 0;
	snapshot = call_image_slot(self->fd, 0);
	ASSERT_GT(snapshot, 0);
	ASSERT_EQ(1, call_stat(self->fd).image_pages);
	ASSERT_EQ(1, call_alloc_image(self->fd, snapshot));
	ASSERT_EQ(0, memcmp(self->base + STRIDE, bytes, SLOT));
}

TEST_F(images, a_snapshot_stores_only_what_its_image_does_not)
{
	int image = image_of_pages(self->fd, SLOT_PAGES);
	struct slotpool_image_args snapshot = { .flags = SLOTPOOL_IMAGE_SLOT };

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	self->base[0] = 'x';
	self->base[PAGE] = 'x';
	/* A private page that equals that of the image. */
	self->base[PAGE] = bytes[PAGE];
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_IMAGE, &snapshot));
	ASSERT_EQ(SLOT, snapshot.stored);
	/* Each image counts its pages, and shares all but one. */
	ASSERT_EQ(2 * SLOT_PAGES, call_stat(self->fd).image_pages);
}

TEST_F(images, a_snapshot_of_a_slot_of_a_sealed_file_goes_on_reading_it)
{
	int file = make_memfd(bytes, SLOT, true);
	int image = call_image_file(self->fd, SLOT, file);
	int snapshot;

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	bytes[PAGE] = 'x';
	self->base[PAGE] = 'x';
	memset(self->base + 2 * PAGE, 0, PAGE);
	memset(bytes + 2 * PAGE, 0, PAGE);
	ASSERT_EQ(bytes[6 * PAGE], self->base[6 * PAGE]);
	ASSERT_EQ(SLOT, call_resize(self->fd, 0, 0, 20 * PAGE));
	snapshot = call_image_slot(self->fd, 0);
	ASSERT_GT(snapshot, 0);
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_release(self->fd, image));
	ASSERT_EQ(0, close(file));

	ASSERT_EQ(0, call_alloc_image(self->fd, snapshot));
	ASSERT_EQ(0, memcmp(self->base, bytes, 20 * PAGE));
	/* The file goes on, but not the snapshot. */
	ASSERT_EQ(20 * PAGE, call_resize(self->fd, 0, 0, SLOT));
	ASSERT_TRUE(all_bytes(self->base + 20 * PAGE, 12 * PAGE, 0));
}

TEST_F(images, two_clients_share_an_image)
{
	int image = image_of_pages(self->fd, 4);
	int file = call_export(self->fd, image);
	int other = open_pool();
	char *map = map_slots(other, 0, NR_SLOTS);
	int imported, slot;

	ASSERT_GE(file, 0);
	ASSERT_EQ(FD_CLOEXEC, fcntl(file, F_GETFD));
	ASSERT_EQ(-ENOENT, call_alloc_image(other, image));
	imported = call_import(other, file);
	ASSERT_GT(imported, 0);
	ASSERT_EQ(1, call_stat(self->fd).images);
	ASSERT_EQ(4, call_stat(self->fd).image_pages);
	ASSERT_EQ(1, call_stat(other).client_images);
	slot = call_alloc_image(other, imported);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, memcmp(map + slot * STRIDE, bytes, 4 * PAGE));

	/* It stays while a slot, a handle or a file refers to it. */
	ASSERT_EQ(0, call_release(self->fd, image));
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, call_release(other, imported));
	ASSERT_EQ(1, call_stat(self->fd).images);
	map[slot * STRIDE] = 'x';
	ASSERT_EQ(PAGE, call_reset(other, slot));
	ASSERT_EQ(0, memcmp(map + slot * STRIDE, bytes, 4 * PAGE));
	ASSERT_EQ(0, call_free_flags(other, slot, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_stat(self->fd).images);
	ASSERT_EQ(0, munmap(map, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(other));
}

TEST_F(images, an_exported_image_outlives_its_maker)
{
	int maker = open_pool();
	int image = image_of_pages(maker, 4);
	int file = call_export(maker, image);
	int imported;

	ASSERT_EQ(0, close(maker));
	ASSERT_EQ(1, call_stat(self->fd).images);
	imported = call_import(self->fd, file);
	ASSERT_GT(imported, 0);
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, call_alloc_image(self->fd, imported));
	ASSERT_EQ(0, memcmp(self->base, bytes, 4 * PAGE));
}

TEST_F(images, a_client_gets_the_handle_that_it_has_and_releases_each)
{
	int image = image_of_pages(self->fd, 4);
	int file = call_export(self->fd, image);

	ASSERT_EQ(image, call_import(self->fd, file));
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(1, call_stat(self->fd).client_images);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(0, call_free(self->fd, 0));
	ASSERT_EQ(0, call_release(self->fd, image));
	ASSERT_EQ(1, call_stat(self->fd).warm_slots);
	/* Only the last one gives the free slots up. */
	ASSERT_EQ(1, call_release(self->fd, image));
	ASSERT_EQ(0, call_stat(self->fd).warm_slots);
	ASSERT_EQ(-ENOENT, call_release(self->fd, image));
}

TEST_F(images, purge_by_image_leaves_others_alone)
{
	int first = image_of_pages(self->fd, 4);
	int second = image_of_pages(self->fd, 4);
	struct slotpool_purge_args purge = { .flags = SLOTPOOL_PURGE_IMAGE, .image = first };

	ASSERT_EQ(0, call_alloc_image(self->fd, first));
	ASSERT_EQ(1, call_alloc_image(self->fd, second));
	ASSERT_EQ(2, call_alloc_image(self->fd, first));
	/* An affinity of the same number, but not an image's. */
	ASSERT_EQ(3, call_alloc_key(self->fd, first));
	ASSERT_EQ(0, call_free(self->fd, 0));
	ASSERT_EQ(0, call_free(self->fd, 1));
	ASSERT_EQ(0, call_free(self->fd, 3));
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_PURGE, &purge));
	ASSERT_EQ(1, purge.purged);
	ASSERT_EQ(2, call_stat(self->fd).warm_slots);
	ASSERT_EQ(1, call_purge(self->fd, SLOTPOOL_PURGE_KEY, first, 0));
}

TEST_F(images, list_tells_a_slots_image)
{
	int image = image_of_pages(self->fd, 4);
	struct slotpool_list_entry entries[2];
	struct slotpool_list_args list = { .entries = (uintptr_t)entries, .nr_entries = 2 };

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(2, list.nr_entries);
	ASSERT_EQ(SLOTPOOL_LIST_IMAGE, entries[0].flags);
	ASSERT_EQ(image, entries[0].image);
	ASSERT_EQ(0, entries[1].flags);
	ASSERT_EQ(0, entries[1].image);
}

TEST_F(images, a_debugger_reads_and_writes_over_an_image)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int file = make_memfd(bytes, 4 * PAGE, true);
	int image = call_image_file(self->fd, 4 * PAGE, file);
	char buffer[8];

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ(8, pread(mem, buffer, 8, (off_t)(self->base + PAGE - 4)));
	ASSERT_EQ(0, memcmp(buffer, bytes + PAGE - 4, 8));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
	ASSERT_EQ(1, pwrite(mem, "x", 1, (off_t)(self->base + PAGE + 5)));
	bytes[PAGE + 5] = 'x';
	ASSERT_EQ(0, memcmp(self->base, bytes, 4 * PAGE));
	ASSERT_EQ(PAGE, call_reset(self->fd, 0));
	ASSERT_NE('x', self->base[PAGE + 5]);
	ASSERT_EQ(0, close(mem));
	ASSERT_EQ(0, close(file));
}

TEST_F(images, a_slot_mapped_twice_shows_the_same_over_an_image)
{
	int image = image_of_pages(self->fd, 4);
	char *second = map_slots(self->fd, 0, 1);

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	/* Both show the image's page, then the private one. */
	ASSERT_EQ(bytes[0], self->base[0]);
	ASSERT_EQ(bytes[0], second[0]);
	second[0] = 0;
	ASSERT_EQ(0, self->base[0]);
	ASSERT_EQ(PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(bytes[0], self->base[0]);
	ASSERT_EQ(bytes[0], second[0]);
	ASSERT_EQ(0, munmap(second, STRIDE));
}

TEST_F(images, an_allocation_that_fails_keeps_no_reference)
{
	int image = image_of_pages(self->fd, 4);
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_EXACT,
		.image = image,
		.limit = PAGE / 2,
	};

	ASSERT_EQ(-EINVAL, call_alloc(self->fd, alloc));
	alloc.limit = 2 * SLOT;
	ASSERT_EQ(-EINVAL, call_alloc(self->fd, alloc));
	alloc.limit = PAGE;
	ASSERT_EQ(0, call_alloc_exact(self->fd, 0));
	ASSERT_EQ(-EBUSY, call_alloc(self->fd, alloc));
	ASSERT_EQ(0, call_release(self->fd, image));
	ASSERT_EQ(0, call_stat(self->fd).images);
}

TEST_F(images, there_can_be_thousands)
{
	struct slotpool_image_range range = {
		.length = PAGE,
		.address = (uintptr_t)bytes,
	};
	int handles[4000];
	int i, slot;

	for (i = 0; i < 4000; i++) {
		*(int *)bytes = i + 1;
		handles[i] = call_image_memory(self->fd, PAGE, &range, 1);
		ASSERT_GT(handles[i], 0);
	}
	ASSERT_EQ(4000, call_stat(self->fd).client_images);
	for (i = 0; i < 4000; i += 7) {
		slot = call_alloc_image(self->fd, handles[i]);
		ASSERT_GE(slot, 0);
		ASSERT_EQ(i + 1, *(int *)(self->base + slot * STRIDE));
		ASSERT_GE(call_free(self->fd, slot), 0);
	}
	for (i = 0; i < 4000; i += 2)
		ASSERT_GE(call_release(self->fd, handles[i]), 0);
	ASSERT_EQ(2000, call_stat(self->fd).client_images);
}

TEST_F(images, contents_are_new_also_after_a_second_try)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = 1,
		.limit = 8 * PAGE,
	};

	ASSERT_EQ(0, munmap(self->base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload_pool());
	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=8"));
	self->fd = open_pool();
	self->base = map_slots(self->fd, 0, NR_SLOTS);
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	memset(self->base, 'x', 8 * PAGE);
	ASSERT_EQ(8 * PAGE, call_free(self->fd, 0));
	/* The reserve is empty until the warm slot is evicted. */
	alloc.key = 2;
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_ALLOC, &alloc));
	ASSERT_EQ(1, call_stat(self->fd).evictions);
	ASSERT_EQ(SLOTPOOL_PLACED_COLD, alloc.placement);
	ASSERT_EQ(SLOTPOOL_CONTENTS_NEW, alloc.contents);
}

/* ---- Bounds ---- */

FIXTURE(bounds)
{
	int fds[2];
};

FIXTURE_SETUP(bounds)
{
	int i;

	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY BOUNDS));
	for (i = 0; i < 2; i++) {
		self->fds[i] = open_pool();
		ASSERT_GE(self->fds[i], 0);
	}
	fill(bytes, SLOT, 0);
}

FIXTURE_TEARDOWN(bounds)
{
	EXPECT_EQ(0, close(self->fds[0]));
	EXPECT_EQ(0, close(self->fds[1]));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

TEST_F(bounds, apply_to_an_image_to_a_client_and_to_the_pool)
{
	int sealed = make_memfd(bytes, 8 * PAGE, true);
	int image;

	ASSERT_EQ(16384, call_info(self->fds[0]).max_image_bytes);
	ASSERT_EQ(32768, call_info(self->fds[0]).max_client_image_bytes);
	ASSERT_EQ(49152, call_info(self->fds[0]).max_pool_image_bytes);

	ASSERT_EQ(-EFBIG, image_of_pages(self->fds[0], 5));
	ASSERT_EQ(-EFBIG, call_image_file(self->fds[0], 5 * PAGE, sealed));
	ASSERT_EQ(0, call_stat(self->fds[0]).image_charged_pages);
	image = image_of_pages(self->fds[0], 4);
	ASSERT_GT(image, 0);
	/* Pages that are read later count now. */
	ASSERT_GT(call_image_file(self->fds[0], 4 * PAGE, sealed), 0);
	ASSERT_EQ(-EDQUOT, image_of_pages(self->fds[0], 1));
	ASSERT_EQ(8, call_stat(self->fds[0]).client_image_pages);
	ASSERT_GT(image_of_pages(self->fds[1], 4), 0);
	ASSERT_EQ(-ENOSPC, image_of_pages(self->fds[1], 1));
	ASSERT_EQ(12, call_stat(self->fds[0]).image_charged_pages);

	ASSERT_EQ(0, call_release(self->fds[0], image));
	ASSERT_GT(image_of_pages(self->fds[1], 4), 0);
	ASSERT_EQ(0, close(sealed));
}

TEST_F(bounds, count_an_image_without_contents_as_a_page)
{
	int hole = make_memfd(bytes, 0, false);
	int i;

	ASSERT_EQ(0, ftruncate(hole, 4 * PAGE));
	ASSERT_EQ(0, fcntl(hole, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
	/* Nothing, zeros, and a file of holes: 8 pages are the client's bound. */
	for (i = 0; i < 3; i++) {
		ASSERT_GT(call_image_memory(self->fds[0], i * PAGE, NULL, 0), 0);
		ASSERT_EQ(2 * i + 1, call_stat(self->fds[0]).client_image_pages);
		ASSERT_GT(call_image_file(self->fds[0], 4 * PAGE, hole), 0);
		ASSERT_EQ(2 * i + 2, call_stat(self->fds[0]).client_image_pages);
	}
	/* The page of an image covers the first one that it stores. */
	ASSERT_GT(image_of_pages(self->fds[0], 1), 0);
	ASSERT_EQ(7, call_stat(self->fds[0]).client_image_pages);
	ASSERT_EQ(-EDQUOT, image_of_pages(self->fds[0], 2));
	ASSERT_GT(call_image_memory(self->fds[0], 0, NULL, 0), 0);
	ASSERT_EQ(-EDQUOT, call_image_memory(self->fds[0], 0, NULL, 0));
	ASSERT_EQ(8, call_stat(self->fds[0]).image_charged_pages);
	ASSERT_EQ(8, call_stat(self->fds[0]).images);
	/* The pool has 12. */
	for (i = 0; i < 4; i++)
		ASSERT_GT(call_image_memory(self->fds[1], 0, NULL, 0), 0);
	ASSERT_EQ(-ENOSPC, call_image_memory(self->fds[1], 0, NULL, 0));
	ASSERT_EQ(12, call_stat(self->fds[0]).image_charged_pages);
	ASSERT_EQ(0, close(hole));
}

TEST_F(bounds, count_the_pages_that_a_sealed_file_has)
{
	int file = make_memfd(bytes, PAGE, false);
	int image;

	/* The first page and the last one */
	ASSERT_EQ(PAGE, pwrite(file, bytes, PAGE, (SLOT_PAGES - 1) * PAGE));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
	image = call_image(self->fds[0], (struct slotpool_image_args){
			.flags = SLOTPOOL_IMAGE_FILE,
			.length = SLOT,
			.fd = file,
			.file_length = SLOT,
		});
	ASSERT_GT(image, 0);
	ASSERT_EQ(2, call_stat(self->fds[0]).client_image_pages);
	/* In the middle of pages of the image each of them lies in two. */
	ASSERT_GT(call_image(self->fds[0], (struct slotpool_image_args){
			.flags = SLOTPOOL_IMAGE_FILE,
			.length = SLOT,
			.offset = PAGE / 2,
			.fd = file,
			.file_length = SLOT - PAGE,
		}), 0);
	ASSERT_EQ(6, call_stat(self->fds[0]).client_image_pages);
	ASSERT_EQ(0, close(file));
}

/* The bound of a client's images does not depend on their maker. */
TEST(a_client_can_name_65536_images)
{
	int fds[2], first = 0, image, i;

	ASSERT_EQ(0, load_pool(GEOMETRY "max_client_image_bytes=1G max_pool_image_bytes=1G"));
	for (i = 0; i < 2; i++) {
		fds[i] = open_pool();
		ASSERT_GE(fds[i], 0);
	}
	for (i = 0; i < 65536; i++) {
		image = call_image_memory(fds[0], 0, NULL, 0);
		ASSERT_GT(image, 0);
		first = first ? first : image;
	}
	ASSERT_EQ(-EMFILE, call_image_memory(fds[0], 0, NULL, 0));
	image = call_export(fds[0], first);
	ASSERT_GE(image, 0);
	/* One more handle of the same image is no other image. */
	ASSERT_EQ(first, call_import(fds[0], image));
	ASSERT_EQ(first, call_import(fds[1], image));
	ASSERT_EQ(0, close(image));
	ASSERT_EQ(65536, call_stat(fds[0]).images);
	ASSERT_EQ(0, call_release(fds[0], first + 1));
	ASSERT_GT(call_image_memory(fds[0], 0, NULL, 0), 0);
	ASSERT_EQ(0, close(fds[0]));
	ASSERT_EQ(1, call_stat(fds[1]).images);
	ASSERT_EQ(0, close(fds[1]));
	ASSERT_TRUE(pool_is_idle());
	ASSERT_EQ(0, unload_pool());
}

TEST_F(bounds, apply_to_snapshots_and_not_to_imports)
{
	char *map = map_slots(self->fds[0], 0, 1);
	int image = image_of_pages(self->fds[1], 4);
	int file = call_export(self->fds[1], image);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_GT(image_of_pages(self->fds[0], 3), 0);
	ASSERT_EQ(0, call_alloc_any(self->fds[0]));
	memset(map, 'x', 5 * PAGE);
	ASSERT_EQ(-EFBIG, call_image_slot(self->fds[0], 0));
	ASSERT_EQ(7, call_stat(self->fds[0]).image_charged_pages);
	memset(map, 0, 2 * PAGE);
	ASSERT_GT(image_of_pages(self->fds[0], 3), 0);
	ASSERT_EQ(-EDQUOT, call_image_slot(self->fds[0], 0));
	ASSERT_EQ(6, call_stat(self->fds[0]).client_image_pages);
	/* The maker of an image pays for it. */
	ASSERT_EQ(image, call_import(self->fds[0], file));
	ASSERT_EQ(6, call_stat(self->fds[0]).client_image_pages);
	ASSERT_EQ(0, call_release(self->fds[0], image));
	ASSERT_EQ(0, munmap(map, STRIDE));
	ASSERT_EQ(0, close(file));
}

TEST_F(bounds, apply_to_images_that_only_a_file_or_a_slot_refers_to)
{
	int image = image_of_pages(self->fds[0], 4);
	int file = call_export(self->fds[0], image);
	int slot;

	ASSERT_EQ(0, call_release(self->fds[0], image));
	image = image_of_pages(self->fds[0], 4);
	slot = call_alloc_image(self->fds[0], image);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, call_release(self->fds[0], image));
	ASSERT_EQ(0, call_stat(self->fds[0]).client_images);
	ASSERT_EQ(8, call_stat(self->fds[0]).client_image_pages);
	ASSERT_EQ(-EDQUOT, image_of_pages(self->fds[0], 1));
	ASSERT_GT(image_of_pages(self->fds[1], 4), 0);

	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, call_free_flags(self->fds[0], slot, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_stat(self->fds[0]).client_image_pages);
	/* And to those of a client that is gone. */
	image = image_of_pages(self->fds[0], 4);
	file = call_export(self->fds[0], image);
	ASSERT_EQ(0, close(self->fds[0]));
	ASSERT_EQ(8, call_stat(self->fds[1]).image_charged_pages);
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(4, call_stat(self->fds[1]).image_charged_pages);
	self->fds[0] = open_pool();
}

TEST_F(bounds, count_a_page_of_a_snapshot_once)
{
	char *map = map_slots(self->fds[0], 0, 1);
	int file = make_memfd(bytes, 4 * PAGE, true);
	int image = call_image_file(self->fds[0], 4 * PAGE, file);

	/* As large as an image may be; written, read, and neither. */
	ASSERT_EQ(0, call_alloc_image(self->fds[0], image));
	map[0] = 'x';
	memset(map + PAGE, 0, PAGE);
	ASSERT_EQ(bytes[2 * PAGE], map[2 * PAGE]);
	ASSERT_GT(call_image_slot(self->fds[0], 0), 0);
	/* The image's four, and all of these but the zeros. */
	ASSERT_EQ(7, call_stat(self->fds[0]).image_charged_pages);
	ASSERT_EQ(0, munmap(map, STRIDE));
	ASSERT_EQ(0, close(file));
}

/* ---- Bad input ---- */

static int image_of(int fd, const struct slotpool_image_range *range)
{
	return call_image_memory(fd, SLOT, range, 1);
}

TEST_F(images, of_memory_that_cannot_be_are_refused)
{
	const uint64_t address = (uintptr_t)bytes;
	struct slotpool_image_range two[2] = {
		{ .offset = PAGE, .length = PAGE, .address = address },
		{ .offset = 2 * PAGE - 1, .length = 1, .address = address },
	};
	struct slotpool_image_range range = { .offset = SLOT, .length = 1, .address = address };
	struct slotpool_image_args image = { .flags = SLOTPOOL_IMAGE_MEMORY, .length = PAGE };
	char *hole = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_EQ(-EINVAL, call_image_memory(self->fd, SLOT, two, 2));
	two[1].offset = PAGE;
	ASSERT_EQ(-EINVAL, call_image_memory(self->fd, SLOT, two, 2));
	ASSERT_EQ(-EINVAL, image_of(self->fd, &range));
	range = (struct slotpool_image_range){ .offset = -1ULL, .length = 2, .address = address };
	ASSERT_EQ(-EINVAL, image_of(self->fd, &range));
	range = (struct slotpool_image_range){ .offset = 1, .length = -1ULL, .address = address };
	ASSERT_EQ(-EINVAL, image_of(self->fd, &range));
	range = (struct slotpool_image_range){ .length = 2 * PAGE, .address = -PAGE };
	ASSERT_EQ(-EINVAL, image_of(self->fd, &range));
	ASSERT_EQ(-EINVAL, call_image_memory(self->fd, SLOT + PAGE, NULL, 0));
	ASSERT_EQ(-EINVAL, call_image_memory(self->fd, PAGE + 1, NULL, 0));
	image.nr_ranges = SLOTPOOL_IMAGE_MAX_RANGES + 1;
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));

	/* Unreadable: the array, all of a range, its middle, the kernel's memory. */
	image.nr_ranges = 1;
	image.ranges = 8;
	ASSERT_EQ(-EFAULT, call_image(self->fd, image));
	range = (struct slotpool_image_range){ .length = PAGE, .address = 8 };
	ASSERT_EQ(-EFAULT, image_of(self->fd, &range));
	memset(hole, 'x', 3 * PAGE);
	ASSERT_EQ(0, munmap(hole + PAGE, PAGE));
	range = (struct slotpool_image_range){ .length = 3 * PAGE, .address = (uintptr_t)hole };
	ASSERT_EQ(-EFAULT, image_of(self->fd, &range));
	range.address = 0xffff888000000000;
	range.length = 8;
	ASSERT_EQ(-EFAULT, image_of(self->fd, &range));
	ASSERT_EQ(0, call_stat(self->fd).images);
	ASSERT_EQ(0, call_stat(self->fd).image_pages);
}

TEST_F(images, with_fields_of_another_source_are_refused)
{
	const struct slotpool_image_args wrong[] = {
		{ .flags = 0, .length = PAGE },
		{ .flags = SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_FILE },
		{ .flags = SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_SLOT },
		{ .flags = SLOTPOOL_IMAGE_MEMORY, .offset = PAGE },
		{ .flags = SLOTPOOL_IMAGE_MEMORY, .file_offset = 1 },
		{ .flags = SLOTPOOL_IMAGE_MEMORY, .file_length = 1 },
		{ .flags = SLOTPOOL_IMAGE_MEMORY, .fd = 1 },
		{ .flags = SLOTPOOL_IMAGE_MEMORY, .slot = 1 },
		{ .flags = SLOTPOOL_IMAGE_FILE, .ranges = 1 },
		{ .flags = SLOTPOOL_IMAGE_FILE, .nr_ranges = 1 },
		{ .flags = SLOTPOOL_IMAGE_FILE, .slot = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .length = PAGE },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .ranges = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .nr_ranges = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .offset = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .file_offset = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .file_length = 1 },
		{ .flags = SLOTPOOL_IMAGE_SLOT, .fd = 1 },
	};
	size_t i;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		ASSERT_EQ(-EINVAL, call_image(self->fd, wrong[i])) {
			TH_LOG("%zu", i);
		}
	}
	ASSERT_EQ(0, call_stat(self->fd).images);
}

TEST_F(images, of_files_that_cannot_be_read_are_refused)
{
	int file = make_memfd(bytes, 4 * PAGE, false);
	int sealed = make_memfd(bytes, 4 * PAGE, true);
	struct slotpool_image_args image = {
		.flags = SLOTPOOL_IMAGE_FILE,
		.length = 8 * PAGE,
		.fd = file,
		.file_length = 4 * PAGE + 1,
	};
	int log = open_log();
	char message[8192];
	int pipes[2];

	ASSERT_EQ(-ENODATA, call_image(self->fd, image));
	image.fd = sealed;
	ASSERT_EQ(-ENODATA, call_image(self->fd, image));
	image.file_length = PAGE;
	image.file_offset = 3 * PAGE + 1;
	ASSERT_EQ(-ENODATA, call_image(self->fd, image));
	image.file_offset = 1ULL << 63;
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	image.file_offset = INT64_MAX;
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	image.file_offset = 0;
	image.offset = 7 * PAGE + 1;
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	image.offset = -1ULL;
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	image.offset = 0;

	image.fd = -1;
	ASSERT_EQ(-EBADF, call_image(self->fd, image));
	image.fd = open("/tmp/image", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_GE(image.fd, 0);
	ASSERT_EQ(-EBADF, call_image(self->fd, image));
	ASSERT_EQ(0, close(image.fd));
	image.fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	ASSERT_EQ(0, close(image.fd));
	ASSERT_EQ(0, pipe(pipes));
	image.fd = pipes[0];
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	image.fd = self->fd;
	ASSERT_EQ(-EBADF, call_image(self->fd, (struct slotpool_image_args){
						       .flags = SLOTPOOL_IMAGE_FILE,
						       .length = PAGE,
						       .fd = 1000000,
						       .file_length = PAGE }));
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	/* A regular file that only its own functions can read, for user memory */
	image.fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ASSERT_GE(image.fd, 0);
	ASSERT_EQ(-EINVAL, call_image(self->fd, image));
	ASSERT_EQ(0, close(image.fd));
	ASSERT_FALSE(next_log_message(log, message, sizeof(message)));

	ASSERT_EQ(0, call_stat(self->fd).images);
	ASSERT_EQ(0, close(log));
	ASSERT_EQ(0, close(pipes[0]));
	ASSERT_EQ(0, close(pipes[1]));
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, close(sealed));
}

TEST_F(images, of_a_file_that_shrinks_meanwhile_are_whole_or_refused)
{
	int file = make_memfd(bytes, SLOT, false);
	int status, i, image;
	pid_t child = fork();

	if (!child) {
		for (;;) {
			if (ftruncate(file, PAGE) || pwrite(file, bytes, SLOT, 0) != SLOT)
				_exit(1);
		}
	}
	for (i = 0; i < 300; i++) {
		image = call_image_file(self->fd, SLOT, file);
		if (image < 0) {
			ASSERT_EQ(-ENODATA, image);
			continue;
		}
		ASSERT_EQ(0, call_release(self->fd, image));
	}
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, call_stat(self->fd).images);
	ASSERT_EQ(0, call_stat(self->fd).image_charged_pages);
	ASSERT_EQ(0, close(file));
}

TEST_F(images, of_slots_that_the_client_does_not_own_are_refused)
{
	int other = open_pool();

	ASSERT_EQ(0, call_alloc_any(other));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	self->base[STRIDE] = 'x';
	ASSERT_EQ(PAGE, call_free(self->fd, 1));
	ASSERT_EQ(-ENOENT, call_image_slot(self->fd, 0));
	ASSERT_EQ(-ENOENT, call_image_slot(self->fd, 1));
	ASSERT_EQ(-ENOENT, call_image_slot(self->fd, 2));
	ASSERT_EQ(-EINVAL, call_image_slot(self->fd, NR_SLOTS));
	ASSERT_EQ(0, call_stat(self->fd).images);
	ASSERT_EQ(0, close(other));
}

TEST_F(images, that_the_client_has_not_are_refused)
{
	int other = open_pool();
	int foreign = image_of_pages(other, 1);
	int released = image_of_pages(self->fd, 1);
	int handles[] = { 0, foreign, released, 12345, INT32_MAX, -1 };
	struct slotpool_alloc_args both = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_KEY,
		.image = image_of_pages(self->fd, 1),
	};
	size_t i;

	ASSERT_EQ(0, call_release(self->fd, released));
	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		struct slotpool_purge_args purge = {
			.flags = SLOTPOOL_PURGE_IMAGE,
			.image = handles[i],
		};

		ASSERT_EQ(-ENOENT, call_alloc_image(self->fd, handles[i]));
		ASSERT_EQ(-ENOENT, call_export(self->fd, handles[i]));
		ASSERT_EQ(-ENOENT, call_release(self->fd, handles[i]));
		ASSERT_EQ(-ENOENT, call_command(self->fd, SLOTPOOL_PURGE, &purge));
	}
	ASSERT_EQ(-EINVAL, call_alloc(self->fd, both));
	both.flags = 0;
	ASSERT_EQ(-EINVAL, call_alloc(self->fd, both));
	ASSERT_EQ(0, call_stat(self->fd).used_slots);
	ASSERT_EQ(0, close(other));
}

TEST_F(images, are_imported_from_files_of_images_only)
{
	int file = make_memfd(bytes, PAGE, true);

	ASSERT_EQ(-EBADF, call_import(self->fd, -1));
	ASSERT_EQ(-EBADF, call_import(self->fd, 1000000));
	ASSERT_EQ(-EINVAL, call_import(self->fd, file));
	ASSERT_EQ(-EINVAL, call_import(self->fd, self->fd));
	ASSERT_EQ(0, call_stat(self->fd).client_images);
	ASSERT_EQ(0, close(file));
}

TEST_F(images, export_without_a_descriptor_left_is_refused)
{
	int image = image_of_pages(self->fd, 1);
	struct rlimit old, none = { .rlim_cur = 3, .rlim_max = 0 };

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	ASSERT_EQ(-EMFILE, call_export(self->fd, image));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	ASSERT_EQ(0, call_release(self->fd, image));
	ASSERT_EQ(0, call_stat(self->fd).images);
}

TEST_F(images, a_file_of_an_image_keeps_the_module)
{
	int image = image_of_pages(self->fd, 1);
	int file = call_export(self->fd, image);

	ASSERT_EQ(0, munmap(self->base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(-EWOULDBLOCK, unload_pool());
	ASSERT_EQ(0, close(file));
	self->fd = open_pool();
	self->base = map_slots(self->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, self->base);
}

TEST_HARNESS_MAIN
