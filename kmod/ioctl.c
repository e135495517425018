// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: a table, and the checks of their arguments.
 *
 * What each command does and which errors it returns is documented in
 * <linux/slotpool.h>.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <linux/slotpool.h>

#include "client.h"
#include "ioctl.h"
#include "mapping.h"

/* Every argument structure starts like this. */
struct ioctl_header {
	__u32 size;
	__u32 flags;
};

union ioctl_argument {
	struct ioctl_header header;
	struct slotpool_info info;
	struct slotpool_alloc alloc;
	struct slotpool_reset reset;
	struct slotpool_free free;
	struct slotpool_resize resize;
	struct slotpool_purge purge;
	struct slotpool_list list;
	struct slotpool_stat stat;
	struct slotpool_image image;
	struct slotpool_export export;
	struct slotpool_import import;
	struct slotpool_release release;
};

/**
 * struct ioctl_op - a command
 * @size: size of its argument structure, of which there is one version so far
 * @flags: the flags that it knows
 * @changes: only the process that the client is bound to may use it
 * @run: checks the argument but for size and flags, and does it
 */
struct ioctl_op {
	u32 size;
	u32 flags;
	bool changes;
	int (*run)(struct client *client, union ioctl_argument *argument);
};

static int ioctl_check_slot(struct client *client, u32 *slot)
{
	u32 nr_slots = client->pool->config.nr_slots;

	if (*slot >= nr_slots)
		return -EINVAL;
	*slot = array_index_nospec(*slot, nr_slots);
	return 0;
}

static int ioctl_check_limit(struct client *client, u64 limit, bool has_commit, u64 commit)
{
	if (!PAGE_ALIGNED(limit) || limit > client->pool->config.slot_size)
		return -EINVAL;
	if (!PAGE_ALIGNED(commit) || commit > limit || (commit && !has_commit))
		return -EINVAL;
	if (commit && client->pool->config.overcommit)
		return -EOPNOTSUPP;
	return 0;
}

static u64 ioctl_commit(struct client *client, u64 limit, bool has_commit, u64 commit)
{
	if (has_commit || client->pool->config.overcommit)
		return commit;
	return limit;
}

static int ioctl_info(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_info *info = &argument->info;
	const struct pool *pool = client->pool;
	const struct pool_config *config = &pool->config;

	if (info->__reserved)
		return -EINVAL;
	info->features = (config->overcommit ? SLOTPOOL_FEATURE_OVERCOMMIT : 0) |
			 (config->strict ? SLOTPOOL_FEATURE_STRICT : 0) |
			 (MAPPING_HAS_DIRTY_BITS ? SLOTPOOL_FEATURE_DIRTY_BITS : 0);
	info->slot_size = config->slot_size;
	info->slot_stride = config->slot_stride;
	info->keep_bytes = config->keep_bytes;
	info->max_unused_warm_slots = pool_max_unused_warm_slots(client->pool);
	info->reserve_pages = config->reserve_pages;
	info->max_client_pages = config->max_client_pages;
	info->nr_slots = config->nr_slots;
	info->nr_shards = pool->nr_shards;
	info->page_size = PAGE_SIZE;
	info->max_unused_warm_bytes = pool_max_unused_warm_bytes(client->pool);
	info->max_image_bytes = config->max_image_bytes;
	info->max_client_image_bytes = config->max_client_image_bytes;
	info->max_pool_image_bytes = config->max_pool_image_bytes;
	return 0;
}

static int ioctl_check_alloc(struct client *client, struct slotpool_alloc *alloc)
{
	if (alloc->key && !(alloc->flags & SLOTPOOL_ALLOC_KEY))
		return -EINVAL;
	if (alloc->image && !(alloc->flags & SLOTPOOL_ALLOC_IMAGE))
		return -EINVAL;
	if (alloc->flags & SLOTPOOL_ALLOC_KEY && alloc->flags & SLOTPOOL_ALLOC_IMAGE)
		return -EINVAL;
	if (alloc->limit && !(alloc->flags & SLOTPOOL_ALLOC_LIMIT))
		return -EINVAL;
	if (!PAGE_ALIGNED(alloc->keep) || (alloc->keep && !(alloc->flags & SLOTPOOL_ALLOC_KEEP)))
		return -EINVAL;
	return alloc->flags & SLOTPOOL_ALLOC_EXACT ? ioctl_check_slot(client, &alloc->slot) : 0;
}

