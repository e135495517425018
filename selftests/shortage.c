// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nobody is refused for want of memory that idle slots hold, or that is just
 * on its way back from them.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/device.h"
#include "lib/harness.h"

#define SLOT (64L << 20)
#define STRIDE (2 * SLOT)
#define GEOMETRY "nr_slots=4 slot_size=64M keep_bytes=64M "
/* Takes so long to give back that others come meanwhile. */
#define MANY 8000L

struct shared {
	int fd;
	char *base;
	int zeros;
	atomic_bool go;
};

static struct shared shared;

/* Allocates a slot with a commitment; returns it or -errno. */
static int alloc_commit(int fd, uint64_t limit, uint64_t commit)
{
	return call_alloc(fd, (struct slotpool_alloc_args){
		.flags = SLOTPOOL_ALLOC_LIMIT | SLOTPOOL_ALLOC_COMMIT,
		.limit = limit,
		.commit = commit,
	});
}

static void write_pages(char *start, long pages)
{
	long i;

	for (i = 0; i < pages; i++)
		start[i * PAGE] = 'x';
}

FIXTURE(one_slot)
{
	int fd;
	char *base;
};

FIXTURE_VARIANT(one_slot)
{
	const char *parameters;
};

FIXTURE_VARIANT_ADD(one_slot, reserve)
{
	.parameters = "nr_slots=1 slot_size=64M overcommit=0 reserve_pages=10",
};

FIXTURE_VARIANT_ADD(one_slot, quota)
{
	.parameters = "nr_slots=1 slot_size=64M overcommit=0 reserve_pages=99 max_client_pages=10",
};

FIXTURE_SETUP(one_slot)
{
	ASSERT_EQ(0, load_pool(variant->parameters));
	self->fd = open_pool();
	self->base = map_slots(self->fd, 0, 1);
	ASSERT_NE(MAP_FAILED, self->base);
}

FIXTURE_TEARDOWN(one_slot)
{
	EXPECT_EQ(0, munmap(self->base, STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

TEST_F(one_slot, gives_up_its_own_pages_if_need_be)
{
	ASSERT_EQ(0, alloc_commit(self->fd, 64 * PAGE, 10 * PAGE));
	write_pages(self->base, 10);
	ASSERT_EQ(10 * PAGE, call_free(self->fd, 0));
	ASSERT_EQ(0, alloc_commit(self->fd, 64 * PAGE, 8 * PAGE));
	write_pages(self->base + 20 * PAGE, 8);
	ASSERT_LE(8, call_stat(self->fd).held_pages);
}

static void *read_into_slot(void *slot)
{
	while (!shared.go)
		;
	return (void *)read(shared.zeros, shared.base + (long)slot * STRIDE + 8 * PAGE, 1);
}

TEST(two_threads_at_the_quota_both_get_what_a_warm_slot_gives_up)
{
	int round, i;

	ASSERT_EQ(0, load_pool(GEOMETRY "max_client_pages=8002"));
	shared.fd = open_pool();
	shared.base = map_slots(shared.fd, 0, 4);
	shared.zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ASSERT_NE(MAP_FAILED, shared.base);
	for (round = 0; round < 5; round++) {
		pthread_t thread;
		void *there;
		long here;

		for (i = 0; i < 3; i++)
			ASSERT_EQ(i, call_alloc_exact(shared.fd, i));
		write_pages(shared.base, 1);
		write_pages(shared.base + STRIDE, 1);
		write_pages(shared.base + 2 * STRIDE, MANY);
		ASSERT_EQ(MANY * PAGE, call_free(shared.fd, 2));

		shared.go = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_into_slot, (void *)1));
		shared.go = true;
		here = (long)read_into_slot((void *)0);
		ASSERT_EQ(0, pthread_join(thread, &there));
		ASSERT_EQ(1, here);
		ASSERT_EQ(1, (long)there);
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, call_free_flags(shared.fd, i, SLOTPOOL_FREE_DECOMMIT));
	}
	ASSERT_EQ(0, munmap(shared.base, 4 * STRIDE));
	ASSERT_EQ(0, close(shared.fd));
	ASSERT_EQ(0, unload_pool());
}

static void *purge_when_told(void *purged)
{
	while (!shared.go)
		;
	*(int *)purged = call_purge(shared.fd, 0, 0, 0);
	return NULL;
}

TEST(a_commitment_waits_for_what_is_being_purged)
{
	int other, round;

	ASSERT_EQ(0, load_pool(GEOMETRY "overcommit=0 reserve_pages=8000"));
	shared.fd = open_pool();
	shared.base = map_slots(shared.fd, 0, 4);
	ASSERT_NE(MAP_FAILED, shared.base);
	other = open_pool();
	for (round = 0; round < 10; round++) {
		pthread_t thread;
		int purged;
		int slot = alloc_commit(shared.fd, SLOT, 0);

		ASSERT_LE(0, slot);
		write_pages(shared.base + slot * STRIDE, MANY);
		ASSERT_EQ(MANY * PAGE, call_free(shared.fd, slot));

		shared.go = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, purge_when_told, &purged));
		shared.go = true;
		usleep(100 * round);
		slot = alloc_commit(other, SLOT, MANY * PAGE);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_LE(0, purged);
		ASSERT_LE(0, slot);
		ASSERT_EQ(0, call_free_flags(other, slot, SLOTPOOL_FREE_DECOMMIT));
	}
	ASSERT_EQ(0, munmap(shared.base, 4 * STRIDE));
	ASSERT_EQ(0, close(shared.fd));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, unload_pool());
}

TEST_HARNESS_MAIN
