// SPDX-License-Identifier: MIT
/*
 * The contents of slots: private mappings of images, the border between the
 * accessible and the inaccessible part, and resets.
 *
 * A slot lies in a range of inaccessible address space. The part of its image
 * that isn't zeros is mapped there; mprotect() moves the limit. Resets use the
 * methods, and the sequences of system calls, of Wasmtime's pooling allocator
 * (crates/wasmtime/src/runtime/vm: cow.rs, pagemap_disabled.rs and
 * sys/unix/pagemap.rs):
 *
 * - If keep is 0, MADV_DONTNEED gives everything back: the next touch of a page
 *   faults in the image's page, or zeros.
 * - Otherwise, if the kernel has PAGEMAP_SCAN, find the pages that were written
 *   and overwrite them: up to keep bytes, in up to 32 regions. Give back
 *   everything above the end of the search.
 * - Otherwise overwrite the lowest keep bytes, and give back everything above.
 *
 * A reset leaves clean memory above the limit in place; the owner sees it when
 * it raises the limit. Only lowering the limit gives that memory back.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user.h"

#define MAX_REGIONS 32

/* Missing in <sys/mman.h> of the oldest supported C library. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Restore the image's contents of a range by copying. */
static void overwrite(struct user_slot *slot, uint64_t from, uint64_t to)
{
	uint64_t first = slot->image ? min(max(slot->image->first, from), to) : to;
	uint64_t end = slot->image ? max(min(slot->image->end, to), first) : to;

	memset(slot->memory + from, 0, first - from);
	if (first < end)
		memcpy(slot->memory + first, slot->image->bytes + first, end - first);
	memset(slot->memory + end, 0, to - end);
}

/* Restore the image's contents of a range by giving its pages back. */
static bool give_back(const struct user_slot *slot, uint64_t from, uint64_t to)
{
	return from >= to || !madvise(slot->memory + from, to - from, MADV_DONTNEED) ||
	       !madvise(slot->memory + from, to - from, MADV_DONTNEED_LOCKED);
}

/* Give a range back. Memory above @slot->accessible must be clean already. */
static void drop(struct user_slot *slot, uint64_t from, uint64_t to)
{
	/* A kernel without MADV_DONTNEED_LOCKED doesn't give back locked memory. */
	if (!give_back(slot, from, to))
		overwrite(slot, from, min(to, slot->accessible));
}

/* Make the memory below @accessible accessible, and the rest inaccessible. */
static int move_border(struct user_slot *slot, uint64_t accessible)
{
	uint64_t old = slot->accessible;
	int ret = 0;

	if (accessible > old &&
	    mprotect(slot->memory + old, accessible - old, PROT_READ | PROT_WRITE)) {
		ret = -errno;
		mprotect(slot->memory + old, accessible - old, PROT_NONE);
	} else if (accessible < old &&
		   mprotect(slot->memory + accessible, old - accessible, PROT_NONE)) {
		ret = -errno;
	}
	if (!ret)
		slot->accessible = accessible;
	/* From here on the owner can write up to the border. */
	slot->touched = max(slot->touched, slot->accessible);
	return ret;
}

/* Map over a part of the slot. As the rest of the range, a child doesn't get it. */
static int map_over(const struct user_slot *slot, uint64_t from, uint64_t to, int flags, int fd)
{
	char *address = slot->memory + from;

	if (mmap(address, to - from, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | flags,
		 fd, fd < 0 ? 0 : (off_t)from) == MAP_FAILED)
		return -errno;
	return madvise(address, to - from, MADV_DONTFORK) ? -errno : 0;
}

static bool maps_image(const struct user_slot *slot)
{
	return slot->image && slot->image->nr_stored;
}

/* Make the slot's range inaccessible and empty. */
static bool clear_range(struct user_slot *slot)
{
	/* A thread may have written to the slot after it was freed. */
	drop(slot, 0, max(slot->touched, slot->accessible));
	if (move_border(slot, 0))
		return false;
	return !maps_image(slot) ||
	       !map_over(slot, slot->image->first, slot->image->end, MAP_ANONYMOUS, -1);
}

