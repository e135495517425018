/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Floor: 0
 *
 * Event counters of a pool, one set for each CPU: counting never contends.
 */
#ifndef SLOTPOOL_STATS_H
#define SLOTPOOL_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

enum stats_event {
	STATS_AFFINE_ALLOCS,
	STATS_RECYCLED_ALLOCS,
	STATS_COLD_ALLOCS,
	STATS_FREES,
	STATS_RESETS,
	STATS_RESET_PAGES,
	STATS_DROPPED_PAGES,
	STATS_TAKEN_PAGES,
	STATS_GIVEN_PAGES,
	STATS_READ_FAULTS,
	STATS_WRITE_FAULTS,
	STATS_REFUSED_FAULTS,
	STATS_EVICTIONS,
	STATS_DECAY_SAMPLES,
	STATS_DECAYED_PAGES,
	STATS_PREPARED_PAGES,
	STATS_IMAGE_READS,
	STATS_IMAGE_DROPS,
	STATS_NR_EVENTS,
};

struct stats {
	u64 events[STATS_NR_EVENTS];
};

static inline void stats_add(struct stats __percpu *stats, enum stats_event event, u64 count)
{
	this_cpu_add(stats->events[event], count);
}

static inline u64 stats_sum(struct stats __percpu *stats, enum stats_event event)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->events[event]);
	return sum;
}

#endif /* SLOTPOOL_STATS_H */
