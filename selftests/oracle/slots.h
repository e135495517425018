/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of the oracle on slots. Each returns false if it had nothing to work
 * on.
 */
#ifndef SELFTESTS_ORACLE_SLOTS_H
#define SELFTESTS_ORACLE_SLOTS_H

#include "images.h"
#include "lib/access.h"

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

static bool has_all(const struct process *process)
{
	uint32_t nr_slots = 0;
	unsigned int i;

	for (i = 0; i < NR_CLIENTS; i++)
		nr_slots += process->clients[i].nr_slots;
	return nr_slots == process->info.nr_slots;
}

/* Return whether the pool may refuse to promise pages. */
static bool is_short(const struct process *process, int err)
{
	return process->options->commits && (err == -ENOMEM || err == -EDQUOT);
}

/* Returns the slot, or NULL if there is none to be had, and that may be. */
static struct slot *take(struct process *process, struct client *client,
			 struct slotpool_alloc_args *argument, const struct handle *handle)
{
	struct slot *slot = &client->slots[client->nr_slots];
	bool exact = argument->flags & SLOTPOOL_ALLOC_EXACT;
	bool busy = exact && owns(process, argument->slot);
	size_t limit = handle ? handle->image->length / PAGE : process->slot_pages;
	size_t commit;
	int err;

	if (argument->flags & SLOTPOOL_ALLOC_LIMIT)
		limit = argument->limit / PAGE;
	commit = process->options->commits ? limit : 0;
	if (argument->flags & SLOTPOOL_ALLOC_COMMIT)
		commit = argument->commit / PAGE;
	if (handle) {
		argument->flags |= SLOTPOOL_ALLOC_IMAGE;
		argument->image = handle->number;
	}

	note(process, argument->slot, argument->flags, limit * PAGE);
	err = client_call(client, SLOTPOOL_ALLOC, argument);
	if (err == (exact ? -EBUSY : -ENOSPC) || is_short(process, err)) {
		/* Other processes have no slots of a pool in user space. */
		CHECK(process, !IN_USER_SPACE || (exact ? busy : has_all(process)));
		return NULL;
	}
	CHECK(process, !err && !busy && argument->slot < process->info.nr_slots);
	CHECK(process, !owns(process, argument->slot));
	CHECK(process, argument->offset == argument->slot * process->info.slot_stride);
	note(process, argument->slot, argument->flags, limit * PAGE);

	slot->index = argument->slot;
	slot->has_key = argument->flags & SLOTPOOL_ALLOC_KEY;
	slot->key = argument->key;
	slot->handle = argument->image;
	slot->image = handle ? model_image_get(handle->image) : NULL;
	model_slot_alloc(slot, limit, commit);
	client->nr_slots++;
	return slot;
}

static bool alloc(struct process *process, struct client *client)
{
	struct slotpool_alloc_args argument = { .flags = 0 };
	const struct handle *handle = NULL;
	const struct slot *slot;

	if (client->nr_slots == MAX_SLOTS)
		return false;
	if (client->nr_handles && pick(process, 3)) {
		handle = &client->handles[pick(process, client->nr_handles)];
	} else if (pick(process, 3)) {
		argument.flags |= SLOTPOOL_ALLOC_KEY;
		argument.key = pick(process, NR_KEYS);
	}
	if (one_in(process, 2) || (!handle && pick(process, LARGE_ONE_IN))) {
		argument.flags |= SLOTPOOL_ALLOC_LIMIT;
		argument.limit = pick_size(process) * PAGE;
		if (process->options->commits && one_in(process, 2)) {
			argument.flags |= SLOTPOOL_ALLOC_COMMIT;
			argument.commit = pick(process, argument.limit / PAGE + 1) * PAGE;
		}
	}
	if (one_in(process, 3)) {
		argument.flags |= SLOTPOOL_ALLOC_KEEP;
		argument.keep = pick_size(process) * PAGE;
	}
	if (one_in(process, 6)) {
		argument.flags |= SLOTPOOL_ALLOC_EXACT;
		argument.slot = pick(process, process->info.nr_slots);
	}
	slot = take(process, client, &argument, handle);
	if (slot)
		check_slot(process, client, slot);
	return true;
}

static void reset_slot(struct process *process, struct client *client, struct slot *slot)
{
	struct slotpool_reset_args argument = { .slot = slot->index };

	CHECK(process, !client_call(client, SLOTPOOL_RESET, &argument));
	model_slot_reset(slot);
}

static bool reset(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);

	if (!slot)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	reset_slot(process, client, slot);
	check_slot(process, client, slot);
	return true;
}

