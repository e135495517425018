// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that must not be used again: something else refers to them, or the
 * hardware reported them bad.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (16 * PAGE)

FIXTURE(unusable_pages)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(unusable_pages)
{
	const char *parameters;
	bool bad;
	unsigned long reserve;
};

FIXTURE_VARIANT_ADD(unusable_pages, pinned)
{
	.parameters = "nr_slots=2 slot_size=64K overcommit=0 reserve_pages=16",
	.reserve = 16,
};

FIXTURE_VARIANT_ADD(unusable_pages, pinned_beyond_the_reserve)
{
	.parameters = "nr_slots=2 slot_size=64K reserve_pages=0",
};

FIXTURE_VARIANT_ADD(unusable_pages, bad)
{
	.parameters = "nr_slots=2 slot_size=64K overcommit=0 reserve_pages=16",
	.bad = true,
	.reserve = 16,
};

FIXTURE_SETUP(unusable_pages)
{
	ASSERT_EQ(0, load_module("/page_pin.ko", ""));
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 2);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(unusable_pages)
{
	EXPECT_EQ(0, unload_module("page_pin"));
	EXPECT_EQ(0, munmap(self->base, 4 * SLOT));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

/* Reads a number or a boolean; returns -1 on error. */
static long get_number(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";
	long number = -1;

	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) > 0)
		number = text[0] == 'Y' ? 1 : strtol(text, NULL, 10);
	close(fd);
	return number;
}

#define PARAMETERS "/sys/module/page_pin/parameters/"

/* Makes a number that has not been used before the beginning of a page. */
static void mark(char *page, uint64_t number)
{
	((uint64_t *)page)[0] = number;
	((uint64_t *)page)[1] = ~number;
}

static const char *new_number(uint64_t *number)
{
	static char text[32];
	static uint32_t count;

	*number = (uint64_t)getpid() << 32 | ++count;
	snprintf(text, sizeof(text), "%lu", *number);
	return text;
}

/* Finds the page frame that is mapped at an address; returns its number or 0. */
static unsigned long find_frame(char *page)
{
	uint64_t number;
	const char *text = new_number(&number);

	mark(page, number);
	if (!put_text(PARAMETERS "find", text))
		return 0;
	return get_number(PARAMETERS "frame");
}

/* Returns 1 if the frame that was found is mapped in the first 16 pages, 0, or -1. */
static int frame_mapped(char *base)
{
	uint64_t number;
	const char *text = new_number(&number);
	int i;

	for (i = 0; i < 16; i++)
		mark(base + i * PAGE, number);
	if (!put_text(PARAMETERS "compare", text))
		return -1;
	return get_number(PARAMETERS "equal");
}

/* Has the frame that was found last pinned or reported bad; returns success. */
static bool spoil(unsigned long frame, bool bad)
{
	char text[32];

	if (!bad)
		return put_text(PARAMETERS "pinned", "1");
	/* An error says that nothing more can be done about the page. */
	snprintf(text, sizeof(text), "0x%lx", frame * PAGE);
	put_text("/sys/devices/system/memory/hard_offline_page", text);
	return true;
}

TEST_F(unusable_pages, do_not_come_back_when_a_slot_is_decommitted)
{
	unsigned long frame;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	frame = find_frame(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_TRUE(spoil(frame, variant->bad));

	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(1, call_stat(self->fd).lost_pages);
	/* The reserve has another page in its place. */
	ASSERT_EQ(variant->reserve, call_stat(self->fd).reserve_free_pages);

	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'y', SLOT);
	ASSERT_EQ(0, frame_mapped(self->base));
}

TEST_F(unusable_pages, are_not_taken_from_the_reserve)
{
	unsigned long frame;

	if (!variant->reserve)
		return;
	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	frame = find_frame(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_TRUE(spoil(frame, variant->bad));

	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'y', SLOT);
	ASSERT_EQ(1, call_stat(self->fd).lost_pages);
	ASSERT_EQ(0, frame_mapped(self->base));
}

TEST_F(unusable_pages, are_not_set_up_before_they_are_touched)
{
	static char bytes[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)bytes };
	unsigned long frame;
	int image;

	if (!variant->reserve)
		return;
	memset(bytes, 'i', SLOT);
	image = call_image_memory(self->fd, SLOT, &range, 1);
	ASSERT_GT(image, 0);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	memset(self->base, 'x', SLOT);
	frame = find_frame(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_TRUE(spoil(frame, variant->bad));

	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_EQ('i', self->base[0]);
	ASSERT_EQ(SLOT / PAGE, call_stat(self->fd).prepared_pages);
	ASSERT_EQ(1, call_stat(self->fd).lost_pages);
	ASSERT_TRUE(all_bytes(self->base, SLOT, 'i'));
	ASSERT_EQ(0, frame_mapped(self->base));
}

TEST_F(unusable_pages, are_replaced_by_a_reset_if_they_are_bad)
{
	unsigned long frame;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	frame = find_frame(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_TRUE(spoil(frame, variant->bad));

	/* Other references to a page of the client's own slot don't matter. */
	ASSERT_EQ(variant->bad ? SLOT - PAGE : SLOT, call_reset(self->fd, 0));
	ASSERT_EQ(variant->bad, call_stat(self->fd).lost_pages);
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
	memset(self->base, 'y', SLOT);
	ASSERT_EQ(!variant->bad, frame_mapped(self->base));
}

/* A bad page stays in its file, which can't be read there any more. */
TEST_F(unusable_pages, of_an_images_file_trap_if_they_are_bad_and_spoil_no_other)
{
	int file = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	unsigned long frame;
	char *contents;
	char byte;
	int image;

	ASSERT_GE(file, 0);
	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, ftruncate(file, 4 * PAGE));
	contents = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, contents);
	memset(contents, 'i', 4 * PAGE);
	frame = find_frame(contents + PAGE);
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, munmap(contents, 4 * PAGE));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
	image = call_image_file(self->fd, 4 * PAGE, file);
	ASSERT_GT(image, 0);
	ASSERT_EQ(0, call_alloc_image(self->fd, image));
	ASSERT_TRUE(spoil(frame, variant->bad));

	if (variant->bad) {
		ASSERT_EQ(SIGSEGV, access_read(self->base + PAGE));
		ASSERT_EQ(SIGSEGV, access_write(self->base + PAGE));
		ASSERT_FALSE(can_read(self->base + PAGE));
		ASSERT_FALSE(can_write(self->base + PAGE));
		ASSERT_EQ(-1, pread(memory, &byte, 1, (uintptr_t)self->base + PAGE));
		ASSERT_EQ(-1, pwrite(memory, "w", 1, (uintptr_t)self->base + PAGE));
		ASSERT_EQ(0, call_stat(self->fd).held_pages);
	} else {
		ASSERT_EQ(0, access_read(self->base + PAGE));
		ASSERT_EQ(0, access_write(self->base + PAGE));
	}
	ASSERT_TRUE(all_bytes(self->base, PAGE, 'i'));
	ASSERT_EQ(0, access_write(self->base + 2 * PAGE));
	ASSERT_EQ(variant->bad ? PAGE : 2 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base + 2 * PAGE, 2 * PAGE, 'i'));
	/* The page was the file's, not the pool's. */
	ASSERT_EQ(0, call_stat(self->fd).lost_pages);
	ASSERT_EQ(0, close(memory));
	ASSERT_EQ(0, close(file));
}

TEST_HARNESS_MAIN
