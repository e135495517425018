/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process of the oracle: its clients and their slots, random choices, comparison with
 * the model, and the report of a difference.
 */
#ifndef SELFTESTS_ORACLE_PROCESS_H
#define SELFTESTS_ORACLE_PROCESS_H

#include "../../userspace/lib/internal.h"
#include "lib/access.h"
#include "lib/device.h"
#include "lib/random.h"
#include "map.h"
#include "model.h"

#define NR_CLIENTS 2
#define MAX_SLOTS 4
#define MAX_MAPS 3
#define MAX_IMAGES 8
#define MAX_EXPORTS 12
#define NR_KEYS 4
#define NR_NOTES 20

/* The greatest length of a range of an image, a write and a file */
#define BUFFER_PAGES 8
#define BUFFER (BUFFER_PAGES * PAGE)
#define MAX_RANGES 6
/* A size in so many is anything up to the slot's. */
#define LARGE_ONE_IN 16

/* A handle of an image, which the client got @count times. */
struct handle {
	uint32_t number;
	unsigned int count;
	struct image *image;
};

struct client {
	struct slotpool *pool;
	/* It looks at its slots through /proc/self/mem only, so they are hardly mapped. */
	bool aloof;
	unsigned int nr_slots;
	struct slot slots[MAX_SLOTS];
	/*
	 * The first has no holes and covers all slots, or those that the library was
	 * asked to map.
	 */
	struct map maps[MAX_MAPS];
	unsigned int nr_handles;
	struct handle handles[MAX_IMAGES];
};

struct export {
	int fd;
	struct image *image;
};

/* A record of an operation, for the report of a difference. */
struct note {
	uint64_t operation;
	const char *name;
	unsigned int client;
	uint32_t slot;
	uint64_t offset, length;
};

struct options {
	/* Another module than the one that is tested otherwise, or NULL */
	const char *module;
	const char *parameters;
	/* The pool commits: ALLOC and RESIZE may find it short. */
	bool commits;
	/* FREE unmaps. */
	bool strict;
	/* Images may be refused for their size. */
	bool refuses_images;
};

/* Many resets of one slot */
struct run {
	unsigned int left;
	struct client *client;
	uint32_t slot;
	/* The pages that are written to for a while */
	size_t first, step;
};

/* Operations, of all processes */
struct progress {
	uint64_t done;
	uint64_t end;
};

struct process {
	const struct options *options;
	struct progress *progress;
	uint64_t seed;
	/* Of all processes that were started */
	unsigned int number;
	uint64_t random;
	struct slotpool_info_args info;
	size_t slot_pages, stride_pages;
	struct client clients[NR_CLIENTS];
	unsigned int nr_exports;
	struct export exports[MAX_EXPORTS];
	struct run run;
	/* /proc/self/mem, and a pipe to read(2) from */
	int memory;
	int pipes[2];
	char buffer[BUFFER];
	uint64_t operation;
	struct note notes[NR_NOTES];
};

static uint64_t done(const struct progress *progress)
{
	return __atomic_load_n(&progress->done, __ATOMIC_RELAXED);
}

static void __attribute__((noreturn)) fail(const struct process *process)
{
	uint64_t i = process->operation < NR_NOTES ? 0 : process->operation - NR_NOTES + 1;

	for (; i <= process->operation; i++) {
		const struct note *note = &process->notes[i % NR_NOTES];

		if (!note->name || note->operation != i)
			continue;
		fprintf(stderr, "# %llu: %s, client %u, slot %d, offset %#llx, length %#llx\n",
			(unsigned long long)note->operation, note->name, note->client,
			(int)note->slot, (unsigned long long)note->offset,
			(unsigned long long)note->length);
	}
	fprintf(stderr,
		"# operation %llu of process %u, about %llu of all, SLOTPOOL_SEED=%#llx\n",
		(unsigned long long)process->operation, process->number,
		(unsigned long long)done(process->progress), (unsigned long long)process->seed);
	_exit(1);
}

