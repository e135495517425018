// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steady state: as long as instances write the same pages, a cycle takes no
 * page fault, flushes no TLB, changes no mapping and allocates nothing, whatever
 * other threads of the process do on other CPUs.
 *
 * Counted by the process's own counters, by those of the machine, and by the
 * kernel's trace events, which must see such things happen where they do.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/file.h"
#include "lib/harness.h"

#define SLOT (256 * PAGE)
#define STRIDE (2 * SLOT)
#define GEOMETRY "nr_slots=4 slot_size=1M nr_shards=1 reserve_pages=1024 max_decay_samples=0"

#define TRACING "/sys/kernel/tracing/"
#define ROUNDS 500
#define NR_WRITTEN 16
#define STEP 13

FIXTURE(steady)
{
	int fd;
	char *base;
	int image;
	pthread_t spinner;
};

static atomic_bool spinning, stop;

/* Keeps this process's TLB entries on the other CPU. */
static void *spin(void *base)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	sched_setaffinity(0, sizeof(set), &set);
	do {
		(void)*(volatile char *)base;
		atomic_store(&spinning, true);
	} while (!atomic_load(&stop));
	return NULL;
}

FIXTURE_SETUP(steady)
{
	static char bytes[SLOT];
	struct slotpool_image_range range = { .length = SLOT, .address = (uintptr_t)bytes };
	cpu_set_t set;

	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, 4);
	ASSERT_NE(MAP_FAILED, self->base);
	memset(bytes, 'i', SLOT);
	self->image = call_image_memory(self->fd, SLOT, &range, 1);
	ASSERT_EQ(0, call_alloc_image(self->fd, self->image));
	/* The other thread's slot */
	ASSERT_EQ(1, call_alloc_any(self->fd));

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
	atomic_store(&stop, false);
	atomic_store(&spinning, false);
	ASSERT_EQ(0, pthread_create(&self->spinner, NULL, spin, self->base + STRIDE));
	/* Its first accesses take faults, which count as the process's. */
	while (!atomic_load(&spinning))
		usleep(1000);
}

FIXTURE_TEARDOWN(steady)
{
	put_text(TRACING "tracing_on", "0");
	put_text(TRACING "events/enable", "0");
	put_text(TRACING "events/tlb/tlb_flush/filter", "0");
	put_text(TRACING "set_event_pid", " ");
	atomic_store(&stop, true);
	EXPECT_EQ(0, pthread_join(self->spinner, NULL));
	EXPECT_EQ(0, munmap(self->base, 4 * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, unload_pool());
}

/* TLB shootdowns of all CPUs so far */
static unsigned long shootdowns(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	unsigned long sum = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "TLB:");
		char *end;

		if (!at)
			continue;
		/* Up to the words behind the numbers */
		for (at += 4; sum += strtoul(at, &end, 10), end != at; at = end)
			;
	}
	if (file)
		fclose(file);
	return sum;
}

/* Those page faults of the process that this thread took */
static long own_minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}

/* The process's mappings, as text */
static void read_maps(char *text, size_t size)
{
	FILE *file = fopen("/proc/self/maps", "r");
	size_t length = file ? fread(text, 1, size - 1, file) : 0;

	text[length] = '\0';
	if (file)
		fclose(file);
}

static const char *const events[] = {
	"kmem/kmalloc",
	"kmem/kmem_cache_alloc",
	"kmem/mm_page_alloc",
	"exceptions/page_fault_user",
	"tlb/tlb_flush",
};

