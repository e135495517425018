// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading the module: the meaning of its parameters, and impossible ones.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/kernel_log.h"

#define PARAMETERS "/sys/module/slotpool/parameters/"

/* The module taints the kernel and says so, once. */
static void load_for_the_first_time(struct __test_metadata *_metadata)
{
	/* A test that failed can have kept it busy. */
	unload_pool();
	ASSERT_EQ(0, load_pool(""));
	ASSERT_EQ(0, unload_pool());
}

static bool file_names_module(const char *path)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, "slotpool");
	fclose(file);
	return found;
}

static bool nothing_is_left(void)
{
	return access(POOL_DEVICE, F_OK) && access(POOL_ATTRIBUTES, F_OK) &&
	       access("/sys/module/slotpool", F_OK) && !file_names_module("/proc/modules") &&
	       !file_names_module("/proc/misc");
}

/* Reads a file of one line, without the end of it. */
static const char *value_of(const char *directory, const char *name)
{
	static char value[64];
	char path[128];
	FILE *file;

	value[0] = '\0';
	snprintf(path, sizeof(path), "%s%s", directory, name);
	file = fopen(path, "r");
	if (!file)
		return value;
	if (fgets(value, sizeof(value), file))
		value[strcspn(value, "\n")] = '\0';
	fclose(file);
	return value;
}

static const char *parameter(const char *name)
{
	return value_of(PARAMETERS, name);
}

static const char *attribute(const char *name)
{
	return value_of(POOL_ATTRIBUTES, name);
}

FIXTURE(pool)
{
	int fd;
};

FIXTURE_SETUP(pool)
{
	self->fd = -1;
}

FIXTURE_TEARDOWN(pool)
{
	if (self->fd >= 0)
		EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
	EXPECT_TRUE(nothing_is_left());
}

TEST_F(pool, has_defaults)
{
	long nr_cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct slotpool_info_args info;

	ASSERT_EQ(0, load_pool(""));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	info = call_info(self->fd);
	EXPECT_EQ(1000, info.nr_slots);
	EXPECT_EQ(4 << 20, info.slot_size);
	EXPECT_EQ(8 << 20, info.slot_stride);
	EXPECT_EQ(1 << 20, info.keep_bytes);
	EXPECT_EQ(100, info.max_unused_warm_slots);
	EXPECT_EQ(4096, info.reserve_pages);
	EXPECT_EQ(0, info.max_client_pages);
	EXPECT_EQ((info.max_pool_image_bytes / 8 + PAGE - 1) / PAGE,
		  info.max_client_image_bytes / PAGE);
	EXPECT_STREQ("1024", parameter("max_clients"));
	EXPECT_STREQ("0", parameter("max_client_mappings"));
	EXPECT_EQ(nr_cpus < 16 ? nr_cpus : 16, info.nr_shards);
	EXPECT_EQ(sysconf(_SC_PAGESIZE), info.page_size);
	EXPECT_EQ(SLOTPOOL_FEATURE_OVERCOMMIT | SLOTPOOL_FEATURE_DIRTY_BITS, info.features);
}

TEST_F(pool, starts_with_cold_slots_and_a_full_reserve)
{
	struct slotpool_stat_args expected = {
		.size = sizeof(expected),
		.cold_slots = 1000,
		.reserve_free_pages = 4096,
	};
	struct slotpool_stat_args stat;

	ASSERT_EQ(0, load_pool(""));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	stat = call_stat(self->fd);
	EXPECT_EQ(0, memcmp(&expected, &stat, sizeof(stat)));
}

