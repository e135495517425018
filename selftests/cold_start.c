// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cold start: the first fault of a slot prepares the pages that earlier instances of its
 * image wrote.
 */
#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT_PAGES 512L
#define SLOT (SLOT_PAGES * PAGE)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 4
#define GEOMETRY "nr_slots=4 slot_size=2M nr_shards=1 keep_bytes=2M max_unused_warm_slots=4 "

/* The pages that an instance writes, scattered, and one that it only reads */
#define NR_WRITTEN 64
#define STEP 7
#define READ_PAGE 500L

struct scene {
	int fd;
	char *base;
	int image;
	int other;
};

FIXTURE(cold_start)
{
	struct scene scene;
};

static int image_of(int fd, char value)
{
	static char bytes[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)bytes };

	memset(bytes, value, SLOT);
	return call_image_memory(fd, SLOT, &range, 1);
}

static void start(struct __test_metadata *_metadata, struct scene *scene, const char *parameters)
{
	unload_pool();
	ASSERT_EQ(0, load_pool(parameters));
	scene->fd = open_pool();
	ASSERT_GE(scene->fd, 0);
	scene->base = map_slots(scene->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, scene->base);
	scene->image = image_of(scene->fd, 'i');
	ASSERT_GT(scene->image, 0);
	scene->other = image_of(scene->fd, 'o');
	ASSERT_GT(scene->other, 0);
}

FIXTURE_SETUP(cold_start)
{
	start(_metadata, &self->scene, GEOMETRY "reserve_pages=2048");
}

FIXTURE_TEARDOWN(cold_start)
{
	EXPECT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	EXPECT_EQ(0, close(self->scene.fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* Writes pages and reads one; returns the page faults, or -1 after a wrong byte. */
static long live(char *memory, int nr_written, int step)
{
	long faults = minor_faults();
	int i;

	for (i = 0; i < nr_written; i++) {
		if (memory[i * step * PAGE] != 'i' || memory[i * step * PAGE + PAGE - 1] != 'i')
			return -1;
		memory[i * step * PAGE] = 'x';
	}
	return memory[READ_PAGE * PAGE] == 'i' ? minor_faults() - faults : -1;
}

/* A life in a slot that held nothing. */
static long live_cold(const struct scene *scene, int nr_written)
{
	int slot = call_alloc_image(scene->fd, scene->image);
	long faults = slot < 0 ? -1 : live(scene->base + slot * STRIDE, nr_written, STEP);

	return call_free_flags(scene->fd, slot, SLOTPOOL_FREE_DECOMMIT) ? -1 : faults;
}

TEST_F(cold_start, takes_two_faults_from_the_second_instance_on)
{
	struct slotpool_stat_args before, after;

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	before = call_stat(self->scene.fd);
	/* A fault for all written pages, and one for the page that is only read. */
	ASSERT_EQ(2, live_cold(&self->scene, NR_WRITTEN));
	after = call_stat(self->scene.fd);
	ASSERT_EQ(before.prepared_pages + NR_WRITTEN, after.prepared_pages);
	/* A read fault prepared them. */
	ASSERT_EQ(before.write_faults, after.write_faults);
}

TEST_F(cold_start, sets_up_recycled_slots_too)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_EXACT,
		.image = self->scene.image,
	};

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.other));
	memset(self->scene.base, 'y', 9 * PAGE);
	ASSERT_EQ(9 * PAGE, call_free(self->scene.fd, 0));
	ASSERT_EQ(0, call_command(self->scene.fd, SLOTPOOL_ALLOC, &alloc));
	ASSERT_EQ(SLOTPOOL_PLACED_RECYCLED, alloc.placement);
	ASSERT_EQ(2, live(self->scene.base, NR_WRITTEN, STEP));
}

TEST_F(cold_start, maps_nothing_that_is_only_read)
{
	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	/* The first fault is that of a page which is read. */
	ASSERT_EQ('i', self->scene.base[READ_PAGE * PAGE]);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, live(self->scene.base, NR_WRITTEN, STEP));
}

TEST_F(cold_start, shows_every_page_as_it_is_in_the_image)
{
	long i;

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	for (i = 0; i < SLOT; i++)
		ASSERT_EQ('i', self->scene.base[i]);
	memset(self->scene.base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_reset(self->scene.fd, 0));
	for (i = 0; i < SLOT; i++)
		ASSERT_EQ('i', self->scene.base[i]);
}

