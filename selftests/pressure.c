// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of idle slots and images is bounded, charged to its user, and given back
 * when the system or a cgroup is short of memory.
 */
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (4L << 20)
#define SLOT_PAGES (SLOT / PAGE)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 64
#define GEOMETRY "nr_slots=64 nr_shards=1 keep_bytes=4M max_unused_warm_slots=64 "

struct pressure {
	int fd;
	char *base;
};

FIXTURE(pressure)
{
	struct pressure scene;
};

FIXTURE_VARIANT(pressure)
{
	const char *parameters;
};

/* Everything comes from the system, and is charged. */
FIXTURE_VARIANT_ADD(pressure, without_reserve)
{
	.parameters = GEOMETRY "reserve_pages=0",
};

FIXTURE_VARIANT_ADD(pressure, with_reserve)
{
	.parameters = GEOMETRY "reserve_pages=32",
};

static void start(struct __test_metadata *_metadata, struct pressure *scene,
		  const char *parameters)
{
	unload_pool();
	ASSERT_EQ(0, load_pool(parameters));
	scene->fd = open_pool();
	ASSERT_GE(scene->fd, 0);
	scene->base = map_slots(scene->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, scene->base);
}

static void end(struct __test_metadata *_metadata, struct pressure *scene)
{
	EXPECT_EQ(0, munmap(scene->base, NR_SLOTS * STRIDE));
	EXPECT_EQ(0, close(scene->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

FIXTURE_SETUP(pressure)
{
	start(_metadata, &self->scene, variant->parameters);
}

FIXTURE_TEARDOWN(pressure)
{
	end(_metadata, &self->scene);
}

/* Runs all shrinkers until they give back nothing more. */
static bool drop_slab(void)
{
	return put_text("/proc/sys/vm/drop_caches", "2");
}

/* Allocates slots for keys of their own and writes to some pages of each. */
static bool use(int fd, char *base, int first, int nr_slots, int nr_pages)
{
	int slot;

	for (slot = first; slot < first + nr_slots; slot++) {
		if (call_alloc_key(fd, slot) != slot)
			return false;
		memset(base + slot * STRIDE, 'x', nr_pages * PAGE);
	}
	return true;
}

static bool give(int fd, int first, int nr_slots)
{
	int slot;

	for (slot = first; slot < first + nr_slots; slot++) {
		if (call_free(fd, slot) < 0)
			return false;
	}
	return true;
}

TEST_F(pressure, takes_the_memory_of_idle_slots_and_of_no_others)
{
	struct slotpool_stat_args stat;
	int slot;

	/* The first slots use up the reserve. */
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 0, 4, 16));
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 4, 8, 16));
	ASSERT_TRUE(give(self->scene.fd, 4, 6));
	stat = call_stat(self->scene.fd);
	ASSERT_EQ(6 * 16, stat.warm_pages);
	ASSERT_EQ(12 * 16, stat.held_pages);
	ASSERT_TRUE(drop_slab());
	stat = call_stat(self->scene.fd);
	ASSERT_EQ(0, stat.warm_slots);
	ASSERT_EQ(0, stat.warm_pages);
	ASSERT_EQ(6 * 16, stat.held_pages);
	ASSERT_EQ(6, stat.evictions);
	for (slot = 10; slot < 12; slot++)
		ASSERT_TRUE(all_bytes(self->scene.base + slot * STRIDE, 16 * PAGE, 'x'));
	for (slot = 4; slot < 10; slot++)
		ASSERT_EQ(SIGSEGV, access_read(self->scene.base + slot * STRIDE));
	/* Cold, the slots serve again. */
	slot = call_alloc_key(self->scene.fd, 99);
	ASSERT_TRUE(slot >= 4 && slot < 10);
}

TEST_F(pressure, leaves_what_the_reserve_provides)
{
	ASSERT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->scene.fd));
	start(_metadata, &self->scene, GEOMETRY "reserve_pages=256");
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 0, 8, 16));
	ASSERT_TRUE(give(self->scene.fd, 0, 8));
	ASSERT_TRUE(drop_slab());
	ASSERT_EQ(8, call_stat(self->scene.fd).warm_slots);
	ASSERT_EQ(8 * 16, call_stat(self->scene.fd).warm_pages);
}

