// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library without the module, and the behaviour of that backend alone.
 */
#include <linux/memfd.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* User space sets nothing aside. */
#define RESERVE_PAGES 0

#include "lib/access.h"
#include "library_tests.h"

static int library_load(const char *parameters)
{
	if (setenv("SLOTPOOL_BACKEND", "user", 1) || setenv("SLOTPOOL_USER_POOL", parameters, 1))
		return -errno;
	return 0;
}

/* A pool ends with its last handle. */
static int library_unload(void)
{
	return 0;
}

#define PARAMETERS GEOMETRY "max_unused_warm_slots=8 reserve_pages=64"

FIXTURE_VARIANT_ADD(library, best)
{
	.parameters = PARAMETERS,
};

FIXTURE_VARIANT_ADD(library, madvise)
{
	.parameters = PARAMETERS " reset=madvise",
};

/* Returns a handle, or NULL. */
static struct slotpool *open_user(const char *parameters)
{
	struct slotpool *pool = NULL;
	int err = library_load(parameters);

	if (!err)
		err = slotpool_open(NULL, &pool);
	if (err)
		fprintf(stderr, "%s: %s\n", parameters, strerror(-err));
	return pool;
}

static bool kernel_scans(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 7);
}

/* None on a machine that has the module either */
#define NO_DEVICE "/dev/slotpool-none"

TEST(without_a_device_the_pool_is_in_user_space)
{
	struct slotpool *pool;

	ASSERT_EQ(0, setenv("SLOTPOOL_DEVICE", NO_DEVICE, 1));
	ASSERT_EQ(0, unsetenv("SLOTPOOL_BACKEND"));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	EXPECT_EQ(0, strncmp(slotpool_backend(pool), "user", 4));
	EXPECT_EQ(-EOPNOTSUPP, slotpool_fd(pool));
	slotpool_close(pool);

	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "auto", 1));
	ASSERT_EQ(0, slotpool_open(NULL, &pool));
	slotpool_close(pool);
}

TEST(a_device_that_is_asked_for_is_not_replaced)
{
	struct slotpool *pool;

	ASSERT_EQ(0, setenv("SLOTPOOL_DEVICE", NO_DEVICE, 1));
	EXPECT_EQ(-ENOENT, slotpool_open(NO_DEVICE, &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "user", 1));
	EXPECT_EQ(-ENOENT, slotpool_open(NO_DEVICE, &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "kernel", 1));
	EXPECT_EQ(-ENOENT, slotpool_open(NULL, &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "hots", 1));
	EXPECT_EQ(-EINVAL, slotpool_open(NULL, &pool));
	/* A device that is no pool is not taken for an absent one. */
	ASSERT_EQ(0, setenv("SLOTPOOL_BACKEND", "auto", 1));
	ASSERT_EQ(0, setenv("SLOTPOOL_DEVICE", "/dev/null", 1));
	EXPECT_EQ(-ENOTTY, slotpool_open(NULL, &pool));
	ASSERT_EQ(0, setenv("SLOTPOOL_DEVICE", "/dev", 1));
	EXPECT_EQ(-EISDIR, slotpool_open(NULL, &pool));
}

TEST(the_best_reset_of_the_kernel_is_used)
{
	struct slotpool *pool = open_user("");

	ASSERT_NE(NULL, pool);
	ASSERT_STREQ(kernel_scans() ? "user, PAGEMAP_SCAN" : "user, madvise",
		     slotpool_backend(pool));
	slotpool_close(pool);
}

TEST(another_reset_can_be_chosen)
{
	struct slotpool *pool = open_user("reset=madvise");

	ASSERT_NE(NULL, pool);
	EXPECT_STREQ("user, madvise", slotpool_backend(pool));
	slotpool_close(pool);

	ASSERT_EQ(0, library_load("reset=scan"));
	if (kernel_scans()) {
		ASSERT_EQ(0, slotpool_open(NULL, &pool));
		EXPECT_STREQ("user, PAGEMAP_SCAN", slotpool_backend(pool));
		slotpool_close(pool);
	} else {
		ASSERT_EQ(-EOPNOTSUPP, slotpool_open(NULL, &pool));
	}
}

