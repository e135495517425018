// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Floor: 0
 *
 * Which slot is next.
 *
 * The rule is that of Wasmtime's pooling allocator (Wasmtime pull request
 * 5661, "Reimplement the pooling instance allocation strategy"), with one
 * difference: a slot whose memory was given back is cold again.
 *
 * Slots are linked by index. A slot is on one of two lists: cold, in the order
 * in which they will be taken (all slots, ascending, at first; a decommitted
 * slot goes to the front), or warm, least recently used first. The warm slots
 * of one affinity also form a ring from the oldest to the newest, and a hash
 * table finds the newest of each ring. Both orders are those of policy_free(),
 * so the head of the warm list is always the oldest of its ring.
 */
#include "policy.h"

static bool policy_affinity_equal(struct policy_affinity a, struct policy_affinity b)
{
	return a.domain == b.domain && a.key == b.key;
}

/*
 * Callers choose keys, and could choose them to fill one bucket that others have to
 * walk. The seed, which they don't know, prevents that. The mixing steps are the
 * finalizer of MurmurHash3 (Austin Appleby, public domain).
 */
static __u64 policy_mix(__u64 value)
{
	value ^= value >> 33;
	value *= 0xff51afd7ed558ccdULL;
	value ^= value >> 33;
	value *= 0xc4ceb9fe1a85ec53ULL;
	value ^= value >> 33;
	return value;
}

/* Return the place that holds the index of the newest slot of an affinity's ring. */
static __u32 *policy_ring_find(struct policy *policy, struct policy_affinity affinity)
{
	__u64 hash = policy_mix(policy_mix(affinity.key ^ policy->seed) + affinity.domain);
	__u32 *link = &policy->buckets[hash & policy->bucket_mask];

	while (*link != POLICY_NO_SLOT) {
		struct policy_node *node = &policy->nodes[*link];

		if (policy_affinity_equal(node->affinity, affinity))
			break;
		link = &node->chain;
	}
	return link;
}

static void policy_ring_push(struct policy *policy, __u32 slot)
{
	struct policy_node *node = &policy->nodes[slot];
	__u32 *link = policy_ring_find(policy, node->affinity);

	if (*link == POLICY_NO_SLOT) {
		node->older = slot;
		node->newer = slot;
		node->chain = POLICY_NO_SLOT;
	} else {
		__u32 newest = *link;
		__u32 oldest = policy->nodes[newest].newer;

		node->older = newest;
		node->newer = oldest;
		node->chain = policy->nodes[newest].chain;
		policy->nodes[newest].newer = slot;
		policy->nodes[oldest].older = slot;
	}
	*link = slot;
}

/* @link: the result of policy_ring_find() for the slot's affinity */
static void policy_ring_remove(struct policy *policy, __u32 slot, __u32 *link)
{
	struct policy_node *node = &policy->nodes[slot];

	if (*link == slot) {
		if (node->older == slot) {
			*link = node->chain;
		} else {
			policy->nodes[node->older].chain = node->chain;
			*link = node->older;
		}
	}
	policy->nodes[node->older].newer = node->newer;
	policy->nodes[node->newer].older = node->older;
}

static void policy_list_insert(struct policy *policy, struct policy_list *list, __u32 slot,
			       __u32 prev, __u32 next)
{
	policy->nodes[slot].prev = prev;
	policy->nodes[slot].next = next;
	if (prev == POLICY_NO_SLOT)
		list->head = slot;
	else
		policy->nodes[prev].next = slot;
	if (next == POLICY_NO_SLOT)
		list->tail = slot;
	else
		policy->nodes[next].prev = slot;
}

static void policy_list_remove(struct policy *policy, struct policy_list *list, __u32 slot)
{
	struct policy_node *node = &policy->nodes[slot];

	if (node->prev == POLICY_NO_SLOT)
		list->head = node->next;
	else
		policy->nodes[node->prev].next = node->next;
	if (node->next == POLICY_NO_SLOT)
		list->tail = node->prev;
	else
		policy->nodes[node->next].prev = node->prev;
}

/**
 * policy_victim() - return the warm slot that can be spared best
 * @policy: the policy
 *
 * The choice of victim: another eviction rule replaces this one function.
 *
 * Context: Any, serialised by the caller.
 * Return: The slot, or POLICY_NO_SLOT without a warm slot. It stays where it is.
 */