TEST_F(pressure, empties_no_slot_that_has_only_pages_of_the_reserve)
{
	struct slotpool_info_args info = call_info(self->scene.fd);
	int first = info.reserve_pages / 16;

	/* The oldest slots have all of the reserve, the latest borrows. */
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 0, first + 1, 16));
	ASSERT_TRUE(give(self->scene.fd, 0, first + 1));
	ASSERT_TRUE(drop_slab());
	ASSERT_EQ(first, call_stat(self->scene.fd).warm_slots);
	ASSERT_EQ(1, call_stat(self->scene.fd).evictions);
}

/* A process that takes ever more memory until idle slots have given some up. */
static void press(int fd)
{
	const long step = 4L << 20;

	put_text("/proc/self/oom_score_adj", "1000");
	while (!call_stat(fd).evictions) {
		char *memory = mmap(NULL, step, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			break;
		memset(memory, 'p', step);
	}
	_exit(0);
}

TEST_F(pressure, takes_the_least_recently_used_slots_first)
{
	static char bytes[SLOT];
	struct slotpool_stat_args stat;
	int file, slot, status;
	pid_t child;

	/* The first one gives up its image too, which may be just being read. */
	memset(bytes, 'i', sizeof(bytes));
	file = make_memfd(bytes, sizeof(bytes), true);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd,
				      call_image_file(self->scene.fd, SLOT, file)));
	memset(self->scene.base, 'x', SLOT);
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 1, NR_SLOTS - 1, SLOT_PAGES));
	ASSERT_TRUE(give(self->scene.fd, 0, NR_SLOTS));
	child = fork();
	if (!child)
		press(self->scene.fd);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* The kernel may be at it still. */
	do {
		stat = call_stat(self->scene.fd);
		usleep(300000);
	} while (call_stat(self->scene.fd).evictions != stat.evictions);
	TH_LOG("%llu of %d slots given up", stat.evictions, NR_SLOTS);
	ASSERT_GT(stat.evictions, 0);
	/* Those freed first are gone, the others, if any, still have their affinity. */
	for (slot = stat.evictions; slot < NR_SLOTS; slot++)
		ASSERT_EQ(slot, call_alloc_key(self->scene.fd, slot));
	ASSERT_EQ(NR_SLOTS - stat.evictions, call_stat(self->scene.fd).affine_allocs);
	ASSERT_EQ(0, close(file));
}

TEST_F(pressure, takes_pages_of_images_that_no_slot_uses)
{
	static char bytes[32 * PAGE];
	int file, image, copied, slot;
	struct slotpool_image_range range = {
		.length = sizeof(bytes),
		.address = (uintptr_t)bytes,
	};
	struct slotpool_stat_args stat;

	memset(bytes, 'i', sizeof(bytes));
	file = make_memfd(bytes, sizeof(bytes), true);
	image = call_image_file(self->scene.fd, sizeof(bytes), file);
	copied = call_image_memory(self->scene.fd, sizeof(bytes), &range, 1);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, image));
	ASSERT_EQ(1, call_alloc_image(self->scene.fd, copied));
	ASSERT_EQ(0, memcmp(self->scene.base, bytes, sizeof(bytes)));
	self->scene.base[PAGE] = 'x';
	ASSERT_EQ(64, call_stat(self->scene.fd).image_pages);

	/* In use, it keeps them: the slot will be reset from them. */
	ASSERT_TRUE(drop_slab());
	ASSERT_EQ(64, call_stat(self->scene.fd).image_pages);
	ASSERT_EQ(PAGE, call_reset(self->scene.fd, 0));
	ASSERT_EQ(0, memcmp(self->scene.base, bytes, sizeof(bytes)));

	ASSERT_EQ(0, call_free_flags(self->scene.fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_free_flags(self->scene.fd, 1, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_TRUE(drop_slab());
	stat = call_stat(self->scene.fd);
	ASSERT_EQ(32, stat.image_pages);
	ASSERT_EQ(32, stat.image_drops);
	ASSERT_EQ(64, stat.image_charged_pages);

	/* They are read again. */
	slot = call_alloc_image(self->scene.fd, image);
	ASSERT_GE(slot, 0);
	ASSERT_EQ(0, memcmp(self->scene.base + slot * STRIDE, bytes, sizeof(bytes)));
	ASSERT_EQ(64, call_stat(self->scene.fd).image_reads);
	ASSERT_EQ(0, close(file));
}

TEST_F(pressure, takes_pages_that_are_there)
{
	static char bytes[32 * PAGE];
	int file = make_memfd(bytes, sizeof(bytes), true);
	int image = call_image_file(self->scene.fd, sizeof(bytes), file);

	/* Zeros of a file are not stored, and can't be given back. */
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, image));
	ASSERT_TRUE(all_bytes(self->scene.base, sizeof(bytes), 0));
	ASSERT_EQ(32, call_stat(self->scene.fd).image_reads);
	ASSERT_EQ(0, call_stat(self->scene.fd).image_pages);
	ASSERT_EQ(0, call_free_flags(self->scene.fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_TRUE(drop_slab());
	ASSERT_EQ(0, call_stat(self->scene.fd).image_drops);
	ASSERT_EQ(0, close(file));
}

TEST_F(pressure, takes_pages_of_a_snapshot_that_no_slot_ever_used)
{
	static char bytes[32 * PAGE];
	int file, image, snapshot;

	memset(bytes, 'i', sizeof(bytes));
	file = make_memfd(bytes, sizeof(bytes), true);
	image = call_image_file(self->scene.fd, sizeof(bytes), file);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, image));
	ASSERT_EQ(0, memcmp(self->scene.base, bytes, sizeof(bytes)));
	self->scene.base[0] = 'x';
	snapshot = call_image_slot(self->scene.fd, 0);
	ASSERT_GT(snapshot, 0);
	ASSERT_EQ(64, call_stat(self->scene.fd).image_pages);
	ASSERT_EQ(0, call_free_flags(self->scene.fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_TRUE(drop_slab());
	/* Pages that were read can be read again, unlike those that were written. */
	ASSERT_EQ(1, call_stat(self->scene.fd).image_pages);
	bytes[0] = 'x';
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, snapshot));
	ASSERT_EQ(0, memcmp(self->scene.base, bytes, sizeof(bytes)));
	ASSERT_EQ(0, close(file));
}

