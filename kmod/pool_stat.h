/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_STAT_H
#define SLOTPOOL_POOL_STAT_H

#include <linux/slotpool.h>

#include "pool.h"

void pool_stat(struct pool *pool, struct slotpool_stat_args *stat);

#endif /* SLOTPOOL_POOL_STAT_H */
