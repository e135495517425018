/* SPDX-License-Identifier: MIT */
/*
 * libslotpool - memory slots for isolates
 *
 * Functions that return an int return 0 (or what they say instead) or a
 * negative errno value; <linux/slotpool.h> documents which one means what for
 * each command. A handle may be used by several threads of the process that
 * opened it, except in slotpool_map(), slotpool_unmap() and slotpool_close(),
 * which must not run beside any other call with the same handle. A child of
 * fork() has the handle, but nothing mapped.
 */
#ifndef SLOTPOOL_H
#define SLOTPOOL_H

#include <stdint.h>
#include <linux/slotpool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of this header. The build reads it here, for the names of files
 * and for slotpoolctl.
 */
#define SLOTPOOL_VERSION_MAJOR 0
#define SLOTPOOL_VERSION_MINOR 1
#define SLOTPOOL_VERSION_PATCH 0

/* A version as one number, for comparisons, also by the preprocessor */
#define SLOTPOOL_MAKE_VERSION(major, minor, patch) \
	(((major) << 16) | ((minor) << 8) | (patch))

#define SLOTPOOL_VERSION                                                      \
	SLOTPOOL_MAKE_VERSION(SLOTPOOL_VERSION_MAJOR, SLOTPOOL_VERSION_MINOR, \
			      SLOTPOOL_VERSION_PATCH)

/**
 * slotpool_version() - return the version of the library
 *
 * A program that is linked dynamically may run with another version than
 * SLOTPOOL_VERSION, the one it was compiled with.
 *
 * Return: the version, as SLOTPOOL_MAKE_VERSION() encodes it.
 */
uint32_t slotpool_version(void);

/* An open pool, and what this process has mapped of it. */
struct slotpool;

/**
 * slotpool_open() - open a pool
 * @path: its device node, or NULL for what the environment says
 * @poolp: where the handle goes
 *
 * Without @path the environment variable SLOTPOOL_BACKEND decides: "kernel" is
 * the device that SLOTPOOL_DEVICE names, or /dev/slotpool0 where that isn't set;
 * "user" is a pool in user space, which all handles of the process share, with
 * parameters from SLOTPOOL_USER_POOL; "auto", the default, is the device if it
 * exists, and else the pool in user space. See libslotpool(3).
 *
 * The file is opened close-on-exec: slots belong to the process that maps or
 * allocates them, and a program started by exec() could not use them.
 *
 * Return: 0, or a negative errno value of open(2), of SLOTPOOL_INFO or ENOMEM;
 * EINVAL or EOPNOTSUPP if a variable asks for what can't be.
 */
int slotpool_open(const char *path, struct slotpool **poolp);

/**
 * slotpool_close() - unmap the pool and close it, which frees every slot
 * @pool: a handle, or NULL
 *
 * In a child of fork() nothing is freed: the slots are the parent's.
 */
void slotpool_close(struct slotpool *pool);

/**
 * slotpool_fd() - the file descriptor behind a handle, for poll loops and tests
 * @pool: a handle
 *
 * Return: the descriptor; it stays the handle's. -EOPNOTSUPP for a pool in user
 * space, which has none.
 */
int slotpool_fd(const struct slotpool *pool);

/**
 * slotpool_backend() - what is behind a handle
 * @pool: a handle
 *
 * Return: "kernel" for the module; "user, PAGEMAP_SCAN" or "user, madvise" for a
 * pool in user space, by how it resets slots. Valid as long as the handle.
 */
const char *slotpool_backend(const struct slotpool *pool);

/**
 * slotpool_info() - what the pool was like when it was opened
 * @pool: a handle
 *
 * Return: the answer of SLOTPOOL_INFO, valid as long as the handle.
 */
const struct slotpool_info_args *slotpool_info(const struct slotpool *pool);