static int ioctl_alloc(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_alloc *alloc = &argument->alloc;
	const struct pool *pool = client->pool;
	bool has_commit = alloc->flags & SLOTPOOL_ALLOC_COMMIT;
	bool has_keep = alloc->flags & SLOTPOOL_ALLOC_KEEP;
	struct pool_request request = { };
	struct image *image = NULL;
	u64 limit = pool->config.slot_size;
	u64 commit;
	int err;

	err = ioctl_check_alloc(client, alloc);
	if (err)
		return err;
	if (alloc->flags & SLOTPOOL_ALLOC_IMAGE) {
		image = handle_get(&client->images, alloc->image);
		if (!image)
			return -ENOENT;
		limit = (u64)image->length << PAGE_SHIFT;
	}
	if (alloc->flags & SLOTPOOL_ALLOC_LIMIT)
		limit = alloc->limit;
	err = ioctl_check_limit(client, limit, has_commit, alloc->commit);
	if (err)
		goto put_image;
	commit = ioctl_commit(client, limit, has_commit, alloc->commit);

	request.exact = alloc->flags & SLOTPOOL_ALLOC_EXACT;
	request.slot = alloc->slot;
	request.image = image;
	request.terms.has_key = alloc->flags & SLOTPOOL_ALLOC_KEY;
	request.terms.key = alloc->key;
	request.terms.limit = limit >> PAGE_SHIFT;
	request.terms.commit = commit >> PAGE_SHIFT;
	request.terms.keep = has_keep ? alloc->keep >> PAGE_SHIFT : pool->keep_pages;
	err = pool_alloc(client->pool, &client->slots, &request);
	if (err)
		goto put_image;

	alloc->slot = request.slot;
	alloc->placement = request.placement;
	alloc->offset = request.slot * pool->config.slot_stride;
	alloc->contents = request.kept ? SLOTPOOL_CONTENTS_KEPT : SLOTPOOL_CONTENTS_NEW;

put_image:
	/* The slot has a reference of its own. */
	image_put(image);
	return err;
}

static int ioctl_reset(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_reset *reset = &argument->reset;
	int err;

	if (reset->__reserved)
		return -EINVAL;
	err = ioctl_check_slot(client, &reset->slot);
	if (err)
		return err;
	return pool_reset(client->pool, &client->slots, reset->slot, &reset->held);
}

static int ioctl_free(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_free *free = &argument->free;
	int err;

	free->held = 0;
	if (free->__reserved)
		return -EINVAL;
	err = ioctl_check_slot(client, &free->slot);
	if (err)
		return err;
	err = pool_free(client->pool, &client->slots, free->slot,
			free->flags & SLOTPOOL_FREE_DECOMMIT, &free->held);
	if (err == -ENOENT && free->flags & SLOTPOOL_FREE_IF_OWNED)
		return 0;
	return err;
}

static int ioctl_resize(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_resize *resize = &argument->resize;
	bool has_commit = resize->flags & SLOTPOOL_RESIZE_COMMIT;
	u64 commit;
	int err;

	if (resize->__reserved)
		return -EINVAL;
	err = ioctl_check_slot(client, &resize->slot);
	if (err)
		return err;
	err = ioctl_check_limit(client, resize->limit, has_commit, resize->commit);
	if (err)
		return err;
	commit = ioctl_commit(client, resize->limit, has_commit, resize->commit);
	return pool_resize(client->pool, &client->slots, resize->slot,
			   resize->flags & SLOTPOOL_RESIZE_GROW_ONLY, resize->limit >> PAGE_SHIFT,
			   commit >> PAGE_SHIFT, &resize->old_limit);
}

