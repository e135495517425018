/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that a seed determines, for tests that do random things.
 */
#ifndef SELFTESTS_LIB_RANDOM_H
#define SELFTESTS_LIB_RANDOM_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The generator is SplitMix64 (Sebastiano Vigna, public domain). */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/* Returns the seed in the environment, or another one each time. */
static inline uint64_t random_seed(void)
{
	const char *given = getenv("SLOTPOOL_SEED");
	struct timespec now;

	if (given)
		return strtoull(given, NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec * 1000ULL + now.tv_nsec / 1000000) ^ (uint64_t)getpid() << 32;
}

#endif /* SELFTESTS_LIB_RANDOM_H */
