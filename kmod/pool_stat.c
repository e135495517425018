// SPDX-License-Identifier: GPL-2.0-only
/*
 * Floor: 8
 *
 * The gauges and counters of a pool.
 */
#include "pool_stat.h"

/**
 * pool_stat() - read the gauges and counters of a pool
 * @pool: the pool
 * @stat: returns them
 *
 * Context: Process context.
 */
void pool_stat(struct pool *pool, struct slotpool_stat_args *stat)
{
	struct reserve *reserve = &pool->memory.reserve;
	struct image_store *images = &pool->memory.images;
	struct stats __percpu *stats = pool->memory.stats;
	u64 given;
	u32 i;

	for (i = 0; i < pool->nr_shards; i++) {
		struct pool_shard *shard = &pool->shards[i];

		spin_lock(&shard->lock);
		stat->warm_slots += shard->policy.nr_warm;
		stat->cold_slots += shard->policy.nr_cold;
		stat->warm_pages += shard->nr_warm_pages;
		spin_unlock(&shard->lock);
	}
	stat->used_slots = pool->config.nr_slots - stat->warm_slots - stat->cold_slots;

	spin_lock(&reserve->lock);
	stat->reserve_free_pages = reserve->nr_free;
	stat->committed_pages = reserve->nr_promised;
	stat->lost_pages = reserve->nr_lost;
	spin_unlock(&reserve->lock);

	/* Sum up what was given first: the difference is never negative then. */
	given = stats_sum(stats, STATS_GIVEN_PAGES);
	stat->held_pages = stats_sum(stats, STATS_TAKEN_PAGES) - given;
	stat->affine_allocs = stats_sum(stats, STATS_AFFINE_ALLOCS);
	stat->recycled_allocs = stats_sum(stats, STATS_RECYCLED_ALLOCS);
	stat->cold_allocs = stats_sum(stats, STATS_COLD_ALLOCS);
	stat->frees = stats_sum(stats, STATS_FREES);
	stat->resets = stats_sum(stats, STATS_RESETS);
	stat->reset_pages = stats_sum(stats, STATS_RESET_PAGES);
	stat->dropped_pages = stats_sum(stats, STATS_DROPPED_PAGES);
	stat->read_faults = stats_sum(stats, STATS_READ_FAULTS);
	stat->write_faults = stats_sum(stats, STATS_WRITE_FAULTS);
	stat->refused_faults = stats_sum(stats, STATS_REFUSED_FAULTS);
	stat->evictions = stats_sum(stats, STATS_EVICTIONS);
	stat->decay_samples = stats_sum(stats, STATS_DECAY_SAMPLES);
	stat->decayed_pages = stats_sum(stats, STATS_DECAYED_PAGES);
	stat->prepared_pages = stats_sum(stats, STATS_PREPARED_PAGES);
	stat->images = atomic_read(&images->nr_images);
	stat->image_pages = atomic_long_read(&images->nr_stored);
	stat->image_charged_pages = charge_read(&images->charge);
	stat->image_reads = stats_sum(stats, STATS_IMAGE_READS);
	stat->image_drops = stats_sum(stats, STATS_IMAGE_DROPS);
}
