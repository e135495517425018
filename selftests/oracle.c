// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several processes do random things to slots and images, and each compares
 * all that its slots contain with a model in plain memory. One of them is
 * killed now and then, and another takes its place.
 *
 * What a process does depends on its seed and on what the module answers.
 * SLOTPOOL_SEED sets the seed of all of them, SLOTPOOL_OPERATIONS how much they
 * do together.
 */
#include <signal.h>

#include "oracle_map.h"
#include "oracle_model.h"
#include "pool.h"
#include "random.h"
#include "kselftest_harness.h"

#define DEFAULT_OPERATIONS 200000
/* Without an end of an operation for so long, something hangs. */
#define HANGS_SECONDS 120
/* The number of operations is what ends a test. */
#define TEST_SECONDS (7 * 24 * 3600)

#define NR_WORKERS 3
#define NR_CLIENTS 2
#define MAX_SLOTS 4
#define MAX_MAPS 3
#define MAX_IMAGES 6
#define MAX_EXPORTS 12
#define NR_KEYS 4
#define NR_NOTES 20

/* What a range of an image, a write and a file have at most */
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
	int fd;
	/* It looks at its slots through /proc/self/mem only, so they are hardly mapped. */
	bool aloof;
	unsigned int nr_slots;
	struct slot slots[MAX_SLOTS];
	/* The first covers all slots and has no holes. */
	struct map maps[MAX_MAPS];
	unsigned int nr_handles;
	struct handle handles[MAX_IMAGES];
};

struct export {
	int fd;
	struct image *image;
};

/* What was done, to be told when it went wrong. */
struct note {
	uint64_t operation;
	const char *name;
	unsigned int client;
	uint32_t slot;
	uint64_t offset, length;
};

struct options {
	const char *parameters;
	/* The pool commits: ALLOC and RESIZE may find it short. */
	bool commits;
	/* FREE unmaps. */
	bool strict;
	/* Images may be refused for what they store. */
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
	struct slotpool_info info;
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

/* Signal handlers need it. */
static struct process this_process;

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
		fprintf(TH_LOG_STREAM, "# %llu: %s, client %u, slot %d, offset %#llx, length %#llx\n",
			(unsigned long long)note->operation, note->name, note->client,
			(int)note->slot, (unsigned long long)note->offset,
			(unsigned long long)note->length);
	}
	fprintf(TH_LOG_STREAM,
		"# operation %llu of process %u, about %llu of all, SLOTPOOL_SEED=%#llx\n",
		(unsigned long long)process->operation, process->number,
		(unsigned long long)done(process->progress), (unsigned long long)process->seed);
	_exit(1);
}

/* There is no teardown to go to outside the test's own process. */
#define CHECK(process, condition)                                                          \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(TH_LOG_STREAM, "# %d: " #condition ", errno %d\n", __LINE__, \
				errno);                                                    \
			fail(process);                                                     \
		}                                                                          \
	} while (0)

static void note(struct process *process, uint32_t slot, uint64_t offset, uint64_t length)
{
	struct note *last = &process->notes[process->operation % NR_NOTES];

	last->slot = slot;
	last->offset = offset;
	last->length = length;
}