TEST_F(pressure, of_the_bound_on_idle_bytes_takes_the_oldest)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_EXACT, .slot = 6 };
	const uint64_t bound = 40 * PAGE;

	ASSERT_TRUE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "163840"));
	ASSERT_EQ(bound, call_info(self->scene.fd).max_unused_warm_bytes);
	ASSERT_TRUE(use(self->scene.fd, self->scene.base, 0, 6, 10));
	ASSERT_TRUE(give(self->scene.fd, 0, 4));
	ASSERT_EQ(40, call_stat(self->scene.fd).warm_pages);
	ASSERT_EQ(0, call_stat(self->scene.fd).evictions);
	ASSERT_TRUE(give(self->scene.fd, 4, 1));
	ASSERT_EQ(1, call_stat(self->scene.fd).evictions);
	ASSERT_EQ(40, call_stat(self->scene.fd).warm_pages);
	/* Slot 0 lost its affinity. Slots in use don't count. */
	ASSERT_EQ(1, call_alloc_key(self->scene.fd, 1));
	ASSERT_EQ(30, call_stat(self->scene.fd).warm_pages);
	ASSERT_TRUE(give(self->scene.fd, 5, 1));
	ASSERT_EQ(40, call_stat(self->scene.fd).warm_pages);

	/* A lower bound counts at once. */
	ASSERT_TRUE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "100000"));
	ASSERT_EQ(20, call_stat(self->scene.fd).warm_pages);
	/* A slot that exceeds the bound alone is emptied, and no other. */
	ASSERT_EQ(6, call_alloc(self->scene.fd, alloc));
	memset(self->scene.base + 6 * STRIDE, 'x', 30 * PAGE);
	ASSERT_EQ(0, call_free(self->scene.fd, 6));
	ASSERT_EQ(20, call_stat(self->scene.fd).warm_pages);
	ASSERT_TRUE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "0"));
	ASSERT_EQ(0, call_stat(self->scene.fd).warm_pages);
	ASSERT_EQ(10, call_stat(self->scene.fd).held_pages);
	ASSERT_FALSE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "1M"));
	ASSERT_FALSE(put_text(POOL_ATTRIBUTES "max_unused_warm_bytes", "-1"));
	ASSERT_EQ(0, call_info(self->scene.fd).max_unused_warm_bytes);
}

/* ---- In a cgroup ---- */