__u32 policy_victim(const struct policy *policy)
{
	return policy->warm.head;
}

/* Take a slot that is in no ring any more. */
static void policy_take_alone(struct policy *policy, __u32 slot, enum policy_state state)
{
	struct policy_node *node = &policy->nodes[slot];

	if (node->state == POLICY_STATE_WARM) {
		policy_list_remove(policy, &policy->warm, slot);
		policy->nr_warm--;
	} else {
		policy_list_remove(policy, &policy->cold, slot);
		policy->nr_cold--;
	}
	node->state = state;
	if (state == POLICY_STATE_TAKEN)
		policy->nr_taken++;
}

static void policy_take(struct policy *policy, __u32 slot, enum policy_state state)
{
	const struct policy_node *node = &policy->nodes[slot];

	/* A cold slot has no affinity. */
	if (node->affinity.domain)
		policy_ring_remove(policy, slot, policy_ring_find(policy, node->affinity));
	policy_take_alone(policy, slot, state);
}

/**
 * policy_nr_buckets() - how many hash buckets a policy needs
 * @nr_slots: its slots, at least one
 *
 * Context: Any.
 * Return: The number of elements of policy_init()'s @buckets, a power of two.
 */
__u32 policy_nr_buckets(__u32 nr_slots)
{
	__u32 nr_buckets = 1;

	while (nr_buckets < nr_slots && nr_buckets < 1U << 31)
		nr_buckets <<= 1;
	return nr_buckets;
}

/**
 * policy_init() - set a policy up, with all slots cold
 * @policy: the policy
 * @nodes: room for @nr_slots elements
 * @buckets: room for policy_nr_buckets() elements
 * @nr_slots: number of slots, at least one and below POLICY_NO_SLOT
 * @max_unused_warm_slots: N of the rule
 * @seed: a number that callers, which choose the keys, do not know
 *
 * Context: Any, before all other calls. Takes time in proportion to @nr_slots.
 */
void policy_init(struct policy *policy, struct policy_node *nodes, __u32 *buckets,
		 __u32 nr_slots, __u64 max_unused_warm_slots, __u64 seed)
{
	__u32 i;

	policy->nodes = nodes;
	policy->buckets = buckets;
	policy->nr_slots = nr_slots;
	policy->bucket_mask = policy_nr_buckets(nr_slots) - 1;
	policy->seed = seed;
	policy->max_unused_warm_slots = max_unused_warm_slots;
	policy->nr_warm = 0;
	policy->nr_cold = nr_slots;
	policy->nr_taken = 0;
	policy->warm.head = POLICY_NO_SLOT;
	policy->warm.tail = POLICY_NO_SLOT;
	policy->cold.head = POLICY_NO_SLOT;
	policy->cold.tail = POLICY_NO_SLOT;

	for (i = 0; i <= policy->bucket_mask; i++)
		buckets[i] = POLICY_NO_SLOT;
	for (i = 0; i < nr_slots; i++) {
		nodes[i].affinity.domain = 0;
		nodes[i].affinity.key = 0;
		nodes[i].state = POLICY_STATE_COLD;
		policy_list_insert(policy, &policy->cold, i, policy->cold.tail, POLICY_NO_SLOT);
	}
}

/**
 * policy_alloc() - choose a slot and take it
 * @policy: the policy
 * @affinity: what the slot will be used for
 * @placement: where it goes how the slot was found
 *
 * Context: Any, with no other call for the same policy.
 * Return: The slot, used now and with the affinity given, or POLICY_NO_SLOT if
 * all are used.
 */
__u32 policy_alloc(struct policy *policy, struct policy_affinity affinity,
		   enum policy_placement *placement)
{
	__u32 cold = policy->cold.head;
	__u32 victim = policy_victim(policy);
	bool prefer_cold = policy->nr_warm < policy->max_unused_warm_slots;
	__u32 slot;

	if (affinity.domain) {
		__u32 *link = policy_ring_find(policy, affinity);

		slot = *link;
		if (slot != POLICY_NO_SLOT) {
			*placement = POLICY_AFFINE;
			policy_ring_remove(policy, slot, link);
			policy_take_alone(policy, slot, POLICY_STATE_USED);
			return slot;
		}
	}

