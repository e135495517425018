/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 0
 *
 * The device node of a pool.
 */
#ifndef SLOTPOOL_DEVICE_H
#define SLOTPOOL_DEVICE_H

#include <linux/miscdevice.h>

struct pool;

/**
 * struct pool_device - the device node of a pool
 * @misc: the device
 * @pool: invariant: the pool
 */
struct pool_device {
	struct miscdevice misc;
	struct pool *pool;
};

#endif /* SLOTPOOL_DEVICE_H */
