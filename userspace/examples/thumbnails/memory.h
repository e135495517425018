/* SPDX-License-Identifier: MIT */
/* Where the linear memories of the guests come from */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/slotpool.h>

/*
 * How far an access can reach: a 32-bit address, a 32-bit offset and the width
 * of what is accessed, in whole pages.
 */
#define REACH ((2ULL << 32) + 4096)

#define NR_PLACEMENTS (SLOTPOOL_PLACED_COLD + 1)

/**
 * struct memory_totals - what a pool holds and did
 * @held_bytes: private memory of all slots
 * @image_bytes: what all images store
 * @reset_bytes: what was overwritten so far
 */
struct memory_totals {
	uint64_t held_bytes;
	uint64_t image_bytes;
	uint64_t reset_bytes;
};

/**
 * struct memory_backend - one way to make memories
 * @open: make ready for this process
 * @close: undo @open
 * @alloc: make the process's one memory, of @limit bytes, for a guest known
 *	as @key
 * @grow: move its limit up
 * @free: make its contents go away
 * @save: from the next @open on, memories for a guest known as @key start like
 *	the process's one, also in processes that are forked; NULL where that
 *	can't be had
 * @forget: undo every @save
 * @totals: what all processes together hold, and have reset since whenever;
 *	NULL where a process knows no more than itself
 * @own_totals: what this process holds, and has reset, where @totals is NULL
 *
 * Functions that return an int return 0 or a negative errno value.
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
/* The same calls where libslotpool does without the module */
extern const struct memory_backend slotpool_user_memory;
extern const struct memory_backend madvise_memory;

/*
 * From here on stray accesses trap. Once for a process and those that it forks.
 * Returns 0 or a negative errno value.
 */
int memory_init(void);

/* From here on memories are made by @backend. */
int memory_open(const struct memory_backend *backend);
void memory_close(void);

/* The next memory is for the guest known as @key. */
void memory_set_key(uint64_t key);

/* The guest can be asked to do something. */
void memory_mark_started(void);

/* Of this process, so far */
uint64_t memory_page_faults(void);

/* As the backend's functions of these names, for the key that is set */
int memory_save(void);
void memory_forget(void);

/**
 * struct memory_use - what became of the memory since the key was set
 * @made: there was one
 * @placement: how it was placed
 * @grown: its limit was moved up
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
