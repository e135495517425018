/* SPDX-License-Identifier: MIT */
/*
 * The backend in user space: what its files share.
 *
 * Calls go down: host.c (commands, and the process's one pool), host_pool.c
 * (which slot, budgets), host_slot.c (contents and limits), then host_image.c,
 * host_pagemap.c and host_config.c.
 *
 * Locks, outermost first: host.c's own, host_pool.lock, host_slot.lock,
 * host_images.lock.
 */
#ifndef SLOTPOOL_HOST_H
#define SLOTPOOL_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../kmod/policy.h"
#include "internal.h"
#include "pagemap_scan.h"

/* ---- host_config.c: parameters ---- */

enum host_reset {
	HOST_RESET_BEST,
	HOST_RESET_MADVISE,
	HOST_RESET_SCAN,
};

/* As the module's parameters of these names; sizes are in bytes. */
struct host_config {
	uint64_t nr_slots;
	uint64_t slot_size, slot_stride;
	uint64_t keep_bytes;
	uint64_t max_unused_warm_slots, max_unused_warm_bytes;
	uint64_t max_image_bytes, max_client_image_bytes, max_pool_image_bytes;
	uint64_t strict;
	uint64_t reset; /* enum host_reset */
};

/* @text may be NULL. Returns 0 or -EINVAL. */
int host_config_read(struct host_config *config, const char *text, uint64_t page_size);

/* ---- host_pagemap.c: which pages a process has written ---- */

/**
 * struct host_pagemap - the page table of this process
 * @fd: /proc/self/pagemap, negative where there is none
 * @scans: the kernel knows PAGEMAP_SCAN
 */
struct host_pagemap {
	int fd;
	bool scans;
	uint64_t page_size;
};

void host_pagemap_open(struct host_pagemap *pagemap, uint64_t page_size);
void host_pagemap_close(struct host_pagemap *pagemap);

/*
 * Finds regions of private pages, at most @max_pages in all. Returns how many
 * regions, or a negative errno value; *@end is where it stopped looking.
 */
int host_pagemap_scan(const struct host_pagemap *pagemap, char *start, uint64_t length,
		      uint64_t max_pages, struct scan_region *regions, size_t max_regions,
		      char **end);

/*
 * Calls @visit for every page that may be private, until it returns something
 * else than 0, which is returned. Slower than a scan, but any kernel can do it.
 */
int host_pagemap_each(const struct host_pagemap *pagemap, char *start, uint64_t length,
		      int (*visit)(char *page, void *context), void *context);

/* ---- host_image.c: immutable contents ---- */

/**
 * struct host_image - an image
 * @maker: domain of the client that made it, 0 for another process
 * @references: handles and slots that have it
 * @fd: a memfd as long as the image, with all seals
 * @bytes: all of it, to be read only between @first and @end
 * @first: where the first page begins that is not zeros
 * @end: where the last one ends
 * @nr_stored: pages that are not zeros
 */
struct host_image {
	uint32_t id;
	uint32_t references;
	uint64_t maker;
	int fd;
	char *bytes;
	uint64_t length, first, end;
	uint64_t nr_stored;
};

/**
 * struct host_images - all images that the process has
 * @max_pages: pages that one image may store
 * @max_client_pages: that the images may store which one client made
 * @max_total_pages: that all images may store
 * @lock: protects the rest, and the references of every image
 * @by_id: an image's id is its index, and never 0
 */
struct host_images {
	uint64_t page_size;
	uint64_t max_pages, max_client_pages, max_total_pages;
	pthread_mutex_t lock;
	struct host_image **by_id;
	uint32_t nr_ids;
	uint64_t nr_images, nr_pages;
};

/**
 * struct host_handles - the images that a client may name
 * @uses: by the image's id, how often the client got it
 *
 * Protected by host_images.lock.
 */
struct host_handles {
	uint32_t *uses;
	uint32_t nr_uses;
	uint64_t nr_images;
};

/*
 * A new image begins as a memfd of zeros, of which the caller writes parts.
 * host_image_finish() makes an image with one reference of it, or closes it.
 */
int host_image_begin(uint64_t length);
int host_image_finish(struct host_images *images, uint64_t maker, int fd,
		      struct host_image **imagep);
/* Pages of the images that a client made. For this the lock is held. */
uint64_t host_images_made(const struct host_images *images, uint64_t maker);
/* The image that another process, or this one, has exported. */
int host_image_import(struct host_images *images, int fd, uint64_t max_length,
		      struct host_image **imagep);
void host_image_get(struct host_images *images, struct host_image *image);
void host_image_put(struct host_images *images, struct host_image *image);
/* In a child of fork(), for which the images are of no use. */
void host_images_forget(struct host_images *images);

/* Takes a reference of its own. Returns 0 or -ENOMEM. */
int host_handle_add(struct host_images *images, struct host_handles *handles,
		    struct host_image *image);
/* These return the image with a reference for the caller, or NULL. */
struct host_image *host_handle_get(struct host_images *images, struct host_handles *handles,
				   uint32_t id);
struct host_image *host_handle_remove(struct host_images *images, struct host_handles *handles,
				      uint32_t id, bool *last);
void host_handles_destroy(struct host_images *images, struct host_handles *handles);

/* ---- host_slot.c: contents and limits ---- */