TEST(parameters_are_the_modules)
{
	struct slotpool *pool = open_user("");
	const struct slotpool_info_args *info;

	ASSERT_NE(NULL, pool);
	info = slotpool_info(pool);
	EXPECT_EQ(1000, info->nr_slots);
	EXPECT_EQ(4 << 20, info->slot_size);
	EXPECT_EQ(8 << 20, info->slot_stride);
	EXPECT_EQ(1 << 20, info->keep_bytes);
	EXPECT_EQ(100, info->max_unused_warm_slots);
	EXPECT_EQ(UINT64_MAX, info->max_unused_warm_bytes);
	EXPECT_EQ(4 << 20, info->max_image_bytes);
	EXPECT_EQ(SLOTPOOL_FEATURE_OVERCOMMIT, info->features);
	slotpool_close(pool);
}

TEST(parameters_can_be_set)
{
	struct slotpool *pool;
	const struct slotpool_info_args *info;

	pool = open_user(" nr_slots=3 slot_size=8k\n slot_stride=1G overcommit=1 reserve_pages=9 ");
	ASSERT_NE(NULL, pool);
	info = slotpool_info(pool);
	EXPECT_EQ(3, info->nr_slots);
	EXPECT_EQ(8192, info->slot_size);
	EXPECT_EQ(1UL << 30, info->slot_stride);
	slotpool_close(pool);

	pool = open_user("strict=Y keep_bytes=0 max_unused_warm_slots=5 max_unused_warm_bytes=7");
	ASSERT_NE(NULL, pool);
	info = slotpool_info(pool);
	EXPECT_EQ(SLOTPOOL_FEATURE_OVERCOMMIT | SLOTPOOL_FEATURE_STRICT, info->features);
	EXPECT_EQ(0, info->keep_bytes);
	EXPECT_EQ(5, info->max_unused_warm_slots);
	EXPECT_EQ(7, info->max_unused_warm_bytes);
	slotpool_close(pool);

	pool = open_user("max_image_bytes=1 max_client_image_bytes=1T max_pool_image_bytes=2M");
	ASSERT_NE(NULL, pool);
	info = slotpool_info(pool);
	EXPECT_EQ(1, info->max_image_bytes);
	EXPECT_EQ(1UL << 40, info->max_client_image_bytes);
	EXPECT_EQ(2 << 20, info->max_pool_image_bytes);
	slotpool_close(pool);
}

TEST(impossible_parameters_are_refused)
{
	static const char *const impossible[] = {
		"nr_slots=0",
		"nr_slots=16777217",
		"nr_slots=",
		"nr_slots",
		"nr_slots=4 nr_slot=4",
		"nr_slots=-1",
		"slot_size=4097",
		"slot_size=4MB",
		"slot_size=4X",
		"slot_size=8M slot_stride=4M",
		"slot_stride=5000000",
		"slot_size=18446744073709551616",
		"slot_size=16777216T",
		"nr_slots=16777216 slot_stride=1T",
		"keep_bytes=1",
		"strict=2",
		"reset=copy",
		"overcommit=0",
		"max_client_pages=1",
	};
	struct slotpool *pool;
	size_t i;

	for (i = 0; i < sizeof(impossible) / sizeof(*impossible); i++) {
		ASSERT_EQ(0, library_load(impossible[i]));
		EXPECT_EQ(-EINVAL, slotpool_open(NULL, &pool))
			TH_LOG("%s", impossible[i]);
	}
}

TEST(a_commitment_cannot_be_had)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_COMMIT, .commit = PAGE };
	struct slotpool *pool = open_user(GEOMETRY);

	ASSERT_NE(NULL, pool);
	EXPECT_EQ(-EOPNOTSUPP, slotpool_alloc(pool, &alloc));
	alloc.commit = 0;
	EXPECT_EQ(0, slotpool_alloc(pool, &alloc));
	EXPECT_EQ(-EOPNOTSUPP, slotpool_resize(pool, alloc.slot, SLOTPOOL_RESIZE_COMMIT, PAGE, PAGE,
					       NULL));
	slotpool_close(pool);
}

