// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep.h"

static bool same(const char *what, __u64 actual, __u64 expected)
{
	if (actual == expected)
		return true;
	printf("# %s: %lld, should be %lld\n", what, (long long)actual, (long long)expected);
	return false;
}

static bool same_slot(const char *what, __u32 actual, __u32 expected)
{
	/* As signed numbers: POLICY_NO_SLOT prints as -1. */
	return same(what, (__s32)actual, (__s32)expected);
}

static bool holds(const char *what, __u32 slot, bool condition)
{
	if (!condition)
		printf("# slot %d: not true: %s\n", (__s32)slot, what);
	return condition;
}

/* Fill the memory: no code may rely on it being zero. */
static void *allocate_filled(size_t nr_elements, size_t element_size)
{
	void *memory = malloc(nr_elements * element_size);

	if (!memory) {
		fprintf(stderr, "out of memory\n");
		exit(EXIT_FAILURE);
	}
	return memset(memory, 0xa5, nr_elements * element_size);
}

void lockstep_start(struct lockstep *lockstep, __u32 nr_slots, __u64 max_unused_warm_slots,
		    __u64 seed, bool one_bucket)
{
	struct policy_node *nodes = allocate_filled(nr_slots, sizeof(*nodes));
	__u32 *buckets = allocate_filled(policy_nr_buckets(nr_slots), sizeof(*buckets));
	struct model_slot *slots = allocate_filled(nr_slots, sizeof(*slots));

	memset(lockstep, 0xa5, sizeof(*lockstep));
	policy_init(&lockstep->policy, nodes, buckets, nr_slots, max_unused_warm_slots, seed);
	if (one_bucket)
		lockstep->policy.bucket_mask = 0;
	model_init(&lockstep->model, slots, nr_slots, max_unused_warm_slots);
	lockstep->in_ring = allocate_filled(nr_slots, sizeof(*lockstep->in_ring));
}

void lockstep_stop(struct lockstep *lockstep)
{
	free(lockstep->in_ring);
	free(lockstep->model.slots);
	free(lockstep->policy.buckets);
	free(lockstep->policy.nodes);
}

static bool purge(struct lockstep *lockstep, struct policy_affinity affinity)
{
	for (;;) {
		__u32 slot = model_take_affine(&lockstep->model, affinity);

		if (!same_slot("slot purged", policy_take_affine(&lockstep->policy, affinity),
			       slot))
			return false;
		if (slot == POLICY_NO_SLOT)
			return true;
		policy_put_cold(&lockstep->policy, slot);
		model_put_cold(&lockstep->model, slot);
	}
}

static bool apply(struct lockstep *lockstep, const struct operation *operation)
{
	enum policy_placement actual = POLICY_COLD, expected = POLICY_COLD;
	struct policy *policy = &lockstep->policy;
	struct model *model = &lockstep->model;
	__u32 used = model_next(model, operation->slot, POLICY_STATE_USED);
	__u32 taken = model_next(model, operation->slot, POLICY_STATE_TAKEN);

	switch (operation->kind) {
	case OPERATION_ALLOC:
		return same_slot("slot allocated",
				 policy_alloc(policy, operation->affinity, &actual),
				 model_alloc(model, operation->affinity, &expected)) &&
		       same("placement", actual, expected);
	case OPERATION_ALLOC_EXACT:
		return same("exact slot allocated",
			    policy_alloc_exact(policy, operation->slot, operation->affinity,
					       &actual),
			    model_alloc_exact(model, operation->slot, operation->affinity,
					      &expected)) &&
		       same("placement", actual, expected);
	case OPERATION_FREE:
		if (used == POLICY_NO_SLOT)
			return true;
		policy_free(policy, used);
		model_free(model, used);
		return true;
	case OPERATION_DECOMMIT:
		if (used == POLICY_NO_SLOT)
			return true;
		policy_put_cold(policy, used);
		model_put_cold(model, used);
		return true;
	case OPERATION_PUT_TAKEN:
		if (taken == POLICY_NO_SLOT)
			return true;
		policy_put_cold(policy, taken);
		model_put_cold(model, taken);
		return true;
	case OPERATION_TAKE_VICTIM:
		return same_slot("victim", policy_take_victim(policy), model_take_victim(model));
	case OPERATION_TAKE_AFFINE:
		return same_slot("affine slot taken",
				 policy_take_affine(policy, operation->affinity),
				 model_take_affine(model, operation->affinity));
	case OPERATION_TAKE_EXACT:
		return same("exact slot taken", policy_take_exact(policy, operation->slot),
			    model_take_exact(model, operation->slot));
	case OPERATION_PURGE:
		return purge(lockstep, operation->affinity);
	case OPERATION_SET_MAX_UNUSED_WARM_SLOTS:
		policy->max_unused_warm_slots = operation->max_unused_warm_slots;
		model->max_unused_warm_slots = operation->max_unused_warm_slots;
		return true;
	default:
		abort();
	}
}