/* The memory that the model uses for a slot is used again. */
static void forget_slot(struct client *client, struct slot *slot)
{
	struct slot freed;

	model_slot_free(slot);
	freed = *slot;
	*slot = client->slots[--client->nr_slots];
	client->slots[client->nr_slots] = freed;
}

static void give_slot(struct process *process, struct client *client, struct slot *slot)
{
	bool decommit = one_in(process, 4);
	struct slotpool_free_args argument = {
		.flags = decommit ? SLOTPOOL_FREE_DECOMMIT : 0,
		.slot = slot->index,
	};
	uint32_t index = slot->index;

	note(process, index, decommit, slot->limit * PAGE);
	CHECK(process, !client_call(client, SLOTPOOL_FREE, &argument));
	forget_slot(client, slot);
	if ((decommit || process->options->strict) && map_covers(&client->maps[0], index))
		CHECK(process, !can_read(map_slot(pick_map(process, client, index), index) +
					      pick_page(process, process->slot_pages) * PAGE));
}

static bool give(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);

	if (!slot)
		return false;
	if (one_in(process, 2))
		check_slot(process, client, slot);
	give_slot(process, client, slot);
	return true;
}

static bool resize(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	struct slotpool_resize_args argument = { .flags = 0 };
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

	err = client_call(client, SLOTPOOL_RESIZE, &argument);
	if (!is_short(process, err)) {
		CHECK(process, !err && argument.old_limit == slot->limit * PAGE);
		if (!(argument.flags & SLOTPOOL_RESIZE_GROW_ONLY) || limit > slot->limit)
			model_slot_resize(slot, limit, commit);
	}
	/* A snapshot has to find out about pages that nobody has looked at yet. */
	if (one_in(process, 4))
		snapshot(process, client, slot);
	else if (pick(process, 4))
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

/* Return whether there are pages for a write to a range. */
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
	/* A fault takes another path if something is mapped there already. */
	if (one_in(process, 2))
		check_pages(process, client, slot, first, count);
	fill(process, process->buffer, length);
	/* A page of zeros, where the image has something else, is one of its own. */
	if (length % PAGE == 0 && one_in(process, 2))
		memset(process->buffer, 0, length);
	model_slot_write(slot, offset, process->buffer, length);
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
	if (one_in(process, 6))
		return write_slot(process, client, slot, offset, PAGE);
	if (pick(process, 4))
		offset += pick(process, PAGE);
	length = 1 + pick(process, most[pick(process, sizeof(most) / sizeof(*most))]);
	room = slot->limit * PAGE - offset;
	return write_slot(process, client, slot, offset, length < room ? length : room);
}

/* Writes few bytes of every other page, so that private pages are scattered. */
static bool write_scattered(struct process *process, struct client *client)
{
	struct slot *slot = pick_slot(process, client);
	size_t page;

	if (!slot || slot->limit < 64)
		return false;
	for (page = pick(process, 2); page < slot->limit && page < 128; page += 2)
		write_slot(process, client, slot, page * PAGE + pick(process, PAGE - 8),
			   1 + pick(process, 8));
	return true;
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
	model_slot_write(slot, slot->limit * PAGE - length, process->buffer, length);
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
	CHECK(process, !can_write(map_slot(map, slot->index) + page * PAGE));
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
		model_slot_write(slot, page * PAGE, process->buffer, PAGE);
		memcpy(map_slot(maps[i], slot->index) + page * PAGE, process->buffer, PAGE);
		check_page(process, slot, page, map_slot(maps[0], slot->index) + page * PAGE,
			   "protected mapping");
		CHECK(process, map_protect(maps[0], slot->index, page, 1, MAP_WRITABLE));
	}
	return true;
}

/*
 * A snapshot of a snapshot of an image of a file: each has to find the pages that it
 * shares with the one before, of which hardly any page was read.
 */
static bool snapshots(struct process *process, struct client *client)
{
	unsigned int nr_handles = client->nr_handles;
	unsigned int i;

	if (client->nr_slots == MAX_SLOTS || nr_handles > MAX_IMAGES - 3)
		return false;
	image_of_file(process, client);
	for (i = 0; i < 3 && client->nr_handles == nr_handles + i + 1; i++) {
		struct slotpool_alloc_args argument = { .flags = 0 };
		struct slot *slot = take(process, client, &argument,
					 &client->handles[nr_handles + i]);

		if (!slot)
			break;
		if (slot->limit && one_in(process, 2))
			write_slot(process, client, slot, pick(process, slot->limit) * PAGE, PAGE);
		if (i < 2)
			snapshot(process, client, slot);
		else
			check_slot(process, client, slot);
		give_slot(process, client, slot);
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
	reset_slot(process, client, slot);
	check_slot(process, client, slot);
	run->left--;
	return true;
}

#endif /* SELFTESTS_ORACLE_SLOTS_H */
