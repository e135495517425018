// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library, against the module.
 */
#define RESERVE_PAGES 64

#include "library_tests.h"

static int library_load(const char *parameters)
{
	int err = setenv("SLOTPOOL_BACKEND", "kernel", 1) ? -errno : 0;

	return err ? err : load_pool(parameters);
}

static int library_unload(void)
{
	return unload_pool();
}

FIXTURE_VARIANT_ADD(library, kernel)
{
	.parameters = GEOMETRY "max_unused_warm_slots=8 reserve_pages=64",
};

TEST(a_missing_device_is_reported)
{
	struct slotpool *pool;

	ASSERT_EQ(-ENOENT, slotpool_open(POOL_DEVICE, &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "kernel", 1));
	ASSERT_EQ(-ENOENT, slotpool_open(NULL, &pool));
}

TEST(another_device_is_reported)
{
	struct slotpool *pool;

	ASSERT_EQ(-ENOTTY, slotpool_open("/dev/null", &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_DEVICE", "/dev/zero", 1));
	ASSERT_EQ(-ENOTTY, slotpool_open(NULL, &pool));
}

TEST_F(library, the_file_is_closed_by_exec)
{
	ASSERT_EQ(FD_CLOEXEC, fcntl(slotpool_fd(self->pool), F_GETFD));
}

/* More slots than there are chunks, and not a multiple */
TEST(many_slots_are_mapped_in_few_chunks)
{
	const uint32_t nr_slots = 1000;
	struct slotpool *pool;
	uint32_t i;

	ASSERT_EQ(0, load_pool("nr_slots=1000 slot_size=4K slot_stride=12K reserve_pages=1000"));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	ASSERT_EQ(0, slotpool_map(pool, 0, nr_slots));
	ASSERT_GT(count_vmas(), 1);
	ASSERT_LE(count_vmas(), 64);

	for (i = 0; i < nr_slots; i++) {
		ASSERT_EQ(0, alloc_exact(pool, i));
		*(uint32_t *)slotpool_address(pool, i) = i;
	}
	for (i = 0; i < nr_slots; i++)
		ASSERT_EQ(i, *(uint32_t *)slotpool_address(pool, i));

	slotpool_unmap(pool);
	ASSERT_EQ(0, count_vmas());
	ASSERT_EQ(0, slotpool_map(pool, 937, 63));
	ASSERT_EQ(63, count_vmas());
	for (i = 937; i < nr_slots; i++)
		ASSERT_EQ(i, *(uint32_t *)slotpool_address(pool, i));

	slotpool_close(pool);
	ASSERT_EQ(0, unload_pool());
}

TEST_F(library, addresses_are_those_of_the_right_slots)
{
	char *raw;
	uint32_t i;

	ASSERT_EQ(0, slotpool_map(self->pool, 2, 3));
	raw = map_slots(slotpool_fd(self->pool), 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, raw);
	for (i = 2; i < 5; i++) {
		ASSERT_EQ(0, alloc_exact(self->pool, i));
		*(char *)slotpool_address(self->pool, i) = 'a' + i;
		ASSERT_EQ('a' + i, raw[i * STRIDE]);
	}
	ASSERT_EQ(0, munmap(raw, NR_SLOTS * STRIDE));
}

TEST_F(library, the_device_is_taken_where_it_exists)
{
	struct slotpool *pool;

	ASSERT_EQ(0, unsetenv("SLOTPOOL_BACKEND"));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	ASSERT_STREQ("kernel", slotpool_backend(pool));
	slotpool_close(pool);
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "user", 1));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	ASSERT_STRNE("kernel", slotpool_backend(pool));
	slotpool_close(pool);
}

TEST_HARNESS_MAIN
