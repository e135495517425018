/* SPDX-License-Identifier: GPL-2.0-only */
/* Run the same operations on the policy and on the model, and compare the two. */
#ifndef UNIT_LOCKSTEP_H
#define UNIT_LOCKSTEP_H

#include "model.h"

enum operation_kind {
	OPERATION_ALLOC,
	OPERATION_ALLOC_EXACT,
	OPERATION_FREE,
	OPERATION_DECOMMIT,
	OPERATION_PUT_TAKEN,
	OPERATION_TAKE_VICTIM,
	OPERATION_TAKE_AFFINE,
	OPERATION_TAKE_EXACT,
	OPERATION_PURGE,
	OPERATION_SET_MAX_UNUSED_WARM_SLOTS,
	NR_OPERATION_KINDS,
};

/*
 * FREE and DECOMMIT apply to the first used slot from @slot on, PUT_TAKEN makes
 * the first taken slot cold. They do nothing without such a slot.
 */
struct operation {
	enum operation_kind kind;
	__u32 slot;
	struct policy_affinity affinity;
	__u64 max_unused_warm_slots;
};

struct lockstep {
	struct policy policy;
	struct model model;
	bool *in_ring;
};

void lockstep_start(struct lockstep *lockstep, __u32 nr_slots, __u64 max_unused_warm_slots,
		    __u64 seed, bool one_bucket);
void lockstep_stop(struct lockstep *lockstep);

/* Both print a difference as a TAP comment. */
bool lockstep_step(struct lockstep *lockstep, const struct operation *operation);
bool lockstep_check(const struct lockstep *lockstep);

#endif /* UNIT_LOCKSTEP_H */
