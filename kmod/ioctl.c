// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 12
 *
 * The commands: a table, and the checks of the fields of their arguments.
 *
 * <linux/slotpool.h> documents what each command does, and its errors.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <linux/slotpool.h>

#include "argument.h"
#include "client.h"
#include "image_build.h"
#include "ioctl.h"
#include "mapping.h"
#include "pool_life.h"
#include "pool_reclaim.h"
#include "pool_slots.h"
#include "pool_stat.h"

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

static int ioctl_info(struct client *client, struct slotpool_info_args *info)
{
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

static int ioctl_check_alloc(struct client *client, struct slotpool_alloc_args *alloc)
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

static int ioctl_alloc(struct client *client, struct slotpool_alloc_args *alloc)
{
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
	err = pool_alloc(client->pool, &client->pool_client, &request);
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

static int ioctl_reset(struct client *client, struct slotpool_reset_args *reset)
{
	s64 held;
	int err;

	if (reset->__reserved)
		return -EINVAL;
	err = ioctl_check_slot(client, &reset->slot);
	if (err)
		return err;
	held = pool_reset(client->pool, &client->pool_client, reset->slot);
	if (held < 0)
		return held;
	reset->held = held;
	return 0;
}

static int ioctl_free(struct client *client, struct slotpool_free_args *free)
{
	s64 held;
	int err;

	if (free->__reserved)
		return -EINVAL;
	err = ioctl_check_slot(client, &free->slot);
	if (err)
		return err;
	held = pool_free(client->pool, &client->pool_client, free->slot,
			 free->flags & SLOTPOOL_FREE_DECOMMIT);
	if (held == -ENOENT && free->flags & SLOTPOOL_FREE_IF_OWNED)
		held = 0;
	if (held < 0)
		return held;
	free->held = held;
	return 0;
}

static int ioctl_resize(struct client *client, struct slotpool_resize_args *resize)
{
	bool has_commit = resize->flags & SLOTPOOL_RESIZE_COMMIT;
	s64 old_limit;
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
	old_limit = pool_resize(client->pool, &client->pool_client, resize->slot,
				resize->flags & SLOTPOOL_RESIZE_GROW_ONLY,
				resize->limit >> PAGE_SHIFT, commit >> PAGE_SHIFT);
	if (old_limit < 0)
		return old_limit;
	resize->old_limit = old_limit;
	return 0;
}

static int ioctl_purge(struct client *client, struct slotpool_purge_args *purge)
{
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
		purge->purged = pool_purge_all(client->pool, &client->pool_client);
		return 0;
	case SLOTPOOL_PURGE_KEY:
		purge->purged = pool_purge_key(client->pool, &client->pool_client, purge->key);
		return 0;
	case SLOTPOOL_PURGE_SLOT:
		err = ioctl_check_slot(client, &purge->slot);
		if (err)
			return err;
		purge->purged = 1;
		return pool_purge_slot(client->pool, &client->pool_client, purge->slot);
	case SLOTPOOL_PURGE_IMAGE:
		image = handle_get(&client->images, purge->image);
		if (!image)
			return -ENOENT;
		purge->purged = pool_purge_image(client->pool, &client->pool_client, image);
		image_put(image);
		return 0;
	default:
		return -EINVAL;
	}
}

static int ioctl_list(struct client *client, struct slotpool_list_args *list)
{
	struct slotpool_list_entry __user *entries = u64_to_user_ptr(list->entries);
	u32 nr_slots = client->pool->config.nr_slots;
	u32 nr_entries = 0;

	for (; list->first < nr_slots && nr_entries < list->nr_entries; list->first++) {
		u32 slot = array_index_nospec(list->first, nr_slots);
		struct slotpool_list_entry entry;

		cond_resched();
		if (!pool_describe(client->pool, &client->pool_client, slot, &entry))
			continue;
		if (copy_to_user(&entries[nr_entries], &entry, sizeof(entry)))
			return -EFAULT;
		nr_entries++;
	}
	list->nr_entries = nr_entries;
	list->first = min(list->first, nr_slots);
	return 0;
}

static int ioctl_stat(struct client *client, struct slotpool_stat_args *stat)
{
	*stat = (struct slotpool_stat_args){ .size = stat->size };
	/* The counters of the pool tell page by page what other clients do. */
	if (client->may_administer)
		pool_stat(client->pool, stat);
	stat->client_pages = charge_read(&client->pool_client.slot_client.charge);
	/* Other tasks change these gauges meanwhile. */
	stat->client_images = data_race(READ_ONCE(client->images.nr_images));
	stat->client_image_pages = charge_read(&client->account->charge);
	return 0;
}

static int ioctl_compare_ranges(const void *a, const void *b)
{
	const struct slotpool_image_range *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	/* An empty range may begin where another one does. */
	return left->length < right->length ? -1 : left->length > right->length;
}

/* Sort ranges, and refuse those that overlap or exceed the image. */
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
					   const struct slotpool_image_args *argument)
{
	struct slotpool_image_range *ranges = NULL;
	struct image *image = NULL;
	int err;

	if (argument->offset || argument->file_offset || argument->file_length || argument->fd ||
	    argument->slot || argument->nr_ranges > SLOTPOOL_IMAGE_MAX_RANGES)
		return ERR_PTR(-EINVAL);
	if (argument->nr_ranges) {
		/* As for the image's own memory, never invoke the OOM killer. */
		ranges = kvmalloc_array(argument->nr_ranges, sizeof(*ranges),
					GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
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
					 const struct slotpool_image_args *argument)
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

static struct image *ioctl_image_of_slot(struct client *client,
					 struct slotpool_image_args *argument)
{
	int err;

	if (argument->length || argument->ranges || argument->nr_ranges || argument->offset ||
	    argument->file_offset || argument->file_length || argument->fd)
		return ERR_PTR(-EINVAL);
	err = ioctl_check_slot(client, &argument->slot);
	if (err)
		return ERR_PTR(err);
	return pool_snapshot(client->pool, &client->pool_client, argument->slot, client->account);
}

static int ioctl_image(struct client *client, struct slotpool_image_args *request)
{
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

	/* Before other tasks can use it, and have it read pages of its file. */
	request->image = image->id;
	request->length = (u64)image->length << PAGE_SHIFT;
	request->stored = (u64)image->nr_stored << PAGE_SHIFT;
	err = handle_add(&client->images, image);
	image_put(image);
	return err;
}

static int ioctl_export(struct client *client, struct slotpool_export_args *export)
{
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
	/* The caller owns it from here on, even if copying the number out fails. */
	fd_install(fd, file);
	export->fd = fd;

put_image:
	image_put(image);
	return min(fd, 0);
}

static int ioctl_import(struct client *client, struct slotpool_import_args *import)
{
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

static int ioctl_release(struct client *client, struct slotpool_release_args *release)
{
	struct image *image;
	bool last;

	image = handle_remove(&client->images, release->image, &last);
	if (!image)
		return -ENOENT;
	release->purged = last ? pool_purge_image(client->pool, &client->pool_client, image) : 0;
	image_put(image);
	return 0;
}

static int ioctl_seal(struct client *client, struct slotpool_seal_args *seal)
{
	u64 all = BIT_ULL(_IOC_NR(SLOTPOOL_SEAL) + 1) - 1;
	u64 sealed = all & ~seal->commands;

	if (seal->flags & SLOTPOOL_SEAL_MMAP)
		sealed |= CLIENT_SEALED_MMAP;
	atomic64_or(sealed, &client->sealed);
	seal->commands = all & ~atomic64_read(&client->sealed);
	return 0;
}

/*
 * Enter the client to change something. Refuse an argument that lies in its own slots:
 * the command could take the memory away that its results belong to, or they would be
 * the first bytes of a slot's next instance.
 */
static __always_inline int ioctl_enter(struct client *client, const void __user *user, u32 size)
{
	unsigned long start = (unsigned long)user;
	int err = client_enter(client);

	if (err)
		return err;
	if (likely(!client_may_map(client, start, start + size)) ||
	    !client_maps(client, start, start + size))
		return 0;
	client_leave(client);
	return -EFAULT;
}

/*
 * Define ioctl_command_NAME(), which runs the command NAME: read its argument, have
 * ioctl_NAME() check and execute it, and write the results. A command that changes
 * something is only for the process that the client is bound to.
 *
 * The structure is assembled from the words after all of them are read, so that they can
 * stay in registers.
 */
#define IOCTL_COMMAND(_name, _first_result, _flags, _changes)				\
static const struct argument_format ioctl_format_##_name = {				\
	.nr_words = sizeof(struct slotpool_##_name##_args) / sizeof(u64),		\
	.first_result = offsetof(struct slotpool_##_name##_args, _first_result) / sizeof(u64), \
	.flags = _flags,								\
};											\
											\
static __always_inline int ioctl_execute_##_name(struct client *client, u64 *words)	\
{											\
	struct slotpool_##_name##_args argument;					\
	int err;									\
											\
	BUILD_BUG_ON(sizeof(argument) % sizeof(u64));					\
	memcpy(&argument, words, sizeof(argument));					\
	err = ioctl_##_name(client, &argument);						\
	if (!err)									\
		memcpy(words, &argument, sizeof(argument));				\
	return err;									\
}											\
											\
static long ioctl_command_##_name(struct client *client, u64 __user *user)		\
{											\
	u64 words[sizeof(struct slotpool_##_name##_args) / sizeof(u64)];		\
	const bool changes = _changes;							\
	int err;									\
											\
	err = argument_get(&ioctl_format_##_name, user, words);				\
	if (err)									\
		return err;								\
	if (changes) {									\
		err = ioctl_enter(client, user, sizeof(words));				\
		if (err)								\
			return err;							\
	}										\
	err = ioctl_execute_##_name(client, words);					\
	if (changes)									\
		client_leave(client);							\
	return err ? err : argument_put(&ioctl_format_##_name, user, words);		\
}

IOCTL_COMMAND(info, features, 0, false)
IOCTL_COMMAND(alloc, slot,
	      SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT |
	      SLOTPOOL_ALLOC_COMMIT | SLOTPOOL_ALLOC_KEEP | SLOTPOOL_ALLOC_IMAGE, true)
IOCTL_COMMAND(reset, held, 0, true)
IOCTL_COMMAND(free, held, SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED, true)
IOCTL_COMMAND(resize, old_limit, SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT, true)
IOCTL_COMMAND(purge, purged,
	      SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT | SLOTPOOL_PURGE_IMAGE, true)
IOCTL_COMMAND(list, nr_entries, 0, false)
IOCTL_COMMAND(stat, used_slots, 0, false)
IOCTL_COMMAND(image, length,
	      SLOTPOOL_IMAGE_MEMORY | SLOTPOOL_IMAGE_FILE | SLOTPOOL_IMAGE_SLOT, true)
IOCTL_COMMAND(export, fd, 0, true)
IOCTL_COMMAND(import, image, 0, true)
IOCTL_COMMAND(release, purged, 0, true)
IOCTL_COMMAND(seal, commands, SLOTPOOL_SEAL_MMAP, true)

static long (*const ioctl_commands[])(struct client *client, u64 __user *user) = {
	[_IOC_NR(SLOTPOOL_INFO)] = ioctl_command_info,
	[_IOC_NR(SLOTPOOL_ALLOC)] = ioctl_command_alloc,
	[_IOC_NR(SLOTPOOL_RESET)] = ioctl_command_reset,
	[_IOC_NR(SLOTPOOL_FREE)] = ioctl_command_free,
	[_IOC_NR(SLOTPOOL_RESIZE)] = ioctl_command_resize,
	[_IOC_NR(SLOTPOOL_PURGE)] = ioctl_command_purge,
	[_IOC_NR(SLOTPOOL_LIST)] = ioctl_command_list,
	[_IOC_NR(SLOTPOOL_STAT)] = ioctl_command_stat,
	[_IOC_NR(SLOTPOOL_IMAGE)] = ioctl_command_image,
	[_IOC_NR(SLOTPOOL_EXPORT)] = ioctl_command_export,
	[_IOC_NR(SLOTPOOL_IMPORT)] = ioctl_command_import,
	[_IOC_NR(SLOTPOOL_RELEASE)] = ioctl_command_release,
	[_IOC_NR(SLOTPOOL_SEAL)] = ioctl_command_seal,
};

/* ioctl_seal() covers all commands. */
static_assert(ARRAY_SIZE(ioctl_commands) == _IOC_NR(SLOTPOOL_SEAL) + 1);

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
	/* The numbers are consecutive. A number below the first one wraps around. */
	unsigned int nr = command - _IO(SLOTPOOL_IOC_MAGIC, 0);

	if (nr >= ARRAY_SIZE(ioctl_commands))
		return -ENOTTY;
	if (client_sealed(client, BIT_ULL(nr)))
		return -EACCES;
	nr = array_index_nospec(nr, ARRAY_SIZE(ioctl_commands));
	return ioctl_commands[nr](client, (u64 __user *)argument);
}