/* ---- resets ---- */

#define MODEL_PAGES 256

/*
 * One slot and its expected contents. Pages below @limit are accessible; each has
 * a byte value that it starts as, and one that it has.
 */
struct model {
	struct slotpool *pool;
	uint32_t image;
	char starts[MODEL_PAGES];
	char has[MODEL_PAGES];
	uint32_t limit, reset_limit;
	uint32_t slot;
};

static uint32_t model_random(uint32_t bound)
{
	return random() % bound;
}

static int model_alloc(struct model *model)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT };
	int err;

	model->limit = model_random(MODEL_PAGES + 1);
	alloc.limit = model->limit * PAGE;
	if (model->image) {
		alloc.flags |= SLOTPOOL_ALLOC_IMAGE;
		alloc.image = model->image;
	}
	if (model_random(4) == 0) {
		alloc.flags |= SLOTPOOL_ALLOC_KEEP;
		alloc.keep = model_random(MODEL_PAGES) * PAGE;
	}
	err = slotpool_alloc(model->pool, &alloc);
	model->slot = alloc.slot;
	model->reset_limit = model->limit;
	memcpy(model->has, model->starts, MODEL_PAGES);
	return err;
}

/* Up to so many writes that there are more regions than a scan tells at a time. */
static void model_write(struct model *model)
{
	uint32_t nr = model->limit ? 1 << model_random(8) : 0;
	char *memory = slotpool_address(model->pool, model->slot);

	while (nr--) {
		uint32_t page = model_random(model->limit);

		model->has[page] = 'A' + model_random(26);
		memset(memory + page * PAGE, model->has[page], PAGE);
	}
}

static int model_resize(struct model *model)
{
	uint32_t limit = model_random(MODEL_PAGES + 1);
	uint64_t old = 0;
	int err = slotpool_resize(model->pool, model->slot, 0, limit * PAGE, 0, &old);

	if (!err && old != model->limit * PAGE)
		err = -ERANGE;
	if (limit < model->limit)
		memcpy(model->has + limit, model->starts + limit, MODEL_PAGES - limit);
	if (limit < model->reset_limit)
		model->reset_limit = limit;
	model->limit = limit;
	return err;
}

static int model_reset(struct model *model)
{
	int err = slotpool_reset(model->pool, model->slot, NULL);

	model->limit = model->reset_limit;
	memcpy(model->has, model->starts, MODEL_PAGES);
	return err;
}

static bool model_matches(const struct model *model)
{
	const char *memory = slotpool_address(model->pool, model->slot);
	uint32_t page;

	for (page = 0; page < model->limit; page++) {
		const char *start = memory + page * PAGE;

		if (start[0] != model->has[page] || memcmp(start, start + 1, PAGE - 1)) {
			fprintf(stderr, "page %u is %d, not %d\n", page, start[0],
				model->has[page]);
			return false;
		}
	}
	return !can_read(memory + model->limit * PAGE);
}

static int model_step(struct model *model)
{
	uint64_t held;
	int err;

	switch (model_random(8)) {
	case 0:
		return model_reset(model);
	case 1:
		return model_resize(model);
	case 2:
		err = slotpool_free(model->pool, model->slot,
				    model_random(8) ? 0 : SLOTPOOL_FREE_DECOMMIT, &held);
		return err ? err : model_alloc(model);
	default:
		model_write(model);
		return 0;
	}
}

/* An image with pages of zeros at its ends and inside */
static int model_image(struct model *model)
{
	const size_t length = MODEL_PAGES * PAGE;
	char *bytes = calloc(1, length);
	struct slotpool_image_range range = {
		.length = length,
		.address = (uintptr_t)bytes,
	};
	uint32_t page;
	int err;

	if (!bytes)
		return -ENOMEM;
	for (page = 3; page < MODEL_PAGES / 2; page++) {
		model->starts[page] = page % 7 ? 'a' + page % 26 : 0;
		memset(bytes + page * PAGE, model->starts[page], PAGE);
	}
	err = slotpool_image_memory(model->pool, &range, 1, length, &model->image, NULL);
	free(bytes);
	return err;
}