static bool trace_clear(void)
{
	return !close(open(TRACING "trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

/* Prepares to trace this thread. */
static bool trace_prepare(void)
{
	char text[128];
	size_t i;

	if (!put_text(TRACING "tracing_on", "0") || !trace_clear())
		return false;
	snprintf(text, sizeof(text), "%ld", syscall(SYS_gettid));
	if (!put_text(TRACING "set_event_pid", text))
		return false;
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(text, sizeof(text), TRACING "events/%s/enable", events[i]);
		if (!put_text(text, "1"))
			return false;
	}
	/* A flush for the next task (reason 0) is the scheduler's affair. */
	return put_text(TRACING "events/tlb/tlb_flush/filter", "reason != 0");
}

/*
 * Between these two nothing is allocated for the trace itself: the file that
 * switches it is open already.
 */
static void trace_switch(int file, const char *on)
{
	if (pwrite(file, on, 1, 0) != 1)
		perror("tracing_on");
}

/* Counts the events of each kind. */
static void trace_count(unsigned int counts[ARRAY_SIZE(events)])
{
	FILE *file = fopen(TRACING "trace", "r");
	char line[512];
	size_t i;

	memset(counts, 0, ARRAY_SIZE(events) * sizeof(*counts));
	while (file && fgets(line, sizeof(line), file)) {
		for (i = 0; i < ARRAY_SIZE(events); i++) {
			char name[64];

			snprintf(name, sizeof(name), " %s: ", strchr(events[i], '/') + 1);
			if (line[0] != '#' && strstr(line, name))
				counts[i]++;
		}
	}
	if (file)
		fclose(file);
}

static bool live(char *memory)
{
	int i;

	for (i = 0; i < NR_WRITTEN; i++) {
		if (memory[i * STEP * PAGE] != 'i')
			return false;
		memory[i * STEP * PAGE] = 'x';
	}
	/* And one page that is only read. */
	return memory[5 * PAGE] == 'i';
}

static bool cycle_reset(int fd, int image, char *base)
{
	(void)image;
	return live(base) && call_reset(fd, 0) == NR_WRITTEN * PAGE;
}

static bool cycle_free(int fd, int image, char *base)
{
	return live(base) && call_free(fd, 0) == NR_WRITTEN * PAGE &&
	       call_alloc_image(fd, image) == 0;
}

FIXTURE_VARIANT(steady)
{
	bool (*cycle)(int fd, int image, char *base);
};

FIXTURE_VARIANT_ADD(steady, reset)
{
	.cycle = cycle_reset,
};

FIXTURE_VARIANT_ADD(steady, free_and_alloc)
{
	.cycle = cycle_free,
};

TEST_F(steady, a_cycle_costs_no_fault_no_flush_no_mapping_and_no_memory)
{
	static char maps_before[65536], maps_after[65536];
	int switch_file = open(TRACING "tracing_on", O_WRONLY | O_CLOEXEC);
	unsigned int counts[ARRAY_SIZE(events)];
	unsigned long flushes;
	long faults, own_faults;
	size_t i;
	int round;

	ASSERT_GE(switch_file, 0);
	for (round = 0; round < 3; round++)
		ASSERT_TRUE(variant->cycle(self->fd, self->image, self->base));
	read_maps(maps_before, sizeof(maps_before));
	shootdowns();
	ASSERT_TRUE(trace_prepare());
	/*
	 * Run what the window runs once before: a page of the C library that was never
	 * executed is faulted in then, unless an earlier fault mapped it along.
	 */
	trace_switch(switch_file, "0");
	minor_faults();
	own_minor_faults();

	flushes = shootdowns();
	faults = minor_faults();
	own_faults = own_minor_faults();
	trace_switch(switch_file, "1");
	for (round = 0; round < ROUNDS; round++) {
		if (!variant->cycle(self->fd, self->image, self->base))
			break;
	}
	trace_switch(switch_file, "0");
	own_faults = own_minor_faults() - own_faults;
	faults = minor_faults() - faults;
	flushes = shootdowns() - flushes;
	ASSERT_EQ(ROUNDS, round);
	EXPECT_EQ(0, faults) {
		TH_LOG("%ld of them in this thread", own_faults);
	}
	EXPECT_EQ(0, flushes);
	trace_count(counts);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		EXPECT_EQ(0, counts[i]) {
			TH_LOG("%s", events[i]);
		}
	}
	read_maps(maps_after, sizeof(maps_after));
	EXPECT_STREQ(maps_before, maps_after);
	EXPECT_EQ(0, call_stat(self->fd).dropped_pages);

	/* Giving memory back shows in all of the counters. */
	ASSERT_TRUE(trace_clear());
	flushes = shootdowns();
	trace_switch(switch_file, "1");
	ASSERT_EQ(0, call_free_flags(self->fd, 0, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(0, call_alloc_exact(self->fd, 0));
	for (i = 0; i < NR_WRITTEN; i++)
		self->base[i * STEP * PAGE] = 'x';
	trace_switch(switch_file, "0");
	EXPECT_GT(shootdowns() - flushes, 0);
	trace_count(counts);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		/* Pages come from the reserve, the nodes of their tree don't. */
		if (!strcmp(events[i], "kmem/mm_page_alloc") || !strcmp(events[i], "kmem/kmalloc"))
			continue;
		EXPECT_GT(counts[i], 0) {
			TH_LOG("%s", events[i]);
		}
	}
	ASSERT_EQ(0, close(switch_file));
}

TEST_HARNESS_MAIN
