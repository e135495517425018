/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings of a pool of which parts are unmapped, protected and moved, and the access
 * that each page of them allows.
 */
#ifndef SELFTESTS_ORACLE_MAP_H
#define SELFTESTS_ORACLE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/page.h"

enum map_access {
	MAP_WRITABLE,
	MAP_READABLE,
	MAP_INACCESSIBLE,
	/* Something else is there. */
	MAP_HOLE,
};

/* A VMA may begin here: mremap() takes one at a time. */
#define MAP_BOUNDARY 0x80

/*
 * A mapping of some slots. Address space is set aside for two places of each
 * slot, so that nothing else comes to where a slot was and will be.
 */
struct map {
	char *start;
	size_t length;
	uint32_t first, count;
	size_t stride_pages;
	/* The start of the pages of the first place */
	char *places;
	/* For each slot: whether it is in the second place */
	bool *moved;
	/* For each page: enum map_access, MAP_BOUNDARY */
	uint8_t *pages;
};

static inline bool map_covers(const struct map *map, uint32_t slot)
{
	return map->start && slot >= map->first && slot - map->first < map->count;
}

static inline char *map_place(const struct map *map, uint32_t slot, bool second)
{
	size_t row = slot - map->first + (second ? map->count : 0);

	return map->places + row * map->stride_pages * PAGE;
}

/* Returns the address of a slot that the mapping covers. */
static inline char *map_slot(const struct map *map, uint32_t slot)
{
	return map_place(map, slot, map->moved[slot - map->first]);
}

static inline uint8_t *map_pages(const struct map *map, uint32_t slot)
{
	return map->pages + (slot - map->first) * map->stride_pages;
}

static inline enum map_access map_access(const struct map *map, uint32_t slot, size_t page)
{
	if (!map_covers(map, slot))
		return MAP_HOLE;
	return map_pages(map, slot)[page] & ~MAP_BOUNDARY;
}

static inline bool map_can_read(const struct map *map, uint32_t slot, size_t page)
{
	return map_access(map, slot, page) <= MAP_READABLE;
}

/* Sets address space aside, where something may have been mapped before. */
static inline bool map_set_aside(char *start, size_t length)
{
	return mmap(start, length, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == start;
}

/* Whose slots are all in their first places, and writable */
static inline void map_init(struct map *map, uint32_t first, uint32_t count, size_t stride_pages)
{
	map->first = first;
	map->count = count;
	map->stride_pages = stride_pages;
	map->moved = calloc(count, sizeof(*map->moved));
	map->pages = calloc(count * stride_pages, sizeof(*map->pages));
}

/* Takes a mapping that the library has made, which has no second places. */
static inline void map_adopt(struct map *map, char *start, uint32_t first, uint32_t count,
			     size_t stride_pages)
{
	map_init(map, first, count, stride_pages);
	map->start = start;
	map->places = start;
}

/* @shift: a number of pages, so that page tables end elsewhere in each mapping */
static inline bool map_create(struct map *map, int fd, uint32_t first, uint32_t count,
			      size_t stride_pages, size_t shift)
{
	size_t length = count * stride_pages * PAGE;

	map_init(map, first, count, stride_pages);
	map->length = 2 * length + shift * PAGE;
	map->start = mmap(NULL, map->length, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map->start == MAP_FAILED)
		return false;
	map->places = map->start + shift * PAGE;
	return mmap(map->places, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		    (off_t)(first * stride_pages * PAGE)) == map->places;
}

static inline void map_forget(struct map *map)
{
	free(map->moved);
	free(map->pages);
	map->start = NULL;
}

static inline bool map_destroy(struct map *map)
{
	bool done = !munmap(map->start, map->length);

	map_forget(map);
	return done;
}

/* The boundaries within the range stay: these VMAs never merge. */
static inline void map_mark(const struct map *map, uint32_t slot, size_t first, size_t count,
			    enum map_access access)
{
	uint8_t *pages = map_pages(map, slot);
	size_t page;

	for (page = first; page < first + count; page++)
		pages[page] = access | (pages[page] & MAP_BOUNDARY);
	pages[first] |= MAP_BOUNDARY;
	if (first + count < map->stride_pages)
		pages[first + count] |= MAP_BOUNDARY;
}

/* A new mapping is one VMA. */
static inline void map_replace(const struct map *map, uint32_t slot, size_t first, size_t count,
			       enum map_access access)
{
	memset(map_pages(map, slot) + first, 0, count);
	map_mark(map, slot, first, count, access);
}

static inline bool map_punch(const struct map *map, uint32_t slot, size_t first, size_t count)
{
	map_replace(map, slot, first, count, MAP_HOLE);
	return map_set_aside(map_slot(map, slot) + first * PAGE, count * PAGE);
}

/* Maps a part of a slot afresh, whatever is there. */
static inline bool map_fill(const struct map *map, int fd, uint32_t slot, size_t first,
			    size_t count)
{
	char *start = map_slot(map, slot) + first * PAGE;

	map_replace(map, slot, first, count, MAP_WRITABLE);
	return mmap(start, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		    (off_t)((slot * map->stride_pages + first) * PAGE)) == start;
}

static inline bool map_has_hole(const struct map *map, uint32_t slot, size_t first, size_t count)
{
	size_t page;

	for (page = first; page < first + count; page++) {
		if (map_access(map, slot, page) == MAP_HOLE)
			return true;
	}
	return false;
}

/* For a range without holes. */
static inline bool map_protect(const struct map *map, uint32_t slot, size_t first, size_t count,
			       enum map_access access)
{
	static const int protections[] = {
		[MAP_WRITABLE] = PROT_READ | PROT_WRITE,
		[MAP_READABLE] = PROT_READ,
		[MAP_INACCESSIBLE] = PROT_NONE,
	};

	map_mark(map, slot, first, count, access);
	return !mprotect(map_slot(map, slot) + first * PAGE, count * PAGE,
			 protections[access]);
}

/* Moves a slot to its other place. */
static inline bool map_move(const struct map *map, uint32_t slot)
{
	const uint8_t *pages = map_pages(map, slot);
	char *old = map_slot(map, slot);
	size_t first = 0;

	map->moved[slot - map->first] = !map->moved[slot - map->first];
	while (first < map->stride_pages) {
		char *part = map_slot(map, slot) + first * PAGE;
		size_t end = first + 1;
		size_t length;

		while (end < map->stride_pages && !(pages[end] & MAP_BOUNDARY))
			end++;
		length = (end - first) * PAGE;
		if (map_access(map, slot, first) != MAP_HOLE &&
		    mremap(old + first * PAGE, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
			   part) != part)
			return false;
		first = end;
	}
	return map_set_aside(old, map->stride_pages * PAGE);
}

#endif /* SELFTESTS_ORACLE_MAP_H */
