// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 0
 *
 * The configuration of a pool: which ones are possible, and the defaults.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>

#include "pool_config.h"

#define POOL_MAX_SLOTS ((unsigned int)SZ_16M)
#define POOL_MAX_SHARDS 256U
/* A mapping of each slot, in a few parts */
#define POOL_MAPPINGS_PER_SLOT 4U
#define POOL_MIN_CLIENT_MAPPINGS 1024U

/**
 * pool_config_check() - check a configuration, and fill in its defaults
 * @config: the configuration
 *
 * Says in the log what is wrong.
 *
 * Context: Process context.
 * Return: 0, or -EINVAL for an impossible configuration.
 */
int pool_config_check(struct pool_config *config)
{
	u64 bytes;

	if (!config->nr_slots || config->nr_slots > POOL_MAX_SLOTS) {
		pr_err("nr_slots=%u is not between 1 and %u\n", config->nr_slots, POOL_MAX_SLOTS);
		return -EINVAL;
	}
	if (config->nr_shards > min(config->nr_slots, POOL_MAX_SHARDS)) {
		pr_err("nr_shards=%u is more than nr_slots=%u or %u\n", config->nr_shards,
		       config->nr_slots, POOL_MAX_SHARDS);
		return -EINVAL;
	}
	if (!config->slot_size || !PAGE_ALIGNED(config->slot_size)) {
		pr_err("slot_size=%llu is not a multiple of the page size, %lu\n",
		       config->slot_size, PAGE_SIZE);
		return -EINVAL;
	}
	if (!config->slot_stride && check_mul_overflow(config->slot_size, (u64)2,
						       &config->slot_stride)) {
		pr_err("slot_size=%llu is too large\n", config->slot_size);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->slot_stride)) {
		pr_err("slot_stride=%llu is not a multiple of the page size, %lu\n",
		       config->slot_stride, PAGE_SIZE);
		return -EINVAL;
	}
	if (config->slot_stride < config->slot_size) {
		pr_err("slot_stride=%llu is less than slot_size=%llu\n", config->slot_stride,
		       config->slot_size);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->max_image_bytes) ||
	    !PAGE_ALIGNED(config->max_client_image_bytes) ||
	    !PAGE_ALIGNED(config->max_pool_image_bytes)) {
		pr_err("max_image_bytes=%llu, max_client_image_bytes=%llu or max_pool_image_bytes=%llu is not a multiple of the page size, %lu\n",
		       config->max_image_bytes, config->max_client_image_bytes,
		       config->max_pool_image_bytes, PAGE_SIZE);
		return -EINVAL;
	}
	if (!PAGE_ALIGNED(config->keep_bytes)) {
		pr_err("keep_bytes=%llu is not a multiple of the page size, %lu\n",
		       config->keep_bytes, PAGE_SIZE);
		return -EINVAL;
	}
	/* File offsets are signed. */
	if (check_mul_overflow(config->slot_stride, (u64)config->nr_slots, &bytes) ||
	    bytes > LLONG_MAX) {
		pr_err("nr_slots=%u times slot_stride=%llu is too large\n", config->nr_slots,
		       config->slot_stride);
		return -EINVAL;
	}
	if (!config->max_clients) {
		pr_err("max_clients=0 lets nobody open the device\n");
		return -EINVAL;
	}
	if (!config->max_client_mappings)
		config->max_client_mappings = max(POOL_MIN_CLIENT_MAPPINGS,
						  POOL_MAPPINGS_PER_SLOT * config->nr_slots);
	if (!config->max_image_bytes)
		config->max_image_bytes = config->slot_size;
	/* Neither a process nor a pool shall fill the machine with images by accident. */
	if (!config->max_pool_image_bytes)
		config->max_pool_image_bytes = (u64)(totalram_pages() >> 2) << PAGE_SHIFT;
	/* One client shall not use up the bound of all. */
	if (!config->max_client_image_bytes)
		config->max_client_image_bytes = PAGE_ALIGN(config->max_pool_image_bytes >> 3);
	if (!config->overcommit && !config->reserve_pages) {
		pr_err("overcommit=0 needs reserve_pages: there is nothing to commit\n");
		return -EINVAL;
	}
	return 0;
}
