// SPDX-License-Identifier: MIT
/*
 * The life of a request's memory: take a slot that this module used before,
 * run, give it back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slotpool.h>

static int serve(struct slotpool *pool, uint64_t module, const char *request)
{
	struct slotpool_alloc_args alloc = {
		.flags = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_LIMIT,
		.key = module,
		.limit = slotpool_info(pool)->page_size,
	};
	char *memory;
	int ret;

	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;

	memory = slotpool_address(pool, alloc.slot);
	snprintf(memory, alloc.limit, "%s in slot %u", request, alloc.slot);
	puts(memory);

	return slotpool_free(pool, alloc.slot, 0, NULL);
}

int main(void)
{
	struct slotpool *pool;
	int ret;

	ret = slotpool_open(NULL, &pool);
	if (ret)
		goto out;
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