TEST_F(pool, has_the_parameters_given)
{
	struct slotpool_info_args info;

	ASSERT_EQ(0, load_pool("nr_slots=200 nr_shards=3 reserve_pages=123 max_client_pages=77"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	info = call_info(self->fd);
	EXPECT_EQ(200, info.nr_slots);
	EXPECT_EQ(3, info.nr_shards);
	EXPECT_EQ(123, info.reserve_pages);
	EXPECT_EQ(77, info.max_client_pages);

	EXPECT_STREQ("200", parameter("nr_slots"));
	EXPECT_STREQ("3", parameter("nr_shards"));
	EXPECT_STREQ("123", parameter("reserve_pages"));
	EXPECT_STREQ("77", parameter("max_client_pages"));
	EXPECT_STREQ("Y", parameter("overcommit"));
}

TEST_F(pool, can_commit_and_keep_any_number_of_warm_slots)
{
	struct slotpool_info_args info;

	ASSERT_EQ(0, load_pool("overcommit=0 max_unused_warm_slots=18446744073709551615"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	info = call_info(self->fd);
	EXPECT_EQ(SLOTPOOL_FEATURE_DIRTY_BITS, info.features);
	EXPECT_EQ(UINT64_MAX, info.max_unused_warm_slots);
	EXPECT_STREQ("N", parameter("overcommit"));
	EXPECT_STREQ("18446744073709551615", parameter("max_unused_warm_slots"));
}

TEST_F(pool, has_attributes_that_show_what_counts)
{
	ASSERT_EQ(0, load_pool("max_unused_warm_slots=7 max_unused_warm_bytes=64K"));
	EXPECT_STREQ("7", attribute("max_unused_warm_slots"));
	EXPECT_STREQ("65536", attribute("max_unused_warm_bytes"));

	ASSERT_TRUE(put_text(POOL_ATTRIBUTES "max_unused_warm_slots", "12\n"));
	ASSERT_TRUE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "18446744073709551615\n"));
	EXPECT_STREQ("12", attribute("max_unused_warm_slots"));
	EXPECT_STREQ("18446744073709551615", attribute("max_unused_warm_bytes"));
	/* The parameters are those that the pool was made with. */
	EXPECT_STREQ("7", parameter("max_unused_warm_slots"));
}

/* Four shards of 3, 3, 2 and 2 slots */
TEST_F(pool, has_all_slots_if_shards_cannot_be_equal)
{
	bool taken[10] = { false };
	uint32_t i;

	ASSERT_EQ(0, load_pool("nr_slots=10 nr_shards=4 slot_size=4K reserve_pages=0"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(10, call_stat(self->fd).cold_slots);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(i, call_alloc_exact(self->fd, i));
	EXPECT_EQ(-ENOSPC, call_alloc_any(self->fd));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, call_free_flags(self->fd, i, SLOTPOOL_FREE_DECOMMIT));
	EXPECT_EQ(10, call_stat(self->fd).cold_slots);

	for (i = 0; i < 10; i++) {
		int slot = call_alloc_any(self->fd);

		ASSERT_GE(slot, 0);
		ASSERT_LT(slot, 10);
		ASSERT_FALSE(taken[slot]);
		taken[slot] = true;
	}
	EXPECT_EQ(-ENOSPC, call_alloc_any(self->fd));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, call_free(self->fd, i));
}

TEST_F(pool, cannot_be_created_twice)
{
	char message[8192];
	struct slotpool_info_args info;
	int log;

	ASSERT_EQ(0, load_pool("nr_slots=5"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	log = open_log();
	ASSERT_GE(log, 0);
	EXPECT_EQ(-EEXIST, load_pool("nr_slots=6"));
	EXPECT_FALSE(next_log_message(log, message, sizeof(message)));
	close(log);
	info = call_info(self->fd);
	EXPECT_EQ(5, info.nr_slots);
}

/* Allocates, writes, resets and frees, so that most counters move. */
static void use(struct __test_metadata *_metadata, int fd)
{
	char *map = map_slots(fd, 0, 2);
	int i;

	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 3; i++) {
		int slot = call_alloc_exact(fd, 1);

		ASSERT_EQ(1, slot);
		map[call_info(fd).slot_stride] = 'w';
		ASSERT_GT(call_reset(fd, slot), 0);
		ASSERT_GT(call_free(fd, slot), 0);
	}
	ASSERT_EQ(0, munmap(map, 2 * call_info(fd).slot_stride));
}

TEST_F(pool, starts_afresh_when_the_module_is_loaded_again)
{
	struct slotpool_stat_args first, used, second;

	ASSERT_EQ(0, load_pool(""));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	first = call_stat(self->fd);
	use(_metadata, self->fd);
	used = call_stat(self->fd);
	EXPECT_EQ(3, used.frees);
	EXPECT_EQ(first.reserve_free_pages - 1, used.reserve_free_pages);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unload_pool());

	ASSERT_EQ(0, load_pool(""));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	second = call_stat(self->fd);
	EXPECT_EQ(0, memcmp(&first, &second, sizeof(first)));
}

/* The guards alone are many times what 47 bits of addresses have room for. */
TEST_F(pool, of_100000_slots_of_4_gib_costs_what_it_holds)
{
	static const uint32_t slots[] = { 0, 49999, 99999 };
	const uint64_t size = 4ULL << 30;
	const uint64_t page = sysconf(_SC_PAGESIZE);
	struct slotpool_list_entry entries[3] = { };
	struct slotpool_list_args list = { .entries = (uintptr_t)entries, .nr_entries = 3 };
	struct slotpool_stat_args stat;
	char *maps[3];
	int i;

	ASSERT_EQ(0, load_pool("nr_slots=100000 slot_size=4G slot_stride=8G reserve_pages=16"));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(slots[i], call_alloc_exact(self->fd, slots[i]));
		maps[i] = map_slots(self->fd, slots[i], 1);
		ASSERT_NE(MAP_FAILED, maps[i]);
		EXPECT_EQ(0, maps[i][size / 2]);
		maps[i][0] = 'a' + i;
		maps[i][size - 1] = 'x' + i;
		EXPECT_FALSE(can_read(maps[i] + size));
		EXPECT_FALSE(can_write(maps[i] + 2 * size - 1));
	}
	for (i = 0; i < 3; i++) {
		EXPECT_EQ('a' + i, maps[i][0]);
		EXPECT_EQ('x' + i, maps[i][size - 1]);
	}

	stat = call_stat(self->fd);
	EXPECT_EQ(3, stat.used_slots);
	EXPECT_EQ(99997, stat.cold_slots);
	EXPECT_EQ(6, stat.held_pages);
	EXPECT_EQ(6, stat.client_pages);
	EXPECT_EQ(10, stat.reserve_free_pages);

	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(3, list.nr_entries);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(slots[i], entries[i].slot);
		EXPECT_EQ(size, entries[i].limit);
		EXPECT_EQ(2 * page, entries[i].held);
		EXPECT_EQ(2 * page, call_free(self->fd, slots[i]));
		EXPECT_EQ(0, munmap(maps[i], 2 * size));
	}
}

