/* SPDX-License-Identifier: MIT */
/*
 * libslotpool - memory slots for isolates
 *
 * A function of type int returns 0, or the value that its description names,
 * on success and a negative errno value on failure. <linux/slotpool.h> lists the
 * errors of each command.
 *
 * Several threads of a process may use a handle at the same time, with one
 * exception: slotpool_map(), slotpool_unmap() and slotpool_close() must not run
 * concurrently with any other call on the same handle. A child of fork()
 * inherits the handle, but not the mapping.
 */
#ifndef SLOTPOOL_H
#define SLOTPOOL_H

#include <stdint.h>
#include <linux/slotpool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The only place that states the version; userspace/Makefile reads it here. */
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
 * slotpool_version() - return the version of the linked library
 *
 * A dynamically linked program may run with a library of another version than
 * SLOTPOOL_VERSION, which it was compiled with.
 *
 * Return: the version, as SLOTPOOL_MAKE_VERSION() encodes it.
 */
uint32_t slotpool_version(void);

/* An open pool, and the mapping that this process has of it */
struct slotpool;

/**
 * slotpool_open() - open a pool
 * @path: the device node, or NULL to let the environment choose
 * @poolp: returns the handle
 *
 * Without @path the environment variable SLOTPOOL_BACKEND chooses the backend:
 *
 * - "kernel" opens the device that SLOTPOOL_DEVICE names, by default
 *   /dev/slotpool0.
 * - "user" uses a pool in user space, which all handles of the process share;
 *   SLOTPOOL_USER_POOL holds its parameters.
 * - "auto", the default, opens the device if it exists and otherwise uses the
 *   pool in user space.
 *
 * See libslotpool(3).
 *
 * The file is opened close-on-exec: slots belong to the process that maps or
 * allocates them, and a program started by exec() could not use them.
 *
 * Return: 0, or a negative errno value of open(2) or SLOTPOOL_INFO, or -ENOMEM.
 * -EINVAL or -EOPNOTSUPP if a variable asks for something impossible.
 */
int slotpool_open(const char *path, struct slotpool **poolp);

/**
 * slotpool_close() - unmap and close a pool, which frees the handle's slots
 * @pool: a handle, or NULL
 *
 * In a child of fork() this frees no slot: the slots belong to the parent.
 */
void slotpool_close(struct slotpool *pool);

/**
 * slotpool_fd() - return the file descriptor of a handle
 * @pool: a handle
 *
 * Return: the descriptor, which slotpool_close() closes; -EOPNOTSUPP for a pool
 * in user space, which has no descriptor.
 */
int slotpool_fd(const struct slotpool *pool);

/**
 * slotpool_backend() - name the backend of a handle
 * @pool: a handle
 *
 * Return: "kernel" for the module; "user, PAGEMAP_SCAN" or "user, madvise" for a
 * pool in user space, depending on how it resets slots. The string is valid
 * until the handle is closed.
 */
const char *slotpool_backend(const struct slotpool *pool);

/**
 * slotpool_info() - return the geometry and the bounds of a pool
 * @pool: a handle
 *
 * Return: the answer of SLOTPOOL_INFO at the time of slotpool_open(), valid
 * until the handle is closed.
 */
const struct slotpool_info_args *slotpool_info(const struct slotpool *pool);

/**
 * slotpool_map() - map a range of slots for reading and writing
 * @pool: a handle that has nothing mapped
 * @first: the first slot
 * @count: the number of slots
 *
 * The range is mapped in chunks. Threads that touch cold memory of different
 * chunks don't contend for a lock.
 *
 * Return: 0; -EBUSY if the handle has a range mapped already; -EINVAL if the
 * range is empty or reaches outside the pool; -ENOMEM if it doesn't fit into the
 * address space; or a negative errno value of mmap(2).
 */
int slotpool_map(struct slotpool *pool, uint32_t first, uint32_t count);

/**
 * slotpool_unmap() - undo slotpool_map()
 * @pool: a handle
 *
 * Slots stay allocated. Do nothing if the handle has nothing mapped.
 */
void slotpool_unmap(struct slotpool *pool);

/**
 * slotpool_address() - return the address of a slot
 * @pool: a handle
 * @slot: a slot
 *
 * Return: the slot's first byte, or NULL if slotpool_map() hasn't mapped the
 * slot.
 */
void *slotpool_address(const struct slotpool *pool, uint32_t slot);

/**
 * slotpool_alloc() - allocate a slot
 * @pool: a handle
 * @alloc: the request and its result; the call sets its size
 *
 * Return: 0 or a negative errno value of SLOTPOOL_ALLOC.
 */
int slotpool_alloc(struct slotpool *pool, struct slotpool_alloc_args *alloc);

/**
 * slotpool_reset() - reset a slot to its image, or to zeros
 * @pool: a handle
 * @slot: a slot that this handle owns
 * @held: returns the bytes that the slot still holds; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_RESET.
 */
int slotpool_reset(struct slotpool *pool, uint32_t slot, uint64_t *held);

/**
 * slotpool_free() - free a slot
 * @pool: a handle
 * @slot: a slot that this handle owns
 * @flags: enum slotpool_free_flags
 * @held: returns the bytes that the slot still holds; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_FREE.
 */
int slotpool_free(struct slotpool *pool, uint32_t slot, uint32_t flags,
		  uint64_t *held);