/* ---- what is random ---- */

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
	const char *expected = slot_page(slot, page);
	size_t i;

	if (!memcmp(bytes, expected, PAGE))
		return;
	for (i = 0; bytes[i] == expected[i]; i++)
		;
	fprintf(TH_LOG_STREAM, "# slot %u offset %#zx: %#02x instead of %#02x, %s\n", slot->index,
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

/* What is at or above the limit can't be read, and the guard neither. */
static void check_traps(struct process *process, struct client *client, const struct slot *slot)
{
	size_t page = slot->limit;

	if (slot->limit < process->stride_pages && one_in(process, 2))
		page += pick(process, process->stride_pages - slot->limit);
	if (page < process->stride_pages)
		CHECK(process, !pool_can_read(map_slot(pick_map(process, client, slot->index),
						       slot->index) + page * PAGE));
}

/* Compares all of a slot. */
static void check_slot(struct process *process, struct client *client, const struct slot *slot)
{
	check_pages(process, client, slot, 0, slot->limit);
	check_traps(process, client, slot);
}

/* ---- images ---- */

static struct handle *find_handle(struct client *client, const struct image *image)
{
	unsigned int i;

	for (i = 0; i < client->nr_handles; i++) {
		if (client->handles[i].image == image)
			return &client->handles[i];
	}
	return NULL;
}

/* Takes the caller's reference to the image. */
static void add_handle(struct process *process, struct client *client, uint32_t number,
		       struct image *image)
{
	struct handle *handle = find_handle(client, image);
	unsigned int i;

	if (handle) {
		CHECK(process, handle->number == number);
		handle->count++;
		image_put(image);
		return;
	}
	for (i = 0; i < client->nr_handles; i++)
		CHECK(process, client->handles[i].number != number);
	client->handles[client->nr_handles++] = (struct handle){
		.number = number,
		.count = 1,
		.image = image,
	};
}

/* Has the module make what @image says it is. */
static void make_image(struct process *process, struct client *client,
		       struct slotpool_image *argument, struct image *image)
{
	int err = pool_call(client->fd, SLOTPOOL_IMAGE, argument);

	if (process->options->refuses_images &&
	    (err == -EFBIG || err == -EDQUOT || err == -ENOSPC)) {
		image_put(image);
		return;
	}
	CHECK(process, !err);
	CHECK(process, argument->length == image->length && argument->stored <= image->length);
	add_handle(process, client, argument->image, image);
}

/* Where a range of memory comes from: the buffer, or what a slot contains. */
static const char *pick_source(struct process *process, struct client *client, size_t length)
{
	const struct slot *slot = pick_slot(process, client);

	if (slot && slot->limit * PAGE >= length && one_in(process, 3))
		return map_slot(&client->maps[0], slot->index) +
		       pick(process, slot->limit * PAGE - length + 1);
	return process->buffer + pick(process, BUFFER - length + 1);
}

/* The length of an image that has to be @least bytes long. */
static size_t pick_length(struct process *process, size_t least)
{
	size_t length = pick_size(process) * PAGE;

	return length < least ? (least + PAGE - 1) / PAGE * PAGE : length;
}

static bool image_of_memory(struct process *process, struct client *client)
{
	struct slotpool_image_range ranges[MAX_RANGES];
	struct slotpool_image argument = {
		.flags = SLOTPOOL_IMAGE_MEMORY,
		.length = pick_length(process, PAGE),
		.ranges = (uintptr_t)ranges,
	};
	struct image *image;
	size_t end = 0;
	unsigned int i;

	if (client->nr_handles == MAX_IMAGES)
		return false;
	note(process, -1, 0, argument.length);
	image = image_create(argument.length);
	fill(process, process->buffer, BUFFER);
	for (i = pick(process, MAX_RANGES + 1); i && end < argument.length; i--) {
		/* Where the last one ends, or anywhere behind. */
		size_t offset = end + (pick(process, 4) ? pick(process, argument.length - end) : 0);
		size_t most = argument.length - offset;
		size_t length = 1 + pick(process, most < BUFFER ? most : BUFFER);
		const char *source = pick_source(process, client, length);

		memcpy(image->bytes + offset, source, length);
		ranges[argument.nr_ranges++] = (struct slotpool_image_range){
			.offset = offset,
			.length = length,
			.address = (uintptr_t)source,
		};
		end = offset + length;
	}
	/* They come in any order. */
	if (argument.nr_ranges && one_in(process, 2)) {
		struct slotpool_image_range first = ranges[0];

		ranges[0] = ranges[argument.nr_ranges - 1];
		ranges[argument.nr_ranges - 1] = first;
	}
	make_image(process, client, &argument, image);
	/* What was copied doesn't follow its source. */
	fill(process, process->buffer, BUFFER);
	return true;
}

/* Makes a file with holes in it; returns its descriptor. */
static int make_file(struct process *process, bool sealable, char *bytes, size_t size)
{
	int fd = sealable || one_in(process, 2) ?
			 memfd_create("oracle", MFD_CLOEXEC | MFD_ALLOW_SEALING) :
			 open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	size_t offset = 0;

	CHECK(process, fd >= 0 && !ftruncate(fd, size));
	memset(bytes, 0, size);
	while (offset < size) {
		size_t length = 1 + pick(process, size - offset);

		if (pick(process, 3)) {
			fill(process, bytes + offset, length);
			CHECK(process, pwrite(fd, bytes + offset, length, offset) ==
					       (ssize_t)length);
		}
		offset += length;
	}
	return fd;
}

static bool image_of_file(struct process *process, struct client *client)
{
	bool sealed = one_in(process, 2);
	size_t size = 1 + pick(process, BUFFER);
	struct slotpool_image argument = {
		.flags = SLOTPOOL_IMAGE_FILE,
		.file_offset = pick(process, size),
		.offset = pick(process, pick_length(process, PAGE)),
	};
	size_t room = process->slot_pages * PAGE - argument.offset;
	struct image *image;

	if (client->nr_handles == MAX_IMAGES)
		return false;
	argument.file_length = 1 + pick(process, size - argument.file_offset);
	if (argument.file_length > room)
		argument.file_length = room;
	/* Pages that are those of the file are a case of their own. */
	if (one_in(process, 2)) {
		argument.file_offset &= ~(PAGE - 1);
		argument.offset &= ~(PAGE - 1);
	}
	argument.length = pick_length(process, argument.offset + argument.file_length);
	note(process, sealed, argument.offset, argument.file_length);

	argument.fd = make_file(process, sealed, process->buffer, size);
	image = image_create(argument.length);
	memcpy(image->bytes + argument.offset, process->buffer + argument.file_offset,
	       argument.file_length);
	if (sealed)
		CHECK(process, !fcntl(argument.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
	make_image(process, client, &argument, image);
	/* What was copied doesn't follow its source. */
	if (!sealed)
		CHECK(process, !ftruncate(argument.fd, 0));
	close(argument.fd);
	return true;
}

static bool image_of_slot(struct process *process, struct client *client)
{
	const struct slot *slot = pick_slot(process, client);
	struct slotpool_image argument = { .flags = SLOTPOOL_IMAGE_SLOT };

	if (!slot || client->nr_handles == MAX_IMAGES)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	argument.slot = slot->index;
	make_image(process, client, &argument, slot_snapshot(slot));
	/* The slot stays as it is. */
	check_slot(process, client, slot);
	return true;
}

static bool export_image(struct process *process, struct client *client)
{
	struct slotpool_export argument = { .flags = 0 };
	const struct handle *handle;

	if (!client->nr_handles || process->nr_exports == MAX_EXPORTS)
		return false;
	handle = &client->handles[pick(process, client->nr_handles)];
	argument.image = handle->number;
	CHECK(process, !pool_call(client->fd, SLOTPOOL_EXPORT, &argument));
	process->exports[process->nr_exports++] = (struct export){
		.fd = argument.fd,
		.image = image_get(handle->image),
	};
	return true;
}

static bool close_export(struct process *process, struct client *client)
{
	struct export *export;

	(void)client;
	if (!process->nr_exports)
		return false;
	export = &process->exports[pick(process, process->nr_exports)];
	close(export->fd);
	image_put(export->image);
	*export = process->exports[--process->nr_exports];
	return true;
}

static bool import_image(struct process *process, struct client *client)
{
	struct slotpool_import argument = { .flags = 0 };
	const struct export *export;
	int err;

	if (!process->nr_exports || client->nr_handles == MAX_IMAGES)
		return false;
	export = &process->exports[pick(process, process->nr_exports)];
	argument.fd = export->fd;
	err = pool_call(client->fd, SLOTPOOL_IMPORT, &argument);
	if (process->options->refuses_images && err == -EDQUOT)
		return true;
	CHECK(process, !err && argument.length == export->image->length);
	add_handle(process, client, argument.image, image_get(export->image));
	return true;
}

static bool release_image(struct process *process, struct client *client)
{
	struct slotpool_release argument = { .flags = 0 };
	struct handle *handle;

	if (!client->nr_handles)
		return false;
	handle = &client->handles[pick(process, client->nr_handles)];
	argument.image = handle->number;
	CHECK(process, !pool_call(client->fd, SLOTPOOL_RELEASE, &argument));
	if (--handle->count)
		return true;
	image_put(handle->image);
	*handle = client->handles[--client->nr_handles];
	return true;
}

/* ---- slots ---- */

static bool owns(const struct process *process, uint32_t index)
{
	unsigned int i, j;

	for (i = 0; i < NR_CLIENTS; i++) {
		for (j = 0; j < process->clients[i].nr_slots; j++) {
			if (process->clients[i].slots[j].index == index)
				return true;
		}
	}
	return false;
}

/* Whether the pool may say that it has no pages to promise. */
static bool is_short(const struct process *process, int err)
{
	return process->options->commits && (err == -ENOMEM || err == -EDQUOT);
}

static bool alloc(struct process *process, struct client *client)
{
	struct slot *slot = &client->slots[client->nr_slots];
	struct slotpool_alloc argument = { .flags = 0 };
	const struct handle *handle = NULL;
	size_t limit = process->slot_pages;
	size_t commit;
	int err;

	if (client->nr_slots == MAX_SLOTS)
		return false;
	if (client->nr_handles && pick(process, 3)) {
		handle = &client->handles[pick(process, client->nr_handles)];
		argument.flags |= SLOTPOOL_ALLOC_IMAGE;
		argument.image = handle->number;
		limit = handle->image->length / PAGE;
	} else if (pick(process, 3)) {
		argument.flags |= SLOTPOOL_ALLOC_KEY;
		argument.key = pick(process, NR_KEYS);
	}
	if (one_in(process, 2) ||
	    (!handle && pick(process, LARGE_ONE_IN))) {
		limit = pick_size(process);
		argument.flags |= SLOTPOOL_ALLOC_LIMIT;
		argument.limit = limit * PAGE;
	}
	commit = process->options->commits ? limit : 0;
	if (process->options->commits && one_in(process, 4)) {
		commit = pick(process, limit + 1);
		argument.flags |= SLOTPOOL_ALLOC_COMMIT;
		argument.commit = commit * PAGE;
	}
	if (one_in(process, 3)) {
		argument.flags |= SLOTPOOL_ALLOC_KEEP;
		argument.keep = pick_size(process) * PAGE;
	}
	if (one_in(process, 6)) {
		argument.flags |= SLOTPOOL_ALLOC_EXACT;
		argument.slot = pick(process, process->info.nr_slots);
	}
	note(process, argument.slot, argument.flags, limit * PAGE);

	err = pool_call(client->fd, SLOTPOOL_ALLOC, &argument);
	if (argument.flags & SLOTPOOL_ALLOC_EXACT && owns(process, argument.slot)) {
		CHECK(process, err == -EBUSY);
		return true;
	}
	if (err == (argument.flags & SLOTPOOL_ALLOC_EXACT ? -EBUSY : -ENOSPC) ||
	    is_short(process, err))
		return true;
	CHECK(process, !err && argument.slot < process->info.nr_slots);
	CHECK(process, !owns(process, argument.slot));
	CHECK(process, argument.offset == argument.slot * process->info.slot_stride);
	note(process, argument.slot, argument.flags, limit * PAGE);

	slot->index = argument.slot;
	slot->has_key = argument.flags & SLOTPOOL_ALLOC_KEY;
	slot->key = argument.key;
	slot->handle = argument.image;
	slot->image = handle ? image_get(handle->image) : NULL;
	slot_alloc(slot, limit, commit);
	client->nr_slots++;
	check_slot(process, client, slot);
	return true;
}

static bool reset(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);

	if (!slot)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	CHECK(process, pool_reset(client->fd, slot->index) >= 0);
	slot_reset(slot);
	check_slot(process, client, slot);
	return true;
}

/* The memory that the model uses for a slot is used again. */
static void forget_slot(struct client *client, struct slot *slot)
{
	struct slot freed;

	slot_free(slot);
	freed = *slot;
	*slot = client->slots[--client->nr_slots];
	client->slots[client->nr_slots] = freed;
}

static bool give(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	bool decommit = one_in(process, 4);
	uint32_t index;

	if (!slot)
		return false;
	index = slot->index;
	if (one_in(process, 2))
		check_slot(process, client, slot);
	note(process, index, decommit, slot->limit * PAGE);
	CHECK(process,
	      pool_free_flags(client->fd, index, decommit ? SLOTPOOL_FREE_DECOMMIT : 0) >= 0);
	forget_slot(client, slot);
	if (decommit || process->options->strict)
		CHECK(process, !pool_can_read(map_slot(pick_map(process, client, index), index) +
					      pick_page(process, process->slot_pages) * PAGE));
	return true;
}

static bool resize(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	struct slotpool_resize argument = { .flags = 0 };
	size_t limit = pick_size(process);
	size_t commit = process->options->commits ? limit : 0;
	int err;

	if (!slot)
		return false;
	if (one_in(process, 3))
		argument.flags |= SLOTPOOL_RESIZE_GROW_ONLY;
	if (process->options->commits && one_in(process, 4)) {
		commit = pick(process, limit + 1);
		argument.flags |= SLOTPOOL_RESIZE_COMMIT;
		argument.commit = commit * PAGE;
	}
	argument.slot = slot->index;
	argument.limit = limit * PAGE;
	note(process, slot->index, argument.flags, argument.limit);

	err = pool_call(client->fd, SLOTPOOL_RESIZE, &argument);
	if (!is_short(process, err)) {
		CHECK(process, !err && argument.old_limit == slot->limit * PAGE);
		if (!(argument.flags & SLOTPOOL_RESIZE_GROW_ONLY) || limit > slot->limit)
			slot_resize(slot, limit, commit);
	}
	if (pick(process, 4))
		check_slot(process, client, slot);
	return true;
}

static bool compare(struct process *process, struct client *client)
{
	const struct slot *slot = pick_slot(process, client);

	if (!slot)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	check_slot(process, client, slot);
	return true;
}

/* ---- writing ---- */

/* Whether a range can be written to without being refused for want of pages. */
static bool may_write(const struct process *process, const struct slot *slot, size_t first,
		      size_t count)
{
	size_t more = 0;
	size_t page;

	for (page = first; page < first + count; page++)
		more += !slot->written[page];
	return !more || !process->options->commits || slot->nr_written + more <= slot->commit;
}

static bool is_writable(const struct map *map, const struct slot *slot, size_t first,
			size_t count)
{
	size_t page;

	for (page = first; page < first + count; page++) {
		if (map_access(map, slot->index, page) != MAP_WRITABLE)
			return false;
	}
	return true;
}

static void write_bytes(struct process *process, const struct client *client, char *address,
			size_t length)
{
	switch (pick(process, client->aloof ? 2 : 4)) {
	case 0:
		CHECK(process, write(process->pipes[1], process->buffer, length) ==
				       (ssize_t)length);
		CHECK(process, read(process->pipes[0], address, length) == (ssize_t)length);
		break;
	case 1:
		CHECK(process, pwrite(process->memory, process->buffer, length,
				      (uintptr_t)address) == (ssize_t)length);
		break;
	default:
		memcpy(address, process->buffer, length);
		break;
	}
}

/* Returns whether it could be done. */
static bool write_slot(struct process *process, struct client *client, struct slot *slot,
		       size_t offset, size_t length)
{
	struct map *map = pick_map(process, client, slot->index);
	size_t first = offset / PAGE;
	size_t count = (offset + length - 1) / PAGE - first + 1;

	if (!may_write(process, slot, first, count) || !is_writable(map, slot, first, count))
		return false;
	note(process, slot->index, offset, length);
	/* What is mapped there before and after makes a difference. */
	if (one_in(process, 2))
		check_pages(process, client, slot, first, count);
	fill(process, process->buffer, length);
	slot_write(slot, offset, process->buffer, length);
	write_bytes(process, client, map_slot(map, slot->index) + offset, length);
	if (pick(process, 4))
		check_pages(process, client, slot, first, count);
	return true;
}

static bool write_somewhere(struct process *process, struct client *client)
{
	static const size_t most[] = { 1, 16, 16, PAGE, 4 * PAGE };
	struct slot *slot = pick_slot(process, client);
	size_t offset, length, room;

	if (!slot || !slot->limit)
		return false;
	offset = pick_page(process, slot->limit) * PAGE;
	if (pick(process, 4))
		offset += pick(process, PAGE);
	length = 1 + pick(process, most[pick(process, sizeof(most) / sizeof(*most))]);
	room = slot->limit * PAGE - offset;
	return write_slot(process, client, slot, offset, length < room ? length : room);
}

/* A write that goes too far ends at the limit. */
static bool write_too_far(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	size_t most = 2 * PAGE;
	size_t length, first;
	ssize_t wrote;
	char *limit;

	if (!slot || !slot->limit || slot->limit == process->stride_pages)
		return false;
	length = 1 + pick(process, most < slot->limit * PAGE ? most : slot->limit * PAGE);
	first = (slot->limit * PAGE - length) / PAGE;
	if (!may_write(process, slot, first, slot->limit - first) ||
	    !is_writable(&client->maps[0], slot, first, slot->limit - first))
		return false;
	note(process, slot->index, slot->limit * PAGE - length, length);
	fill(process, process->buffer, length + PAGE);
	limit = map_slot(&client->maps[0], slot->index) + slot->limit * PAGE;
	wrote = pwrite(process->memory, process->buffer, length + PAGE, (uintptr_t)limit - length);
	CHECK(process, wrote == (ssize_t)length);
	slot_write(slot, slot->limit * PAGE - length, process->buffer, length);
	if (one_in(process, 2))
		check_slot(process, client, slot);
	return true;
}

static bool write_to_read_only(struct process *process, struct client *client)
{
	const struct slot *slot = pick_slot(process, client);
	const struct map *map;
	size_t page;

	if (!slot || !slot->limit)
		return false;
	map = pick_map(process, client, slot->index);
	page = pick_page(process, slot->limit);
	if (map_access(map, slot->index, page) != MAP_READABLE)
		return false;
	note(process, slot->index, page * PAGE, 1);
	CHECK(process, !pool_can_write(map_slot(map, slot->index) + page * PAGE));
	CHECK(process, pwrite(process->memory, "w", 1,
			      (uintptr_t)map_slot(map, slot->index) + page * PAGE) < 0);
	check_pages(process, client, slot, page, 1);
	return true;
}

/*
 * A page that becomes private while one mapping of it is read-only, is read
 * there, and then written to.
 */
static bool write_after_protection(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	const struct map *maps[2];
	size_t page;
	unsigned int i;

	if (!slot || !slot->limit)
		return false;
	page = pick(process, slot->limit);
	for (i = 0; i < 2; i++) {
		maps[i] = pick_map(process, client, slot->index);
		if (!is_writable(maps[i], slot, page, 1))
			return false;
	}
	if (maps[0] == maps[1] || !may_write(process, slot, page, 1))
		return false;
	note(process, slot->index, page * PAGE, PAGE);
	CHECK(process, map_protect(maps[0], slot->index, page, 1, MAP_READABLE));
	for (i = 2; i--;) {
		fill(process, process->buffer, PAGE);
		slot_write(slot, page * PAGE, process->buffer, PAGE);
		memcpy(map_slot(maps[i], slot->index) + page * PAGE, process->buffer, PAGE);
		check_page(process, slot, page, map_slot(maps[0], slot->index) + page * PAGE,
			   "protected mapping");
		CHECK(process, map_protect(maps[0], slot->index, page, 1, MAP_WRITABLE));
	}
	return true;
}

/* ---- many resets ---- */

static bool begin_resets(struct process *process, struct client *client)
{
	struct run *run = &process->run;
	const struct slot *slot = pick_slot(process, client);

	if (!slot || !slot->limit || run->left)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	*run = (struct run){
		.left = 100 + pick(process, 300),
		.client = client,
		.slot = slot->index,
	};
	return true;
}

/* Writes to some pages, which change now and then, and resets the slot. */
static bool run_resets(struct process *process)
{
	struct run *run = &process->run;
	struct client *client = run->client;
	struct slot *slot = NULL;
	unsigned int writes;
	unsigned int i;

	for (i = 0; i < client->nr_slots; i++) {
		if (client->slots[i].index == run->slot)
			slot = &client->slots[i];
	}
	/* A reset may have made it empty. */
	if (!slot || !slot->limit) {
		run->left = 0;
		return false;
	}
	if (!run->step || one_in(process, 40)) {
		run->first = pick(process, slot->limit);
		run->step = 1 + pick(process, slot->limit);
	}
	for (writes = pick(process, 4); writes; writes--) {
		size_t page = (run->first + pick(process, 4) * run->step) % slot->limit;

		write_slot(process, client, slot, page * PAGE + pick(process, PAGE - 8),
			   1 + pick(process, 8));
	}
	note(process, slot->index, 0, slot->limit * PAGE);
	CHECK(process, pool_reset(client->fd, slot->index) >= 0);
	slot_reset(slot);
	check_slot(process, client, slot);
	run->left--;
	return true;
}

/* ---- mappings ---- */

static void check_index(struct process *process, struct client *client, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < client->nr_slots; i++) {
		if (client->slots[i].index == index)
			check_slot(process, client, &client->slots[i]);
	}
}

static bool map_more(struct process *process, struct client *client)
{
	struct map *map = &client->maps[1 + pick(process, MAX_MAPS - 1)];
	uint32_t first = 0;
	uint32_t count = process->info.nr_slots;

	if (map->start) {
		note(process, map->first, 0, map->count);
		CHECK(process, map_destroy(map));
		return true;
	}
	if (one_in(process, 2)) {
		first = pick(process, process->info.nr_slots);
		count = 1 + pick(process, process->info.nr_slots - first);
	}
	note(process, first, 0, count);
	CHECK(process, map_create(map, client->fd, first, count, process->stride_pages,
				  pick(process, 512)));
	return true;
}

/* A range of a slot in a mapping, sometimes with some of its guard. */
static struct map *pick_range(struct process *process, struct client *client, uint32_t *index,
			      size_t *first, size_t *count)
{
	struct map *map;

	*index = pick_index(process, client);
	map = pick_map(process, client, *index);
	*first = pick_page(process, process->slot_pages);
	*count = 1 + pick(process, one_in(process, 4) ? process->stride_pages : 16);
	if (*count > process->stride_pages - *first)
		*count = process->stride_pages - *first;
	note(process, *index, *first * PAGE, *count * PAGE);
	return map;
}

static bool unmap(struct process *process, struct client *client)
{
	size_t first, count;
	uint32_t index;
	struct map *map = pick_range(process, client, &index, &first, &count);

	CHECK(process, map_punch(map, index, first, count));
	if (map == &client->maps[0] || one_in(process, 2))
		CHECK(process, map_fill(map, client->fd, index, first, count));
	check_index(process, client, index);
	return true;
}

/* Maps all of a slot afresh. */
static bool remap(struct process *process, struct client *client)
{
	uint32_t index = pick_index(process, client);
	struct map *map = pick_map(process, client, index);

	note(process, index, 0, 0);
	CHECK(process, map_fill(map, client->fd, index, 0, process->stride_pages));
	check_index(process, client, index);
	return true;
}

static bool protect(struct process *process, struct client *client)
{
	size_t first, count;
	uint32_t index;
	struct map *map = pick_range(process, client, &index, &first, &count);
	enum map_access access = pick(process, 3);

	if (map == &client->maps[0] && access == MAP_INACCESSIBLE)
		access = MAP_WRITABLE;
	if (map_has_hole(map, index, first, count))
		return false;
	CHECK(process, map_protect(map, index, first, count, access));
	check_index(process, client, index);
	return true;
}

static bool move(struct process *process, struct client *client)
{
	uint32_t index = pick_index(process, client);
	struct map *map = pick_map(process, client, index);

	note(process, index, 0, 0);
	CHECK(process, map_move(map, index));
	check_index(process, client, index);
	return true;
}

/* ---- the pool ---- */

static bool purge(struct process *process, struct client *client)
{
	static const uint32_t kinds[] = { 0, SLOTPOOL_PURGE_KEY, SLOTPOOL_PURGE_SLOT,
					  SLOTPOOL_PURGE_IMAGE };
	struct slotpool_purge argument = { .flags = kinds[pick(process, 4)] };
	int err;

	if (argument.flags == SLOTPOOL_PURGE_KEY)
		argument.key = pick(process, NR_KEYS);
	if (argument.flags == SLOTPOOL_PURGE_SLOT)
		argument.slot = pick(process, process->info.nr_slots);
	if (argument.flags == SLOTPOOL_PURGE_IMAGE) {
		if (!client->nr_handles)
			return false;
		argument.image = client->handles[pick(process, client->nr_handles)].number;
	}
	note(process, argument.slot, argument.flags, argument.image);
	err = pool_call(client->fd, SLOTPOOL_PURGE, &argument);
	CHECK(process, !err || (err == -ENOENT && argument.flags == SLOTPOOL_PURGE_SLOT));
	return true;
}

static bool list(struct process *process, struct client *client)
{
	struct slotpool_list_entry entries[MAX_SLOTS + 1];
	struct slotpool_list argument = {
		.entries = (uintptr_t)entries,
		.nr_entries = MAX_SLOTS + 1,
	};
	unsigned int i, j;

	CHECK(process, !pool_call(client->fd, SLOTPOOL_LIST, &argument));
	CHECK(process, argument.nr_entries == client->nr_slots);
	for (i = 0; i < client->nr_slots; i++) {
		const struct slotpool_list_entry *entry = NULL;
		const struct slot *slot = &client->slots[i];
		uint32_t flags = 0;

		for (j = 0; j < argument.nr_entries; j++) {
			if (entries[j].slot == slot->index)
				entry = &entries[j];
		}
		note(process, slot->index, 0, slot->limit * PAGE);
		if (slot->has_key)
			flags = SLOTPOOL_LIST_KEY;
		if (slot->image)
			flags = SLOTPOOL_LIST_IMAGE;
		CHECK(process, entry && entry->flags == flags && entry->key == slot->key);
		CHECK(process, entry->image == slot->handle);
		CHECK(process, entry->limit == slot->limit * PAGE);
		CHECK(process, entry->commit == slot->commit * PAGE);
	}
	return true;
}

static bool change_warm_slots(struct process *process, struct client *client)
{
	size_t value = pick(process, process->info.nr_slots);

	(void)client;
	note(process, -1, 0, value);
	CHECK(process, !pool_set_max_unused_warm_slots(value));
	return true;
}

/* What can be reclaimed is. */
static bool press(struct process *process, struct client *client)
{
	(void)process;
	(void)client;
	CHECK(process, put_text("/proc/sys/vm/drop_caches", "2"));
	return true;
}

static void open_client(struct process *process, struct client *client)
{
	client->fd = pool_open();
	client->aloof = one_in(process, 6);
	CHECK(process, client->fd >= 0);
	CHECK(process, map_create(&client->maps[0], client->fd, 0, process->info.nr_slots,
				  process->stride_pages, pick(process, 512)));
}

/* What the client had is gone. */
static void forget_client(struct process *process, struct client *client)
{
	while (client->nr_slots)
		forget_slot(client, &client->slots[0]);
	while (client->nr_handles)
		image_put(client->handles[--client->nr_handles].image);
	if (process->run.client == client)
		process->run.left = 0;
}

static void unmap_client(struct process *process, struct client *client)
{
	unsigned int i;

	for (i = 0; i < MAX_MAPS; i++) {
		if (client->maps[i].start)
			CHECK(process, map_destroy(&client->maps[i]));
	}
}

/* The client lives on until its mappings and its descriptor are gone. */
static void close_client(struct process *process, struct client *client)
{
	if (one_in(process, 2)) {
		unmap_client(process, client);
		close(client->fd);
	} else {
		close(client->fd);
		if (client->nr_slots)
			compare(process, client);
		unmap_client(process, client);
	}
	forget_client(process, client);
}

static bool reopen(struct process *process, struct client *client)
{
	close_client(process, client);
	open_client(process, client);
	return true;
}

/* ---- processes ---- */

struct operation {
	const char *name;
	unsigned int weight;
	bool (*run)(struct process *process, struct client *client);
};

/* Weights are out of the sum of all. */
static const struct operation operations[] = {
	{ "alloc", 3000, alloc },
	{ "free", 2400, give },
	{ "reset", 2400, reset },
	{ "many resets", 15, begin_resets },
	{ "resize", 1200, resize },
	{ "compare", 300, compare },
	{ "write", 4000, write_somewhere },
	{ "write too far", 200, write_too_far },
	{ "write to read-only", 200, write_to_read_only },
	{ "write after protection", 150, write_after_protection },
	{ "image of memory", 200, image_of_memory },
	{ "image of file", 200, image_of_file },
	{ "image of slot", 300, image_of_slot },
	{ "export", 200, export_image },
	{ "close export", 150, close_export },
	{ "import", 300, import_image },
	{ "release", 700, release_image },
	{ "purge", 200, purge },
	{ "list", 100, list },
	{ "map", 100, map_more },
	{ "unmap", 300, unmap },
	{ "remap", 200, remap },
	{ "protect", 500, protect },
	{ "move", 150, move },
	{ "change N", 50, change_warm_slots },
	{ "press", 10, press },
	{ "reopen", 30, reopen },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(*operations))

static const struct operation *pick_operation(struct process *process)
{
	unsigned int sum = 0;
	size_t i, number;

	for (i = 0; i < NR_OPERATIONS; i++)
		sum += operations[i].weight;
	number = pick(process, sum);
	for (i = 0; number >= operations[i].weight; i++)
		number -= operations[i].weight;
	return &operations[i];
}

static void name_note(struct process *process, const struct client *client, const char *name)
{
	process->notes[process->operation % NR_NOTES] = (struct note){
		.operation = process->operation,
		.name = name,
		.client = client - process->clients,
		.slot = -1,
	};
}

/* Returns whether there was anything to do it with. */
static bool step(struct process *process)
{
	struct client *client = &process->clients[pick(process, NR_CLIENTS)];
	const struct operation *operation;

	/* Other operations come in between. */
	if (process->run.left && pick(process, 16)) {
		name_note(process, process->run.client, "one of many resets");
		return run_resets(process);
	}
	operation = pick_operation(process);
	name_note(process, client, operation->name);
	return operation->run(process, client);
}

/* No access traps that isn't tried out by a system call. */
static void died(int number, siginfo_t *info, void *context)
{
	(void)context;
	fprintf(TH_LOG_STREAM, "# signal %d at %p\n", number, info->si_addr);
	fail(&this_process);
}

static void setup_process(struct process *process, const struct options *options, uint64_t seed,
			  struct progress *progress)
{
	int fd = pool_open();

	process->options = options;
	process->progress = progress;
	process->seed = seed;
	process->random = seed;
	CHECK(process, fd >= 0);
	process->info = pool_info(fd);
	process->slot_pages = process->info.slot_size / PAGE;
	process->stride_pages = process->info.slot_stride / PAGE;
	close(fd);
}

/* Exports images for all processes, which have nothing else in common. */
static void prepare(struct process *process)
{
	struct client *client = &process->clients[0];
	unsigned int i;

	open_client(process, client);
	for (i = 0; i < MAX_IMAGES; i++) {
		name_note(process, client, "prepare");
		if (i % 2)
			image_of_memory(process, client);
		else
			image_of_file(process, client);
		export_image(process, client);
	}
	close_client(process, client);
}

static void __attribute__((noreturn)) run_worker(struct process *process)
{
	struct progress *progress = process->progress;
	struct sigaction action = { .sa_sigaction = died, .sa_flags = SA_SIGINFO | SA_NODEFER };
	unsigned int i, j;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	process->memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	CHECK(process, process->memory >= 0 && !pipe(process->pipes));
	for (i = 0; i < NR_CLIENTS; i++) {
		open_client(process, &process->clients[i]);
		for (j = 0; j < MAX_SLOTS; j++)
			slot_setup(&process->clients[i].slots[j], process->slot_pages);
	}
	while (__atomic_fetch_add(&progress->done, 1, __ATOMIC_RELAXED) < progress->end) {
		alarm(HANGS_SECONDS);
		process->operation++;
		while (!step(process))
			;
	}
	/* What is left goes with the process. */
	_exit(0);
}

/* ---- the test ---- */

FIXTURE(oracle)
{
	uint64_t seed;
	struct progress *progress;
	pid_t workers[NR_WORKERS];
};

FIXTURE_VARIANT(oracle)
{
	struct options options;
};

#define ALL "max_decay_samples=1000000 "
#define SMALL ALL "slot_size=256K slot_stride=512K "
/* Slots begin anywhere in a page table, and span several. */
#define LARGE ALL "slot_size=4M slot_stride=4112K "

FIXTURE_VARIANT_ADD(oracle, overcommitting)
{
	.options = {
		.parameters = SMALL "nr_slots=20 nr_shards=2 max_unused_warm_slots=4 "
				    "reserve_pages=64 keep_bytes=64K",
	},
};

FIXTURE_VARIANT_ADD(oracle, committing)
{
	.options = {
		.parameters = SMALL "nr_slots=40 nr_shards=2 max_unused_warm_slots=16 "
				    "overcommit=0 reserve_pages=200 max_client_pages=120",
		.commits = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, large_slots)
{
	.options = {
		.parameters = LARGE "nr_slots=16 nr_shards=1 max_unused_warm_slots=2 "
				    "reserve_pages=512 keep_bytes=128K",
	},
};

FIXTURE_VARIANT_ADD(oracle, large_committing)
{
	.options = {
		.parameters = LARGE "nr_slots=40 nr_shards=2 max_unused_warm_slots=16 strict=1 "
				    "overcommit=0 reserve_pages=1200",
		.commits = true,
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, strict)
{
	.options = {
		.parameters = SMALL "nr_slots=40 nr_shards=1 max_unused_warm_slots=16 strict=1 "
				    "reserve_pages=256",
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, few_warm_bytes)
{
	.options = {
		.parameters = SMALL "nr_slots=40 nr_shards=2 max_unused_warm_slots=16 "
				    "max_unused_warm_bytes=128K reserve_pages=0 keep_bytes=16K",
	},
};

FIXTURE_VARIANT_ADD(oracle, few_image_bytes)
{
	.options = {
		.parameters = SMALL "nr_slots=18 nr_shards=1 max_unused_warm_slots=0 "
				    "reserve_pages=128 max_image_bytes=64K "
				    "max_client_image_bytes=96K max_pool_image_bytes=512K",
		.refuses_images = true,
	},
};

#define NR_VARIANTS 7

static uint64_t nr_operations(void)
{
	const char *given = getenv("SLOTPOOL_OPERATIONS");

	return given ? strtoull(given, NULL, 0) : DEFAULT_OPERATIONS;
}

FIXTURE_SETUP(oracle)
{
	/* A test that failed may have left it behind. */
	pool_unload();
	ASSERT_EQ(0, pool_load(variant->options.parameters));
	self->seed = random_seed();
	TH_LOG("SLOTPOOL_SEED=%#llx", (unsigned long long)self->seed);
	self->progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	ASSERT_NE(MAP_FAILED, self->progress);
	self->progress->end = (nr_operations() + NR_VARIANTS - 1) / NR_VARIANTS;
}

FIXTURE_TEARDOWN(oracle)
{
	unsigned int i;

	for (i = 0; i < NR_WORKERS; i++) {
		if (self->workers[i] <= 0)
			continue;
		kill(self->workers[i], SIGKILL);
		waitpid(self->workers[i], NULL, 0);
	}
	EXPECT_EQ(0, pool_unload());
}

static pid_t start_worker(unsigned int number)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	this_process.number = number;
	this_process.random = this_process.seed + ((uint64_t)number << 40);
	run_worker(&this_process);
}

TEST_F_TIMEOUT(oracle, every_slot_contains_what_it_must, TEST_SECONDS)
{
	const struct progress *progress = self->progress;
	uint64_t random = self->seed;
	struct slotpool_stat stat;
	unsigned int started = 0;
	unsigned int kills = 0;
	uint64_t next_kill;
	int status;
	unsigned int i;

	setup_process(&this_process, &variant->options, self->seed, self->progress);
	prepare(&this_process);
	for (i = 0; i < NR_WORKERS; i++) {
		self->workers[i] = start_worker(++started);
		ASSERT_GT(self->workers[i], 0);
	}
	next_kill = random_next(&random) % 2000;
	while (done(progress) < progress->end) {
		usleep(2000);
		for (i = 0; i < NR_WORKERS; i++) {
			if (waitpid(self->workers[i], &status, WNOHANG) != self->workers[i])
				continue;
			self->workers[i] = 0;
			ASSERT_EQ(0, status);
			ASSERT_GE(done(progress), progress->end);
		}
		if (done(progress) < next_kill)
			continue;
		next_kill = done(progress) + random_next(&random) % 4000;
		i = random_next(&random) % NR_WORKERS;
		if (!self->workers[i])
			continue;
		kill(self->workers[i], SIGKILL);
		ASSERT_EQ(self->workers[i], waitpid(self->workers[i], &status, 0));
		self->workers[i] = start_worker(++started);
		ASSERT_GT(self->workers[i], 0);
		/* It may have ended in another way just before. */
		if (!WIFSIGNALED(status))
			ASSERT_EQ(0, status);
		kills++;
	}
	for (i = 0; i < NR_WORKERS; i++) {
		if (!self->workers[i])
			continue;
		ASSERT_EQ(self->workers[i], waitpid(self->workers[i], &status, 0));
		self->workers[i] = 0;
		ASSERT_EQ(0, status);
	}

	while (close_export(&this_process, NULL))
		;
	ASSERT_TRUE(pool_is_idle());
	stat = pool_gauges();
	TH_LOG("%llu operations, %u kills, %llu affine, %llu recycled, %llu cold, %llu evictions",
	       (unsigned long long)done(progress), kills, stat.affine_allocs,
	       stat.recycled_allocs, stat.cold_allocs, stat.evictions);
	TH_LOG("%llu pages decayed in %llu samples, %llu prepared, %llu read from files, "
	       "%llu dropped",
	       stat.decayed_pages, stat.decay_samples, stat.prepared_pages, stat.image_reads,
	       stat.image_drops);
}

TEST_HARNESS_MAIN