FIXTURE(size)
{
	char parameters[256];
};

FIXTURE_VARIANT(size)
{
	const char *text;
	uint64_t bytes;
};

FIXTURE_VARIANT_ADD(size, in_bytes)
{
	.text = "8192",
	.bytes = 8192,
};

FIXTURE_VARIANT_ADD(size, in_kib)
{
	.text = "12K",
	.bytes = 12ULL << 10,
};

FIXTURE_VARIANT_ADD(size, in_kib_lower_case)
{
	.text = "12k",
	.bytes = 12ULL << 10,
};

FIXTURE_VARIANT_ADD(size, in_mib)
{
	.text = "3M",
	.bytes = 3ULL << 20,
};

FIXTURE_VARIANT_ADD(size, in_gib)
{
	.text = "5G",
	.bytes = 5ULL << 30,
};

FIXTURE_VARIANT_ADD(size, in_tib)
{
	.text = "2T",
	.bytes = 2ULL << 40,
};

FIXTURE_SETUP(size)
{
	snprintf(self->parameters, sizeof(self->parameters),
		 "nr_slots=4 slot_size=%s slot_stride=%s keep_bytes=%s",
		 variant->text, variant->text, variant->text);
	ASSERT_EQ(0, load_pool(self->parameters));
}

FIXTURE_TEARDOWN(size)
{
	EXPECT_EQ(0, unload_pool());
}

