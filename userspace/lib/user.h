/* SPDX-License-Identifier: MIT */
/*
 * The backend in user space: what its files share.
 *
 * Calls go down: user.c (commands, and the process's one pool), user_pool.c
 * (which slot, budgets), user_slot.c (contents and limits), then user_image.c,
 * user_pagemap.c and user_config.c.
 *
 * Locks, outermost first: user.c's own, user_pool.lock, user_slot.lock,
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

/* As the module's parameters of these names; sizes are in bytes. */
struct user_config {
	uint64_t nr_slots;
	uint64_t slot_size, slot_stride;
	uint64_t keep_bytes;
	uint64_t max_unused_warm_slots, max_unused_warm_bytes;
	uint64_t max_image_bytes, max_client_image_bytes, max_pool_image_bytes;
	uint64_t strict;
	uint64_t reset; /* enum user_reset */
};

/* @text may be NULL. Returns 0 or -EINVAL. */
int user_config_read(struct user_config *config, const char *text, uint64_t page_size);

/* ---- user_pagemap.c: which pages a process has written ---- */

/**
 * struct user_pagemap - the page table of this process
 * @fd: /proc/self/pagemap, negative where there is none
 * @scans: the kernel knows PAGEMAP_SCAN
 */
struct user_pagemap {
	int fd;
	bool scans;
	uint64_t page_size;
};

void user_pagemap_open(struct user_pagemap *pagemap, uint64_t page_size);
void user_pagemap_close(struct user_pagemap *pagemap);

/*
 * Finds regions of private pages, at most @max_pages in all. Returns how many
 * regions, or a negative errno value; *@end is where it stopped looking.
 */
int user_pagemap_scan(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      uint64_t max_pages, struct scan_region *regions, size_t max_regions,
		      char **end);

/*
 * Calls @visit for every page that may be private, until it returns something
 * else than 0, which is returned. Slower than a scan, but any kernel can do it.
 */
int user_pagemap_each(const struct user_pagemap *pagemap, char *start, uint64_t length,
		      int (*visit)(char *page, void *context), void *context);

/* ---- user_image.c: immutable contents ---- */

/**
 * struct user_image - an image
 * @maker: domain of the client that made it, 0 for another process
 * @references: handles and slots that have it
 * @fd: a memfd as long as the image, with all seals
 * @bytes: all of it, to be read only between @first and @end
 * @first: where the first page begins that is not zeros
 * @end: where the last one ends
 * @nr_stored: pages that are not zeros
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
 * struct user_images - all images that the process has
 * @max_pages: pages that one image may store
 * @max_client_pages: that the images may store which one client made
 * @max_total_pages: that all images may store
 * @lock: protects the rest, and the references of every image
 * @by_id: an image's id is its index, and never 0
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
 * struct user_handles - the images that a client may name
 * @uses: by the image's id, how often the client got it
 *
 * Protected by user_images.lock.
 */
struct user_handles {
	uint32_t *uses;
	uint32_t nr_uses;
	uint64_t nr_images;
};

/*
 * A new image begins as a memfd of zeros, of which the caller writes parts.
 * user_image_finish() makes an image with one reference of it, or closes it.
 */
int user_image_begin(uint64_t length);
int user_image_finish(struct user_images *images, uint64_t maker, int fd,
		      struct user_image **imagep);
/* Pages of the images that a client made. For this the lock is held. */
uint64_t user_images_client_pages(const struct user_images *images, uint64_t maker);
/* The image that another process, or this one, has exported. */
int user_image_import(struct user_images *images, int fd, uint64_t max_length,
		      struct user_image **imagep);
void user_image_get(struct user_images *images, struct user_image *image);
void user_image_put(struct user_images *images, struct user_image *image);
/* In a child of fork(), for which the images are of no use. */
void user_images_forget(struct user_images *images);

/* Takes a reference of its own. Returns 0 or -ENOMEM. */
int user_handle_add(struct user_images *images, struct user_handles *handles,
		    struct user_image *image);
/* These return the image with a reference for the caller, or NULL. */
struct user_image *user_handle_get(struct user_images *images, struct user_handles *handles,
				   uint32_t id);
struct user_image *user_handle_remove(struct user_images *images, struct user_handles *handles,
				      uint32_t id, bool *last);
void user_handles_destroy(struct user_images *images, struct user_handles *handles);

/* ---- user_slot.c: contents and limits ---- */