static void forget_range(struct user_slot *slot)
{
	slot->memory = NULL;
	slot->hidden = false;
	slot->accessible = 0;
	slot->touched = 0;
	slot->held = 0;
}

static void unmap_hidden(const struct user_shared *shared, struct user_slot *slot)
{
	munmap(slot->memory, shared->slot_size);
	forget_range(slot);
}

static int set_up_range(struct user_slot *slot, char *address)
{
	int ret = 0;

	slot->memory = address;
	if (maps_image(slot))
		ret = map_over(slot, slot->image->first, slot->image->end, 0, slot->image->fd);
	return ret ? ret : move_border(slot, slot->limit);
}

struct copy_target {
	const char *from;
	char *to;
	uint64_t page_size;
};

static int copy_page(char *page, void *context)
{
	const struct copy_target *copy = context;

	memcpy(copy->to + (page - copy->from), page, copy->page_size);
	return 0;
}

int user_slot_map(const struct user_shared *shared, struct user_slot *slot, char *address)
{
	struct user_slot old = *slot;
	struct copy_target copy = { old.memory, address, shared->page_size };
	int ret;

	forget_range(slot);
	ret = set_up_range(slot, address);
	if (!old.memory)
		return ret;
	if (ret) {
		forget_range(slot);
		slot->memory = old.memory;
		slot->hidden = true;
		slot->touched = old.touched;
		return ret;
	}
	user_pagemap_each(&shared->pagemap, old.memory, old.touched, copy_page, &copy);
	munmap(old.memory, shared->slot_size);
	return 0;
}

bool user_slot_unmap(struct user_slot *slot)
{
	/* A slot without an owner is clean: there is nothing to preserve. */
	if (!slot->owned || !slot->accessible) {
		forget_range(slot);
		return false;
	}
	mprotect(slot->memory, slot->accessible, PROT_READ);
	slot->hidden = true;
	slot->touched = slot->accessible;
	slot->accessible = 0;
	return true;
}

bool user_slot_empty(struct user_shared *shared, struct user_slot *slot)
{
	slot->owned = false;
	if (slot->memory && slot->hidden)
		unmap_hidden(shared, slot);
	if (slot->memory && !clear_range(slot))
		return false;
	forget_range(slot);
	user_image_put(&shared->images, slot->image);
	slot->image = NULL;
	slot->client = NULL;
	return true;
}

/* Move the border to the new limit, unless the client has the slot unmapped. */
static int apply_limit(struct user_slot *slot, uint64_t limit)
{
	return slot->memory && !slot->hidden ? move_border(slot, limit) : 0;
}

int user_slot_begin(const struct user_shared *shared, struct user_slot *slot, char *address,
		    uint64_t limit)
{
	int ret;

	slot->limit = limit;
	slot->reset_limit = limit;
	ret = !slot->memory && address ? user_slot_map(shared, slot, address) :
					 apply_limit(slot, limit);
	slot->owned = !ret;
	return ret;
}

int user_slot_resize(struct user_slot *slot, uint64_t limit)
{
	int ret = apply_limit(slot, limit);

	if (ret)
		return ret;
	if (slot->memory && limit < slot->limit) {
		if (!give_back(slot, limit, slot->touched)) {
			apply_limit(slot, slot->limit);
			return -ENOMEM;
		}
		slot->touched = min(slot->touched, limit);
	}
	slot->limit = limit;
	slot->reset_limit = min(slot->reset_limit, limit);
	return 0;
}