bool lockstep_step(struct lockstep *lockstep, const struct operation *operation)
{
	return apply(lockstep, operation) &&
	       same("warm slots", lockstep->policy.nr_warm,
		    model_count(&lockstep->model, POLICY_STATE_WARM)) &&
	       same("cold slots", lockstep->policy.nr_cold,
		    model_count(&lockstep->model, POLICY_STATE_COLD)) &&
	       same("taken slots", lockstep->policy.nr_taken,
		    model_count(&lockstep->model, POLICY_STATE_TAKEN));
}

static bool warm_before(const struct model *model, __u32 a, __u32 b)
{
	return model->slots[a].since < model->slots[b].since;
}

static bool cold_before(const struct model *model, __u32 a, __u32 b)
{
	if (model->slots[a].since == model->slots[b].since)
		return a < b;
	return model->slots[a].since > model->slots[b].since;
}

/*
 * The order is strict: a list of the right length can't hold a slot twice, and
 * thus holds all slots of that state.
 */
static bool check_list(const struct lockstep *lockstep, const struct policy_list *list,
		       enum policy_state state,
		       bool (*before)(const struct model *model, __u32 a, __u32 b))
{
	const struct policy_node *nodes = lockstep->policy.nodes;
	const struct model *model = &lockstep->model;
	__u32 prev = POLICY_NO_SLOT;
	__u32 length = 0;

	for (__u32 slot = list->head; slot != POLICY_NO_SLOT; slot = nodes[slot].next) {
		if (!holds("a list has only slots of the pool", slot, slot < model->nr_slots) ||
		    !holds("a list has only slots of its state", slot,
			   model->slots[slot].state == state) ||
		    !holds("prev is the previous slot", slot, nodes[slot].prev == prev) ||
		    !holds("a list is in order", slot,
			   prev == POLICY_NO_SLOT || before(model, prev, slot)))
			return false;
		prev = slot;
		length++;
	}
	return holds("the last slot is the tail", list->tail, list->tail == prev) &&
	       same("slots on the list", length, model_count(model, state));
}

/* Check a ring, and add its slots to in_ring. */
static bool check_ring(const struct lockstep *lockstep, __u32 newest)
{
	const struct policy_node *nodes = lockstep->policy.nodes;
	const struct model *model = &lockstep->model;
	struct policy_affinity affinity;
	__u32 slot = newest;

	if (!holds("a chain has only slots of the pool", newest, newest < model->nr_slots))
		return false;
	affinity = model->slots[newest].affinity;
	if (!holds("the newest slot of an affinity is in the chain", newest,
		   newest == model_newest_affine(model, affinity)))
		return false;

	for (;;) {
		__u32 older = nodes[slot].older;

		if (!holds("a slot is in one ring, once", slot, !lockstep->in_ring[slot]))
			return false;
		lockstep->in_ring[slot] = true;
		if (!holds("older is a slot of the pool", older, older < model->nr_slots) ||
		    !holds("newer points back to the slot", older,
			   nodes[older].newer == slot))
			return false;
		if (older == newest)
			return true;
		if (!holds("a ring is in the order of the warm list", older,
			   warm_before(model, older, slot)) ||
		    !holds("a ring has one affinity", older,
			   model->slots[older].affinity.domain == affinity.domain &&
				   model->slots[older].affinity.key == affinity.key))
			return false;
		slot = older;
	}
}

bool lockstep_check(const struct lockstep *lockstep)
{
	const struct policy *policy = &lockstep->policy;
	const struct model *model = &lockstep->model;

	if (!check_list(lockstep, &policy->warm, POLICY_STATE_WARM, warm_before) ||
	    !check_list(lockstep, &policy->cold, POLICY_STATE_COLD, cold_before))
		return false;

	memset(lockstep->in_ring, false, model->nr_slots * sizeof(*lockstep->in_ring));
	for (__u32 i = 0; i <= policy->bucket_mask; i++) {
		for (__u32 slot = policy->buckets[i]; slot != POLICY_NO_SLOT;
		     slot = policy->nodes[slot].chain) {
			if (!check_ring(lockstep, slot))
				return false;
		}
	}

	for (__u32 slot = 0; slot < model->nr_slots; slot++) {
		const struct policy_node *node = &policy->nodes[slot];
		const struct model_slot *expected = &model->slots[slot];
		bool in_ring = expected->state == POLICY_STATE_WARM && expected->affinity.domain;

		if (!holds("a slot has the model's state", slot, node->state == expected->state) ||
		    !holds("a slot has the model's affinity", slot,
			   node->affinity.domain == expected->affinity.domain &&
				   node->affinity.key == expected->affinity.key) ||
		    !holds("a ring has all warm slots with an affinity, and no others", slot,
			   lockstep->in_ring[slot] == in_ring))
			return false;
	}
	return true;
}