/* Returns 0 or -errno. */
static int model_open(struct model *model, const char *parameters, bool image, unsigned int seed)
{
	int err;

	*model = (struct model){ .pool = open_user(parameters) };
	if (!model->pool)
		return -EINVAL;
	srandom(seed);
	err = slotpool_map(model->pool, 0, 2);
	if (!err && image)
		err = model_image(model);
	return err ? err : model_alloc(model);
}

/* All that a reset says that it has kept is held, and no more. */
static bool model_tells_what_it_holds(struct model *model)
{
	struct slotpool_list_entry entry = { .held = 0 };
	uint32_t first = 0;
	uint64_t held = 1;

	if (slotpool_reset(model->pool, model->slot, &held) ||
	    slotpool_list(model->pool, &first, &entry, 1) != 1)
		return false;
	return held == entry.held;
}

FIXTURE(resets)
{
	struct model model;
	unsigned int seed;
};

FIXTURE_VARIANT(resets)
{
	const char *parameters;
};

FIXTURE_VARIANT_ADD(resets, best)
{
	.parameters = "nr_slots=2 slot_size=1M",
};

FIXTURE_VARIANT_ADD(resets, best_with_little_kept)
{
	.parameters = "nr_slots=2 slot_size=1M keep_bytes=64K",
};

FIXTURE_VARIANT_ADD(resets, best_with_a_page_kept)
{
	.parameters = "nr_slots=2 slot_size=1M keep_bytes=4K",
};

FIXTURE_VARIANT_ADD(resets, best_when_strict)
{
	.parameters = "nr_slots=2 slot_size=1M strict=1",
};

FIXTURE_VARIANT_ADD(resets, madvise)
{
	.parameters = "nr_slots=2 slot_size=1M reset=madvise",
};

FIXTURE_VARIANT_ADD(resets, madvise_with_little_kept)
{
	.parameters = "nr_slots=2 slot_size=1M reset=madvise keep_bytes=64K",
};

FIXTURE_VARIANT_ADD(resets, madvise_with_nothing_kept)
{
	.parameters = "nr_slots=2 slot_size=1M reset=madvise keep_bytes=0",
};

FIXTURE_SETUP(resets)
{
	self->seed = time(NULL);
	TH_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(resets)
{
	slotpool_close(self->model.pool);
}

TEST_F(resets, a_slot_of_zeros_shows_what_it_has_to)
{
	int step;

	ASSERT_EQ(0, model_open(&self->model, variant->parameters, false, self->seed));
	for (step = 0; step < 300; step++) {
		ASSERT_EQ(0, model_step(&self->model));
		ASSERT_TRUE(model_matches(&self->model));
	}
}

TEST_F(resets, a_slot_of_an_image_shows_what_it_has_to)
{
	int step;

	ASSERT_EQ(0, model_open(&self->model, variant->parameters, true, self->seed));
	for (step = 0; step < 300; step++) {
		ASSERT_EQ(0, model_step(&self->model));
		ASSERT_TRUE(model_matches(&self->model));
	}
}

TEST_F(resets, what_a_reset_tells_is_held)
{
	struct model *model = &self->model;
	int step;

	ASSERT_EQ(0, model_open(model, variant->parameters, true, self->seed));
	for (step = 0; step < 100; step++) {
		model_write(model);
		ASSERT_EQ(0, model_random(2) ? model_resize(model) : 0);
		model_write(model);
		/* Pages that are only read are not held. */
		ASSERT_TRUE(model_matches(model));
		ASSERT_TRUE(model_tells_what_it_holds(model));
		ASSERT_EQ(0, slotpool_free(model->pool, model->slot, 0, NULL));
		ASSERT_EQ(0, model_alloc(model));
	}
}

TEST(a_scan_keeps_what_was_written_wherever_it_is)
{
	struct slotpool *pool = open_user("nr_slots=1 slot_size=1M keep_bytes=64K");
	uint64_t held = 0;
	char *memory;
	int i;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_map(pool, 0, 1));
	ASSERT_EQ(0, alloc_exact(pool, 0));
	memory = slotpool_address(pool, 0);
	for (i = 0; i < 4; i++)
		memory[(200 + 10 * i) * PAGE] = 'x';
	ASSERT_EQ(0, slotpool_reset(pool, 0, &held));
	/* By madvise alone the lowest 64 KiB are kept. */
	ASSERT_EQ(kernel_scans() ? 4 * PAGE : 16 * PAGE, held);
	for (i = 0; i < 20; i++)
		memory[(4 + 10 * i) * PAGE] = 'x';
	ASSERT_EQ(0, slotpool_reset(pool, 0, &held));
	ASSERT_EQ(16 * PAGE, held);
	slotpool_close(pool);
}