/**
 * slotpool_map() - map a range of slots for reading and writing
 * @pool: a handle that has nothing mapped
 * @first: the first slot
 * @count: how many slots
 *
 * The range is mapped in chunks, so that threads that touch cold memory of
 * different chunks don't wait for one another.
 *
 * Return: 0 or -EBUSY if something is mapped already, -EINVAL if the range is
 * empty or not inside the pool, -ENOMEM if it doesn't fit into the address
 * space, or a negative errno value of mmap(2).
 */
int slotpool_map(struct slotpool *pool, uint32_t first, uint32_t count);

/**
 * slotpool_unmap() - undo slotpool_map()
 * @pool: a handle
 *
 * Slots stay allocated. Does nothing if nothing is mapped.
 */
void slotpool_unmap(struct slotpool *pool);

/**
 * slotpool_address() - where a slot begins in memory
 * @pool: a handle
 * @slot: a slot
 *
 * Return: its address, or NULL if it isn't mapped by slotpool_map().
 */
void *slotpool_address(const struct slotpool *pool, uint32_t slot);

/**
 * slotpool_alloc() - take a slot
 * @pool: a handle
 * @alloc: what is wanted and what came of it; its size is filled in
 *
 * Return: 0 or a negative errno value of SLOTPOOL_ALLOC.
 */
int slotpool_alloc(struct slotpool *pool, struct slotpool_alloc_args *alloc);

/**
 * slotpool_reset() - make a slot its image, or zeros, again
 * @pool: a handle
 * @slot: a slot that this process allocated
 * @held: where the bytes go that it still holds, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_RESET.
 */
int slotpool_reset(struct slotpool *pool, uint32_t slot, uint64_t *held);

/**
 * slotpool_free() - give a slot back
 * @pool: a handle
 * @slot: a slot that this process allocated
 * @flags: enum slotpool_free_flags
 * @held: where the bytes go that it still holds, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_FREE.
 */
int slotpool_free(struct slotpool *pool, uint32_t slot, uint32_t flags,
		  uint64_t *held);

/**
 * slotpool_resize() - move a slot's limit
 * @pool: a handle
 * @slot: a slot that this process allocated
 * @flags: enum slotpool_resize_flags
 * @limit: the new limit in bytes
 * @commit: the new commitment in bytes, with SLOTPOOL_RESIZE_COMMIT, else 0
 * @old_limit: where the limit goes that the slot had before, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_RESIZE.
 */
int slotpool_resize(struct slotpool *pool, uint32_t slot, uint32_t flags,
		    uint64_t limit, uint64_t commit, uint64_t *old_limit);

/**
 * slotpool_purge() - give the memory of idle slots back
 * @pool: a handle
 *
 * Return: how many slots were purged of those that this handle used last, or a
 * negative errno value of SLOTPOOL_PURGE.
 */
int slotpool_purge(struct slotpool *pool);

/**
 * slotpool_purge_key() - give the memory of an affinity's idle slots back
 * @pool: a handle
 * @key: the affinity
 *
 * Return: how many slots were purged, or a negative errno value of
 * SLOTPOOL_PURGE.
 */
int slotpool_purge_key(struct slotpool *pool, uint64_t key);

/**
 * slotpool_purge_slot() - give the memory of an idle slot back
 * @pool: a handle
 * @slot: the slot
 *
 * Return: 1, or a negative errno value of SLOTPOOL_PURGE.
 */
int slotpool_purge_slot(struct slotpool *pool, uint32_t slot);

/**
 * slotpool_purge_image() - give the memory of an image's idle slots back
 * @pool: a handle
 * @image: the image
 *
 * Return: how many slots were purged, or a negative errno value of
 * SLOTPOOL_PURGE.
 */
int slotpool_purge_image(struct slotpool *pool, uint32_t image);

/**
 * slotpool_list() - tell which slots this handle owns
 * @pool: a handle
 * @first: in: the lowest slot to tell of; out: where to go on
 * @entries: an array to fill
 * @nr_entries: its length
 *
 * Return: entries filled in, or a negative errno value of SLOTPOOL_LIST.
 */
