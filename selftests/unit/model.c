// SPDX-License-Identifier: GPL-2.0-only
#include "model.h"

static void enter(struct model *model, __u32 slot, enum policy_state state)
{
	model->slots[slot].state = state;
	model->slots[slot].since = ++model->now;
}

static bool is_affine(const struct model_slot *slot, struct policy_affinity affinity)
{
	return slot->state == POLICY_STATE_WARM && affinity.domain != 0 &&
	       slot->affinity.domain == affinity.domain && slot->affinity.key == affinity.key;
}

/* The slot decommitted last, else the first slot that was never used. */
static __u32 next_cold(const struct model *model)
{
	__u32 found = POLICY_NO_SLOT;

	for (__u32 i = 0; i < model->nr_slots; i++) {
		if (model->slots[i].state != POLICY_STATE_COLD)
			continue;
		if (found == POLICY_NO_SLOT || model->slots[i].since > model->slots[found].since)
			found = i;
	}
	return found;
}

static __u32 oldest_warm(const struct model *model)
{
	__u32 found = POLICY_NO_SLOT;

	for (__u32 i = 0; i < model->nr_slots; i++) {
		if (model->slots[i].state != POLICY_STATE_WARM)
			continue;
		if (found == POLICY_NO_SLOT || model->slots[i].since < model->slots[found].since)
			found = i;
	}
	return found;
}

static __u32 oldest_affine(const struct model *model, struct policy_affinity affinity)
{
	__u32 found = POLICY_NO_SLOT;

	for (__u32 i = 0; i < model->nr_slots; i++) {
		if (!is_affine(&model->slots[i], affinity))
			continue;
		if (found == POLICY_NO_SLOT || model->slots[i].since < model->slots[found].since)
			found = i;
	}
	return found;
}

__u32 model_newest_affine(const struct model *model, struct policy_affinity affinity)
{
	__u32 found = POLICY_NO_SLOT;

	for (__u32 i = 0; i < model->nr_slots; i++) {
		if (!is_affine(&model->slots[i], affinity))
			continue;
		if (found == POLICY_NO_SLOT || model->slots[i].since > model->slots[found].since)
			found = i;
	}
	return found;
}

__u32 model_count(const struct model *model, enum policy_state state)
{
	__u32 count = 0;

	for (__u32 i = 0; i < model->nr_slots; i++)
		count += model->slots[i].state == state;
	return count;
}

/* The first slot in this state from @slot on, wrapping around the end. */
__u32 model_next(const struct model *model, __u32 slot, enum policy_state state)
{
	for (__u32 i = 0; i < model->nr_slots; i++) {
		__u32 candidate = (slot + i) % model->nr_slots;

		if (model->slots[candidate].state == state)
			return candidate;
	}
	return POLICY_NO_SLOT;
}

void model_init(struct model *model, struct model_slot *slots, __u32 nr_slots,
		__u64 max_unused_warm_slots)
{
	model->slots = slots;
	model->nr_slots = nr_slots;
	model->max_unused_warm_slots = max_unused_warm_slots;
	model->now = 0;
	for (__u32 i = 0; i < nr_slots; i++)
		slots[i] = (struct model_slot){ .state = POLICY_STATE_COLD };
}

__u32 model_alloc(struct model *model, struct policy_affinity affinity,
		  enum policy_placement *placement)
{
	__u32 affine = model_newest_affine(model, affinity);
	__u32 oldest = oldest_warm(model);
	__u32 cold = next_cold(model);
	__u32 slot;

	if (affine != POLICY_NO_SLOT)
		slot = affine;
	else if (model_count(model, POLICY_STATE_WARM) < model->max_unused_warm_slots)
		slot = cold != POLICY_NO_SLOT ? cold : oldest;
	else
		slot = oldest != POLICY_NO_SLOT ? oldest : cold;

	if (slot != POLICY_NO_SLOT)
		model_alloc_exact(model, slot, affinity, placement);
	return slot;
}

bool model_alloc_exact(struct model *model, __u32 slot, struct policy_affinity affinity,
		       enum policy_placement *placement)
{
	if (model->slots[slot].state == POLICY_STATE_USED ||
	    model->slots[slot].state == POLICY_STATE_TAKEN)
		return false;

	if (model->slots[slot].state == POLICY_STATE_COLD)
		*placement = POLICY_COLD;
	else if (is_affine(&model->slots[slot], affinity))
		*placement = POLICY_AFFINE;
	else
		*placement = POLICY_RECYCLED;
	enter(model, slot, POLICY_STATE_USED);
	model->slots[slot].affinity = affinity;
	return true;
}

void model_free(struct model *model, __u32 slot)
{
	enter(model, slot, POLICY_STATE_WARM);
}

__u32 model_take_victim(struct model *model)
{
	__u32 slot = oldest_warm(model);

	if (slot != POLICY_NO_SLOT)
		enter(model, slot, POLICY_STATE_TAKEN);
	return slot;
}

__u32 model_take_affine(struct model *model, struct policy_affinity affinity)
{
	__u32 slot = oldest_affine(model, affinity);

	if (slot != POLICY_NO_SLOT)
		enter(model, slot, POLICY_STATE_TAKEN);
	return slot;
}

bool model_take_exact(struct model *model, __u32 slot)
{
	if (model->slots[slot].state != POLICY_STATE_WARM)
		return false;
	enter(model, slot, POLICY_STATE_TAKEN);
	return true;
}

void model_put_cold(struct model *model, __u32 slot)
{
	enter(model, slot, POLICY_STATE_COLD);
	model->slots[slot].affinity = (struct policy_affinity){ 0 };
}
