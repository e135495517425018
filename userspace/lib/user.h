/* SPDX-License-Identifier: MIT */
/*
 * Declarations that the files of the user backend share.
 *
 * Calls only go down: user.c (commands, and the pool of the process),
 * user_pool.c (placement and budgets), user_slot.c (contents and limits), then
 * user_image.c, user_pagemap.c and user_config.c.
 *
 * Locks, outermost first: process_pool_lock, user_pool.lock, user_slot.lock,
 * user_images.lock.
 */
#ifndef SLOTPOOL_USER_H
#define SLOTPOOL_USER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../kmod/policy.h"
#include "internal.h"
#include "pagemap_scan.h"

/* ---- user_config.c: parameters ---- */

enum user_reset {
	USER_RESET_BEST,
	USER_RESET_MADVISE,
	USER_RESET_SCAN,
};

/* The module's parameters of the same names; sizes are in bytes. */
struct user_config {
	uint64_t nr_slots;
	uint64_t slot_size, slot_stride;
	uint64_t keep_bytes;
	uint64_t max_unused_warm_slots, max_unused_warm_bytes;
	uint64_t max_image_bytes, max_client_image_bytes, max_pool_image_bytes;
	uint64_t strict;
	uint64_t reset; /* enum user_reset */
};

/*
 * Read parameters from @text, which may be NULL, and set the others to their
 * defaults. Return 0, -EINVAL or -ENOMEM.
 */
int user_config_read(struct user_config *config, const char *text, uint64_t page_size);

/* ---- user_pagemap.c: find the pages that the process has written ---- */

/**
 * struct user_pagemap - the page table of this process
 * @fd: /proc/self/pagemap, negative if it can't be opened
 * @scans: the kernel has PAGEMAP_SCAN
 */
struct user_pagemap {
	int fd;
	bool scans;
	uint64_t page_size;
};

void user_pagemap_open(struct user_pagemap *pagemap, uint64_t page_size);
void user_pagemap_close(struct user_pagemap *pagemap);

/*
 * Find regions of private pages, with at most @max_pages in total. Return the
 * number of regions, or a negative errno value; *@end returns where the search
 * stopped.
 */
int user_pagemap_scan(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      uint64_t max_pages, struct scan_region *regions, size_t max_regions,
		      char **end);

/*
 * Call @visit for every page that may be private, until it returns a value other
 * than 0, and return that value. Slower than a scan, but works on any kernel.
 */
int user_pagemap_each(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      int (*visit)(char *page, void *context), void *context);

/* ---- user_image.c: immutable contents ---- */

/**
 * struct user_image - an image
 * @references: handles, slots and running calls that refer to the image
 * @maker: domain of the client that created the image, 0 for an import from
 *	another process
 * @fd: a memfd of the image's length, with all seals
 * @bytes: a mapping of @fd; only read it between @first and @end, since reading
 *	a hole allocates memory
 * @first: offset of the first page that is not zeros
 * @end: end of the last page that is not zeros
 * @nr_stored: number of pages that are not zeros
 */
struct user_image {
	uint32_t id;
	uint32_t references;
	uint64_t maker;
	int fd;
	char *bytes;
	uint64_t length, first, end;
	uint64_t nr_stored;
};

/**
 * struct user_images - the images of the process
 * @max_pages: bound of the pages that one image stores
 * @max_client_pages: bound of the pages that the images of one client store
 * @max_total_pages: bound of the pages that all images store
 * @lock: protects the members below, and the references of every image
 * @by_id: images, indexed by id; no image has id 0
 */
struct user_images {
	uint64_t page_size;
	uint64_t max_pages, max_client_pages, max_total_pages;
	pthread_mutex_t lock;
	struct user_image **by_id;
	uint32_t nr_ids;
	uint64_t nr_images, nr_pages;
};

/**
 * struct user_handles - the handles of images that a client has
 * @uses: indexed by the image's id, the number of releases that the client owes
 *
 * Protected by user_images.lock.
 */
struct user_handles {
	uint32_t *uses;
	uint32_t nr_uses;
	uint64_t nr_images;
};

