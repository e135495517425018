// SPDX-License-Identifier: MIT
/*
 * The user backend: the pool of the process, and the commands with the checks of
 * their arguments.
 *
 * A handle of slotpool_open() is a client of the pool, as an open file is a
 * client of the module's pool. The first client creates the pool, and the last
 * one destroys it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user.h"

static pthread_mutex_t process_pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct user_pool *process_pool;

static bool is_aligned(const struct user_client *client, uint64_t size)
{
	return size % client->pool->shared.page_size == 0;
}

static int check_slot(const struct user_client *client, uint32_t slot)
{
	return slot < client->pool->config.nr_slots ? 0 : -EINVAL;
}

/* Refuse every commitment: user space can't promise pages. */
static int check_limit(const struct user_client *client, uint64_t limit, bool has_commit,
		       uint64_t commit)
{
	if (!is_aligned(client, limit) || limit > client->pool->config.slot_size)
		return -EINVAL;
	if (!is_aligned(client, commit) || commit > limit || (commit && !has_commit))
		return -EINVAL;
	return commit ? -EOPNOTSUPP : 0;
}

static int run_info(struct user_client *client, struct slotpool_info_args *info)
{
	const struct user_config *config = &client->pool->config;

	*info = (struct slotpool_info_args){
		.size = info->size,
		.features = SLOTPOOL_FEATURE_OVERCOMMIT |
			    (config->strict ? SLOTPOOL_FEATURE_STRICT : 0),
		.slot_size = config->slot_size,
		.slot_stride = config->slot_stride,
		.keep_bytes = config->keep_bytes,
		.max_unused_warm_slots = config->max_unused_warm_slots,
		.nr_slots = config->nr_slots,
		.nr_shards = 1,
		.page_size = client->pool->shared.page_size,
		.max_unused_warm_bytes = config->max_unused_warm_bytes,
		.max_image_bytes = config->max_image_bytes,
		.max_client_image_bytes = config->max_client_image_bytes,
		.max_pool_image_bytes = config->max_pool_image_bytes,
	};
	return 0;
}

static int check_alloc(const struct user_client *client, const struct slotpool_alloc_args *alloc)
{
	const uint32_t known = SLOTPOOL_ALLOC_KEY | SLOTPOOL_ALLOC_EXACT | SLOTPOOL_ALLOC_LIMIT |
			       SLOTPOOL_ALLOC_COMMIT | SLOTPOOL_ALLOC_KEEP | SLOTPOOL_ALLOC_IMAGE;
	uint32_t flags = alloc->flags;

	if (flags & ~known || (flags & SLOTPOOL_ALLOC_KEY && flags & SLOTPOOL_ALLOC_IMAGE))
		return -EINVAL;
	if ((alloc->key && !(flags & SLOTPOOL_ALLOC_KEY)) ||
	    (alloc->image && !(flags & SLOTPOOL_ALLOC_IMAGE)) ||
	    (alloc->limit && !(flags & SLOTPOOL_ALLOC_LIMIT)) ||
	    (alloc->keep && !(flags & SLOTPOOL_ALLOC_KEEP)))
		return -EINVAL;
	if (!is_aligned(client, alloc->keep))
		return -EINVAL;
	return flags & SLOTPOOL_ALLOC_EXACT ? check_slot(client, alloc->slot) : 0;
}

static int run_alloc(struct user_client *client, struct slotpool_alloc_args *alloc)
{
	const struct user_config *config = &client->pool->config;
	struct user_images *images = &client->pool->shared.images;
	struct user_request request = {
		.exact = alloc->flags & SLOTPOOL_ALLOC_EXACT,
		.has_key = alloc->flags & SLOTPOOL_ALLOC_KEY,
		.key = alloc->key,
		.limit = config->slot_size,
		.keep = alloc->flags & SLOTPOOL_ALLOC_KEEP ? alloc->keep : config->keep_bytes,
		.slot = alloc->slot,
	};
	int ret = check_alloc(client, alloc);

	if (ret)
		return ret;
	if (alloc->flags & SLOTPOOL_ALLOC_IMAGE) {
		request.image = user_handle_get(images, &client->handles, alloc->image);
		if (!request.image)
			return -ENOENT;
		request.limit = request.image->length;
	}
	if (alloc->flags & SLOTPOOL_ALLOC_LIMIT)
		request.limit = alloc->limit;
	ret = check_limit(client, request.limit, alloc->flags & SLOTPOOL_ALLOC_COMMIT,
			  alloc->commit);
	if (!ret)
		ret = user_pool_alloc(client, &request);
	/* The slot has a reference of its own. */
	user_image_put(images, request.image);
	if (ret)
		return ret;

	alloc->slot = request.slot;
	alloc->placement = request.placement;
	alloc->offset = request.slot * config->slot_stride;
	alloc->contents = request.kept ? SLOTPOOL_CONTENTS_KEPT : SLOTPOOL_CONTENTS_NEW;
	return 0;
}

