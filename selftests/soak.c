// SPDX-License-Identifier: GPL-2.0-only
/*
 * After much of everything all is as it was: slots, images, pages and inodes.
 *
 * SLOTPOOL_SOAK in the environment has it be as much as make soak promises, and
 * a day's churn start over until so many seconds have passed. SLOTPOOL_SEED sets
 * the seed.
 */
#include <signal.h>
#include <time.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"
#include "lib/random.h"

#define NR_SLOTS 64
#define SLOT_PAGES 64
#define STRIDE (2 * SLOT_PAGES * PAGE)
#define PARAMETERS                                                   \
	"nr_slots=64 nr_shards=2 slot_size=256K slot_stride=512K " \
	"max_unused_warm_slots=8 keep_bytes=64K "

#define MANY_KILLS 10000
#define FEW_KILLS 200
#define MANY_LOADS 1000
#define FEW_LOADS 20
#define DAY (24 * 3600)
/* A short test has every so many of a day's seconds. */
#define FEW_SECONDS 60

#define NR_CHILDREN 4
#define MAX_HELD 8
#define MAX_IMAGES 3
#define IMAGE_PAGES 8
/* A test that doesn't end hangs; how long it takes is the machine's affair. */
#define TEST_SECONDS (24 * 3600)

/* Memory and inodes that the kernel may keep meanwhile */
#define SLACK_PAGES 1024
#define SLACK_INODES 32

static bool is_long(void)
{
	return getenv("SLOTPOOL_SOAK");
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* ---- the resources of the machine ---- */

struct usage {
	long pages, inodes;
};

/* Of pages those that are free, of inodes those that are in use; -1 where unknown. */
static struct usage usage(void)
{
	struct usage usage = { -1, -1 };
	long inodes, unused;

	if (!put_text("/proc/sys/vm/drop_caches", "3"))
		return usage;
	usage.pages = find_number("/proc/meminfo", "MemFree: %ld kB") / 4;
	inodes = find_number("/proc/sys/fs/inode-nr", "%ld");
	unused = find_number("/proc/sys/fs/inode-nr", "%*d %ld");
	if (inodes >= 0 && unused >= 0)
		usage.inodes = inodes - unused;
	return usage;
}

/* ---- a client's life ---- */

struct client {
	uint64_t random;
	int fd;
	char *base;
	unsigned int nr_held, nr_images;
	/* Slots and, for each, the byte that fills its image, or 0 */
	uint32_t held[MAX_HELD];
	char fills[MAX_HELD];
	int images[MAX_IMAGES];
	char image_fills[MAX_IMAGES];
};

static uint64_t pick(struct client *client, uint64_t choices)
{
	return random_next(&client->random) % choices;
}

static bool open_client(struct client *client, uint64_t seed)
{
	*client = (struct client){ .random = seed, .fd = open_pool() };
	if (client->fd < 0)
		return false;
	client->base = map_slots(client->fd, 0, NR_SLOTS);
	return client->base != MAP_FAILED;
}

static void close_client(struct client *client)
{
	munmap(client->base, NR_SLOTS * STRIDE);
	close(client->fd);
}

static char *slot_memory(const struct client *client, uint32_t slot)
{
	return client->base + slot * STRIDE;
}

static bool add_image(struct client *client)
{
	static char bytes[IMAGE_PAGES * PAGE];
	char fill = 1 + pick(client, 100);
	struct slotpool_image_range range = {
		.length = sizeof(bytes),
		.address = (uintptr_t)bytes,
	};
	int image;

	memset(bytes, fill, sizeof(bytes));
	image = call_image_memory(client->fd, sizeof(bytes), &range, 1);
	if (image < 0)
		return false;
	client->images[client->nr_images] = image;
	client->image_fills[client->nr_images++] = fill;
	return true;
}

/* The same through a descriptor, and a snapshot, neither of which is kept. */
static bool pass_image(struct client *client)
{
	uint32_t image = client->images[pick(client, client->nr_images)];
	int file = call_export(client->fd, image);
	bool done = file >= 0 && call_import(client->fd, file) == (int)image &&
		    call_release(client->fd, image) >= 0;

	close(file);
	if (done && client->nr_held) {
		int snapshot = call_image_slot(client->fd,
					     client->held[pick(client, client->nr_held)]);

		done = snapshot >= 0 && call_release(client->fd, snapshot) >= 0;
	}
	return done;
}

static bool remove_image(struct client *client)
{
	unsigned int i = pick(client, client->nr_images);
	bool done = call_release(client->fd, client->images[i]) >= 0;

	client->nr_images--;
	client->images[i] = client->images[client->nr_images];
	client->image_fills[i] = client->image_fills[client->nr_images];
	return done;
}

/* Begins an instance. Returns whether nothing of others is in its slot. */
static bool begin(struct client *client)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_LIMIT,
		.limit = SLOT_PAGES * PAGE,
	};
	unsigned int image = pick(client, MAX_IMAGES + 1);
	char fill = 0;
	int slot;

	if (image < client->nr_images) {
		alloc.flags |= SLOTPOOL_ALLOC_IMAGE;
		alloc.image = client->images[image];
		fill = client->image_fills[image];
	} else {
		alloc.flags |= SLOTPOOL_ALLOC_KEY;
		alloc.key = image;
	}
	slot = call_alloc(client->fd, alloc);
	if (slot == -ENOSPC)
		return true;
	if (slot < 0)
		return false;
	client->held[client->nr_held] = slot;
	client->fills[client->nr_held++] = fill;
	return all_bytes(slot_memory(client, slot), IMAGE_PAGES * PAGE, fill) &&
	       all_bytes(slot_memory(client, slot) + IMAGE_PAGES * PAGE, PAGE, 0);
}