TEST(what_is_written_to_a_free_slot_does_not_come_back)
{
	struct slotpool *pool = open_user(GEOMETRY "keep_bytes=0");
	struct slotpool *other;
	char *memory;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, slotpool_map(pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(pool, 0));
	memory = slotpool_address(pool, 0);
	ASSERT_EQ(0, slotpool_free(pool, 0, 0, NULL));
	memory[SLOT - 1] = 'x';
	ASSERT_EQ(0, alloc_exact(other, 0));
	ASSERT_EQ(0, slotpool_free(other, 0, 0, NULL));
	ASSERT_EQ(0, alloc_exact(pool, 0));
	ASSERT_TRUE(all_bytes(memory, SLOT, 0));
	slotpool_close(other);
	slotpool_close(pool);
}

TEST_F(library, clean_memory_above_a_limit_is_left_when_unmapping)
{
	char *memory;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	ASSERT_EQ(0, slotpool_resize(self->pool, 0, 0, 2 * PAGE, 0, NULL));
	ASSERT_EQ(0, slotpool_resize(self->pool, 0, 0, SLOT, 0, NULL));
	memset(slotpool_address(self->pool, 0), 'x', SLOT);
	ASSERT_EQ(0, slotpool_reset(self->pool, 0, NULL));
	memset(slotpool_address(self->pool, 0), 'y', 2 * PAGE);
	slotpool_unmap(self->pool);
	ASSERT_EQ(0, slotpool_resize(self->pool, 0, 0, SLOT, 0, NULL));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	memory = slotpool_address(self->pool, 0);
	ASSERT_TRUE(all_bytes(memory, 2 * PAGE, 'y'));
	ASSERT_TRUE(all_bytes(memory + 2 * PAGE, SLOT - 2 * PAGE, 0));
}

TEST_F(library, mapping_again_takes_no_more_address_space)
{
	long before;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(self->pool, 0));
	memset(slotpool_address(self->pool, 0), 'x', SLOT);
	before = count_pages();
	slotpool_unmap(self->pool);
	ASSERT_EQ(before - (NR_SLOTS * STRIDE - SLOT) / PAGE, count_pages());
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(before, count_pages());
}

/* ---- budgets ---- */

/* Takes a slot of two pages and writes them; returns 0 or -errno. */
static int alloc_two_pages(struct slotpool *pool, uint32_t slot)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT,
		.slot = slot,
		.limit = 2 * PAGE,
	};
	int err = slotpool_alloc(pool, &alloc);

	if (!err)
		memset(slotpool_address(pool, slot), 'x', 2 * PAGE);
	return err;
}

