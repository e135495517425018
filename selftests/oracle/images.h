/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of the oracle on images. Each returns false if it had nothing to work
 * on.
 */
#ifndef SELFTESTS_ORACLE_IMAGES_H
#define SELFTESTS_ORACLE_IMAGES_H

#include "process.h"

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
		model_image_put(image);
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

/* Has the pool make an image, which @image describes. */
static void make_image(struct process *process, struct client *client,
		       struct slotpool_image_args *argument, struct image *image)
{
	int err = client_call(client, SLOTPOOL_IMAGE, argument);

	if (process->options->refuses_images &&
	    (err == -EFBIG || err == -EDQUOT || err == -ENOSPC)) {
		model_image_put(image);
		return;
	}
	CHECK(process, !err);
	CHECK(process, argument->length == image->length && argument->stored <= image->length);
	add_handle(process, client, argument->image, image);
}

/* Picks the source of a range of memory: the buffer, or a slot. */
static const char *pick_source(struct process *process, struct client *client, size_t length)
{
	const struct slot *slot = pick_slot(process, client);

	if (slot && slot->limit * PAGE >= length && map_covers(&client->maps[0], slot->index) &&
	    one_in(process, 3))
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
	struct slotpool_image_args argument = {
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
	image = model_image_create(argument.length);
	fill(process, process->buffer, BUFFER);
	for (i = pick(process, MAX_RANGES + 1); i && end < argument.length; i--) {
		/* At the end of the last one, or anywhere behind. */
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
	/* The copy doesn't follow its source. */
	fill(process, process->buffer, BUFFER);
	return true;
}

/* Makes a file with holes in it; returns its descriptor. */
static int make_file(struct process *process, int seals, char *bytes, size_t size)
{
	int fd = seals || one_in(process, 2) ?
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
	if (seals)
		CHECK(process, !fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

/* Changes a file as its seals permit. */
static void change_file(struct process *process, int fd, int seals)
{
	if (!(seals & F_SEAL_WRITE)) {
		fill(process, process->buffer, BUFFER);
		CHECK(process, pwrite(fd, process->buffer, BUFFER, 0) == (ssize_t)BUFFER);
	}
	if (!(seals & F_SEAL_SHRINK))
		CHECK(process, !ftruncate(fd, 0));
}

static bool image_of_file(struct process *process, struct client *client)
{
	static const int choices[] = { 0, F_SEAL_WRITE, F_SEAL_SHRINK,
				       F_SEAL_WRITE | F_SEAL_SHRINK };
	/* With both of them, the image reads the file when a slot needs it. */
	int seals = choices[one_in(process, 2) ? 3 : pick(process, 4)];
	size_t size = 1 + pick(process, BUFFER);
	struct slotpool_image_args argument = {
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
	note(process, seals, argument.offset, argument.file_length);

	argument.fd = make_file(process, seals, process->buffer, size);
	image = model_image_create(argument.length);
	memcpy(image->bytes + argument.offset, process->buffer + argument.file_offset,
	       argument.file_length);
	make_image(process, client, &argument, image);
	/* The copy doesn't follow its source. */
	change_file(process, argument.fd, seals);
	close(argument.fd);
	return true;
}

static bool snapshot(struct process *process, struct client *client, const struct slot *slot)
{
	struct slotpool_image_args argument = { .flags = SLOTPOOL_IMAGE_SLOT, .slot = slot->index };

	if (client->nr_handles == MAX_IMAGES)
		return false;
	make_image(process, client, &argument, model_slot_snapshot(slot));
	/* The slot stays as it is. */
	check_slot(process, client, slot);
	return true;
}

static bool image_of_slot(struct process *process, struct client *client)
{
	const struct slot *slot = pick_slot(process, client);

	if (!slot)
		return false;
	note(process, slot->index, 0, slot->limit * PAGE);
	return snapshot(process, client, slot);
}

static bool export_image(struct process *process, struct client *client)
{
	struct slotpool_export_args argument = { .flags = 0 };
	const struct handle *handle;

	if (!client->nr_handles || process->nr_exports == MAX_EXPORTS)
		return false;
	handle = &client->handles[pick(process, client->nr_handles)];
	argument.image = handle->number;
	CHECK(process, !client_call(client, SLOTPOOL_EXPORT, &argument));
	process->exports[process->nr_exports++] = (struct export){
		.fd = argument.fd,
		.image = model_image_get(handle->image),
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
	model_image_put(export->image);
	*export = process->exports[--process->nr_exports];
	return true;
}

static bool import_image(struct process *process, struct client *client)
{
	struct slotpool_import_args argument = { .flags = 0 };
	const struct export *export;
	int err;

	if (!process->nr_exports || client->nr_handles == MAX_IMAGES)
		return false;
	export = &process->exports[pick(process, process->nr_exports)];
	argument.fd = export->fd;
	err = client_call(client, SLOTPOOL_IMPORT, &argument);
	if (process->options->refuses_images && err == -EDQUOT)
		return true;
	CHECK(process, !err && argument.length == export->image->length);
	add_handle(process, client, argument.image, model_image_get(export->image));
	return true;
}

static bool release_image(struct process *process, struct client *client)
{
	struct slotpool_release_args argument = { .flags = 0 };
	struct handle *handle;

	if (!client->nr_handles)
		return false;
	handle = &client->handles[pick(process, client->nr_handles)];
	argument.image = handle->number;
	CHECK(process, !client_call(client, SLOTPOOL_RELEASE, &argument));
	if (--handle->count)
		return true;
	model_image_put(handle->image);
	*handle = client->handles[--client->nr_handles];
	return true;
}

#endif /* SELFTESTS_ORACLE_IMAGES_H */
