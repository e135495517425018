// SPDX-License-Identifier: MIT
/*
 * Serve each request in a slot with new memory: allocate a slot, use it, free it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slotpool.h>

static int serve(struct slotpool *pool, uint64_t program, const char *request)
{
	/* Prefer the slot that this program used last: its pages are still mapped. */
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = program,
		.limit = slotpool_info(pool)->page_size,
	};
	char *memory;
	int ret;

	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;

	/* The slot reads as zeros up to its limit. */
	memory = slotpool_address(pool, alloc.slot);
	snprintf(memory, alloc.limit, "%s in slot %u", request, alloc.slot);
	puts(memory);

	/* Later users of the slot don't see what was written here. */
	return slotpool_free(pool, alloc.slot, 0, NULL);
}

int main(void)
{
	struct slotpool *pool;
	int ret;

	ret = slotpool_open(NULL, &pool);
	if (ret)
		goto out;
	/* Map all slots once. They stay mapped until the pool is closed. */
	ret = slotpool_map(pool, 0, slotpool_info(pool)->nr_slots);
	if (ret)
		goto out_close;

	ret = serve(pool, 1, "first request");
	if (!ret)
		ret = serve(pool, 1, "second request");

out_close:
	slotpool_close(pool);
out:
	if (ret)
		fprintf(stderr, "request: %s\n", strerror(-ret));
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