TEST(warm_slots_hold_no_more_than_they_may)
{
	struct slotpool *pool = open_user(GEOMETRY "max_unused_warm_bytes=16K reset=madvise");
	struct slotpool_stat_args stat;
	uint64_t held = 1;
	int i;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_map(pool, 0, NR_SLOTS));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, alloc_two_pages(pool, i));
	ASSERT_EQ(0, alloc_exact(pool, 3));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, slotpool_free(pool, i, 0, &held));
	EXPECT_EQ(2 * PAGE, held);
	ASSERT_EQ(0, slotpool_stat(pool, &stat));
	EXPECT_EQ(2, stat.warm_slots);
	EXPECT_EQ(4, stat.warm_pages);
	EXPECT_EQ(1, stat.evictions);

	/* Too much even alone */
	ASSERT_EQ(0, slotpool_free(pool, 3, 0, &held));
	EXPECT_EQ(0, held);
	ASSERT_EQ(0, slotpool_stat(pool, &stat));
	EXPECT_EQ(2, stat.warm_slots);
	EXPECT_EQ(6, stat.cold_slots);

	/* Slots in use don't count, nor do unmapped ones. */
	ASSERT_EQ(0, alloc_two_pages(pool, 1));
	ASSERT_EQ(0, alloc_two_pages(pool, 3));
	ASSERT_EQ(0, slotpool_free(pool, 3, 0, NULL));
	slotpool_unmap(pool);
	ASSERT_EQ(0, slotpool_map(pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_two_pages(pool, 4));
	ASSERT_EQ(0, slotpool_free(pool, 1, 0, NULL));
	ASSERT_EQ(0, slotpool_free(pool, 4, 0, NULL));
	ASSERT_EQ(0, slotpool_stat(pool, &stat));
	EXPECT_EQ(1, stat.evictions);
	slotpool_close(pool);
}

TEST(images_store_no_more_than_they_may)
{
	static const char bounds[] =
		GEOMETRY "max_image_bytes=8K max_client_image_bytes=12K max_pool_image_bytes=16K";
	struct slotpool *pool = open_user(bounds);
	uint32_t image = 0, imported = 0;
	struct slotpool *other;
	int fd;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_open(NULL, &other));
	EXPECT_EQ(-EFBIG, image_of_bytes(pool, 'i', 3, &image));
	ASSERT_EQ(0, image_of_bytes(pool, 'i', 2, &image));
	EXPECT_EQ(-EDQUOT, image_of_bytes(pool, 'i', 2, &imported));
	EXPECT_EQ(0, image_of_bytes(pool, 0, 2, &imported));

	/* Its maker pays as long as anybody has it. */
	fd = slotpool_export(pool, image);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, slotpool_import(other, fd, &imported, NULL));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, slotpool_release(pool, image));
	EXPECT_EQ(-EDQUOT, image_of_bytes(pool, 'i', 2, &image));
	EXPECT_EQ(0, image_of_bytes(other, 'i', 2, &image));
	EXPECT_EQ(-ENOSPC, image_of_bytes(other, 'i', 1, &image));
	ASSERT_EQ(0, slotpool_release(other, imported));
	EXPECT_EQ(0, image_of_bytes(pool, 'i', 2, &image));
	slotpool_close(other);
	slotpool_close(pool);
}

TEST(a_strict_pool_shows_accesses_to_free_slots)
{
	struct slotpool *pool = open_user(GEOMETRY "strict=1");
	char *memory;

	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_map(pool, 0, NR_SLOTS));
	ASSERT_EQ(0, alloc_exact(pool, 0));
	memory = slotpool_address(pool, 0);
	ASSERT_EQ(0, access_write(memory));
	ASSERT_EQ(0, slotpool_free(pool, 0, 0, NULL));
	ASSERT_EQ(SIGSEGV, access_read(memory));
	ASSERT_EQ(0, alloc_exact(pool, 0));
	ASSERT_EQ(0, access_read(memory));
	slotpool_close(pool);
}

/* A process may have so many mappings, by default 65530. */
static uint32_t max_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	uint32_t max = 0;

	if (file && fscanf(file, "%u", &max) != 1)
		max = 0;
	if (file)
		fclose(file);
	return max;
}

FIXTURE(mappings)
{
	int unused;
};

FIXTURE_SETUP(mappings)
{
}

FIXTURE_TEARDOWN(mappings)
{
}