static int run_reset(struct user_client *client, struct slotpool_reset_args *reset)
{
	int ret = check_slot(client, reset->slot);

	return ret ? ret : user_pool_reset(client, reset->slot, &reset->held);
}

static int run_free(struct user_client *client, struct slotpool_free_args *free)
{
	int ret = check_slot(client, free->slot);

	free->held = 0;
	if (ret || free->flags & ~(SLOTPOOL_FREE_DECOMMIT | SLOTPOOL_FREE_IF_OWNED))
		return -EINVAL;
	ret = user_pool_free(client, free->slot, free->flags & SLOTPOOL_FREE_DECOMMIT,
			     &free->held);
	return ret == -ENOENT && free->flags & SLOTPOOL_FREE_IF_OWNED ? 0 : ret;
}

static int run_resize(struct user_client *client, struct slotpool_resize_args *resize)
{
	int ret = check_slot(client, resize->slot);

	if (ret || resize->flags & ~(SLOTPOOL_RESIZE_GROW_ONLY | SLOTPOOL_RESIZE_COMMIT))
		return -EINVAL;
	ret = check_limit(client, resize->limit, resize->flags & SLOTPOOL_RESIZE_COMMIT,
			  resize->commit);
	if (ret)
		return ret;
	return user_pool_resize(client, resize->slot, resize->flags & SLOTPOOL_RESIZE_GROW_ONLY,
				resize->limit, &resize->old_limit);
}

static int run_purge(struct user_client *client, struct slotpool_purge_args *purge)
{
	struct user_images *images = &client->pool->shared.images;
	struct user_image *image;
	int ret;

	switch (purge->flags) {
	case SLOTPOOL_PURGE_KEY:
		purge->purged = user_pool_purge_key(client, purge->key);
		return 0;
	case SLOTPOOL_PURGE_SLOT:
		ret = check_slot(client, purge->slot);
		purge->purged = 1;
		return ret ? ret : user_pool_purge_slot(client, purge->slot);
	case SLOTPOOL_PURGE_IMAGE:
		image = user_handle_get(images, &client->handles, purge->image);
		if (!image)
			return -ENOENT;
		purge->purged = user_pool_purge_image(client, image);
		user_image_put(images, image);
		return 0;
	default:
		purge->purged = user_pool_purge_all(client);
		return 0;
	}
}

static int run_list(struct user_client *client, struct slotpool_list_args *list)
{
	struct slotpool_list_entry *entries = (void *)(uintptr_t)list->entries;
	uint32_t nr_slots = client->pool->config.nr_slots;
	uint32_t nr_entries = 0;

	for (; list->first < nr_slots && nr_entries < list->nr_entries; list->first++)
		nr_entries += user_pool_describe(client, list->first, &entries[nr_entries]);
	list->nr_entries = nr_entries;
	if (list->first > nr_slots)
		list->first = nr_slots;
	return 0;
}

static int run_stat(struct user_client *client, struct slotpool_stat_args *stat)
{
	user_pool_stat(client, stat);
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct slotpool_image_range *left = a, *right = b;

	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	/* An empty range may begin where another one does: it sorts first. */
	return left->length < right->length ? -1 : left->length > right->length;
}

/* Sort ranges, and check that they don't overlap and lie inside the image. */
static int check_ranges(struct slotpool_image_range *ranges, uint32_t nr_ranges, uint64_t length)
{
	uint64_t end = 0;

	qsort(ranges, nr_ranges, sizeof(*ranges), compare_ranges);
	for (uint32_t i = 0; i < nr_ranges; i++) {
		const struct slotpool_image_range *range = &ranges[i];

		if (range->offset < end || range->offset > length ||
		    range->length > length - range->offset ||
		    range->length > UINT64_MAX - range->address)
			return -EINVAL;
		end = range->offset + range->length;
	}
	return 0;
}

/* Let pwrite() read the memory: an unreadable range then fails with EFAULT. */
static int write_range(int fd, const struct slotpool_image_range *range)
{
	uint64_t done = 0;

	while (done < range->length) {
		ssize_t count = pwrite(fd, (void *)(uintptr_t)(range->address + done),
				       range->length - done, (off_t)(range->offset + done));

		if (count < 0)
			return errno == EFAULT ? -EFAULT : -ENOMEM;
		done += count;
	}
	return 0;
}

