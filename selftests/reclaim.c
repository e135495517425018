// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that needs memory reclaims it, perhaps in the middle of reading a page of an
 * image. Emptying a warm slot of that image must not wait for the reader.
 */
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (4L << 20)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 128
#define NR_WARM 100
#define GEOMETRY                                                     \
	"nr_slots=128 nr_shards=1 reserve_pages=0 keep_bytes=4M "     \
	"max_unused_warm_slots=128"
#define MIN_FREE "/proc/sys/vm/min_free_kbytes"
#define SECONDS 90

/* Reads an image, while its warm slots are the only memory that can be reclaimed. */
static int read_short_of_memory(void)
{
	static char bytes[SLOT];
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_IMAGE | SLOTPOOL_ALLOC_EXACT,
		.slot = NR_SLOTS - 1,
	};
	int fd = open_pool();
	char *base = map_slots(fd, 0, NR_SLOTS);
	char *last = base + (NR_SLOTS - 1) * STRIDE;
	char text[32];
	int i;

	put_text("/proc/self/oom_score_adj", "1000");
	memset(bytes, 'i', SLOT);
	alloc.image = call_image_file(fd, SLOT, make_memfd(bytes, SLOT, true));
	for (i = 0; i < NR_WARM; i++) {
		if (call_alloc_image(fd, alloc.image) != i)
			return 1;
		/* The image's first quarter is read here. */
		memset(base + i * STRIDE, 'x', SLOT / 4);
	}
	for (i = 0; i < NR_WARM; i++) {
		if (call_free(fd, i) < 0)
			return 2;
	}
	if (call_alloc(fd, alloc) != NR_SLOTS - 1)
		return 3;
	/* The pages that instances write are prepared here, before memory is short. */
	if (*last != 'i')
		return 4;
	/* Now next to every page has to be reclaimed first. */
	snprintf(text, sizeof(text), "%ld", find_number("/proc/meminfo", "MemFree: %ld") - 1500);
	put_text(MIN_FREE, text);
	for (i = SLOT / 4 / PAGE; i < SLOT / PAGE; i++) {
		if (last[i * PAGE] != 'i')
			return 5;
	}
	return call_stat(fd).evictions ? 0 : 6;
}

FIXTURE(reclaim)
{
	char min_free[32];
};

FIXTURE_SETUP(reclaim)
{
	FILE *file = fopen(MIN_FREE, "r");

	ASSERT_NE(NULL, file);
	ASSERT_NE(NULL, fgets(self->min_free, sizeof(self->min_free), file));
	fclose(file);
	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY));
}

FIXTURE_TEARDOWN(reclaim)
{
	EXPECT_TRUE(put_text(MIN_FREE, self->min_free));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(reclaim, of_warm_slots_does_not_wait_for_a_reader_of_their_image)
{
	int status = SIGKILL;
	int round, wait;
	pid_t child;

	/* Whom the OOM killer took has shown nothing. */
	for (round = 0; round < 3 && status == SIGKILL; round++) {
		child = fork();
		if (!child)
			_exit(read_short_of_memory());
		for (wait = 0; wait < 10 * SECONDS; wait++) {
			if (waitpid(child, &status, WNOHANG) == child)
				break;
			usleep(100000);
		}
		put_text(MIN_FREE, self->min_free);
		ASSERT_LT(wait, 10 * SECONDS) {
			TH_LOG("it hangs");
		}
	}
	ASSERT_EQ(0, status);
}

TEST_HARNESS_MAIN