static unsigned long cgroup_current(void)
{
	unsigned long value = 0;
	FILE *file = fopen(TEST_CGROUP "/memory.current", "r");

	if (!file || fscanf(file, "%lu", &value) != 1)
		value = 0;
	if (file)
		fclose(file);
	return value;
}

FIXTURE(cgroup)
{
	int fd;
};

FIXTURE_SETUP(cgroup)
{
	unload_pool();
	ASSERT_TRUE(put_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	ASSERT_EQ(0, mkdir(TEST_CGROUP, 0755));
	ASSERT_EQ(0, load_pool(GEOMETRY "reserve_pages=0"));
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
	EXPECT_EQ(0, rmdir(TEST_CGROUP));
}

/* Runs in the cgroup; returns the child's status as of waitpid(). */
static int run_in_cgroup(int (*run)(int fd, char *base))
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		int fd = open_pool();
		char *base = map_slots(fd, 0, NR_SLOTS);

		if (!put_text(TEST_CGROUP "/cgroup.procs", "0") || base == MAP_FAILED)
			_exit(100);
		_exit(run(fd, base));
	}
	waitpid(child, &status, 0);
	return status;
}

static int charge_slots(int fd, char *base)
{
	unsigned long before = cgroup_current();

	if (!use(fd, base, 0, 8, SLOT_PAGES))
		return 1;
	if (cgroup_current() < before + 8 * SLOT)
		return 2;
	/* Idle slots stay charged until they give their memory up. */
	if (!give(fd, 0, 8) || cgroup_current() < before + 8 * SLOT)
		return 3;
	if (call_purge(fd, 0, 0, 0) != 8 || cgroup_current() > before + SLOT)
		return 4;
	return 0;
}

TEST_F(cgroup, pays_for_what_its_processes_touch)
{
	ASSERT_EQ(0, run_in_cgroup(charge_slots));
}

static int charge_images(int fd, char *base)
{
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)base };
	unsigned long before;
	int i, image;

	if (!use(fd, base, 0, 1, SLOT_PAGES))
		return 1;
	before = cgroup_current();
	for (i = 0; i < 4; i++) {
		image = call_image_memory(fd, SLOT, &range, 1);
		if (image < 0)
			return 2;
	}
	if (call_image_slot(fd, 0) < 0)
		return 3;
	return cgroup_current() < before + 5 * SLOT ? 4 : 0;
}

TEST_F(cgroup, pays_for_images_that_its_processes_make)
{
	ASSERT_EQ(0, run_in_cgroup(charge_images));
}

static int run_short(int fd, char *base)
{
	int i, slot;

	/* Idle slots hold most of what the cgroup may have. */
	if (!use(fd, base, 0, 6, SLOT_PAGES) || !give(fd, 0, 6))
		return 1;
	if (!put_text(TEST_CGROUP "/memory.max", "32M"))
		return 2;
	for (i = 0; i < 5; i++) {
		slot = call_alloc_any(fd);
		if (slot < 0)
			return 3;
		memset(base + slot * STRIDE, 'y', SLOT);
	}
	return call_stat(fd).warm_slots ? 4 : 0;
}

TEST_F(cgroup, at_its_bound_gives_up_its_own_idle_slots_first)
{
	ASSERT_EQ(0, run_in_cgroup(run_short));
}

static int run_out(int fd, char *base)
{
	if (!put_text(TEST_CGROUP "/memory.max", "16M"))
		return 1;
	use(fd, base, 0, 8, SLOT_PAGES);
	return 2;
}

TEST_F(cgroup, at_its_bound_with_nothing_to_give_up_is_up_to_the_oom_killer)
{
	ASSERT_EQ(SIGKILL, run_in_cgroup(run_out));
}

static int image_run_out(int fd, char *base)
{
	static char bytes[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)bytes };
	int i, image = 0;

	(void)base;
	memset(bytes, 'x', SLOT);
	if (!put_text(TEST_CGROUP "/memory.max", "16M"))
		return 1;
	for (i = 0; i < 8 && image >= 0; i++)
		image = call_image_memory(fd, SLOT, &range, 1);
	if (image != -ENOMEM)
		return 2;
	/* No half-made image stays behind. */
	return call_stat(fd).image_pages == call_stat(fd).client_images * SLOT_PAGES ? 0 : 3;
}

TEST_F(cgroup, at_its_bound_can_make_no_image)
{
	ASSERT_EQ(0, run_in_cgroup(image_run_out));
}

TEST_HARNESS_MAIN