static void write_pages(struct client *client)
{
	char *memory = slot_memory(client, client->held[pick(client, client->nr_held)]);
	unsigned int i;

	for (i = 1 + pick(client, 8); i--;)
		memset(memory + pick(client, SLOT_PAGES) * PAGE, 0x7f, PAGE);
}

static bool reset(struct client *client)
{
	unsigned int i = pick(client, client->nr_held);
	const char *memory = slot_memory(client, client->held[i]);

	return call_reset(client->fd, client->held[i]) >= 0 &&
	       all_bytes(memory, IMAGE_PAGES * PAGE, client->fills[i]);
}

static bool end(struct client *client)
{
	unsigned int i = pick(client, client->nr_held);
	uint32_t slot = client->held[i];

	client->nr_held--;
	client->held[i] = client->held[client->nr_held];
	client->fills[i] = client->fills[client->nr_held];
	return call_free_flags(client->fd, slot, pick(client, 8) ? 0 : SLOTPOOL_FREE_DECOMMIT) >= 0;
}

/* Something at random; returns whether all is as it must be. */
static bool step(struct client *client)
{
	unsigned int choice = pick(client, 20);

	if (choice < 5)
		return client->nr_held == MAX_HELD || begin(client);
	if (choice == 5)
		return client->nr_images == MAX_IMAGES || add_image(client);
	if (choice == 6)
		return !client->nr_images || pass_image(client);
	if (choice == 7 && client->nr_images && !pick(client, 4))
		return remove_image(client);
	if (!client->nr_held)
		return true;
	if (choice < 11)
		return end(client);
	if (choice < 14)
		return reset(client);
	write_pages(client);
	return true;
}

/* ---- the tests ---- */

/* Pages that wait in the lists of a CPU don't count as free: these are to be short. */
#define CPU_LISTS "/proc/sys/vm/percpu_pagelist_high_fraction"

FIXTURE(soak)
{
	uint64_t seed;
	char cpu_lists[32];
	struct usage before;
};

FIXTURE_SETUP(soak)
{
	unsigned int i;

	/* A test that failed may have left it behind. */
	unload_pool();
	self->seed = random_seed();
	TH_LOG("SLOTPOOL_SEED=%#llx", (unsigned long long)self->seed);
	snprintf(self->cpu_lists, sizeof(self->cpu_lists), "%ld", find_number(CPU_LISTS, "%ld"));
	ASSERT_TRUE(put_text(CPU_LISTS, "1000"));
	/* The first rounds fill the kernel's own caches. */
	for (i = 0; i < 3; i++) {
		struct client client;

		ASSERT_EQ(0, load_pool(PARAMETERS "reserve_pages=512"));
		ASSERT_TRUE(open_client(&client, i));
		while (pick(&client, 200))
			ASSERT_TRUE(step(&client));
		close_client(&client);
		ASSERT_EQ(0, unload_pool());
	}
	self->before = usage();
	ASSERT_GT(self->before.pages, 0);
	ASSERT_GT(self->before.inodes, 0);
}

FIXTURE_TEARDOWN(soak)
{
	struct usage after;

	EXPECT_EQ(-ENOENT, unload_pool());
	after = usage();
	EXPECT_TRUE(put_text(CPU_LISTS, self->cpu_lists));
	TH_LOG("free pages %ld, then %ld; inodes %ld, then %ld", self->before.pages, after.pages,
	       self->before.inodes, after.inodes);
	ASSERT_GT(after.pages, 0);
	ASSERT_GT(after.inodes, 0);
	EXPECT_LT(self->before.pages - after.pages, SLACK_PAGES);
	EXPECT_LT(after.inodes - self->before.inodes, SLACK_INODES);
}

/* Ends with 1 if something isn't as it must be. */
static pid_t start_child(uint64_t seed)
{
	pid_t pid = fork();
	struct client client;

	if (pid)
		return pid;
	if (!open_client(&client, seed))
		_exit(1);
	while (step(&client))
		;
	_exit(1);
}