/**
 * struct user_slot - an index in the pool, and the memory behind it
 * @lock: protects the rest
 * @client: who has it, or had it last; NULL if it holds nothing
 * @owned: it is allocated
 * @image: what it starts as and returns to, NULL for zeros
 * @limit: bytes that the owner may access
 * @reset_limit: the limit that a reset goes back to
 * @keep: bytes that a reset overwrites at most
 * @memory: where it is mapped, NULL if it isn't
 * @hidden: the client has unmapped it, and @memory only keeps its contents
 * @accessible: bytes of @memory that can be accessed now
 * @touched: bytes of @memory beyond which no page is private, as far as owners
 *	write
 * @held: bytes that the last reset has kept
 * @nr_resets: how often RESET was called
 * @nr_reset_pages: pages that resets have overwritten
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
 * struct user_shared - what slots need of their pool
 * @scans: resets look for what was written; else they overwrite what is lowest
 */
struct user_shared {
	uint64_t page_size, slot_size;
	bool strict, scans;
	struct user_pagemap pagemap;
	struct user_images images;
};

/* All of these are called with the slot's lock held. */

/*
 * Maps a slot to a range that is reserved for it, or moves it there. Returns 0
 * or -errno; then the range may have become anything.
 */
int user_slot_map(const struct user_shared *shared, struct user_slot *slot, char *address);
/* The client gives the range up. Returns whether the slot keeps its part of it. */
bool user_slot_unmap(struct user_slot *slot);
/*
 * Gives back what the slot has, and all that it refers to. Returns false if that
 * can't be done: then nobody must ever get the slot.
 */
bool user_slot_empty(struct user_shared *shared, struct user_slot *slot);

/*
 * Gives the slot to the client that it belongs to. @address is where it goes if
 * it isn't mapped yet, or NULL. Returns 0 or -errno.
 */
int user_slot_begin(const struct user_shared *shared, struct user_slot *slot, char *address,
		    uint64_t limit);
int user_slot_resize(struct user_slot *slot, uint64_t limit);
/*
 * Makes the slot its image again. Returns -ENOMEM if all is reset but the limit,
 * because the process has too many mappings; else 0.
 */
int user_slot_reset(const struct user_shared *shared, struct user_slot *slot);
/* The same where it is nobody's any more. */
void user_slot_end(const struct user_shared *shared, struct user_slot *slot);

/* Bytes that it holds now, found out the slow way */
uint64_t user_slot_count(const struct user_shared *shared, struct user_slot *slot);
/* Writes it to a new image's file. Returns 0 or -errno. */
int user_slot_save(const struct user_shared *shared, struct user_slot *slot, int fd);

/* ---- user_pool.c: which slot, and budgets ---- */

#define USER_SEALED_MMAP (UINT64_C(1) << 63)

/**
 * struct user_client - a handle of slotpool_open()
 * @domain: tells the client's affinities from those of others
 * @sealed: what the handle can't be used for any more: the numbers of commands,
 *	and USER_SEALED_MMAP; bits are only ever added
 * @base: where its range begins, NULL without one
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
 * @alive: reads as 1 in the process that made the pool, as 0 in its children
 * @lock: protects the rest
 * @warm_bytes: what warm slots hold
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

/* What ALLOC asks for, and what came of it */
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

/* These return 0 or what <linux/slotpool.h> says of the command. */
int user_pool_alloc(struct user_client *client, struct user_request *request);
int user_pool_reset(struct user_client *client, uint32_t index, __u64 *held);
int user_pool_free(struct user_client *client, uint32_t index, bool decommit, __u64 *held);
int user_pool_resize(struct user_client *client, uint32_t index, bool grow_only, uint64_t limit,
		     __u64 *old_limit);
int user_pool_snapshot(struct user_client *client, uint32_t index, struct user_image **imagep);
int user_pool_purge_slot(struct user_client *client, uint32_t index);
/* These return how many slots were purged. */
uint32_t user_pool_purge_all(struct user_client *client);
uint32_t user_pool_purge_key(struct user_client *client, uint64_t key);
uint32_t user_pool_purge_image(struct user_client *client, const struct user_image *image);
bool user_pool_describe(struct user_client *client, uint32_t index,
			struct slotpool_list_entry *entry);
void user_pool_stat(struct user_client *client, struct slotpool_stat_args *stat);

#endif /* SLOTPOOL_USER_H */