TEST_F(cold_start, gives_back_what_the_instance_did_not_write)
{
	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	ASSERT_GE(live(self->scene.base, 8, STEP), 0);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(8 * PAGE, call_free(self->scene.fd, 0));
	ASSERT_EQ(NR_WRITTEN - 8, call_stat(self->scene.fd).decayed_pages);
}

TEST_F(cold_start, follows_what_instances_write)
{
	struct slotpool_stat_args before;
	int i;

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), 0);
	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), 0);
	/* Written twice, it has to be missed twice, and one instance in eight is sampled. */
	for (i = 0; i < 2 * 8; i++)
		ASSERT_EQ(2, live_cold(&self->scene, 16));
	before = call_stat(self->scene.fd);
	ASSERT_EQ(2, live_cold(&self->scene, 16));
	ASSERT_EQ(before.prepared_pages + 16, call_stat(self->scene.fd).prepared_pages);
	/* More are written again. */
	ASSERT_GT(live_cold(&self->scene, 32), 2);
	ASSERT_EQ(2, live_cold(&self->scene, 32));
}

TEST_F(cold_start, learns_from_samples_of_warm_slots)
{
	int i;

	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	for (i = 0; i < 200; i++) {
		ASSERT_GE(live(self->scene.base, 5, STEP), 0);
		ASSERT_GE(call_reset(self->scene.fd, 0), 0);
	}
	for (i = 0; i < 200; i++) {
		ASSERT_GE(live(self->scene.base, 9, STEP), 0);
		ASSERT_GE(call_reset(self->scene.fd, 0), 0);
	}
	ASSERT_EQ(1, call_alloc_image(self->scene.fd, self->scene.image));
	ASSERT_LE(live(self->scene.base + STRIDE, 9, STEP), 2);
}

/* The first two lives that are set up are sampled, and the next one isn't. */
static int learn_and_start(const struct scene *scene)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (live_cold(scene, NR_WRITTEN) < 0)
			return -1;
	}
	return call_alloc_image(scene->fd, scene->image);
}

TEST_F(cold_start, makes_a_page_once_when_the_first_access_writes)
{
	ASSERT_EQ(0, learn_and_start(&self->scene));
	self->scene.base[STEP * PAGE] = 'x';
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ('i', self->scene.base[STEP * PAGE + 1]);
}

TEST_F(cold_start, sets_up_each_page_as_its_own_in_the_image)
{
	/* One after the other, and with gaps */
	static const int written[] = { 3, 4, 5, 9, 63, 64, 70, 200, 201 };
	static char bytes[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)bytes };
	size_t i;
	int image, life;

	for (i = 0; i < SLOT_PAGES; i++)
		memset(bytes + i * PAGE, 1 + i % 100, PAGE);
	image = call_image_memory(self->scene.fd, SLOT, &range, 1);
	ASSERT_GT(image, 0);
	for (life = 0; life < 3; life++) {
		ASSERT_EQ(0, call_alloc_image(self->scene.fd, image));
		for (i = 0; i < ARRAY_SIZE(written); i++)
			self->scene.base[written[i] * PAGE] = 'x';
		ASSERT_EQ(ARRAY_SIZE(written), call_stat(self->scene.fd).held_pages);
		for (i = 0; i < ARRAY_SIZE(written); i++)
			ASSERT_EQ(1 + written[i] % 100, self->scene.base[written[i] * PAGE + 1]);
		ASSERT_GT(call_reset(self->scene.fd, 0), 0);
		for (i = 0; i < SLOT_PAGES; i++)
			ASSERT_EQ(1 + i % 100, self->scene.base[i * PAGE]);
		ASSERT_EQ(0, call_free_flags(self->scene.fd, 0, SLOTPOOL_FREE_DECOMMIT));
	}
}

TEST_F(cold_start, finds_what_it_set_up_in_another_mapping)
{
	char *second = mmap(NULL, SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, self->scene.fd, 0);

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, learn_and_start(&self->scene));
	self->scene.base[0] = 'x';
	ASSERT_EQ('x', second[0]);
	second[STEP * PAGE] = 'y';
	ASSERT_EQ('y', self->scene.base[STEP * PAGE]);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, munmap(second, SLOT));
}