TEST_F_TIMEOUT(soak, clients_killed_at_any_point_leave_nothing, TEST_SECONDS)
{
	unsigned int left = is_long() ? MANY_KILLS : FEW_KILLS;
	pid_t children[NR_CHILDREN] = { 0 };
	uint64_t random = self->seed;
	struct slotpool_stat_args stat;
	unsigned int kills = 0;
	unsigned int i;
	int status;

	ASSERT_EQ(0, load_pool(PARAMETERS "reserve_pages=512"));
	while (kills < left) {
		for (i = 0; i < NR_CHILDREN; i++) {
			if (!children[i])
				children[i] = start_child(random_next(&random));
			ASSERT_GT(children[i], 0);
		}
		usleep(random_next(&random) % 4000);
		i = random_next(&random) % NR_CHILDREN;
		ASSERT_EQ(0, kill(children[i], SIGKILL));
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		children[i] = 0;
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		if (++kills % 1000 == 0)
			TH_LOG("%u clients killed", kills);
	}
	for (i = 0; i < NR_CHILDREN; i++) {
		if (!children[i])
			continue;
		ASSERT_EQ(0, kill(children[i], SIGKILL));
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		kills++;
	}
	ASSERT_TRUE(pool_is_idle());
	stat = pool_gauges();
	TH_LOG("%u clients killed, which allocated %llu slots and freed %llu", kills,
	       stat.affine_allocs + stat.recycled_allocs + stat.cold_allocs, stat.frees);
	/* They got as far as that. */
	ASSERT_GT(stat.frees, kills);
	ASSERT_EQ(0, unload_pool());
}

TEST_F_TIMEOUT(soak, loads_and_unloads_leave_nothing, TEST_SECONDS)
{
	unsigned int loads = is_long() ? MANY_LOADS : FEW_LOADS;
	uint64_t random = self->seed;
	struct client client;
	unsigned int i;

	for (i = 1; i <= loads; i++) {
		ASSERT_EQ(0, load_pool(i % 2 ? PARAMETERS "reserve_pages=2048" :
					       PARAMETERS "strict=1 reserve_pages=0"));
		ASSERT_TRUE(open_client(&client, random_next(&random)));
		while (pick(&client, 50))
			ASSERT_TRUE(step(&client));
		/* The module may go when both the file and the mapping are gone. */
		ASSERT_EQ(-EAGAIN, unload_pool());
		close_client(&client);
		ASSERT_TRUE(pool_is_idle());
		ASSERT_EQ(0, unload_pool());
		if (i % 100 == 0)
			TH_LOG("%u loads and unloads", i);
	}
}

/* Returns the number of instances at a time: fewest at midnight, most at noon. */
static unsigned int busy(unsigned int second)
{
	unsigned int from_noon = second < DAY / 2 ? DAY / 2 - second : second - DAY / 2;

	return 1 + (MAX_HELD - 1) * (DAY / 2 - from_noon) / (DAY / 2);
}

/*
 * In each second an instance begins or ends, as many as the hour has, and some
 * serve a request. Each hour a client is replaced, and each ten minutes an image.
 */
TEST_F_TIMEOUT(soak, a_days_churn_leaves_nothing, TEST_SECONDS)
{
	const char *seconds = getenv("SLOTPOOL_SOAK");
	double until = now() + (seconds ? strtod(seconds, NULL) : 0);
	unsigned int pace = is_long() ? 1 : FEW_SECONDS;
	uint64_t random = self->seed;
	struct slotpool_stat_args stat;
	struct client client;
	unsigned int days = 0;
	unsigned int second;

	ASSERT_EQ(0, load_pool(PARAMETERS "reserve_pages=512"));
	do {
		for (second = 0; second < DAY; second += pace) {
			if (second % 3600 == 0) {
				if (second)
					close_client(&client);
				ASSERT_TRUE(pool_is_idle());
				ASSERT_TRUE(open_client(&client, random_next(&random)));
				if (is_long() && second % (6 * 3600) == 0)
					TH_LOG("day %u, %u h", days, second / 3600);
			}
			if (second % 600 == 0 && client.nr_images == MAX_IMAGES)
				ASSERT_TRUE(remove_image(&client));
			if (client.nr_images < MAX_IMAGES)
				ASSERT_TRUE(add_image(&client));
			ASSERT_TRUE(client.nr_held < busy(second) ? begin(&client) : end(&client));
			if (!client.nr_held)
				continue;
			write_pages(&client);
			ASSERT_TRUE(reset(&client));
		}
		close_client(&client);
		ASSERT_TRUE(pool_is_idle());
		days++;
	} while (now() < until);
	stat = pool_gauges();
	TH_LOG("%u days, %llu affine, %llu recycled, %llu cold, %llu evictions", days,
	       stat.affine_allocs, stat.recycled_allocs, stat.cold_allocs, stat.evictions);
	ASSERT_EQ(0, unload_pool());
}

TEST_HARNESS_MAIN