TEST_F(size, is_understood_and_read_back_in_bytes)
{
	int fd = open_pool();
	struct slotpool_info_args info;
	char bytes[32];

	ASSERT_GE(fd, 0);
	info = call_info(fd);
	close(fd);
	snprintf(bytes, sizeof(bytes), "%ju", (uintmax_t)variant->bytes);
	EXPECT_EQ(variant->bytes, info.slot_size);
	EXPECT_EQ(variant->bytes, info.slot_stride);
	EXPECT_EQ(variant->bytes, info.keep_bytes);
	EXPECT_STREQ(bytes, parameter("slot_size"));
	EXPECT_STREQ(bytes, parameter("slot_stride"));
	EXPECT_STREQ(bytes, parameter("keep_bytes"));
}

struct impossible {
	const char *parameters;
	/* The word that the message in the log must have */
	const char *name;
};

FIXTURE(load)
{
	int log;
};

FIXTURE_SETUP(load)
{
	load_for_the_first_time(_metadata);
	self->log = open_log();
	ASSERT_GE(self->log, 0);
}

FIXTURE_TEARDOWN(load)
{
	EXPECT_EQ(0, close(self->log));
	EXPECT_EQ(0, load_pool(""));
	EXPECT_EQ(0, unload_pool());
}

/* Loading fails, one message says why, and that is all. */
static void refuse(struct __test_metadata *_metadata, int log, int error,
		   const struct impossible *impossible)
{
	char message[8192];

	ASSERT_EQ(-error, load_pool(impossible->parameters)) {
		TH_LOG("%s", impossible->parameters);
		unload_pool();
	}
	ASSERT_TRUE(next_log_message(log, message, sizeof(message))) {
		TH_LOG("%s: nothing was logged", impossible->parameters);
	}
	ASSERT_NE(NULL, strstr(message, impossible->name)) {
		TH_LOG("%s: logged: %s", impossible->parameters, message);
	}
	ASSERT_FALSE(next_log_message(log, message, sizeof(message))) {
		TH_LOG("%s: also logged: %s", impossible->parameters, message);
	}
	ASSERT_TRUE(nothing_is_left()) {
		TH_LOG("%s", impossible->parameters);
	}
}

static void refuse_each(struct __test_metadata *_metadata, int log, int error,
			const struct impossible *table, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		refuse(_metadata, log, error, &table[i]);
}

