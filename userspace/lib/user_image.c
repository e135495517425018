// SPDX-License-Identifier: MIT
/*
 * Images: each is a memfd of the image's length, with holes for pages of zeros.
 * Seals make it immutable. A slot maps the part that isn't zeros, privately.
 *
 * An image has no state outside its file: an export returns a descriptor of the
 * same file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int user_image_begin(uint64_t length)
{
	int fd = memfd_create("slotpool-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)length))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static void free_image(struct user_image *image)
{
	if (image->bytes)
		munmap(image->bytes, image->length);
	close(image->fd);
	free(image);
}

static bool is_zeros(const char *page, uint64_t page_size)
{
	return !*page && !memcmp(page, page + 1, page_size - 1);
}

/* Return the first page with data at or after @offset, or the image's length. */
static uint64_t next_page(const struct user_image *image, uint64_t offset, uint64_t page_size)
{
	off_t data = offset < image->length ? lseek(image->fd, (off_t)offset, SEEK_DATA) : -1;

	return data < 0 ? image->length : data / page_size * page_size;
}

/*
 * Find the pages that are not zeros. With @dig, punch holes where pages of zeros
 * occupy memory.
 */
static int measure(struct user_image *image, bool dig, uint64_t page_size)
{
	uint64_t offset = next_page(image, 0, page_size);

	for (; offset < image->length; offset = next_page(image, offset + page_size, page_size)) {
		if (!is_zeros(image->bytes + offset, page_size)) {
			if (!image->nr_stored++)
				image->first = offset;
			image->end = offset + page_size;
		} else if (dig && fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					    (off_t)offset, (off_t)page_size)) {
			return -errno;
		}
	}
	return 0;
}

static int make_image(int fd, bool is_new, uint64_t page_size, struct user_image **imagep)
{
	struct user_image *image = calloc(1, sizeof(*image));
	struct stat stat;
	int ret = -ENOMEM;

	if (!image) {
		close(fd);
		return ret;
	}
	image->fd = fd;
	image->references = 1;
	if (fstat(fd, &stat))
		goto fail;
	image->length = stat.st_size;
	if (image->length) {
		char *bytes = mmap(NULL, image->length, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd,
				   0);

		if (bytes == MAP_FAILED)
			goto fail;
		image->bytes = bytes;
	}
	ret = measure(image, is_new, page_size);
	if (ret)
		goto fail;
	ret = -ENOMEM;
	if (is_new && fcntl(fd, F_ADD_SEALS, ALL_SEALS))
		goto fail;
	*imagep = image;
	return 0;

fail:
	free_image(image);
	return ret;
}

/* Return a free id, or 0 if out of memory. */
static uint32_t find_id(struct user_images *images)
{
	struct user_image **by_id;
	uint32_t nr_ids, id;

	for (id = 1; id < images->nr_ids; id++) {
		if (!images->by_id[id])
			return id;
	}
	nr_ids = images->nr_ids ? 2 * images->nr_ids : 8;
	by_id = realloc(images->by_id, nr_ids * sizeof(*by_id));
	if (!by_id)
		return 0;
	memset(by_id + images->nr_ids, 0, (nr_ids - images->nr_ids) * sizeof(*by_id));
	images->by_id = by_id;
	images->nr_ids = nr_ids;
	return id ? id : 1;
}

static int add_image(struct user_images *images, struct user_image *image)
{
	image->id = find_id(images);
	if (!image->id)
		return -ENOMEM;
	images->by_id[image->id] = image;
	images->nr_images++;
	images->nr_pages += image->nr_stored;
	return 0;
}

uint64_t user_images_client_pages(const struct user_images *images, uint64_t maker)
{
	uint64_t nr_pages = 0;

	for (uint32_t id = 0; id < images->nr_ids; id++) {
		const struct user_image *image = images->by_id[id];

		if (image && image->maker == maker)
			nr_pages += image->nr_stored;
	}
	return nr_pages;
}

static int check_bounds(const struct user_images *images, const struct user_image *image)
{
	if (image->nr_stored > images->max_pages)
		return -EFBIG;
	if (image->nr_stored + user_images_client_pages(images, image->maker) >
	    images->max_client_pages)
		return -EDQUOT;
	return image->nr_stored + images->nr_pages > images->max_total_pages ? -ENOSPC : 0;
}

int user_image_finish(struct user_images *images, uint64_t maker, int fd,
		      struct user_image **imagep)
{
	struct user_image *image;
	int ret = make_image(fd, true, images->page_size, &image);

	if (ret)
		return ret;
	image->maker = maker;
	pthread_mutex_lock(&images->lock);
	ret = check_bounds(images, image);
	if (!ret)
		ret = add_image(images, image);
	pthread_mutex_unlock(&images->lock);
	if (ret)
		free_image(image);
	else
		*imagep = image;
	return ret;
}

