// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapped slot: zeros, private pages, guards, reset, warm reuse.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOT_PAGES 16
#define SLOT (SLOT_PAGES * PAGE)
#define STRIDE (SLOT + 4 * PAGE)
#define GEOMETRY "nr_slots=8 slot_size=64K slot_stride=80K nr_shards=1 "

FIXTURE(memory)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, load_pool(GEOMETRY "max_unused_warm_slots=8 reserve_pages=64"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 8);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(memory)
{
	EXPECT_EQ(0, munmap(self->base, 8 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(memory, a_new_slot_reads_as_zeros_and_holds_nothing)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
	ASSERT_EQ(0, call_reset(self->fd, 0));
}

TEST_F(memory, a_write_makes_just_its_page_private)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	self->base[3 * PAGE + 5] = 'x';
	ASSERT_EQ('x', self->base[3 * PAGE + 5]);
	ASSERT_EQ(1, call_stat(self->fd).held_pages);
	ASSERT_EQ(63, call_stat(self->fd).reserve_free_pages);
	ASSERT_TRUE(all_bytes(self->base, 3 * PAGE + 5, 0));
	ASSERT_TRUE(all_bytes(self->base + 3 * PAGE + 6, SLOT - 3 * PAGE - 6, 0));
}

TEST_F(memory, a_page_that_was_read_can_be_written)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(0, self->base[0]);
	ASSERT_EQ(0, self->base[STRIDE]);
	self->base[0] = 'x';
	ASSERT_EQ('x', self->base[0]);
	/* The page that they shared is zeros as before. */
	ASSERT_EQ(0, self->base[STRIDE]);
	ASSERT_EQ(0, self->base[PAGE]);
}

TEST_F(memory, reset_makes_zeros_of_all_that_was_written)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(memory, reset_writes_over_the_pages_that_were_written_and_no_others)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	self->base[0] = 'x';
	self->base[9 * PAGE] = 'x';
	ASSERT_EQ(0, self->base[5 * PAGE]);
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(2, call_stat(self->fd).reset_pages);
	ASSERT_EQ(0, call_stat(self->fd).dropped_pages);
}

TEST_F(memory, system_calls_read_and_write_slots)
{
	int pipes[2];

	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(6, write(pipes[1], "abcdef", 6));
	ASSERT_EQ(6, read(pipes[0], self->base + PAGE - 3, 6));
	ASSERT_EQ(0, memcmp(self->base + PAGE - 3, "abcdef", 6));
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(memory, guards_trap)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	ASSERT_EQ(0, access_write(self->base + SLOT - 1));
	ASSERT_EQ(SIGSEGV, access_read(self->base + SLOT));
	ASSERT_EQ(SIGSEGV, access_write(self->base + SLOT));
	ASSERT_EQ(SIGSEGV, access_read(self->base + STRIDE - 1));
	ASSERT_EQ(SIGSEGV, access_write(self->base + STRIDE - 1));
	ASSERT_EQ(0, access_write(self->base + STRIDE));
	ASSERT_EQ(4, call_stat(self->fd).refused_faults);
}

TEST_F(memory, slots_that_were_never_allocated_trap)
{
	ASSERT_EQ(SIGSEGV, access_read(self->base));
	ASSERT_EQ(SIGSEGV, access_write(self->base + 7 * STRIDE));
	ASSERT_FALSE(can_read(self->base));
	ASSERT_FALSE(can_write(self->base));
}

TEST_F(memory, slots_of_another_client_trap)
{
	int other = open_pool();
	char *map = map_slots(other, 0, 8);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	self->base[0] = 'x';
	ASSERT_EQ(SIGSEGV, access_read(map));
	ASSERT_EQ(SIGSEGV, access_write(map));
	ASSERT_EQ('x', self->base[0]);
	ASSERT_EQ(0, munmap(map, 8 * STRIDE));
	ASSERT_EQ(0, close(other));
}

