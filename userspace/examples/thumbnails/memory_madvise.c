// SPDX-License-Identifier: MIT
/*
 * Memories without slotpool: reserve address space for some slots, set limits with
 * mprotect(), and discard contents with MADV_DONTNEED.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

/* Enough for all guests: no guest takes the slot of another one. */
#define NR_SLOTS 8
#define SLOT_SIZE (64UL << 20)

static struct madvise_slot {
	uint8_t *address;
	uint64_t key;
	size_t limit;
	bool used;
} slots[NR_SLOTS];
static struct madvise_slot *current;
static uint8_t *reservation;

static int reserve_slots(void)
{
	reservation = mmap(NULL, NR_SLOTS * REACH, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reservation == MAP_FAILED)
		return -errno;
	for (int i = 0; i < NR_SLOTS; i++)
		slots[i] = (struct madvise_slot){
			.address = reservation + i * REACH,
		};
	return 0;
}

static void release_slots(void)
{
	munmap(reservation, NR_SLOTS * REACH);
}

static int set_limit(struct madvise_slot *slot, size_t limit)
{
	size_t low = slot->limit < limit ? slot->limit : limit;
	size_t high = slot->limit < limit ? limit : slot->limit;
	int protection = slot->limit < limit ? PROT_READ | PROT_WRITE : PROT_NONE;

	if (limit > SLOT_SIZE)
		return -EINVAL;
	if (low < high && mprotect(slot->address + low, high - low, protection))
		return -errno;
	slot->limit = limit;
	return 0;
}

static int take_slot(uint64_t key, size_t limit, uint8_t **address,
		     enum slotpool_placement *placement)
{
	struct madvise_slot *slot;
	int ret;

	for (slot = slots; slot < slots + NR_SLOTS; slot++)
		if (!slot->used || slot->key == key)
			break;
	if (slot == slots + NR_SLOTS)
		return -ENOSPC;
	ret = set_limit(slot, limit);
	if (ret)
		return ret;
	*placement = slot->used ? SLOTPOOL_PLACED_AFFINE : SLOTPOOL_PLACED_COLD;
	*address = slot->address;
	slot->used = true;
	slot->key = key;
	current = slot;
	return 0;
}

static int grow_slot(size_t limit)
{
	return limit > current->limit ? set_limit(current, limit) : 0;
}

static void empty_slot(void)
{
	madvise(current->address, current->limit, MADV_DONTNEED);
}

static void count_resident(struct memory_totals *totals)
{
	long page_size = sysconf(_SC_PAGESIZE);
	size_t nr_pages = SLOT_SIZE / page_size;
	unsigned char *resident = malloc(nr_pages);

	if (!resident)
		abort();
	for (int i = 0; i < NR_SLOTS; i++) {
		if (mincore(slots[i].address, SLOT_SIZE, resident))
			abort();
		for (size_t page = 0; page < nr_pages; page++)
			if (resident[page] & 1)
				totals->held_bytes += page_size;
	}
	free(resident);
}

const struct memory_backend madvise_memory = {
	.open = reserve_slots,
	.close = release_slots,
	.alloc = take_slot,
	.grow = grow_slot,
	.free = empty_slot,
	.own_totals = count_resident,
};
