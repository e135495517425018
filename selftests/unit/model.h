/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second implementation of the placement rule, slow and simple: every query
 * looks at all slots. It shares types with policy.h, and nothing with policy.c.
 */
#ifndef UNIT_MODEL_H
#define UNIT_MODEL_H

#include "../../kmod/policy.h"

struct model_slot {
	enum policy_state state;
	struct policy_affinity affinity;
	__u64 since; /* when the slot entered this state; 0: never used */
};

struct model {
	struct model_slot *slots;
	__u32 nr_slots;
	__u64 max_unused_warm_slots;
	__u64 now;
};

void model_init(struct model *model, struct model_slot *slots, __u32 nr_slots,
		__u64 max_unused_warm_slots);

__u32 model_count(const struct model *model, enum policy_state state);
__u32 model_next(const struct model *model, __u32 slot, enum policy_state state);
__u32 model_newest_affine(const struct model *model, struct policy_affinity affinity);

__u32 model_alloc(struct model *model, struct policy_affinity affinity,
		  enum policy_placement *placement);
bool model_alloc_exact(struct model *model, __u32 slot, struct policy_affinity affinity,
		       enum policy_placement *placement);
void model_free(struct model *model, __u32 slot);

__u32 model_take_victim(struct model *model);
__u32 model_take_affine(struct model *model, struct policy_affinity affinity);
bool model_take_exact(struct model *model, __u32 slot);
void model_put_cold(struct model *model, __u32 slot);

#endif /* UNIT_MODEL_H */