/**
 * struct host_slot - an index in the pool, and the memory behind it
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
struct host_slot {
	pthread_mutex_t lock;
	struct host_client *client;
	bool owned, has_key, hidden;
	uint64_t key;
	struct host_image *image;
	uint64_t limit, reset_limit, keep;
	char *memory;
	uint64_t accessible, touched, held;
	uint64_t nr_resets, nr_reset_pages;
};

/**
 * struct host_memory - what slots need of their pool
 * @scans: resets look for what was written; else they overwrite what is lowest
 */
struct host_memory {
	uint64_t page_size, slot_size;
	bool strict, scans;
	struct host_pagemap pagemap;
	struct host_images images;
};

/* All of these are called with the slot's lock held. */

/*
 * Maps a slot to a range that is reserved for it, or moves it there. Returns 0
 * or -errno; then the range may have become anything.
 */
int host_slot_map(const struct host_memory *memory, struct host_slot *slot, char *address);
/* The client gives the range up. Returns whether the slot keeps its part of it. */
bool host_slot_unmap(struct host_slot *slot);
/*
 * Gives back what the slot has, and all that it refers to. Returns false if that
 * can't be done: then nobody must ever get the slot.
 */
bool host_slot_empty(struct host_memory *memory, struct host_slot *slot);

/*
 * Gives the slot to the client that it belongs to. @address is where it goes if
 * it isn't mapped yet, or NULL. Returns 0 or -errno.
 */
int host_slot_begin(const struct host_memory *memory, struct host_slot *slot, char *address,
		    uint64_t limit);
int host_slot_resize(struct host_slot *slot, uint64_t limit);
/*
 * Makes the slot its image again. Returns -ENOMEM if all is reset but the limit,
 * because the process has too many mappings; else 0.
 */
int host_slot_reset(const struct host_memory *memory, struct host_slot *slot);
/* The same where it is nobody's any more. */
void host_slot_vacate(const struct host_memory *memory, struct host_slot *slot);

/* Bytes that it holds now, found out the slow way */
uint64_t host_slot_count(const struct host_memory *memory, struct host_slot *slot);
/* Writes it to a new image's file. Returns 0 or -errno. */
int host_slot_save(const struct host_memory *memory, struct host_slot *slot, int fd);

/* ---- host_pool.c: which slot, and budgets ---- */

#define HOST_SEALED_MMAP (UINT64_C(1) << 63)

/**
 * struct host_client - a handle of slotpool_open()
 * @domain: tells the client's affinities from those of others
 * @sealed: what the handle can't be used for any more: the numbers of commands,
 *	and HOST_SEALED_MMAP; bits are only ever added
 * @base: where its range begins, NULL without one
 */
struct host_client {
	struct host_pool *pool;
	atomic_uint_least64_t sealed;
	struct host_handles images;
	uint64_t domain;
	char *base;
	uint32_t first, count;
};

struct host_counters {
	uint64_t affine_allocs, recycled_allocs, cold_allocs;
	uint64_t frees;
	uint64_t evictions;
};

/**
 * struct host_pool - the pool of a process
 * @alive: reads as 1 in the process that made the pool, as 0 in its children
 * @lock: protects the rest
 * @warm_bytes: what warm slots hold
 */
struct host_pool {
	struct host_config config;
	struct host_memory memory;
	volatile char *alive;
	struct host_slot *slots;
	struct policy_node *nodes;
	uint32_t *buckets;

	pthread_mutex_t lock;
	struct policy policy;
	uint64_t warm_bytes;
	uint64_t last_domain;
	uint32_t nr_clients;
	struct host_counters counters;
};

/* What ALLOC asks for, and what came of it */
struct host_request {
	bool exact, has_key;
	uint64_t key;
	struct host_image *image;
	uint64_t limit, keep;
	uint32_t slot;
	enum policy_placement placement;
	bool kept;
};

int host_pool_create(const struct host_config *config, uint64_t page_size,
		     struct host_pool **poolp);
void host_pool_destroy(struct host_pool *pool);

void host_client_init(struct host_pool *pool, struct host_client *client);
void host_client_release(struct host_client *client);
int host_client_map(struct host_client *client, char *base, uint32_t first, uint32_t count);
void host_client_unmap(struct host_client *client);

/* These return 0 or what <linux/slotpool.h> says of the command. */
int host_pool_alloc(struct host_client *client, struct host_request *request);
int host_pool_reset(struct host_client *client, uint32_t index, __u64 *held);
int host_pool_free(struct host_client *client, uint32_t index, bool decommit, __u64 *held);
int host_pool_resize(struct host_client *client, uint32_t index, bool grow_only, uint64_t limit,
		     __u64 *old_limit);
int host_pool_snapshot(struct host_client *client, uint32_t index, struct host_image **imagep);
int host_pool_purge_slot(struct host_client *client, uint32_t index);
/* These return how many slots were purged. */
uint32_t host_pool_purge_all(struct host_client *client);
uint32_t host_pool_purge_key(struct host_client *client, uint64_t key);
uint32_t host_pool_purge_image(struct host_client *client, const struct host_image *image);
bool host_pool_describe(struct host_client *client, uint32_t index,
			struct slotpool_list_entry *entry);
void host_pool_stat(struct host_client *client, struct slotpool_stat *stat);

#endif /* SLOTPOOL_HOST_H */