/* A kernel with debugging checks takes long for so many. */
TEST_F(mappings, more_than_there_can_be_fail)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = PAGE };
	uint32_t max_slots = max_mappings() / 2;
	struct slotpool_stat_args stat;
	struct slotpool *pool;
	uint32_t nr_slots = 0;
	char parameters[64];
	int err;

	snprintf(parameters, sizeof(parameters), "slot_size=8K nr_slots=%u", max_slots + 10);
	pool = open_user(parameters);
	ASSERT_NE(NULL, pool);
	ASSERT_EQ(0, slotpool_map(pool, 0, max_slots + 10));
	while (!(err = slotpool_alloc(pool, &alloc)))
		nr_slots++;
	ASSERT_EQ(-ENOMEM, err);
	EXPECT_GT(nr_slots, max_slots - 1000);
	ASSERT_EQ(0, slotpool_stat(pool, &stat));
	EXPECT_EQ(nr_slots, stat.cold_allocs);
	EXPECT_EQ(nr_slots, stat.used_slots);
	/* Freed slots are used again. */
	ASSERT_EQ(0, slotpool_free(pool, 5, 0, NULL));
	ASSERT_EQ(0, slotpool_free(pool, 6, 0, NULL));
	ASSERT_EQ(0, slotpool_alloc(pool, &alloc));
	ASSERT_EQ(6, alloc.slot);
	slotpool_close(pool);
}

/* ---- other processes ---- */

static int count_descriptors(void)
{
	int fd, nr = 0;

	for (fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

TEST_F(library, a_child_has_no_use_for_a_handle_but_can_open_a_pool)
{
	struct slotpool_stat_args stat;
	struct slotpool *pool;
	uint32_t image, imported;
	int fd, slot, status, descriptors;
	char *memory;
	pid_t child;

	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 2, &image));
	fd = slotpool_export(self->pool, image);
	ASSERT_GE(fd, 0);
	slot = alloc_image(self->pool, image);
	ASSERT_EQ(0, slot);
	memory = slotpool_address(self->pool, slot);
	*memory = 'p';

	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		if (can_read(memory))
			_exit(1);
		if (slotpool_reset(self->pool, 0, NULL) != -EPERM ||
		    slotpool_stat(self->pool, &stat) != -EPERM ||
		    slotpool_map(self->pool, 0, 1) != -EBUSY)
			_exit(2);
		if (slotpool_open(NULL, &pool) || slotpool_map(pool, 0, NR_SLOTS))
			_exit(3);
		/* A child that lives on keeps nothing that the parent releases. */
		descriptors = count_descriptors();
		slotpool_close(self->pool);
		if (count_descriptors() >= descriptors)
			_exit(7);
		if (slotpool_import(pool, fd, &imported, NULL) ||
		    alloc_image(pool, imported) != 0)
			_exit(4);
		memory = slotpool_address(pool, 0);
		if (!all_bytes(memory, 2 * PAGE, 'i'))
			_exit(5);
		*memory = 'c';
		if (slotpool_reset(pool, 0, NULL) || !all_bytes(memory, 2 * PAGE, 'i'))
			_exit(6);
		slotpool_close(pool);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ('p', *memory);
	ASSERT_EQ(0, slotpool_reset(self->pool, 0, NULL));
	ASSERT_TRUE(all_bytes(memory, 2 * PAGE, 'i'));
	ASSERT_EQ(0, close(fd));
}

TEST_F(library, pages_of_zeros_are_not_stored)
{
	char bytes[4 * PAGE] = { 0 };
	struct slotpool_image_range range = {
		.length = sizeof(bytes),
		.address = (uintptr_t)bytes,
	};
	struct stat stat;
	uint32_t image;
	int fd;

	bytes[2 * PAGE] = 'i';
	ASSERT_EQ(0, slotpool_image_memory(self->pool, &range, 1, sizeof(bytes), &image, NULL));
	fd = slotpool_export(self->pool, image);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, fstat(fd, &stat));
	EXPECT_EQ(sizeof(bytes), stat.st_size);
	EXPECT_EQ(PAGE, stat.st_blocks * 512);
	ASSERT_EQ(0, close(fd));
}

TEST_F(library, an_exported_image_cannot_be_changed)
{
	uint32_t image;
	int fd;

	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 2, &image));
	fd = slotpool_export(self->pool, image);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, pwrite(fd, "x", 1, 0));
	EXPECT_EQ(-1, ftruncate(fd, PAGE));
	EXPECT_EQ(-1, ftruncate(fd, 3 * PAGE));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0));
	ASSERT_EQ(0, close(fd));
}