static void reset_lowest(const struct user_shared *shared, struct user_slot *slot)
{
	uint64_t kept = min(slot->keep, slot->touched);
	uint64_t overwritten = min(kept, slot->accessible);

	overwrite(slot, 0, overwritten);
	slot->nr_reset_pages += overwritten / shared->page_size;
	drop(slot, kept, slot->touched);
	slot->touched = kept;
	/* This reset or an earlier one has populated every page below by writing. */
	slot->held = kept;
}

static bool reset_written(const struct user_shared *shared, struct user_slot *slot)
{
	struct scan_region regions[MAX_REGIONS];
	uint64_t held = 0, looked_at;
	char *end;
	int nr;

	nr = user_pagemap_scan(&shared->pagemap, slot->memory, slot->touched,
			       slot->keep / shared->page_size, regions, MAX_REGIONS, &end);
	if (nr < 0)
		return false;
	for (int i = 0; i < nr; i++) {
		uint64_t from = regions[i].start - (uintptr_t)slot->memory;
		uint64_t to = regions[i].end - (uintptr_t)slot->memory;

		held += to - from;
		to = min(to, slot->accessible);
		if (from >= to)
			continue;
		overwrite(slot, from, to);
		slot->nr_reset_pages += (to - from) / shared->page_size;
	}
	looked_at = end - slot->memory;
	drop(slot, looked_at, slot->touched);
	slot->touched = looked_at;
	slot->held = held;
	return true;
}

/* Reset the contents of the slot to the image, or to zeros. */
static void reset_contents(const struct user_shared *shared, struct user_slot *slot)
{
	if (!slot->memory)
		return;
	if (slot->hidden) {
		unmap_hidden(shared, slot);
		return;
	}
	/* Don't scan for a single page, or for none: it costs more than it saves. */
	if (shared->scans && slot->keep &&
	    (slot->keep > shared->page_size || slot->touched > shared->page_size) &&
	    reset_written(shared, slot))
		return;
	reset_lowest(shared, slot);
}

int user_slot_reset(const struct user_shared *shared, struct user_slot *slot)
{
	int ret;

	reset_contents(shared, slot);
	slot->nr_resets++;
	ret = apply_limit(slot, slot->reset_limit);
	if (!ret)
		slot->limit = slot->reset_limit;
	return ret;
}

void user_slot_end(const struct user_shared *shared, struct user_slot *slot)
{
	reset_contents(shared, slot);
	slot->owned = false;
	if (shared->strict && slot->memory)
		move_border(slot, 0);
}

static int count_page(char *page, void *context)
{
	(void)page;
	++*(uint64_t *)context;
	return 0;
}

uint64_t user_slot_count(const struct user_shared *shared, struct user_slot *slot)
{
	uint64_t nr_pages = 0;

	if (slot->memory)
		user_pagemap_each(&shared->pagemap, slot->memory, slot->touched, count_page,
				  &nr_pages);
	return nr_pages * shared->page_size;
}

struct save_target {
	const char *memory;
	uint64_t page_size;
	int fd;
};

/* Return 0 or -errno. */
static int save(int fd, const char *from, uint64_t offset, uint64_t length)
{
	while (length) {
		ssize_t count = pwrite(fd, from, length, (off_t)offset);

		if (count < 0)
			return errno == EINTR ? -EINTR : -ENOMEM;
		from += count;
		offset += count;
		length -= count;
	}
	return 0;
}

static int save_page(char *page, void *context)
{
	const struct save_target *to = context;

	return save(to->fd, page, page - to->memory, to->page_size);
}

int user_slot_save(const struct user_shared *shared, struct user_slot *slot, int fd)
{
	struct save_target to = { slot->memory, shared->page_size, fd };
	int ret = 0;

	if (maps_image(slot) && slot->image->first < slot->limit)
		ret = save(fd, slot->image->bytes + slot->image->first, slot->image->first,
			   min(slot->image->end, slot->limit) - slot->image->first);
	if (ret || !slot->memory)
		return ret;
	return user_pagemap_each(&shared->pagemap, slot->memory, min(slot->touched, slot->limit),
				 save_page, &to);
}