static int ioctl_purge(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_purge *purge = &argument->purge;
	struct image *image;
	int err;

	if (purge->__reserved || (purge->key && purge->flags != SLOTPOOL_PURGE_KEY))
		return -EINVAL;
	if (purge->slot && purge->flags != SLOTPOOL_PURGE_SLOT)
		return -EINVAL;
	if (purge->image && purge->flags != SLOTPOOL_PURGE_IMAGE)
		return -EINVAL;

	switch (purge->flags) {
	case 0:
		purge->purged = pool_purge_all(client->pool, &client->slots);
		return 0;
	case SLOTPOOL_PURGE_KEY:
		purge->purged = pool_purge_key(client->pool, &client->slots, purge->key);
		return 0;
	case SLOTPOOL_PURGE_SLOT:
		err = ioctl_check_slot(client, &purge->slot);
		if (err)
			return err;
		purge->purged = 1;
		return pool_purge_slot(client->pool, &client->slots, purge->slot);
	case SLOTPOOL_PURGE_IMAGE:
		image = handle_get(&client->images, purge->image);
		if (!image)
			return -ENOENT;
		purge->purged = pool_purge_image(client->pool, &client->slots, image);
		image_put(image);
		return 0;
	default:
		return -EINVAL;
	}
}

static int ioctl_list(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_list *list = &argument->list;
	struct slotpool_list_entry __user *entries = u64_to_user_ptr(list->entries);
	u32 nr_slots = client->pool->config.nr_slots;
	u32 nr_entries = 0;

	for (; list->first < nr_slots && nr_entries < list->nr_entries; list->first++) {
		u32 slot = array_index_nospec(list->first, nr_slots);
		struct slotpool_list_entry entry;

		cond_resched();
		if (!pool_describe(client->pool, &client->slots, slot, &entry))
			continue;
		if (copy_to_user(&entries[nr_entries], &entry, sizeof(entry)))
			return -EFAULT;
		nr_entries++;
	}
	list->nr_entries = nr_entries;
	list->first = min(list->first, nr_slots);
	return 0;
}

static int ioctl_stat(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_stat *stat = &argument->stat;

	*stat = (struct slotpool_stat){ .size = stat->size };
	pool_stat(client->pool, &client->slots, stat);
	stat->client_images = READ_ONCE(client->images.nr_images);
	stat->client_image_pages = atomic_long_read(&client->account->nr_charged);
	return 0;
}

static int ioctl_compare_ranges(const void *a, const void *b)
{
	const struct slotpool_image_range *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	/* One without length may begin where another does. */
	return left->length < right->length ? -1 : left->length > right->length;
}

/* Sorts ranges; they must not overlap and must lie inside the image. */
static int ioctl_check_ranges(struct slotpool_image_range *ranges, u32 nr_ranges, u64 length)
{
	u64 end = 0;
	u32 i;

	sort(ranges, nr_ranges, sizeof(*ranges), ioctl_compare_ranges, NULL);
	for (i = 0; i < nr_ranges; i++) {
		const struct slotpool_image_range *range = &ranges[i];

		if (range->offset < end || range->offset > length ||
		    range->length > length - range->offset ||
		    range->length > U64_MAX - range->address)
			return -EINVAL;
		end = range->offset + range->length;
	}
	return 0;
}