/* Return a memfd of zeros, for the caller to fill, or a negative errno value. */
int user_image_begin(uint64_t length);
/*
 * Create an image with one reference from a memfd of user_image_begin(). Close
 * the memfd on failure.
 */
int user_image_finish(struct user_images *images, uint64_t maker, int fd,
		      struct user_image **imagep);
/* Return the pages that the images of a client store. The caller holds the lock. */
uint64_t user_images_client_pages(const struct user_images *images, uint64_t maker);
/*
 * Look up the image of @fd, which this process or another one has exported, and
 * create it if this process doesn't have it. Take a reference for the caller.
 */
int user_image_import(struct user_images *images, int fd, uint64_t max_length,
		      struct user_image **imagep);
void user_image_get(struct user_images *images, struct user_image *image);
void user_image_put(struct user_images *images, struct user_image *image);
/* Release the memory and descriptors of all images, in a child of fork(). */
void user_images_forget(struct user_images *images);

/* Add a handle, which takes a reference of its own. Return 0 or -ENOMEM. */
int user_handle_add(struct user_images *images, struct user_handles *handles,
		    struct user_image *image);
/*
 * Both return the image with a reference for the caller, or NULL if the client
 * has no such handle.
 */
struct user_image *user_handle_get(struct user_images *images, struct user_handles *handles,
				   uint32_t id);
struct user_image *user_handle_remove(struct user_images *images, struct user_handles *handles,
				      uint32_t id, bool *last);
void user_handles_destroy(struct user_images *images, struct user_handles *handles);

/* ---- user_slot.c: contents and limits ---- */

/**
 * struct user_slot - a slot, and its memory
 * @lock: protects all members
 * @client: the owner, or the last owner of a warm slot; NULL for a cold slot
 * @owned: the slot is allocated
 * @has_key: @key is the slot's affinity
 * @hidden: the client has unmapped its range; @memory preserves the contents,
 *	and the client can't access it
 * @image: the initial contents, which a reset restores; NULL for zeros
 * @limit: bytes that the owner may access
 * @reset_limit: the limit that a reset restores
 * @keep: upper bound of the bytes that a reset overwrites
 * @memory: the slot's address, NULL if the slot is not mapped
 * @accessible: bytes of @memory that are accessible
 * @touched: offset in @memory above which no page is private, unless a thread
 *	has written to the slot after it was freed
 * @held: bytes that the slot held after the last reset
 * @nr_resets: number of RESETs
 * @nr_reset_pages: number of pages that resets have overwritten
 */
struct user_slot {
	pthread_mutex_t lock;
	struct user_client *client;
	bool owned, has_key, hidden;
	uint64_t key;
	struct user_image *image;
	uint64_t limit, reset_limit, keep;
	char *memory;
	uint64_t accessible, touched, held;
	uint64_t nr_resets, nr_reset_pages;
};

/**
 * struct user_shared - the part of a pool that slots use
 * @strict: FREE makes the slot inaccessible
 * @scans: resets find the pages that were written with PAGEMAP_SCAN; otherwise
 *	they overwrite the lowest pages
 */
struct user_shared {
	uint64_t page_size, slot_size;
	bool strict, scans;
	struct user_pagemap pagemap;
	struct user_images images;
};

/* The caller of these functions holds the slot's lock. */

/*
 * Map a slot at an address range that is reserved for it, or move it there.
 * Return 0 or -errno. On failure the mappings of the range are undefined.
 */
int user_slot_map(const struct user_shared *shared, struct user_slot *slot, char *address);
/*
 * Unmap the slot from the client's point of view. Return whether the slot still
 * uses its part of the range, to preserve its contents.
 */
bool user_slot_unmap(struct user_slot *slot);
/*
 * Give back the slot's memory, and drop its references. Return false on failure:
 * the slot must never be allocated again.
 */
bool user_slot_empty(struct user_shared *shared, struct user_slot *slot);

/*
 * Make @slot->client the owner. Map the slot at @address if it isn't mapped yet
 * and @address isn't NULL. Return 0 or -errno.
 */
int user_slot_begin(const struct user_shared *shared, struct user_slot *slot, char *address,
		    uint64_t limit);