int slotpool_list(struct slotpool *pool, uint32_t *first,
		  struct slotpool_list_entry *entries, uint32_t nr_entries);

/**
 * slotpool_stat() - read the pool's gauges and counters
 * @pool: a handle
 * @stat: where they go; its size is filled in
 *
 * Return: 0 or a negative errno value of SLOTPOOL_STAT.
 */
int slotpool_stat(struct slotpool *pool, struct slotpool_stat_args *stat);

/**
 * slotpool_image_memory() - make an image of ranges of memory
 * @pool: a handle
 * @ranges: what goes where; zeros are between
 * @nr_ranges: how many ranges
 * @length: of the image, in bytes
 * @image: where its handle goes
 * @stored: where the bytes go that it stores, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMAGE.
 */
int slotpool_image_memory(struct slotpool *pool,
			  const struct slotpool_image_range *ranges,
			  uint32_t nr_ranges, uint64_t length, uint32_t *image,
			  uint64_t *stored);

/**
 * struct slotpool_file_range - a part of a file, and its place in an image
 * @file_offset: where it begins in the file, 0 for the start of the file
 * @image_offset: where it begins in the image, 0 for the start of the image
 * @length: its length in bytes, 0 for an empty range: the image is all zeros
 */
struct slotpool_file_range {
	uint64_t file_offset;
	uint64_t image_offset;
	uint64_t length;
};

/**
 * slotpool_image_file() - make an image of a range of a file
 * @pool: a handle
 * @fd: the file, open for reading; the caller may close it afterwards
 * @range: which part of the file goes where; the rest of the image is zeros
 * @length: length of the image in bytes
 * @image: returns the image's handle
 * @stored: returns the bytes that the image stores so far; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMAGE.
 */
int slotpool_image_file(struct slotpool *pool, int fd,
			const struct slotpool_file_range *range,
			uint64_t length, uint32_t *image, uint64_t *stored);

/**
 * slotpool_image_slot() - make an image of a slot as it stands: a snapshot
 * @pool: a handle
 * @slot: a slot that this process allocated
 * @image: where the image's handle goes
 * @stored: where the bytes go that it stores, or NULL
 *
 * The image is as long as the slot's limit.
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMAGE.
 */
int slotpool_image_slot(struct slotpool *pool, uint32_t slot, uint32_t *image,
			uint64_t *stored);

/**
 * slotpool_export() - make a file of an image, for others to import
 * @pool: a handle
 * @image: an image
 *
 * Return: a new file descriptor, close-on-exec, or a negative errno value of
 * SLOTPOOL_EXPORT.
 */
int slotpool_export(struct slotpool *pool, uint32_t image);

/**
 * slotpool_import() - get a handle of an image that somebody exported
 * @pool: a handle
 * @fd: the image's file descriptor; it stays the caller's
 * @image: where the image's handle goes
 * @length: where its length goes, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMPORT.
 */
int slotpool_import(struct slotpool *pool, int fd, uint32_t *image,
		    uint64_t *length);

/**
 * slotpool_release() - give an image up
 * @pool: a handle
 * @image: an image; to be released as often as it was made or imported
 *
 * Return: how many idle slots were purged, or a negative errno value of
 * SLOTPOOL_RELEASE.
 */
int slotpool_release(struct slotpool *pool, uint32_t image);

/**
 * slotpool_seal() - do without commands that are not needed any more
 * @pool: a handle
 * @flags: enum slotpool_seal_flags
 * @commands: SLOTPOOL_SEAL_KEEP() of those that are
 * @left: where the commands go that are left, or NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_SEAL.
 */
int slotpool_seal(struct slotpool *pool, uint32_t flags, uint64_t commands,
		  uint64_t *left);

#ifdef __cplusplus
}
#endif

#endif /* SLOTPOOL_H */
