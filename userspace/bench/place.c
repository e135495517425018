// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "measure.h"
#include "place.h"

#define ALIGNMENT (2UL << 20)

/* Occupies the space where the next mapping would not be aligned */
static char *filler;
static size_t filler_size;

/* Linux places a mapping at the highest address that has room. */
void place_aligned(size_t size)
{
	size_t room = size + ALIGNMENT;
	char *probe = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (probe == MAP_FAILED)
		err(1, "mmap");
	filler_size = (uintptr_t)(probe + room) % ALIGNMENT;
	munmap(probe, room);
	if (!filler_size)
		return;
	filler = mmap(probe + room - filler_size, filler_size, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (filler == MAP_FAILED)
		err(1, "mmap");
}

void place_as_usual(void)
{
	if (filler_size)
		munmap(filler, filler_size);
}