TEST_F(memory, free_slots_trap_where_nothing_was_mapped)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	self->base[0] = 'x';
	ASSERT_EQ(PAGE, call_free(self->fd, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base + PAGE));
	ASSERT_EQ(SIGSEGV, access_write(self->base + PAGE));
}

TEST_F(memory, decommitted_slots_trap_everywhere)
{
	ASSERT_EQ(0, call_alloc_any(self->fd));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(SIGSEGV, access_read(self->base));
	ASSERT_EQ(SIGSEGV, access_write(self->base + SLOT - 1));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
	ASSERT_EQ(64, call_stat(self->fd).reserve_free_pages);
}

TEST_F(memory, purged_slots_trap_everywhere)
{
	ASSERT_EQ(0, call_alloc_key(self->fd, 7));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_free(self->fd, 0));
	ASSERT_EQ(1, call_purge(self->fd, SLOTPOOL_PURGE_KEY, 7, 0));
	ASSERT_EQ(SIGSEGV, access_read(self->base));
	ASSERT_EQ(0, call_stat(self->fd).held_pages);
}

TEST_F(memory, two_mappings_of_a_slot_show_the_same)
{
	char *second = map_slots(self->fd, 0, 1);

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, call_alloc_any(self->fd));
	/* Both show the zero page, then the private one. */
	ASSERT_EQ(0, self->base[0]);
	ASSERT_EQ(0, second[0]);
	second[0] = 'x';
	ASSERT_EQ('x', self->base[0]);
	self->base[0] = 'y';
	ASSERT_EQ('y', second[0]);
	/* The other way round: written here first, read there before. */
	ASSERT_EQ(0, second[PAGE]);
	self->base[PAGE] = 'z';
	ASSERT_EQ('z', second[PAGE]);
	ASSERT_EQ(2, call_stat(self->fd).held_pages);
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(0, second[0]);
	ASSERT_EQ(0, munmap(second, STRIDE));
}

TEST_F(memory, a_range_of_slots_can_be_mapped_alone)
{
	char *range = map_slots(self->fd, 3, 2);

	ASSERT_NE(MAP_FAILED, range);
	ASSERT_EQ(4, call_alloc_exact(self->fd, 4));
	range[STRIDE + 1] = 'x';
	ASSERT_EQ('x', self->base[4 * STRIDE + 1]);
	ASSERT_EQ(SIGSEGV, access_read(range));
	ASSERT_EQ(0, munmap(range, 2 * STRIDE));
}

TEST_F(memory, a_warm_slot_takes_no_fault)
{
	struct slotpool_stat_args before, after;
	long faults;
	int i, j;

	ASSERT_EQ(0, call_alloc_key(self->fd, 1));
	for (i = 0; i < SLOT_PAGES; i += 2)
		self->base[i * PAGE] = 'x';
	ASSERT_EQ(SLOT / 2, call_free(self->fd, 0));

	before = call_stat(self->fd);
	faults = minor_faults();
	for (j = 0; j < 100; j++) {
		if (call_alloc_key(self->fd, 1) != 0)
			break;
		for (i = 0; i < SLOT_PAGES; i += 2) {
			if (self->base[i * PAGE])
				break;
			self->base[i * PAGE] = 'x';
		}
		if (i < SLOT_PAGES || call_free(self->fd, 0) != SLOT / 2)
			break;
	}
	faults = minor_faults() - faults;
	after = call_stat(self->fd);

	ASSERT_EQ(100, j);
	ASSERT_EQ(0, faults);
	ASSERT_EQ(before.write_faults, after.write_faults);
	ASSERT_EQ(before.read_faults, after.read_faults);
	ASSERT_EQ(before.reset_pages + 100 * SLOT_PAGES / 2, after.reset_pages);
	ASSERT_EQ(before.affine_allocs + 100, after.affine_allocs);
}

