// SPDX-License-Identifier: MIT
/*
 * Measure the memory that slots cost, including metadata: cold slots, warm slots that
 * hold no pages, and warm slots whose instances have written some pages. The cost of a
 * slot is the difference between many slots and few, divided by their number.
 *
 *	slot_memory slotpool|madvise|scan
 *
 * Memory is kernel memory, page tables, the resident pages of the process, and the
 * private pages of the module's slots, which are not resident pages. The free memory in
 * /proc/meminfo is not exact enough: it doesn't include the free pages on per-CPU lists.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"
#include "record.h"
#include "system.h"

#define MODULE "/slotpool.ko"
#define IMAGE (256 * PAGE)
#define FEW 1000
#define MANY 101000
#define NR_WARM 10000
#define NR_WRITTEN 16
/* Their pages must fit into the machine. */
#define NR_WRITTEN_WARM 1000

struct alternative {
	const char *name;
	bool has_module;
	const char *parameters;
};

static const struct alternative alternatives[] = {
	{ "slotpool", true, "reserve_pages=0" },
	{ "madvise", false, "reset=madvise keep_bytes=0" },
	{ "scan", false, "reset=scan" },
};

static void load(const struct alternative *alternative, uint32_t nr_slots)
{
	char parameters[160];
	int fd;

	/* All slots may be warm. 2 MiB is the least stride without shared page tables. */
	snprintf(parameters, sizeof(parameters),
		 "nr_slots=%u slot_size=2M max_unused_warm_slots=%d %s", nr_slots, MANY,
		 alternative->parameters);
	setenv("SLOTPOOL_BACKEND", alternative->has_module ? "kernel" : "user", 1);
	setenv("SLOTPOOL_USER_POOL", parameters, 1);
	if (!alternative->has_module)
		return;
	fd = open(MODULE, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		err(1, MODULE);
	close(fd);
}

static void unload(const struct alternative *alternative)
{
	if (alternative->has_module && syscall(SYS_delete_module, "slotpool", O_NONBLOCK))
		err(1, "delete_module");
}

static struct slotpool *open_with_image(uint32_t *image)
{
	static char bytes[IMAGE];
	struct slotpool_image_range range = { .length = IMAGE, .address = (uintptr_t)bytes };
	struct slotpool *pool = open_pool();

	memset(bytes, 'i', IMAGE);
	check(slotpool_image_memory(pool, &range, 1, IMAGE, image, NULL), "IMAGE");
	return pool;
}

static double memory(const struct alternative *alternative, struct slotpool *pool)
{
	static const char meminfo[] = "/proc/meminfo";
	struct slotpool_stat_args stat;
	double bytes;

	check(slotpool_stat(pool, &stat), "STAT");
	bytes = proc_bytes(meminfo, "Slab") + proc_bytes(meminfo, "VmallocUsed") +
		proc_bytes(meminfo, "Percpu") + proc_bytes(meminfo, "PageTables") +
		proc_bytes("/proc/self/status", "VmRSS");
	return alternative->has_module ? bytes + stat.held_pages * PAGE : bytes;
}

static void measure_cold(const struct alternative *alternative)
{
	static const uint32_t sizes[] = { FEW, MANY };
	double bytes[2];
	uint32_t image;

	for (int i = 0; i < 2; i++) {
		struct slotpool *pool;

		load(alternative, sizes[i]);
		pool = open_with_image(&image);
		bytes[i] = memory(alternative, pool);
		slotpool_close(pool);
		unload(alternative);
	}
	record(alternative->name, "cold slot", "memory", "bytes/slot",
	       (bytes[1] - bytes[0]) / (MANY - FEW));
}

static void use(struct slotpool *pool, uint32_t image, uint32_t nr_slots, uint32_t nr_written)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = image };

	for (uint32_t i = 0; i < nr_slots; i++) {
		check(slotpool_alloc(pool, &alloc), "ALLOC");
		for (uint32_t k = 0; k < nr_written; k++)
			*((volatile char *)slotpool_address(pool, alloc.slot) +
			  k * (IMAGE / NR_WRITTEN)) = 'w';
	}
	for (uint32_t i = 0; i < nr_slots; i++)
		check(slotpool_free(pool, i, 0, NULL), "FREE");
}

static void measure_warm(const struct alternative *alternative, uint32_t nr_slots,
			 uint32_t nr_written)
{
	double bytes, page_tables;
	unsigned int mappings;
	struct slotpool *pool;
	char workload[80];
	uint32_t image;

	load(alternative, nr_slots);
	pool = open_with_image(&image);
	check(slotpool_map(pool, 0, nr_slots), "mmap");
	bytes = memory(alternative, pool);
	page_tables = page_table_bytes();
	mappings = count_mappings();
	use(pool, image, nr_slots, nr_written);
	bytes = memory(alternative, pool) - bytes;
	page_tables = page_table_bytes() - page_tables;
	mappings = count_mappings() - mappings;

	snprintf(workload, sizeof(workload), "warm slot written=%u", nr_written);
	record(alternative->name, workload, "memory", "bytes/slot", bytes / nr_slots);
	record(alternative->name, workload, "page tables", "bytes/slot", page_tables / nr_slots);
	record(alternative->name, workload, "VMAs", "VMAs/slot", (double)mappings / nr_slots);
	slotpool_close(pool);
	unload(alternative);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(alternatives) / sizeof(*alternatives); i++) {
		if (strcmp(argv[1], alternatives[i].name))
			continue;
		measure_cold(&alternatives[i]);
		measure_warm(&alternatives[i], NR_WARM, 0);
		measure_warm(&alternatives[i], NR_WRITTEN_WARM, NR_WRITTEN);
		return 0;
	}
	errx(2, "usage: slot_memory slotpool|madvise|scan");
}