TEST_F(cold_start, finds_what_it_set_up_after_many_faults)
{
	char *second = mmap(NULL, SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, self->scene.fd, 0);
	int i;

	ASSERT_NE(MAP_FAILED, second);
	ASSERT_EQ(0, learn_and_start(&self->scene));
	for (i = 0; i < NR_WRITTEN; i++) {
		self->scene.base[i * STEP * PAGE] = 'x';
		ASSERT_EQ('i', self->scene.base[(i * STEP + 1) * PAGE]);
		ASSERT_EQ('i', self->scene.base[(i * STEP + 2) * PAGE]);
	}
	for (i = 0; i < NR_WRITTEN; i++) {
		second[i * STEP * PAGE + 1] = 'y';
		ASSERT_EQ('x', second[i * STEP * PAGE]);
	}
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, munmap(second, SLOT));
}

TEST_F(cold_start, finds_what_it_set_up_for_a_debugger)
{
	int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char byte;

	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, learn_and_start(&self->scene));
	self->scene.base[0] = 'x';
	ASSERT_EQ(1, pread(memory, &byte, 1, (off_t)self->scene.base));
	ASSERT_EQ('x', byte);
	ASSERT_EQ(1, pwrite(memory, "y", 1, (off_t)self->scene.base + STEP * PAGE));
	ASSERT_EQ('y', self->scene.base[STEP * PAGE]);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, close(memory));
}

TEST_F(cold_start, samples_what_it_set_up)
{
	struct slotpool_stat_args before;
	int i, j;

	ASSERT_EQ(0, learn_and_start(&self->scene));
	before = call_stat(self->scene.fd);
	for (i = 0; i < 70; i++) {
		for (j = 0; j < NR_WRITTEN; j++)
			self->scene.base[j * STEP * PAGE] = 'x';
		ASSERT_EQ(NR_WRITTEN * PAGE, call_reset(self->scene.fd, 0));
	}
	ASSERT_EQ(before.decay_samples + 1, call_stat(self->scene.fd).decay_samples);
	ASSERT_EQ(before.decayed_pages, call_stat(self->scene.fd).decayed_pages);
}

TEST_F(cold_start, sets_up_pages_of_the_system_too)
{
	ASSERT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->scene.fd));
	start(_metadata, &self->scene, GEOMETRY "reserve_pages=10");

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(2, live_cold(&self->scene, NR_WRITTEN));
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	ASSERT_EQ('i', self->scene.base[0]);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).client_pages);
	/* A warm slot with pages of the system is the shrinker's to empty. */
	ASSERT_EQ(1, live(self->scene.base, NR_WRITTEN, STEP));
	ASSERT_EQ(NR_WRITTEN * PAGE, call_free(self->scene.fd, 0));
	ASSERT_TRUE(put_text("/proc/sys/vm/drop_caches", "2"));
	ASSERT_EQ(0, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, call_stat(self->scene.fd).client_pages);
	ASSERT_EQ(10, call_stat(self->scene.fd).reserve_free_pages);
}

TEST_F(cold_start, prepares_nothing_above_the_limit_or_beyond_keep)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_LIMIT,
		.image = self->scene.image,
		.limit = 10 * STEP * PAGE,
	};

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc(self->scene.fd, alloc));
	ASSERT_EQ('i', self->scene.base[0]);
	ASSERT_EQ(10, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(SIGSEGV, access_read(self->scene.base + 10 * STEP * PAGE));
	ASSERT_EQ(0, call_free_flags(self->scene.fd, 0, SLOTPOOL_FREE_DECOMMIT));

	/* That one wrote nothing. */
	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), 0);
	alloc.flags |= SLOTPOOL_ALLOC_KEEP;
	alloc.limit = SLOT;
	alloc.keep = 3 * PAGE;
	ASSERT_EQ(0, call_alloc(self->scene.fd, alloc));
	ASSERT_EQ('i', self->scene.base[0]);
	ASSERT_EQ(3, call_stat(self->scene.fd).held_pages);
}