TEST_F(memory, keep_bounds_what_a_reset_overwrites)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_KEEP,
		.key = 1,
		.keep = 3 * PAGE,
	};

	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(3 * PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(3, call_stat(self->fd).reset_pages);
	ASSERT_EQ(SLOT_PAGES - 3, call_stat(self->fd).dropped_pages);
	ASSERT_EQ(61, call_stat(self->fd).reserve_free_pages);
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));

	memset(self->base, 'y', SLOT);
	ASSERT_EQ(3 * PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, call_alloc(self->fd, alloc));
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(memory, keep_of_nothing_gives_everything_back)
{
	ASSERT_EQ(0, call_alloc(self->fd,
				(struct slotpool_alloc_args){ .flags = SLOTPOOL_ALLOC_KEEP }));
	memset(self->base, 'x', SLOT);
	ASSERT_EQ(0, call_reset(self->fd, 0));
	ASSERT_EQ(64, call_stat(self->fd).reserve_free_pages);
	ASSERT_TRUE(all_bytes(self->base, SLOT, 0));
}

TEST_F(memory, a_debugger_reads_and_writes_slots)
{
	int mem = open("/proc/self/mem", O_RDWR);
	char buffer[8];

	ASSERT_GE(mem, 0);
	ASSERT_EQ(0, call_alloc_limit(self->fd, 2 * PAGE));
	/* Over the zero page that is mapped, and over nothing. */
	ASSERT_EQ(0, self->base[0]);
	ASSERT_EQ(8, pwrite(mem, "01234567", 8, (off_t)(self->base + PAGE - 4)));
	ASSERT_EQ(0, memcmp(self->base + PAGE - 4, "01234567", 8));
	ASSERT_EQ(8, pread(mem, buffer, 8, (off_t)(self->base + PAGE - 4)));
	ASSERT_EQ(0, memcmp(buffer, "01234567", 8));
	ASSERT_EQ(2 * PAGE, call_reset(self->fd, 0));
	ASSERT_TRUE(all_bytes(self->base, 2 * PAGE, 0));

	ASSERT_EQ(-1, pread(mem, buffer, 1, (off_t)(self->base + 2 * PAGE)));
	ASSERT_EQ(-1, pwrite(mem, buffer, 1, (off_t)(self->base + 2 * PAGE)));
	ASSERT_EQ(-1, pread(mem, buffer, 1, (off_t)(self->base + STRIDE)));
	/* The protection of the mapping binds a debugger too. */
	ASSERT_EQ(0, mprotect(self->base, STRIDE, PROT_READ));
	ASSERT_EQ(-1, pwrite(mem, buffer, 1, (off_t)self->base));
	ASSERT_EQ(0, close(mem));
}

TEST_F(memory, fdinfo_shows_what_a_client_holds)
{
	char path[64], line[128];
	long slots = -1, memory = -1, images = -1, image_memory = -1;
	struct slotpool_image_range range = { .length = PAGE };
	FILE *file;

	ASSERT_EQ(0, call_alloc_any(self->fd));
	ASSERT_EQ(1, call_alloc_any(self->fd));
	memset(self->base, 'x', 3 * PAGE);
	range.address = (uintptr_t)self->base;
	ASSERT_GT(call_image_memory(self->fd, PAGE, &range, 1), 0);
	ASSERT_GT(call_image_slot(self->fd, 0), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "slotpool-slots:", 15))
			slots = strtol(line + 15, NULL, 10);
		if (!strncmp(line, "slotpool-memory:", 16))
			memory = strtol(line + 16, NULL, 10);
		if (!strncmp(line, "slotpool-images:", 16))
			images = strtol(line + 16, NULL, 10);
		if (!strncmp(line, "slotpool-image-memory:", 22))
			image_memory = strtol(line + 22, NULL, 10);
	}
	fclose(file);
	ASSERT_EQ(2, slots);
	ASSERT_EQ(12, memory);
	ASSERT_EQ(2, images);
	/* One page, and three. */
	ASSERT_EQ(16, image_memory);
}

TEST_HARNESS_MAIN