int user_slot_resize(struct user_slot *slot, uint64_t limit);
/*
 * Reset the slot to its image. Return 0, or -ENOMEM if the process has too many
 * mappings to restore the limit; everything else is reset then.
 */
int user_slot_reset(const struct user_shared *shared, struct user_slot *slot);
/* Reset the slot, and take it from its owner. */
void user_slot_end(const struct user_shared *shared, struct user_slot *slot);

/* Count the bytes that the slot holds. Slow: this reads an entry for each page. */
uint64_t user_slot_count(const struct user_shared *shared, struct user_slot *slot);
/* Write the slot's contents to the file of a new image. Return 0 or -errno. */
int user_slot_save(const struct user_shared *shared, struct user_slot *slot, int fd);

/* ---- user_pool.c: placement and budgets ---- */

#define USER_SEALED_MMAP (UINT64_C(1) << 63)

/**
 * struct user_client - a handle of slotpool_open()
 * @sealed: the commands that are sealed off, as bits of their numbers, and
 *	USER_SEALED_MMAP; bits are set and never cleared
 * @handles: the images that the client may name
 * @domain: distinguishes the client's affinities from those of other clients
 * @base: address of the mapped range, NULL if nothing is mapped
 * @first: first slot of the mapped range
 * @count: number of slots in the mapped range
 */
struct user_client {
	struct user_pool *pool;
	atomic_uint_least64_t sealed;
	struct user_handles handles;
	uint64_t domain;
	char *base;
	uint32_t first, count;
};

struct user_counters {
	uint64_t affine_allocs, recycled_allocs, cold_allocs;
	uint64_t frees;
	uint64_t evictions;
};

/**
 * struct user_pool - the pool of a process
 * @alive: reads as 1 in the process that created the pool, as 0 in its children
 * @lock: protects the members below
 * @warm_bytes: bytes that warm slots hold
 */
struct user_pool {
	struct user_config config;
	struct user_shared shared;
	volatile char *alive;
	struct user_slot *slots;
	struct policy_node *nodes;
	uint32_t *buckets;

	pthread_mutex_t lock;
	struct policy policy;
	uint64_t warm_bytes;
	uint64_t last_domain;
	uint32_t nr_clients;
	struct user_counters counters;
};

/**
 * struct user_request - arguments and results of ALLOC
 * @slot: the slot to take, with @exact; returns the slot that was taken
 * @placement: returns how the slot was found
 * @kept: returns whether the slot had the same client and image before
 */
struct user_request {
	bool exact, has_key;
	uint64_t key;
	struct user_image *image;
	uint64_t limit, keep;
	uint32_t slot;
	enum policy_placement placement;
	bool kept;
};

int user_pool_create(const struct user_config *config, uint64_t page_size,
		     struct user_pool **poolp);
void user_pool_destroy(struct user_pool *pool);

void user_client_init(struct user_pool *pool, struct user_client *client);
void user_client_release(struct user_client *client);
int user_client_map(struct user_client *client, char *base, uint32_t first, uint32_t count);
void user_client_unmap(struct user_client *client);

/* These return 0 or an error that <linux/slotpool.h> lists for the command. */
int user_pool_alloc(struct user_client *client, struct user_request *request);
int user_pool_reset(struct user_client *client, uint32_t index, __u64 *held);
int user_pool_free(struct user_client *client, uint32_t index, bool decommit, __u64 *held);
int user_pool_resize(struct user_client *client, uint32_t index, bool grow_only, uint64_t limit,
		     __u64 *old_limit);
int user_pool_snapshot(struct user_client *client, uint32_t index, struct user_image **imagep);
int user_pool_purge_slot(struct user_client *client, uint32_t index);
/* These return the number of purged slots. */
uint32_t user_pool_purge_all(struct user_client *client);
uint32_t user_pool_purge_key(struct user_client *client, uint64_t key);
uint32_t user_pool_purge_image(struct user_client *client, const struct user_image *image);
bool user_pool_describe(struct user_client *client, uint32_t index,
			struct slotpool_list_entry *entry);
void user_pool_stat(struct user_client *client, struct slotpool_stat_args *stat);

#endif /* SLOTPOOL_USER_H */
