// SPDX-License-Identifier: MIT
/*
 * Measure the memory that is still used after a burst of concurrent instances, and
 * after a second burst of other images. Whether the second burst takes the slots of
 * the first one depends on N of the placement rule.
 *
 *	burst ALTERNATIVE N BYTES	use the pool of the environment; BYTES is the
 *					memory that was available without it
 *
 * Report the pages that slots hold, and the decrease of the system's available
 * memory. The latter includes the reserve, images, page tables and metadata.
 */
#include "measure.h"
#include "record.h"
#include "system.h"

#define NR_INSTANCES 1000
#define NR_IMAGES 10
#define IMAGE (256 * PAGE)
#define NR_WRITTEN 16

static void make_images(struct slotpool *pool, uint32_t images[NR_IMAGES])
{
	static char bytes[IMAGE];
	struct slotpool_image_range range = { .length = IMAGE, .address = (uintptr_t)bytes };

	memset(bytes, 'i', IMAGE);
	for (int i = 0; i < NR_IMAGES; i++)
		check(slotpool_image_memory(pool, &range, 1, IMAGE, &images[i], NULL), "IMAGE");
}

static void burst(struct slotpool *pool, const uint32_t images[NR_IMAGES])
{
	static uint32_t slots[NR_INSTANCES];

	for (int i = 0; i < NR_INSTANCES; i++) {
		struct slotpool_alloc_args alloc = {
			.flags = SLOTPOOL_ALLOC_IMAGE,
			.image = images[i % NR_IMAGES],
		};

		check(slotpool_alloc(pool, &alloc), "ALLOC");
		slots[i] = alloc.slot;
		for (unsigned long k = 0; k < NR_WRITTEN; k++)
			*((volatile char *)slotpool_address(pool, alloc.slot) +
			  k * (IMAGE / NR_WRITTEN)) = 'w';
	}
	for (int i = 0; i < NR_INSTANCES; i++)
		check(slotpool_free(pool, slots[i], 0, NULL), "FREE");
}

static void tell(struct slotpool *pool, const char *alternative, const char *what, const char *n,
		 double before)
{
	struct slotpool_stat_args stat;
	char workload[80];

	snprintf(workload, sizeof(workload), "%s instances=%d N=%s", what, NR_INSTANCES, n);
	check(slotpool_stat(pool, &stat), "STAT");
	record(alternative, workload, "memory held", "bytes", stat.held_pages * PAGE);
	record(alternative, workload, "memory of the system", "bytes",
	       before - proc_bytes("/proc/meminfo", "MemAvailable"));
	record(alternative, workload, "page tables", "bytes", page_table_bytes());
	record(alternative, workload, "VMAs", "VMAs", count_mappings());
}

int main(int argc, char **argv)
{
	uint32_t images[2][NR_IMAGES];
	struct slotpool *pool;

	if (argc != 4)
		errx(2, "usage: burst ALTERNATIVE N BYTES");
	pool = open_pool();
	check(slotpool_map(pool, 0, slotpool_info(pool)->nr_slots), "mmap");
	for (int i = 0; i < 2; i++)
		make_images(pool, images[i]);
	burst(pool, images[0]);
	tell(pool, argv[1], "burst", argv[2], strtod(argv[3], NULL));
	burst(pool, images[1]);
	tell(pool, argv[1], "second burst", argv[2], strtod(argv[3], NULL));
	slotpool_close(pool);
	return 0;
}