static struct image *ioctl_image_of_memory(struct client *client,
					   const struct slotpool_image *argument)
{
	struct slotpool_image_range *ranges = NULL;
	struct image *image = NULL;
	int err;

	if (argument->offset || argument->file_offset || argument->file_length || argument->fd ||
	    argument->slot || argument->nr_ranges > SLOTPOOL_IMAGE_MAX_RANGES)
		return ERR_PTR(-EINVAL);
	if (argument->nr_ranges) {
		ranges = kvmalloc_array(argument->nr_ranges, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
		if (!ranges)
			return ERR_PTR(-ENOMEM);
		err = -EFAULT;
		if (copy_from_user(ranges, u64_to_user_ptr(argument->ranges),
				   argument->nr_ranges * sizeof(*ranges)))
			goto free_ranges;
	}
	err = ioctl_check_ranges(ranges, argument->nr_ranges, argument->length);
	if (err)
		goto free_ranges;
	image = image_create(&client->pool->memory.images, client->account,
			     argument->length >> PAGE_SHIFT);
	if (IS_ERR(image)) {
		err = PTR_ERR(image);
		image = NULL;
		goto free_ranges;
	}
	err = image_copy_memory(image, ranges, argument->nr_ranges);

free_ranges:
	kvfree(ranges);
	if (!err)
		return image;
	image_put(image);
	return ERR_PTR(err);
}

static struct image *ioctl_image_of_file(struct client *client,
					 const struct slotpool_image *argument)
{
	struct image_source source = {
		.position = argument->file_offset,
		.offset = argument->offset,
		.length = argument->file_length,
	};
	struct image *image;
	int err;

	if (argument->ranges || argument->nr_ranges || argument->slot)
		return ERR_PTR(-EINVAL);
	if (argument->offset > argument->length ||
	    argument->file_length > argument->length - argument->offset)
		return ERR_PTR(-EINVAL);
	if (argument->file_offset > LLONG_MAX ||
	    argument->file_length > LLONG_MAX - argument->file_offset)
		return ERR_PTR(-EINVAL);
	source.file = fget(argument->fd);
	if (!source.file)
		return ERR_PTR(-EBADF);
	image = image_create(&client->pool->memory.images, client->account,
			     argument->length >> PAGE_SHIFT);
	if (IS_ERR(image))
		goto put_file;
	err = image_read_file(image, &source);
	if (err) {
		image_put(image);
		image = ERR_PTR(err);
	}
put_file:
	fput(source.file);
	return image;
}

static struct image *ioctl_image_of_slot(struct client *client, struct slotpool_image *argument)
{
	int err;

	if (argument->length || argument->ranges || argument->nr_ranges || argument->offset ||
	    argument->file_offset || argument->file_length || argument->fd)
		return ERR_PTR(-EINVAL);
	err = ioctl_check_slot(client, &argument->slot);
	if (err)
		return ERR_PTR(err);
	return pool_snapshot(client->pool, &client->slots, argument->slot, client->account);
}

static int ioctl_image(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_image *request = &argument->image;
	struct image *image;
	int err;

	if (!PAGE_ALIGNED(request->length) || request->length > client->pool->config.slot_size)
		return -EINVAL;
	switch (request->flags) {
	case SLOTPOOL_IMAGE_MEMORY:
		image = ioctl_image_of_memory(client, request);
		break;
	case SLOTPOOL_IMAGE_FILE:
		image = ioctl_image_of_file(client, request);
		break;
	case SLOTPOOL_IMAGE_SLOT:
		image = ioctl_image_of_slot(client, request);
		break;
	default:
		return -EINVAL;
	}
	if (IS_ERR(image))
		return PTR_ERR(image);

	err = handle_add(&client->images, image);
	if (!err) {
		request->image = image->id;
		request->length = (u64)image->length << PAGE_SHIFT;
		request->stored = (u64)image->nr_stored << PAGE_SHIFT;
	}
	image_put(image);
	return err;
}

static int ioctl_export(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_export *export = &argument->export;
	struct image *image = handle_get(&client->images, export->image);
	struct file *file;
	int fd;

	if (!image)
		return -ENOENT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto put_image;
	file = image_export(image);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto put_image;
	}
	/* The caller's from here on, even if it can't be told any more. */
	fd_install(fd, file);
	export->fd = fd;

put_image:
	image_put(image);
	return min(fd, 0);
}

static int ioctl_import(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_import *import = &argument->import;
	struct file *file = fget(import->fd);
	struct image *image;
	int err;

	if (!file)
		return -EBADF;
	image = image_import(file);
	fput(file);
	if (!image)
		return -EINVAL;
	err = handle_add(&client->images, image);
	if (!err) {
		import->image = image->id;
		import->length = (u64)image->length << PAGE_SHIFT;
	}
	image_put(image);
	return err;
}

static int ioctl_release(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_release *release = &argument->release;
	struct image *image;
	bool last;

	image = handle_remove(&client->images, release->image, &last);
	if (!image)
		return -ENOENT;
	release->purged = last ? pool_purge_image(client->pool, &client->slots, image) : 0;
	image_put(image);
	return 0;
}

