/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SHRINKER_H
#define SLOTPOOL_SHRINKER_H

struct pool;
struct shrinker;

struct shrinker *shrinker_create(struct pool *pool);
void shrinker_destroy(struct shrinker *shrinker);

#endif /* SLOTPOOL_SHRINKER_H */