TEST_F(cold_start, drops_what_it_set_up_above_a_lower_limit)
{
	char *memory = self->scene.base;

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	ASSERT_EQ(2, live(memory, NR_WRITTEN, STEP));
	ASSERT_EQ(SLOT, call_resize(self->scene.fd, 0, 0, PAGE));
	ASSERT_EQ(1, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(PAGE, call_resize(self->scene.fd, 0, 0, SLOT));
	ASSERT_EQ('x', memory[0]);
	ASSERT_TRUE(all_bytes(memory + PAGE, SLOT - PAGE, 'i'));
}

TEST_F(cold_start, maps_what_the_mapping_has_room_for)
{
	long faults;
	char *part;
	int i;

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	/* Pages 70 to 139, of which 10 are written */
	part = mmap(NULL, 70 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->scene.fd, 70 * PAGE);
	ASSERT_NE(MAP_FAILED, part);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	ASSERT_EQ('i', part[0]);
	ASSERT_EQ(NR_WRITTEN, call_stat(self->scene.fd).held_pages);
	faults = minor_faults();
	for (i = 0; i < 10; i++)
		part[i * STEP * PAGE] = 'x';
	ASSERT_EQ(faults, minor_faults());
	for (i = 0; i < 10; i++)
		ASSERT_EQ('x', self->scene.base[(70 + i * STEP) * PAGE]);
	ASSERT_EQ(0, munmap(part, 70 * PAGE));
}

/* In a pool that commits, prepared pages must not use up promised ones. */
TEST_F(cold_start, takes_nothing_from_a_commitment)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_COMMIT,
		.image = 0,
		.commit = 20 * PAGE,
	};
	int i;

	ASSERT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->scene.fd));
	start(_metadata, &self->scene, GEOMETRY "overcommit=0 reserve_pages=600");

	/* All of the slot is promised: then pages can be prepared. */
	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(2, live_cold(&self->scene, NR_WRITTEN));

	/* Only promised pages are left in the reserve. */
	ASSERT_EQ(0, call_alloc_limit(self->scene.fd, SLOT));
	alloc.image = self->scene.image;
	ASSERT_EQ(1, call_alloc(self->scene.fd, alloc));
	for (i = 0; i < 20; i++)
		self->scene.base[STRIDE + (i * STEP + 1) * PAGE] = 'x';
	ASSERT_EQ(20, call_stat(self->scene.fd).held_pages);
}

/* Nor may they count as made when a commitment is lowered to the pages still due. */
TEST_F(cold_start, takes_nothing_from_a_commitment_that_is_lowered)
{
	struct slotpool_resize_args resize = {
		.flags = SLOTPOOL_RESIZE_COMMIT,
		.limit = SLOT,
		.commit = 80 * PAGE,
	};
	struct slotpool_stat_args stat;
	uint64_t left;
	int i;

	ASSERT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->scene.fd));
	start(_metadata, &self->scene, GEOMETRY "overcommit=0 reserve_pages=600");

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	self->scene.base[PAGE] = 'x';
	ASSERT_EQ(NR_WRITTEN + 1, call_stat(self->scene.fd).held_pages);
	ASSERT_EQ(0, call_command(self->scene.fd, SLOTPOOL_RESIZE, &resize));
	/* Another slot takes all that is not promised. */
	stat = call_stat(self->scene.fd);
	left = stat.reserve_free_pages - stat.committed_pages;
	ASSERT_GE(call_alloc_limit(self->scene.fd, left * PAGE), 0);
	/* None of those that were prepared */
	for (i = 1; i < 80; i++)
		self->scene.base[(i / 6 * STEP + i % 6 + 1) * PAGE] = 'y';
}

TEST_F(cold_start, takes_nothing_from_a_quota)
{
	int i;

	ASSERT_EQ(0, munmap(self->scene.base, NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->scene.fd));
	start(_metadata, &self->scene, GEOMETRY "reserve_pages=2048 max_client_pages=64");

	ASSERT_GE(live_cold(&self->scene, NR_WRITTEN), NR_WRITTEN);
	ASSERT_EQ(0, call_alloc_image(self->scene.fd, self->scene.image));
	self->scene.base[PAGE] = 'x';
	/* Its other slots may need all the rest. */
	ASSERT_EQ(1, call_alloc_any(self->scene.fd));
	for (i = 0; i < 63; i++)
		self->scene.base[STRIDE + i * PAGE] = 'x';
	ASSERT_EQ(64, call_stat(self->scene.fd).held_pages);
}

TEST_HARNESS_MAIN