#define IOCTL_OP(_command, _struct, _flags, _changes, _run)	\
	[_IOC_NR(_command)] = {					\
		.size = sizeof(struct _struct),			\
		.flags = _flags,				\
		.changes = _changes,				\
		.run = _run,					\
	}

static const struct ioctl_op ioctl_ops[] = {
	IOCTL_OP(SLOTPOOL_INFO, slotpool_info, 0, false, ioctl_info),
	IOCTL_OP(SLOTPOOL_ALLOC, slotpool_alloc,
		 SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT |
		 SLOTPOOL_ALLOC_COMMIT | SLOTPOOL_ALLOC_KEEP | SLOTPOOL_ALLOC_IMAGE,
		 true, ioctl_alloc),
	IOCTL_OP(SLOTPOOL_RESET, slotpool_reset, 0, true, ioctl_reset),
	IOCTL_OP(SLOTPOOL_FREE, slotpool_free,
		 SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED, true, ioctl_free),
	IOCTL_OP(SLOTPOOL_RESIZE, slotpool_resize,
		 SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT, true, ioctl_resize),
	IOCTL_OP(SLOTPOOL_PURGE, slotpool_purge,
		 SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT | SLOTPOOL_PURGE_IMAGE,
		 true, ioctl_purge),
	IOCTL_OP(SLOTPOOL_LIST, slotpool_list, 0, false, ioctl_list),
	IOCTL_OP(SLOTPOOL_STAT, slotpool_stat, 0, false, ioctl_stat),
	IOCTL_OP(SLOTPOOL_IMAGE, slotpool_image,
		 SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_FILE | SLOTPOOL_IMAGE_SLOT,
		 true, ioctl_image),
	IOCTL_OP(SLOTPOOL_EXPORT, slotpool_export, 0, true, ioctl_export),
	IOCTL_OP(SLOTPOOL_IMPORT, slotpool_import, 0, true, ioctl_import),
	IOCTL_OP(SLOTPOOL_RELEASE, slotpool_release, 0, true, ioctl_release),
};

/*
 * The results are written when the command is done and can't be undone, so
 * that they can be written is found out before. The structure lies in two
 * pages at most, those of its first and of its last word.
 */
static int ioctl_probe(const union ioctl_argument *argument, u32 size, void __user *user)
{
	const u32 *words = (const u32 *)argument;
	u32 __user *user_words = user;
	u32 last = size / sizeof(u32) - 1;

	return put_user(words[0], &user_words[0]) || put_user(words[last], &user_words[last]) ?
	       -EFAULT : 0;
}

/**
 * ioctl_run() - run a command
 * @file: an open file of the device
 * @command: the command
 * @argument: address of its argument structure in user memory
 *
 * Context: Process context, may sleep.
 * Return: 0 or a negative error that <linux/slotpool.h> documents.
 */
long ioctl_run(struct file *file, unsigned int command, unsigned long argument)
{
	struct client *client = file->private_data;
	void __user *user = (void __user *)argument;
	union ioctl_argument buffer;
	const struct ioctl_op *op;
	unsigned int nr = _IOC_NR(command);
	u32 size;
	int err;

	if (nr >= ARRAY_SIZE(ioctl_ops) || command != _IO(SLOTPOOL_IOC_MAGIC, nr))
		return -ENOTTY;
	op = &ioctl_ops[array_index_nospec(nr, ARRAY_SIZE(ioctl_ops))];

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < op->size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(&buffer, op->size, user, size);
	if (err)
		return err;
	/* It may have been changed between the two reads. */
	buffer.header.size = size;
	if (buffer.header.flags & ~op->flags)
		return -EINVAL;
	err = ioctl_probe(&buffer, op->size, user);
	if (err)
		return err;

	if (op->changes) {
		err = client_enter(client);
		if (err)
			return err;
		err = op->run(client, &buffer);
		client_leave(client);
	} else {
		err = op->run(client, &buffer);
	}
	if (err)
		return err;
	return copy_to_user(user, &buffer, op->size) ? -EFAULT : 0;
}