	if (cold != POLICY_NO_SLOT && (prefer_cold || victim == POLICY_NO_SLOT)) {
		*placement = POLICY_COLD;
		slot = cold;
	} else if (victim != POLICY_NO_SLOT) {
		*placement = POLICY_RECYCLED;
		slot = victim;
	} else {
		return POLICY_NO_SLOT;
	}
	policy_take(policy, slot, POLICY_STATE_USED);
	policy->nodes[slot].affinity = affinity;
	return slot;
}

/**
 * policy_alloc_exact() - take one particular slot
 * @policy: the policy
 * @slot: the slot
 * @affinity: what it will be used for
 * @placement: where it goes how warm the slot was
 *
 * Context: Any, with no other call for the same policy.
 * Return: false, and nothing has changed, if the slot is used or taken.
 */
bool policy_alloc_exact(struct policy *policy, __u32 slot, struct policy_affinity affinity,
			enum policy_placement *placement)
{
	struct policy_node *node = &policy->nodes[slot];

	if (node->state == POLICY_STATE_USED || node->state == POLICY_STATE_TAKEN)
		return false;

	if (node->state == POLICY_STATE_COLD)
		*placement = POLICY_COLD;
	else if (affinity.domain && policy_affinity_equal(node->affinity, affinity))
		*placement = POLICY_AFFINE;
	else
		*placement = POLICY_RECYCLED;

	policy_take(policy, slot, POLICY_STATE_USED);
	node->affinity = affinity;
	return true;
}

/**
 * policy_free() - make a used slot warm; it keeps its affinity
 * @policy: the policy
 * @slot: a used slot
 *
 * Context: Any, with no other call for the same policy.
 */
void policy_free(struct policy *policy, __u32 slot)
{
	struct policy_node *node = &policy->nodes[slot];

	node->state = POLICY_STATE_WARM;
	policy_list_insert(policy, &policy->warm, slot, policy->warm.tail, POLICY_NO_SLOT);
	if (node->affinity.domain)
		policy_ring_push(policy, slot);
	policy->nr_warm++;
}

/**
 * policy_take_victim() - take the warm slot that can be spared best
 * @policy: the policy
 *
 * Context: Any, with no other call for the same policy.
 * Return: The slot, taken, for the caller to decommit and to hand to
 * policy_put_cold(), or POLICY_NO_SLOT if none is warm.
 */
__u32 policy_take_victim(struct policy *policy)
{
	__u32 slot = policy_victim(policy);

	if (slot != POLICY_NO_SLOT)
		policy_take(policy, slot, POLICY_STATE_TAKEN);
	return slot;
}

/**
 * policy_take_affine() - take the least recently used warm slot of an affinity
 * @policy: the policy
 * @affinity: the affinity, not none
 *
 * Context: Any, with no other call for the same policy.
 * Return: As policy_take_victim().
 */
__u32 policy_take_affine(struct policy *policy, struct policy_affinity affinity)
{
	__u32 *link = policy_ring_find(policy, affinity);
	__u32 oldest;

	if (*link == POLICY_NO_SLOT)
		return POLICY_NO_SLOT;
	oldest = policy->nodes[*link].newer;
	policy_ring_remove(policy, oldest, link);
	policy_take_alone(policy, oldest, POLICY_STATE_TAKEN);
	return oldest;
}

/**
 * policy_take_exact() - take one particular warm slot
 * @policy: the policy
 * @slot: the slot
 *
 * Context: Any, with no other call for the same policy.
 * Return: true if the slot was warm; it is taken now, as with
 * policy_take_victim().
 */
bool policy_take_exact(struct policy *policy, __u32 slot)
{
	if (policy->nodes[slot].state != POLICY_STATE_WARM)
		return false;
	policy_take(policy, slot, POLICY_STATE_TAKEN);
	return true;
}

/**
 * policy_put_cold() - make a slot cold, next in turn among the cold ones
 * @policy: the policy
 * @slot: a used or taken slot that holds nothing any more
 *
 * Context: Any, with no other call for the same policy.
 */
void policy_put_cold(struct policy *policy, __u32 slot)
{
	struct policy_node *node = &policy->nodes[slot];

	if (node->state == POLICY_STATE_TAKEN)
		policy->nr_taken--;
	node->affinity.domain = 0;
	node->affinity.key = 0;
	node->state = POLICY_STATE_COLD;
	policy_list_insert(policy, &policy->cold, slot, POLICY_NO_SLOT, policy->cold.head);
	policy->nr_cold++;
}