static int image_of_memory(struct user_client *client, const struct slotpool_image_args *args,
			   struct user_image **imagep)
{
	size_t size = args->nr_ranges * sizeof(struct slotpool_image_range);
	struct slotpool_image_range *ranges;
	int fd = -1, ret;

	if (args->nr_ranges > SLOTPOOL_IMAGE_MAX_RANGES)
		return -EINVAL;
	ranges = malloc(size + 1);
	if (!ranges)
		return -ENOMEM;
	if (size)
		memcpy(ranges, (void *)(uintptr_t)args->ranges, size);
	ret = check_ranges(ranges, args->nr_ranges, args->length);
	if (!ret) {
		fd = user_image_begin(args->length);
		ret = fd < 0 ? fd : 0;
	}
	for (uint32_t i = 0; !ret && i < args->nr_ranges; i++)
		ret = write_range(fd, &ranges[i]);
	free(ranges);
	if (!ret)
		return user_image_finish(&client->pool->shared.images, client->domain, fd, imagep);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int copy_file(int to, const struct slotpool_image_args *args)
{
	char buffer[16384];
	uint64_t done = 0;

	while (done < args->file_length) {
		uint64_t left = args->file_length - done;
		ssize_t count = pread(args->fd, buffer,
				      left < sizeof(buffer) ? left : sizeof(buffer),
				      (off_t)(args->file_offset + done));

		if (!count)
			return -ENODATA;
		if (count < 0)
			return errno == EBADF ? -EBADF : -EIO;
		if (pwrite(to, buffer, count, (off_t)(args->offset + done)) != count)
			return -ENOMEM;
		done += count;
	}
	return 0;
}

static int image_of_file(struct user_client *client, const struct slotpool_image_args *args,
			 struct user_image **imagep)
{
	struct stat stat;
	int fd, ret;

	if (args->offset > args->length ||
	    args->file_length > args->length - args->offset)
		return -EINVAL;
	if (args->file_offset > INT64_MAX ||
	    args->file_length > INT64_MAX - args->file_offset)
		return -EINVAL;
	if (fstat(args->fd, &stat) || pread(args->fd, NULL, 0, 0) < 0)
		return errno == EBADF ? -EBADF : -EINVAL;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;

	fd = user_image_begin(args->length);
	if (fd < 0)
		return fd;
	ret = copy_file(fd, args);
	if (!ret)
		return user_image_finish(&client->pool->shared.images, client->domain, fd, imagep);
	close(fd);
	return ret;
}

static int image_of_slot(struct user_client *client, const struct slotpool_image_args *args,
			 struct user_image **imagep)
{
	int ret = check_slot(client, args->slot);

