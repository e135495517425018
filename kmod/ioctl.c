// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: a table, and the checks of their arguments.
 *
 * What each command does and which errors it returns is documented in
 * <linux/slotpool.h>.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include <linux/slotpool.h>

#include "client.h"
#include "ioctl.h"

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
	info->features = config->overcommit ? SLOTPOOL_FEATURE_OVERCOMMIT : 0;
	info->slot_size = config->slot_size;
	info->slot_stride = config->slot_stride;
	info->keep_bytes = config->keep_bytes;
	info->max_unused_warm_slots = pool_max_unused_warm_slots(client->pool);
	info->reserve_pages = config->reserve_pages;
	info->max_client_pages = config->max_client_pages;
	info->nr_slots = config->nr_slots;
	info->nr_shards = pool->nr_shards;
	info->page_size = PAGE_SIZE;
	return 0;
}

static int ioctl_alloc(struct client *client, union ioctl_argument *argument)
{
	struct slotpool_alloc *alloc = &argument->alloc;
	const struct pool *pool = client->pool;
	bool has_commit = alloc->flags & SLOTPOOL_ALLOC_COMMIT;
	bool has_keep = alloc->flags & SLOTPOOL_ALLOC_KEEP;
	struct pool_request request = { };
	u64 limit = pool->config.slot_size;
	u64 commit;
	int err;

	if (alloc->key && !(alloc->flags & SLOTPOOL_ALLOC_KEY))
		return -EINVAL;
	if (alloc->flags & SLOTPOOL_ALLOC_EXACT) {
		err = ioctl_check_slot(client, &alloc->slot);
		if (err)
			return err;
	}
	if (alloc->limit && !(alloc->flags & SLOTPOOL_ALLOC_LIMIT))
		return -EINVAL;
	if (alloc->flags & SLOTPOOL_ALLOC_LIMIT)
		limit = alloc->limit;
	if (!PAGE_ALIGNED(alloc->keep) || (alloc->keep && !has_keep))
		return -EINVAL;
	err = ioctl_check_limit(client, limit, has_commit, alloc->commit);
	if (err)
		return err;
	commit = ioctl_commit(client, limit, has_commit, alloc->commit);

	request.exact = alloc->flags & SLOTPOOL_ALLOC_EXACT;
	request.slot = alloc->slot;
	request.terms.has_key = alloc->flags & SLOTPOOL_ALLOC_KEY;
	request.terms.key = alloc->key;
	request.terms.limit = limit >> PAGE_SHIFT;
	request.terms.commit = commit >> PAGE_SHIFT;
	request.terms.keep = has_keep ? alloc->keep >> PAGE_SHIFT : pool->keep_pages;
	err = pool_alloc(client->pool, &client->slots, &request);
	if (err)
		return err;

	alloc->slot = request.slot;
	alloc->placement = request.placement;
	alloc->offset = request.slot * pool->config.slot_stride;
	return 0;
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
	int err;

	if (purge->key && purge->flags != SLOTPOOL_PURGE_KEY)
		return -EINVAL;
	if (purge->slot && purge->flags != SLOTPOOL_PURGE_SLOT)
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
		 SLOTPOOL_ALLOC_COMMIT | SLOTPOOL_ALLOC_KEEP,
		 true, ioctl_alloc),
	IOCTL_OP(SLOTPOOL_RESET, slotpool_reset, 0, true, ioctl_reset),
	IOCTL_OP(SLOTPOOL_FREE, slotpool_free,
		 SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED, true, ioctl_free),
	IOCTL_OP(SLOTPOOL_RESIZE, slotpool_resize,
		 SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT, true, ioctl_resize),
	IOCTL_OP(SLOTPOOL_PURGE, slotpool_purge,
		 SLOTPOOL_PURGE_KEY | SLOTPOOL_PURGE_SLOT, true, ioctl_purge),
	IOCTL_OP(SLOTPOOL_LIST, slotpool_list, 0, false, ioctl_list),
	IOCTL_OP(SLOTPOOL_STAT, slotpool_stat, 0, false, ioctl_stat),
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