static bool is_image(int fd, uint64_t max_length, uint64_t page_size)
{
	struct stat stat;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS || fstat(fd, &stat))
		return false;
	return stat.st_size % page_size == 0 && (uint64_t)stat.st_size <= max_length;
}

static struct user_image *find_image(const struct user_images *images, int fd)
{
	struct stat wanted, stat;

	if (fstat(fd, &wanted))
		return NULL;
	for (uint32_t id = 0; id < images->nr_ids; id++) {
		struct user_image *image = images->by_id[id];

		if (image && !fstat(image->fd, &stat) && stat.st_ino == wanted.st_ino &&
		    stat.st_dev == wanted.st_dev)
			return image;
	}
	return NULL;
}

int user_image_import(struct user_images *images, int fd, uint64_t max_length,
		      struct user_image **imagep)
{
	struct user_image *image;
	int ret = 0;

	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!is_image(fd, max_length, images->page_size)) {
		close(fd);
		return -EINVAL;
	}
	pthread_mutex_lock(&images->lock);
	image = find_image(images, fd);
	if (image) {
		image->references++;
		close(fd);
	} else {
		ret = make_image(fd, false, images->page_size, &image);
		if (!ret) {
			ret = add_image(images, image);
			if (ret)
				free_image(image);
		}
	}
	pthread_mutex_unlock(&images->lock);
	if (!ret)
		*imagep = image;
	return ret;
}

void user_image_get(struct user_images *images, struct user_image *image)
{
	if (!image)
		return;
	pthread_mutex_lock(&images->lock);
	image->references++;
	pthread_mutex_unlock(&images->lock);
}

static void put_image(struct user_images *images, struct user_image *image)
{
	if (--image->references)
		return;
	images->by_id[image->id] = NULL;
	images->nr_images--;
	images->nr_pages -= image->nr_stored;
	free_image(image);
}

void user_image_put(struct user_images *images, struct user_image *image)
{
	if (!image)
		return;
	pthread_mutex_lock(&images->lock);
	put_image(images, image);
	pthread_mutex_unlock(&images->lock);
}

void user_images_forget(struct user_images *images)
{
	/*
	 * Another thread of the parent held the lock at fork(). The child has no
	 * such thread, and the table may be inconsistent: leave it alone.
	 */
	if (pthread_mutex_trylock(&images->lock))
		return;
	for (uint32_t id = 0; id < images->nr_ids; id++) {
		if (images->by_id[id])
			free_image(images->by_id[id]);
	}
	images->nr_ids = 0;
	pthread_mutex_unlock(&images->lock);
}

static int grow_handles(struct user_handles *handles, uint32_t id)
{
	uint32_t nr_uses = handles->nr_uses ? handles->nr_uses : 8;
	uint32_t *uses;

	if (id < handles->nr_uses)
		return 0;
	while (nr_uses <= id)
		nr_uses *= 2;
	uses = realloc(handles->uses, nr_uses * sizeof(*uses));
	if (!uses)
		return -ENOMEM;
	memset(uses + handles->nr_uses, 0, (nr_uses - handles->nr_uses) * sizeof(*uses));
	handles->uses = uses;
	handles->nr_uses = nr_uses;
	return 0;
}

int user_handle_add(struct user_images *images, struct user_handles *handles,
		    struct user_image *image)
{
	int ret;

	pthread_mutex_lock(&images->lock);
	ret = grow_handles(handles, image->id);
	if (!ret && !handles->uses[image->id]++) {
		image->references++;
		handles->nr_images++;
	}
	pthread_mutex_unlock(&images->lock);
	return ret;
}

static bool has_handle(const struct user_handles *handles, uint32_t id)
{
	return id < handles->nr_uses && handles->uses[id];
}

struct user_image *user_handle_get(struct user_images *images, struct user_handles *handles,
				   uint32_t id)
{
	struct user_image *image = NULL;

	pthread_mutex_lock(&images->lock);
	if (has_handle(handles, id)) {
		image = images->by_id[id];
		image->references++;
	}
	pthread_mutex_unlock(&images->lock);
	return image;
}

struct user_image *user_handle_remove(struct user_images *images, struct user_handles *handles,
				      uint32_t id, bool *last)
{
	struct user_image *image = NULL;

	pthread_mutex_lock(&images->lock);
	if (has_handle(handles, id)) {
		image = images->by_id[id];
		*last = !--handles->uses[id];
		if (*last) {
			/* The caller takes over the reference of the handles. */
			handles->nr_images--;
		} else {
			image->references++;
		}
	}
	pthread_mutex_unlock(&images->lock);
	return image;
}

void user_handles_destroy(struct user_images *images, struct user_handles *handles)
{
	pthread_mutex_lock(&images->lock);
	for (uint32_t id = 0; id < handles->nr_uses; id++) {
		if (handles->uses[id])
			put_image(images, images->by_id[id]);
	}
	pthread_mutex_unlock(&images->lock);
	free(handles->uses);
}
