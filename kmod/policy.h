/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which slot is next: the placement rule of a shard.
 *
 * Pure data-structure code: it takes no lock, allocates nothing and calls
 * nothing. The same file is compiled into the module and into the tests that run in
 * user space. The caller provides the memory and keeps two
 * calls for the same policy from running at once.
 */
#ifndef SLOTPOOL_POLICY_H
#define SLOTPOOL_POLICY_H

#include <linux/types.h>

#define POLICY_NO_SLOT ((__u32)~0U)

/* The last use of a slot; domain 0 means no affinity. */
struct policy_affinity {
	__u64 domain;
	__u64 key;
};

enum policy_placement {
	POLICY_AFFINE,
	POLICY_RECYCLED,
	POLICY_COLD,
};

enum policy_state {
	POLICY_STATE_COLD,
	POLICY_STATE_WARM,
	POLICY_STATE_USED,
	POLICY_STATE_TAKEN,
};

/*
 * One slot as the policy sees it. A cold slot is on the cold list; a warm one
 * is on the warm list and, if it has an affinity, in the ring of that
 * affinity; a used one, and one taken to be decommitted, are on no list.
 */
struct policy_node {
	struct policy_affinity affinity;
	__u32 prev, next;	/* neighbours on the warm or the cold list */
	__u32 older, newer;	/* neighbours in the affinity's ring */
	__u32 chain;		/* next ring in the hash bucket */
	__u32 state;
};

struct policy_list {
	__u32 head, tail;
};

struct policy {
	struct policy_node *nodes;
	__u32 *buckets;		/* newest slot of the first ring of each bucket */
	__u32 nr_slots;
	__u32 bucket_mask;
	__u64 seed;
	__u64 max_unused_warm_slots;
	__u32 nr_warm, nr_cold, nr_taken;
	struct policy_list warm;	/* least recently used first */
	struct policy_list cold;	/* next to be taken first */
};

__u32 policy_nr_buckets(__u32 nr_slots);
void policy_init(struct policy *policy, struct policy_node *nodes, __u32 *buckets,
		 __u32 nr_slots, __u64 max_unused_warm_slots, __u64 seed);

__u32 policy_alloc(struct policy *policy, struct policy_affinity affinity,
		   enum policy_placement *placement);
bool policy_alloc_exact(struct policy *policy, __u32 slot, struct policy_affinity affinity,
			enum policy_placement *placement);
void policy_free(struct policy *policy, __u32 slot);

__u32 policy_victim(const struct policy *policy);
__u32 policy_take_victim(struct policy *policy);
__u32 policy_take_affine(struct policy *policy, struct policy_affinity affinity);
bool policy_take_exact(struct policy *policy, __u32 slot);
void policy_put_cold(struct policy *policy, __u32 slot);

#endif /* SLOTPOOL_POLICY_H */