/* There is no teardown to go to outside the test's own process. */
#define CHECK(process, condition)                                                  \
	do {                                                                       \
		if (!(condition)) {                                                \
			fprintf(stderr, "# %s:%d: %s, errno %d\n", __FILE__, __LINE__, \
				#condition, errno);                                \
			fail(process);                                             \
		}                                                                  \
	} while (0)

/* Calls a command; returns 0 or -errno. */
#define client_call(client, request, argument)                      \
	({                                                          \
		__auto_type _argument = argument;                   \
		_argument->size = sizeof(*_argument);               \
		command((client)->pool, request, _argument);        \
	})

static void note(struct process *process, uint32_t slot, uint64_t offset, uint64_t length)
{
	struct note *last = &process->notes[process->operation % NR_NOTES];

	last->slot = slot;
	last->offset = offset;
	last->length = length;
}

/* ---- random choices ---- */

static size_t pick(struct process *process, size_t choices)
{
	return random_next(&process->random) % choices;
}

static bool one_in(struct process *process, size_t choices)
{
	return !pick(process, choices);
}

/* Bytes at random, or zeros. */
static void fill(struct process *process, char *bytes, size_t length)
{
	bool zeros = one_in(process, 16);

	while (length) {
		uint64_t value = zeros ? 0 : random_next(&process->random);
		size_t part = length < sizeof(value) ? length : sizeof(value);

		memcpy(bytes, &value, part);
		bytes += part;
		length -= part;
	}
}

/* A number of pages: few most of the time. */
static size_t pick_size(struct process *process)
{
	size_t most = 16;

	if (one_in(process, LARGE_ONE_IN))
		most = process->slot_pages;
	else if (one_in(process, 8))
		most = 64;
	if (most > process->slot_pages)
		most = process->slot_pages;
	return pick(process, most + 1);
}

/* A page below a bound, often one that is picked often. */
static size_t pick_page(struct process *process, size_t bound)
{
	if (one_in(process, 2) && bound > 8)
		return pick(process, 8);
	return pick(process, bound);
}

static struct slot *pick_slot(struct process *process, struct client *client)
{
	return client->nr_slots ? &client->slots[pick(process, client->nr_slots)] : NULL;
}

/* A slot that the client has, or any. */
static uint32_t pick_index(struct process *process, struct client *client)
{
	if (client->nr_slots && pick(process, 4))
		return pick_slot(process, client)->index;
	return pick(process, process->info.nr_slots);
}

static struct map *pick_map(struct process *process, struct client *client, uint32_t slot)
{
	struct map *map = &client->maps[pick(process, MAX_MAPS)];

	return map_covers(map, slot) ? map : &client->maps[0];
}

/* ---- comparing ---- */

static void check_page(struct process *process, const struct slot *slot, size_t page,
		       const char *bytes, const char *how)
{
	const char *expected = model_slot_page(slot, page);
	size_t i;

	if (!memcmp(bytes, expected, PAGE))
		return;
	for (i = 0; bytes[i] == expected[i]; i++)
		;
	fprintf(stderr, "# slot %u offset %#zx: %#02x instead of %#02x, %s\n", slot->index,
		page * PAGE + i, (unsigned char)bytes[i], (unsigned char)expected[i], how);
	fail(process);
}

static void check_through_file(struct process *process, struct client *client,
			       const struct slot *slot, size_t first, size_t count)
{
	uintptr_t start = (uintptr_t)map_slot(&client->maps[0], slot->index);

	while (count) {
		size_t part = count < BUFFER_PAGES ? count : BUFFER_PAGES;
		size_t i;

		CHECK(process, pread(process->memory, process->buffer, part * PAGE,
				     start + first * PAGE) == (ssize_t)(part * PAGE));
		for (i = 0; i < part; i++)
			check_page(process, slot, first + i, process->buffer + i * PAGE,
				   "through /proc/self/mem");
		first += part;
		count -= part;
	}
}

static void check_pages(struct process *process, struct client *client, const struct slot *slot,
			size_t first, size_t count)
{
	struct map *map = pick_map(process, client, slot->index);
	size_t page;

	if (client->aloof || one_in(process, 8)) {
		check_through_file(process, client, slot, first, count);
		return;
	}
	for (page = first; page < first + count; page++) {
		if (map_can_read(map, slot->index, page))
			check_page(process, slot, page, map_slot(map, slot->index) + page * PAGE,
				   map == &client->maps[0] ? "first mapping" : "other mapping");
		else
			check_page(process, slot, page,
				   map_slot(&client->maps[0], slot->index) + page * PAGE,
				   "first mapping for another");
	}
}

/* Neither memory at or above the limit nor the guard can be read. */
static void check_traps(struct process *process, struct client *client, const struct slot *slot)
{
	size_t page = slot->limit;

	if (slot->limit < process->stride_pages && one_in(process, 2))
		page += pick(process, process->stride_pages - slot->limit);
	if (page < process->stride_pages)
		CHECK(process, !can_read(map_slot(pick_map(process, client, slot->index),
						  slot->index) + page * PAGE));
}

/* Compares all of a slot. */
static void check_slot(struct process *process, struct client *client, const struct slot *slot)
{
	if (!map_covers(&client->maps[0], slot->index))
		return;
	check_pages(process, client, slot, 0, slot->limit);
	check_traps(process, client, slot);
}

#endif /* SELFTESTS_ORACLE_PROCESS_H */