TEST_F(load, refuses_impossible_numbers_of_slots)
{
	static const struct impossible table[] = {
		{ "nr_slots=0", "nr_slots" },
		{ "nr_slots=16777217", "nr_slots" },
		{ "nr_slots=4294967295", "nr_slots" },
		{ "nr_slots=-1", "nr_slots" },
		{ "nr_slots=1.5", "nr_slots" },
		{ "nr_slots=1K", "nr_slots" },
		{ "nr_slots=", "nr_slots" },
		{ "nr_slots", "nr_slots" },
		{ "nr_shards=1001", "nr_shards" },
		{ "nr_slots=4 nr_shards=5", "nr_shards" },
		{ "nr_shards=4294967295", "nr_shards" },
		{ "nr_shards=-1", "nr_shards" },
		{ "max_clients=0", "max_clients" },
		{ "max_clients=-1", "max_clients" },
		{ "max_client_mappings=-1", "max_client_mappings" },
		{ "max_unused_warm_slots=-1", "max_unused_warm_slots" },
		{ "max_unused_warm_slots=many", "max_unused_warm_slots" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_impossible_geometries)
{
	static const struct impossible table[] = {
		{ "slot_size=0", "slot_size" },
		{ "slot_size=1", "slot_size" },
		{ "slot_size=4095", "slot_size" },
		{ "slot_size=6K", "slot_size" },
		{ "slot_stride=4194305", "slot_stride" },
		{ "slot_stride=4095", "slot_stride" },
		{ "slot_stride=4K", "slot_stride" },
		{ "slot_size=4M slot_stride=4092K", "slot_stride" },
		{ "keep_bytes=1", "keep_bytes" },
		{ "keep_bytes=4097", "keep_bytes" },
		{ "max_image_bytes=1", "max_image_bytes" },
		{ "max_client_image_bytes=4097", "max_client_image_bytes" },
		{ "max_pool_image_bytes=6K", "max_pool_image_bytes" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_sizes_and_products_that_overflow)
{
	static const struct impossible table[] = {
		{ "slot_size=17000000T", "slot_size" },
		{ "slot_size=16777216T", "slot_size" },
		{ "slot_size=18446744073709551615T", "slot_size" },
		{ "slot_size=18446744073709551616", "slot_size" },
		{ "slot_size=99999999999999999999", "slot_size" },
		{ "slot_size=999999999999999999999999999999999", "slot_size" },
		{ "slot_stride=18014398509481984K", "slot_stride" },
		{ "keep_bytes=17592186044416M", "keep_bytes" },
		/* The default stride is twice as much. */
		{ "nr_slots=1 slot_size=8388608T", "slot_size" },
		{ "nr_slots=1 slot_size=4194304T", "slot_stride" },
		{ "nr_slots=100000 slot_size=1G slot_stride=1024T", "slot_stride" },
		{ "nr_slots=2 slot_stride=4194304T", "slot_stride" },
		{ "nr_slots=16777216 slot_stride=1T", "slot_stride" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_sizes_that_are_no_numbers)
{
	static const struct impossible table[] = {
		{ "slot_size=", "slot_size" },
		{ "slot_size", "slot_size" },
		{ "slot_size=K", "slot_size" },
		{ "slot_size=4X", "slot_size" },
		{ "slot_size=4MM", "slot_size" },
		{ "slot_size=4M4", "slot_size" },
		{ "slot_size=4MB", "slot_size" },
		{ "slot_size=-4M", "slot_size" },
		{ "slot_size=+4M", "slot_size" },
		{ "slot_size=4.5M", "slot_size" },
		{ "slot_size=0x1000", "slot_size" },
		{ "slot_size=\" 4M\"", "slot_size" },
		{ "slot_stride=8Q", "slot_stride" },
		{ "keep_bytes=all", "keep_bytes" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_to_commit_without_a_reserve)
{
	static const struct impossible table[] = {
		{ "overcommit=0 reserve_pages=0", "reserve_pages" },
		{ "overcommit=maybe", "overcommit" },
		{ "reserve_pages=-1", "reserve_pages" },
		{ "reserve_pages=16M", "reserve_pages" },
		{ "max_client_pages=-1", "max_client_pages" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_more_shards_than_256)
{
	static const struct impossible table[] = {
		{ "nr_slots=1000 nr_shards=257", "nr_shards" },
		{ "nr_slots=10000000 nr_shards=10000000", "nr_shards" },
	};

	refuse_each(_metadata, self->log, EINVAL, table, ARRAY_SIZE(table));
}

TEST_F(load, refuses_a_reserve_larger_than_memory)
{
	char parameters[64];
	struct impossible more_than_there_is = { parameters, "reserve_pages" };
	static const struct impossible table[] = {
		{ "reserve_pages=1000000000", "reserve_pages" },
		{ "reserve_pages=9223372036854775807", "reserve_pages" },
		{ "reserve_pages=18446744073709551615", "reserve_pages" },
	};

	snprintf(parameters, sizeof(parameters), "reserve_pages=%ld", sysconf(_SC_PHYS_PAGES));
	refuse(_metadata, self->log, ENOMEM, &more_than_there_is);
	refuse_each(_metadata, self->log, ENOMEM, table, ARRAY_SIZE(table));
}

TEST_HARNESS_MAIN