TEST_F(library, only_what_cannot_change_is_an_image)
{
	int file = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	uint64_t length = 0;
	uint32_t image;

	ASSERT_EQ(0, ftruncate(file, SLOT));
	EXPECT_EQ(-EINVAL, slotpool_import(self->pool, file, &image, &length));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, seals));
	EXPECT_EQ(-EINVAL, slotpool_import(self->pool, file, &image, &length));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
	EXPECT_EQ(0, slotpool_import(self->pool, file, &image, &length));
	EXPECT_EQ(SLOT, length);
	ASSERT_EQ(0, close(file));

	/* A file that is too large for a slot */
	file = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ASSERT_EQ(0, ftruncate(file, SLOT + PAGE));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, seals | F_SEAL_SEAL));
	EXPECT_EQ(-EINVAL, slotpool_import(self->pool, file, &image, &length));
	ASSERT_EQ(0, close(file));
}

/* ---- threads ---- */

#define NR_THREADS 8

struct worker {
	struct slotpool *pool;
	uint32_t image;
	unsigned int seed;
	bool failed;
};

static bool worker_serve(struct worker *worker)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_LIMIT, .limit = 2 * PAGE };
	bool image = rand_r(&worker->seed) % 2;
	char *memory;
	int err;

	if (image) {
		alloc.flags |= SLOTPOOL_ALLOC_IMAGE;
		alloc.image = worker->image;
	} else {
		alloc.flags |= SLOTPOOL_ALLOC_KEY;
		alloc.key = rand_r(&worker->seed) % 4;
	}
	err = slotpool_alloc(worker->pool, &alloc);
	if (err == -ENOSPC)
		return true;
	if (err)
		return false;
	memory = slotpool_address(worker->pool, alloc.slot);
	if (!all_bytes(memory, 2 * PAGE, image ? 'i' : 0))
		return false;
	memset(memory, 'x', PAGE + rand_r(&worker->seed) % PAGE);
	if (rand_r(&worker->seed) % 4 == 0 &&
	    (slotpool_resize(worker->pool, alloc.slot, 0, 4 * PAGE, 0, NULL) ||
	     !all_bytes(memory + 2 * PAGE, 2 * PAGE, 0)))
		return false;
	if (rand_r(&worker->seed) % 8 == 0 && slotpool_purge_key(worker->pool, 1) < 0)
		return false;
	return !slotpool_free(worker->pool, alloc.slot, 0, NULL);
}

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	struct slotpool_stat_args stat;
	int i;

	for (i = 0; i < 250 && !worker->failed; i++) {
		worker->failed = !worker_serve(worker);
		if (i % 50 == 0 && slotpool_stat(worker->pool, &stat))
			worker->failed = true;
	}
	return NULL;
}

/* Two handles, and threads that share them */
TEST_F(library, threads_get_slots_of_their_own)
{
	struct worker workers[NR_THREADS];
	pthread_t threads[NR_THREADS];
	struct slotpool_stat_args stat;
	struct slotpool *other;
	uint32_t images[2];
	int i;

	ASSERT_EQ(0, slotpool_open(NULL, &other));
	ASSERT_EQ(0, slotpool_map(self->pool, 0, NR_SLOTS));
	ASSERT_EQ(0, slotpool_map(other, 0, NR_SLOTS));
	ASSERT_EQ(0, image_of_bytes(self->pool, 'i', 2, &images[0]));
	ASSERT_EQ(0, image_of_bytes(other, 'i', 2, &images[1]));
	for (i = 0; i < NR_THREADS; i++) {
		workers[i] = (struct worker){
			.pool = i % 2 ? other : self->pool,
			.image = images[i % 2],
			.seed = i,
		};
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, worker_run, &workers[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_FALSE(workers[i].failed);
	}
	slotpool_close(other);
	ASSERT_EQ(0, slotpool_stat(self->pool, &stat));
	ASSERT_EQ(0, stat.used_slots);
}

TEST_HARNESS_MAIN
