/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_POOL_CONFIG_H
#define SLOTPOOL_POOL_CONFIG_H

#include <linux/types.h>

/**
 * struct pool_config - the configuration of a pool
 * @nr_slots: number of slots
 * @nr_shards: number of shards, 0 for the default
 * @slot_size: bytes of a slot that can be made accessible
 * @slot_stride: bytes from slot to slot, 0 for twice @slot_size
 * @keep_bytes: bytes that a reset overwrites at most
 * @max_unused_warm_slots: N of the placement rule
 * @max_unused_warm_bytes: bound of what all warm slots hold, in bytes
 * @reserve_pages: pages to set aside
 * @max_client_pages: bound of what a client's slots hold, 0 for none
 * @max_clients: files of the device that may be open at a time
 * @max_client_mappings: VMAs that a client may have, 0 for the default
 * @max_image_bytes: bytes that one image may store, 0 for @slot_size
 * @max_client_image_bytes: bytes that a client's images may store, 0 for the default
 * @max_pool_image_bytes: bytes that all images may store, 0 for the default
 * @max_decay_samples: resets a second that may look which pages were written
 * @overcommit: allocate pages from the system beyond the reserve
 * @strict: unmap slots when they are freed
 */
struct pool_config {
	unsigned int nr_slots;
	unsigned int nr_shards;
	u64 slot_size;
	u64 slot_stride;
	u64 keep_bytes;
	u64 max_unused_warm_slots;
	u64 max_unused_warm_bytes;
	unsigned long reserve_pages;
	unsigned long max_client_pages;
	unsigned int max_clients;
	unsigned int max_client_mappings;
	u64 max_image_bytes;
	u64 max_client_image_bytes;
	u64 max_pool_image_bytes;
	unsigned int max_decay_samples;
	bool overcommit;
	bool strict;
};

int pool_config_check(struct pool_config *config);

#endif /* SLOTPOOL_POOL_CONFIG_H */