/**
 * slotpool_resize() - change a slot's limit
 * @pool: a handle
 * @slot: a slot that this handle owns
 * @flags: enum slotpool_resize_flags
 * @limit: the new limit in bytes
 * @commit: the new commitment in bytes with SLOTPOOL_RESIZE_COMMIT, otherwise 0;
 *	at most @limit
 * @old_limit: returns the previous limit; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_RESIZE.
 */
int slotpool_resize(struct slotpool *pool, uint32_t slot, uint32_t flags,
		    uint64_t limit, uint64_t commit, uint64_t *old_limit);

/**
 * slotpool_purge() - give back the memory of idle slots
 * @pool: a handle
 *
 * Purge every free slot that this handle was the last to use.
 *
 * Return: the number of purged slots, or a negative errno value of
 * SLOTPOOL_PURGE.
 */
int slotpool_purge(struct slotpool *pool);

/**
 * slotpool_purge_key() - give back the memory of an affinity's idle slots
 * @pool: a handle
 * @key: the affinity
 *
 * Return: the number of purged slots, or a negative errno value of
 * SLOTPOOL_PURGE.
 */
int slotpool_purge_key(struct slotpool *pool, uint64_t key);

/**
 * slotpool_purge_slot() - give back the memory of one idle slot
 * @pool: a handle
 * @slot: the slot
 *
 * Return: 1, or a negative errno value of SLOTPOOL_PURGE.
 */
int slotpool_purge_slot(struct slotpool *pool, uint32_t slot);

/**
 * slotpool_purge_image() - give back the memory of an image's idle slots
 * @pool: a handle
 * @image: the image
 *
 * Return: the number of purged slots, or a negative errno value of
 * SLOTPOOL_PURGE.
 */
int slotpool_purge_image(struct slotpool *pool, uint32_t image);

/**
 * slotpool_list() - list the slots that this handle owns
 * @pool: a handle
 * @first: in: the lowest slot to list; out: the slot to continue with
 * @entries: an array to fill
 * @nr_entries: the length of @entries
 *
 * Return: the number of entries filled in, or a negative errno value of
 * SLOTPOOL_LIST.
 */
int slotpool_list(struct slotpool *pool, uint32_t *first,
		  struct slotpool_list_entry *entries, uint32_t nr_entries);

/**
 * slotpool_stat() - read the pool's gauges and counters
 * @pool: a handle
 * @stat: returns the gauges and counters; the call sets its size
 *
 * Return: 0 or a negative errno value of SLOTPOOL_STAT.
 */
int slotpool_stat(struct slotpool *pool, struct slotpool_stat_args *stat);

/**
 * slotpool_image_memory() - create an image from ranges of memory
 * @pool: a handle
 * @ranges: the ranges to copy; the rest of the image is zeros
 * @nr_ranges: the length of @ranges
 * @length: length of the image in bytes
 * @image: returns the image's handle
 * @stored: returns the bytes that the image stores; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMAGE.
 */
int slotpool_image_memory(struct slotpool *pool,
			  const struct slotpool_image_range *ranges,
			  uint32_t nr_ranges, uint64_t length, uint32_t *image,
			  uint64_t *stored);

/**
 * struct slotpool_file_range - a range of a file, and its place in an image
 * @file_offset: where the range begins in the file
 * @image_offset: where the range begins in the image
 * @length: length of the range in bytes; an image of an empty range is all zeros
 */
struct slotpool_file_range {
	uint64_t file_offset;
	uint64_t image_offset;
	uint64_t length;
};

/**
 * slotpool_image_file() - create an image from a range of a file
 * @pool: a handle
 * @fd: the file, open for reading; the caller may close it afterwards
 * @range: the range to copy; the rest of the image is zeros
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
 * slotpool_image_slot() - create an image from a slot: a snapshot
 * @pool: a handle
 * @slot: a slot that this handle owns
 * @image: returns the image's handle
 * @stored: returns the bytes that the image stores; may be NULL
 *
 * The image has the contents of the slot, and is as long as the slot's limit.
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMAGE.
 */
int slotpool_image_slot(struct slotpool *pool, uint32_t slot, uint32_t *image,
			uint64_t *stored);

/**
 * slotpool_export() - return an image as a file, for other clients to import
 * @pool: a handle
 * @image: an image
 *
 * Return: a new file descriptor, close-on-exec, or a negative errno value of
 * SLOTPOOL_EXPORT.
 */
int slotpool_export(struct slotpool *pool, uint32_t image);

/**
 * slotpool_import() - get a handle of an exported image
 * @pool: a handle
 * @fd: the image's file descriptor, which the caller still has to close
 * @image: returns the image's handle
 * @length: returns the length of the image in bytes; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_IMPORT.
 */
int slotpool_import(struct slotpool *pool, int fd, uint32_t *image,
		    uint64_t *length);

/**
 * slotpool_release() - release a handle of an image
 * @pool: a handle
 * @image: an image; each creation and each import needs a release of its own
 *
 * Return: the number of idle slots purged, or a negative errno value of
 * SLOTPOOL_RELEASE.
 */
int slotpool_release(struct slotpool *pool, uint32_t image);

/**
 * slotpool_seal() - seal off the commands that the handle no longer needs
 * @pool: a handle
 * @flags: enum slotpool_seal_flags
 * @commands: SLOTPOOL_SEAL_KEEP() of every command to keep
 * @left: returns the commands that are left; may be NULL
 *
 * Return: 0 or a negative errno value of SLOTPOOL_SEAL.
 */
int slotpool_seal(struct slotpool *pool, uint32_t flags, uint64_t commands,
		  uint64_t *left);

#ifdef __cplusplus
}
#endif

#endif /* SLOTPOOL_H */
