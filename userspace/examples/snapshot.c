// SPDX-License-Identifier: MIT
/*
 * Start instances that are already initialised. An image holds the program's data.
 * One instance starts from it and initialises its memory; a snapshot of that memory is
 * the image of all later instances. Each number on standard input is a request.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slotpool.h>

#define NR_SQUARES 4096

/* Memory of an instance */
struct memory {
	char prompt[16];
	uint32_t squares[NR_SQUARES];
	uint32_t answer;
};

/* Data of the program */
static const char prompt[] = "the square of";

static uint64_t memory_size(const struct slotpool *pool)
{
	uint64_t page_size = slotpool_info(pool)->page_size;

	return (sizeof(struct memory) + page_size - 1) / page_size * page_size;
}

/* Make an image of the program's data. The rest of the memory starts as zeros. */
static int make_image(struct slotpool *pool, uint32_t *image)
{
	const struct slotpool_image_range segment = {
		.offset = offsetof(struct memory, prompt),
		.length = sizeof(prompt),
		.address = (uintptr_t)prompt,
	};

	return slotpool_image_memory(pool, &segment, 1, memory_size(pool), image, NULL);
}

static void initialize(struct memory *memory)
{
	for (uint32_t i = 0; i < NR_SQUARES; i++)
		memory->squares[i] = i * i;
}

/* Initialise an instance, and make an image of its memory. */
static int make_snapshot(struct slotpool *pool, uint32_t image, uint32_t *snapshot)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = image };
	int ret;

	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;
	initialize(slotpool_address(pool, alloc.slot));
	ret = slotpool_image_slot(pool, alloc.slot, snapshot, NULL);
	slotpool_free(pool, alloc.slot, 0, NULL);
	return ret;
}

static int serve(struct slotpool *pool, uint32_t snapshot, uint32_t number)
{
	struct slotpool_alloc_args alloc = { .flags = SLOTPOOL_ALLOC_IMAGE, .image = snapshot };
	struct memory *memory;
	int ret;

	ret = slotpool_alloc(pool, &alloc);
	if (ret)
		return ret;

	memory = slotpool_address(pool, alloc.slot);
	memory->answer += memory->squares[number];
	printf("%s %u is %u\n", memory->prompt, number, memory->answer);

	return slotpool_free(pool, alloc.slot, 0, NULL);
}

int main(void)
{
	uint32_t image, snapshot, number;
	struct slotpool *pool;
	int ret;

	ret = slotpool_open(NULL, &pool);
	if (ret)
		goto out;
	ret = slotpool_map(pool, 0, slotpool_info(pool)->nr_slots);
	if (ret)
		goto out_close;

	ret = make_image(pool, &image);
	if (ret)
		goto out_close;
	ret = make_snapshot(pool, image, &snapshot);
	if (ret)
		goto out_close;
	/* Only the snapshot is used from here on. */
	slotpool_release(pool, image);

	while (!ret && scanf("%u", &number) == 1 && number < NR_SQUARES) {
		ret = serve(pool, snapshot, number);
		fflush(stdout);
	}

out_close:
	slotpool_close(pool);
out:
	if (ret)
		fprintf(stderr, "snapshot: %s\n", strerror(-ret));
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
