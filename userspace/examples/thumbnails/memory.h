/* SPDX-License-Identifier: MIT */
/* Linear memories of the guests */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/slotpool.h>

/*
 * The reach of an access: a 32-bit address, a 32-bit offset and the width of the access,
 * in whole pages.
 */
#define REACH ((2ULL << 32) + 4096)

#define NR_PLACEMENTS (SLOTPOOL_PLACED_COLD + 1)

/**
 * struct memory_totals - totals of a pool
 * @held_bytes: private memory of all slots
 * @image_bytes: memory of all images
 * @reset_bytes: bytes that resets have overwritten
 */
struct memory_totals {
	uint64_t held_bytes;
	uint64_t image_bytes;
	uint64_t reset_bytes;
};

/**
 * struct memory_backend - one way to make memories
 * @open: set up for this process
 * @close: undo @open
 * @alloc: make the process's only memory, of @limit bytes, for the guest @key
 * @grow: raise the limit of the memory
 * @free: discard the contents of the memory
 * @save: make an image of the memory; from the next @open on, memories of the guest
 *	@key start from it, also in forked processes; NULL without images
 * @forget: undo all calls of @save
 * @totals: read the totals over all processes; NULL if a process knows only its own
 * @own_totals: read the totals of this process, if @totals is NULL
 *
 * Functions with a result of type int return 0 or a negative errno value.
 */
struct memory_backend {
	int (*open)(void);
	void (*close)(void);
	int (*alloc)(uint64_t key, size_t limit, uint8_t **address,
		     enum slotpool_placement *placement);
	int (*grow)(size_t limit);
	void (*free)(void);
	int (*save)(uint64_t key);
	void (*forget)(void);
	int (*totals)(struct memory_totals *totals);
	void (*own_totals)(struct memory_totals *totals);
};

extern const struct memory_backend slotpool_memory;
/* The same calls for libslotpool without the module */
extern const struct memory_backend slotpool_user_memory;
extern const struct memory_backend madvise_memory;

/*
 * Turn stray accesses into traps. Call once, before forking. Return 0 or a negative
 * errno value.
 */
int memory_init(void);

/* Choose the backend of all later memories, and open it. */
int memory_open(const struct memory_backend *backend);
void memory_close(void);

/* Choose the guest of the next memory. */
void memory_set_key(uint64_t key);

/* Note that the guest has started, and is ready for a request. */
void memory_mark_started(void);

/* Page faults of this process so far */
uint64_t memory_page_faults(void);

/* Call the backend's functions of these names, with the chosen key. */
int memory_save(void);
void memory_forget(void);

/**
 * struct memory_use - use of the memory since memory_set_key()
 * @made: a memory was made
 * @placement: its placement
 * @grown: its limit was raised
 * @start_faults: page faults until the guest had started
 */
struct memory_use {
	bool made;
	enum slotpool_placement placement;
	bool grown;
	uint64_t start_faults;
};

const struct memory_use *memory_use(void);

#endif /* MEMORY_H */
