// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that must not be used again: something else refers to them, or the
 * hardware reported them bad.
 */
#include "pool.h"
#include "kselftest_harness.h"

#define PAGE 4096L
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
	ASSERT_EQ(0, module_load("/page_pin.ko", ""));
	ASSERT_EQ(0, pool_load(variant->parameters));
	self->fd = pool_open();
	ASSERT_GE(self->fd, 0);
	self->base = pool_map(self->fd, 0, 2);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(unusable_pages)
{
	EXPECT_EQ(0, module_unload("page_pin"));
	EXPECT_EQ(0, munmap(self->base, 4 * SLOT));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, pool_unload());
}

/* Writes a text to a file; returns success. */
static bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* Returns the page frame that is mapped at an address, or 0. */
static unsigned long frame_of(char *address)
{
	static uint64_t magic = 0x5107900100000000;
	unsigned long frame = 0;
	char text[32] = "";
	int fd;

	magic++;
	((uint64_t *)address)[0] = magic;
	((uint64_t *)address)[1] = ~magic;
	snprintf(text, sizeof(text), "%lu", magic);
	if (!put_text("/sys/module/page_pin/parameters/find", text))
		return 0;
	fd = open("/sys/module/page_pin/parameters/frame", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		frame = strtoul(text, NULL, 10);
	close(fd);
	/* What is found next must not be this, wherever it is by then. */
	memset(address, 0, 2 * sizeof(magic));
	return frame;
}

/* Has the frame that was found last pinned or reported bad; returns success. */
static bool spoil(unsigned long frame, bool bad)
{
	char text[32];

	if (!bad)
		return put_text("/sys/module/page_pin/parameters/pinned", "1");
	/* An error says that nothing more can be done about the page. */
	snprintf(text, sizeof(text), "0x%lx", frame * PAGE);
	put_text("/sys/devices/system/memory/hard_offline_page", text);
	return true;
}

TEST_F(unusable_pages, do_not_come_back_when_a_slot_is_decommitted)
{
	unsigned long frame;
	int i;

	ASSERT_EQ(0, pool_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	frame = frame_of(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_TRUE(spoil(frame, variant->bad));

	ASSERT_EQ(0, pool_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(1, pool_stat(self->fd).lost_pages);
	/* The reserve has another page in its place. */
	ASSERT_EQ(variant->reserve, pool_stat(self->fd).reserve_free_pages);

	ASSERT_EQ(0, pool_alloc_any(self->fd));
	memset(self->base, 'y', SLOT);
	for (i = 0; i < 16; i++)
		ASSERT_NE(frame, frame_of(self->base + i * PAGE));
}

TEST_F(unusable_pages, are_replaced_by_a_reset_if_they_are_bad)
{
	unsigned long frame;
	int i;

	ASSERT_EQ(0, pool_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	frame = frame_of(self->base + 5 * PAGE);
	ASSERT_NE(0, frame);
	ASSERT_TRUE(spoil(frame, variant->bad));

	/* Who else refers to a page of the client's own slot is its business. */
	ASSERT_EQ(variant->bad ? SLOT - PAGE : SLOT, pool_reset(self->fd, 0));
	ASSERT_EQ(variant->bad, pool_stat(self->fd).lost_pages);
	ASSERT_TRUE(pool_all_bytes(self->base, SLOT, 0));
	memset(self->base, 'y', SLOT);
	for (i = 0; i < 16; i++)
		ASSERT_EQ(!variant->bad && i == 5, frame == frame_of(self->base + i * PAGE));
}

TEST_HARNESS_MAIN