	return ret ? ret : user_pool_snapshot(client, args->slot, imagep);
}

static int run_image(struct user_client *client, struct slotpool_image_args *args)
{
	struct user_images *images = &client->pool->shared.images;
	struct user_image *image;
	int ret;

	if (!is_aligned(client, args->length) ||
	    args->length > client->pool->config.slot_size)
		return -EINVAL;
	if (args->flags == SLOTPOOL_IMAGE_MEMORY)
		ret = image_of_memory(client, args, &image);
	else if (args->flags == SLOTPOOL_IMAGE_FILE)
		ret = image_of_file(client, args, &image);
	else
		ret = image_of_slot(client, args, &image);
	if (ret)
		return ret;

	ret = user_handle_add(images, &client->handles, image);
	args->image = image->id;
	args->length = image->length;
	args->stored = image->nr_stored * images->page_size;
	user_image_put(images, image);
	return ret;
}

static int run_export(struct user_client *client, struct slotpool_export_args *export)
{
	struct user_images *images = &client->pool->shared.images;
	struct user_image *image = user_handle_get(images, &client->handles, export->image);
	int ret = 0;

	if (!image)
		return -ENOENT;
	export->fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
	if (export->fd < 0)
		ret = -errno;
	user_image_put(images, image);
	return ret;
}

static int run_import(struct user_client *client, struct slotpool_import_args *import)
{
	struct user_images *images = &client->pool->shared.images;
	struct user_image *image;
	int ret = user_image_import(images, import->fd, client->pool->config.slot_size, &image);

	if (ret)
		return ret;
	ret = user_handle_add(images, &client->handles, image);
	import->image = image->id;
	import->length = image->length;
	user_image_put(images, image);
	return ret;
}

static int run_release(struct user_client *client, struct slotpool_release_args *release)
{
	struct user_images *images = &client->pool->shared.images;
	struct user_image *image;
	bool last;

	image = user_handle_remove(images, &client->handles, release->image, &last);
	if (!image)
		return -ENOENT;
	release->purged = last ? user_pool_purge_image(client, image) : 0;
	user_image_put(images, image);
	return 0;
}

static int run_seal(struct user_client *client, struct slotpool_seal_args *seal)
{
	uint64_t all = (1ULL << (_IOC_NR(SLOTPOOL_SEAL) + 1)) - 1;
	uint64_t sealed = all & ~seal->commands;

	if (seal->flags & ~SLOTPOOL_SEAL_MMAP)
		return -EINVAL;
	if (seal->flags & SLOTPOOL_SEAL_MMAP)
		sealed |= USER_SEALED_MMAP;
	client->sealed |= sealed;
	seal->commands = all & ~client->sealed;
	return 0;
}

static bool is_alive(const struct user_pool *pool)
{
	return *pool->alive;
}

static int user_command(struct slotpool *pool, unsigned long request, void *args)
{
	struct user_client *client = pool->client;

	/* A child of fork() doesn't inherit the slots' memory. */
	if (!is_alive(client->pool))
		return -EPERM;
	if (client->sealed & SLOTPOOL_SEAL_KEEP(request))
		return -EACCES;

	switch (request) {
	case SLOTPOOL_INFO:
		return run_info(client, args);
	case SLOTPOOL_ALLOC:
		return run_alloc(client, args);
	case SLOTPOOL_RESET:
		return run_reset(client, args);
	case SLOTPOOL_FREE:
		return run_free(client, args);
	case SLOTPOOL_RESIZE:
		return run_resize(client, args);
	case SLOTPOOL_PURGE:
		return run_purge(client, args);
	case SLOTPOOL_LIST:
		return run_list(client, args);
	case SLOTPOOL_STAT:
		return run_stat(client, args);
	case SLOTPOOL_IMAGE:
		return run_image(client, args);
	case SLOTPOOL_EXPORT:
		return run_export(client, args);
	case SLOTPOOL_IMPORT:
		return run_import(client, args);
	case SLOTPOOL_RELEASE:
		return run_release(client, args);
	case SLOTPOOL_SEAL:
		return run_seal(client, args);
	default:
		return -ENOTTY;
	}
}

static const char *user_name(const struct slotpool *pool)
{
	return pool->client->pool->shared.scans ? "user, PAGEMAP_SCAN" : "user, madvise";
}

static int user_map(struct slotpool *pool, char *base, uint32_t first, uint32_t count)
{
	struct user_client *client = pool->client;
	bool sealed = client->sealed & USER_SEALED_MMAP;

	if (is_alive(client->pool) && !sealed)
		return user_client_map(client, base, first, count);
	munmap(base, count * pool->info.slot_stride);
	return sealed ? -EACCES : -EPERM;
}

static void user_unmap(struct slotpool *pool)
{
	user_client_unmap(pool->client);
}

static void user_close(struct slotpool *pool)
{
	struct user_client *client = pool->client;
	struct user_pool *user_pool = client->pool;

	if (is_alive(user_pool)) {
		pthread_mutex_lock(&process_pool_lock);
		user_client_release(client);
		if (!user_pool->nr_clients) {
			process_pool = NULL;
			user_pool_destroy(user_pool);
		}
		pthread_mutex_unlock(&process_pool_lock);
	} else {
		/* Other threads of the parent may have left the rest inconsistent. */
		user_images_forget(&user_pool->shared.images);
	}
	free(client);
}

static const struct backend user_backend = {
	.name = user_name,
	.command = user_command,
	.map = user_map,
	.unmap = user_unmap,
	.close = user_close,
};

/* Create the pool of this process if there is none. */
static int ensure_process_pool(void)
{
	uint64_t page_size = sysconf(_SC_PAGESIZE);
	struct user_config config;
	int ret;

	if (process_pool && is_alive(process_pool))
		return 0;
	ret = user_config_read(&config, secure_getenv("SLOTPOOL_USER_POOL"), page_size);
	/* A child leaves the parent's pool alone: inherited handles refer to it. */
	return ret ? ret : user_pool_create(&config, page_size, &process_pool);
}

int user_open(struct slotpool *pool)
{
	struct user_client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return -ENOMEM;
	pthread_mutex_lock(&process_pool_lock);
	ret = ensure_process_pool();
	if (!ret)
		user_client_init(process_pool, client);
	pthread_mutex_unlock(&process_pool_lock);
	if (ret) {
		free(client);
		return ret;
	}
	pool->client = client;
	pool->backend = &user_backend;
	return 0;
}
