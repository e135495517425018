// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run sequences of operations, and compare the results with those of the rule.
 *
 *	(4,0)		4 slots, N = 0; all slots cold
 *	A1->0		alloc with affinity 1 gives slot 0
 *	A- ->0		alloc with no affinity
 *	A1/2->0		alloc with key 1 of domain 2 (1 where not given)
 *	A1@5->5		alloc of exactly slot 5
 *	F0		free slot 0
 *	D0		decommit slot 0, which is used or taken
 *	P1 P1/2		purge: decommit the free slots of an affinity
 *	P@5->5		decommit the warm slot 5
 *	T->2		take the victim, the least recently used warm slot, 2
 *	N3		N = 3 from now on
 *
 * The result is "none" if there is no such slot. The result of an alloc can end in
 * the placement: a(ffine), r(ecycled), c(old).
 */
#include <ctype.h>
#include <string.h>

#include "../../kmod/policy.h"
#include "tap.h"

#define MAX_SLOTS 16

struct vector {
	const char *behaviour;
	const char *steps;
};

static const struct vector vectors[] = {
	/* The vectors published with the rule */
	{ "N = 0 takes the next available slot",
	  "(4,0)   A1->0 A1->1 F1 F0 A2->1 A2->0 A2->2" },
	{ "a large N keeps every affinity warm while there are cold slots",
	  "(3,100) A1->0 F0 A2->1 F1 A3->2 F2 A4->0" },
	{ "N = 1 recycles the one warm slot",
	  "(3,1)   A1->0 F0 A- ->0 F0 A1->0" },
	{ "N = 2 takes a second slot first",
	  "(3,2)   A1->0 F0 A- ->1" },
	{ "at N the least recently used slot is recycled",
	  "(10,2)  A1->0 F0 A2->1 F1 A3->0 F0 A2->1 A1->2 F1 F2 A1->2 A2->1 A3->0" },
	{ "a purge makes slots cold, and the most recently used one the next cold one",
	  "(4,9)   A1->0 A1->1 A2->2 F1 F0 F2 P1 A2->2 A3->0 A3->1 A3->3" },

	/* Affinity */
	{ "an alloc takes the most recently used slot of its affinity",
	  "(4,9)   A1->0c A1->1c A1->2c F1 F2 F0 A1->0a A1->2a A1->1a A1->3c" },
	{ "an affine slot comes first, whatever N is",
	  "(4,0)   A1->0c A2->1c F0 F1 A2->1a A1->0a" },
	{ "an alloc gives the slot its affinity",
	  "(1,1)   A1->0c F0 A2->0r F0 A1->0r F0 A1->0a" },
	{ "an alloc without affinity clears the slot's affinity",
	  "(2,1)   A1->0c F0 A- ->0r F0 A1->0r" },
	{ "slots without affinity are never affine",
	  "(2,2)   A- ->0c F0 A- ->1c F1 A- ->0r" },
	{ "a key without a domain is no affinity",
	  "(2,2)   A1/0->0c F0 A1/0->1c F1 A1/1->0r" },
	{ "key 0 is an affinity",
	  "(2,2)   A0->0c F0 A0->0a" },
	{ "the same key of another domain is another affinity",
	  "(3,9)   A1/1->0c F0 A1/2->1c F1 A1/1->0a A1/2->1a" },
	{ "another key of the same domain is another affinity",
	  "(3,9)   A1->0c F0 A2->1c F1 A1->0a A2->1a" },
	{ "key and domain are not interchangeable",
	  "(3,9)   A1/2->0c F0 A2/1->1c" },
	{ "an alloc from the middle of the warm list leaves the rest in order",
	  "(3,0)   A1->0c A2->1c A3->2c F0 F1 F2 A2->1a A4->0r A4->2r" },

	/* N */
	{ "N may exceed the number of slots",
	  "(2,3)   A1->0c F0 A2->1c F1 A3->0r F0 A4->1r" },
	{ "N may equal the number of slots",
	  "(2,2)   A1->0c F0 A2->1c F1 A3->0r F0 A4->1r" },
	{ "N may exceed 32 bits",
	  "(2,4294967296) A1->0c F0 A2->1c" },
	{ "N may have its largest value",
	  "(2,18446744073709551615) A1->0c F0 A2->1c" },
	{ "N = 0 takes a cold slot when none is warm",
	  "(2,0)   A1->0c A2->1c" },
	{ "N counts warm slots with and without affinity",
	  "(4,2)   A- ->0c A1->1c F0 F1 A2->0r" },
	{ "N doesn't count used slots",
	  "(4,1)   A1->0c A1->1c A1->2c F0 F1 F2 A2->0r A3->1r A4->2r A5->3c" },
	{ "N doesn't count decommitted slots",
	  "(4,1)   A1->0c A2->1c D0 F1 P2 A3->1c F1 A4->1r" },
	{ "a lower N applies to slots that are warm",
	  "(4,9)   A1->0c A2->1c F0 F1 N1 A3->0r" },
	{ "a higher N applies while slots are warm",
	  "(4,0)   A1->0c A2->1c F0 F1 N3 A3->2c A4->3c A5->0r" },
	{ "N can be lowered to 0 and raised again",
	  "(3,2)   A1->0c F0 N0 A2->0r F0 N2 A3->1c" },

	/* Exact */
	{ "an exact alloc takes a cold slot",
	  "(4,0)   A1@2->2c F2 A1->2a" },
	{ "exact allocs of cold slots leave the other cold slots in ascending order",
	  "(6,0)   A1@3->3c A1@0->0c A1@5->5c A1->1 A1->2 A1->4 A1->none" },
	{ "an exact alloc takes a decommitted slot from the cold list",
	  "(4,0)   A1->0 A1->1 A1->2 D0 D1 D2 A1@1->1c A1->2c A1->0c A1->3c" },
	{ "an exact warm slot with the requested affinity is affine",
	  "(4,9)   A1->0c A1->1c F0 F1 A1@0->0a A1->1a" },
	{ "an exact warm slot with another affinity is recycled",
	  "(4,9)   A1->0c F0 A2@0->0r F0 A1->1c A2->0a" },
	{ "an exact warm slot with the same key of another domain is recycled",
	  "(4,9)   A1->0c F0 A1/2@0->0r" },
	{ "an exact warm slot is recycled by an alloc without affinity",
	  "(4,9)   A1->0c F0 A-@0->0r F0 A1->1c" },
	{ "an exact warm slot without affinity is recycled by an alloc without affinity",
	  "(4,9)   A- ->0c F0 A-@0->0r" },
	{ "an exact alloc of a used slot fails and changes nothing",
	  "(2,9)   A1->0c A2@0->none F0 A1->0a A1@0->none" },
	{ "an exact alloc takes a slot from the middle of the warm list",
	  "(3,0)   A1->0c A1->1c A1->2c F0 F1 F2 A4@1->1r A1->2a A1->0a" },

	/* Cold again */
	{ "a slot freed with decommit is cold and has no affinity",
	  "(2,9)   A1->0c D0 A1->0c D0 A2->0c" },
	{ "the slot decommitted last comes first, slots never used come last",
	  "(5,9)   A1->0 A1->1 A1->2 D1 D2 D0 A2->0c A2->2c A2->1c A2->3c A2->4c" },
	{ "at N warm slots come before decommitted ones",
	  "(3,1)   A1->0c A2->1c D1 F0 A3->0r A4->1c" },
	{ "a purge decommits from the least to the most recently used",
	  "(3,0)   A1->0 A1->1 A1->2 F1 F2 F0 P1 A2->0c A2->2c A2->1c" },
	{ "a purge leaves used slots alone",
	  "(3,9)   A1->0c A1->1c F0 P1 F1 A1->1a A1->0c" },
	{ "a purge leaves other affinities alone",
	  "(3,9)   A1->0c A2->1c A1/2->2c F0 F1 F2 P1 A2->1a A1/2->2a A1->0c" },
	{ "a purge of an affinity without a free slot does nothing",
	  "(2,9)   A1->0c P1 P2 F0 A1->0a" },
	{ "a purge of no affinity does nothing",
	  "(2,9)   A- ->0c F0 P- A1->1c A1->0r" },
	{ "a purge of one slot leaves the others of its affinity alone",
	  "(4,9)   A1->0c A1->1c A1->2c F0 F1 F2 P@1->1 A1->2a A1->0a A1->1c" },
	{ "a purge can take the most recently used slot of an affinity",
	  "(4,9)   A1->0c A1->1c F0 F1 P@1->1 A1->0a A1->1c" },
	{ "a purge of a slot that isn't warm does nothing",
	  "(2,9)   A1->0c P@0->none P@1->none F0 P@0->0 P@0->none A2->0c" },
	{ "the victim is the least recently used warm slot",
	  "(4,9)   A1->0c A2->1c A- ->2c F2 F0 F1 T->2 D2 T->0 D0 T->1 D1 T->none A1->1c A2->0c" },
	{ "a taken slot can't be allocated or purged until it is cold",
	  "(2,9)   A1->0c F0 T->0 A1@0->none A1->1c A1->none P@0->none D0 A1->0c" },
	{ "N doesn't count taken slots",
	  "(3,1)   A1->0c F0 T->0 A1->1c D0 A1->0c" },

	/* Full pools and pools of one slot */
	{ "an alloc fails when all slots are used",
	  "(2,1)   A1->0c A2->1c A1->none A- ->none F1 A1->1r A2->none" },
	{ "an alloc below N takes a warm slot when no slot is cold",
	  "(2,9)   A1->0c A2->1c F0 A3->0r" },
	{ "a pool of one slot works with N = 0",
	  "(1,0)   A1->0c A1->none F0 A2->0r F0 A2->0a D0 A2->0c P@0->none" },
	{ "a pool of one slot works with N = 1",
	  "(1,1)   A1->0c A1->none F0 A2->0r F0 A2->0a D0 A2->0c P@0->none" },
};

static struct policy policy;
static struct policy_node nodes[MAX_SLOTS];
static __u32 buckets[MAX_SLOTS];

static void bad_notation(const char *position)
{
	fprintf(stderr, "unknown notation: %s\n", position);
	abort();
}

static bool accept(const char **position, const char *text)
{
	while (isspace(**position))
		(*position)++;
	if (strncmp(*position, text, strlen(text)))
		return false;
	*position += strlen(text);
	return true;
}

static void expect(const char **position, const char *text)
{
	if (!accept(position, text))
		bad_notation(*position);
}

static __u64 number(const char **position)
{
	__u64 value;
	char *end;

	if (!isdigit(**position))
		bad_notation(*position);
	value = strtoull(*position, &end, 10);
	*position = end;
	return value;
}

static struct policy_affinity affinity(const char **position)
{
	struct policy_affinity affinity = { .domain = 1 };

	if (accept(position, "-"))
		return (struct policy_affinity){ 0 };
	affinity.key = number(position);
	if (**position == '/') {
		expect(position, "/");
		affinity.domain = number(position);
	}
	return affinity;
}

static __u32 slot_or_none(const char **position)
{
	return accept(position, "none") ? POLICY_NO_SLOT : number(position);
}

static bool slot_as_expected(const char **position, __u32 slot)
{
	expect(position, "->");
	if (slot_or_none(position) == slot)
		return true;
	printf("# got slot %d\n", (__s32)slot);
	return false;
}

static bool placement_as_expected(const char **position, enum policy_placement placement)
{
	static const char letters[] = {
		[POLICY_AFFINE] = 'a',
		[POLICY_RECYCLED] = 'r',
		[POLICY_COLD] = 'c',
	};
	char expected = **position;

	if (!expected || !strchr("arc", expected))
		return true;
	(*position)++;
	if (letters[placement] == expected)
		return true;
	printf("# got placement %c\n", letters[placement]);
	return false;
}

static bool run_alloc(const char **position)
{
	struct policy_affinity wanted = affinity(position);
	enum policy_placement placement = POLICY_COLD;
	__u32 slot;

	if (accept(position, "@")) {
		slot = number(position);
		if (!policy_alloc_exact(&policy, slot, wanted, &placement))
			slot = POLICY_NO_SLOT;
	} else {
		slot = policy_alloc(&policy, wanted, &placement);
	}
	return slot_as_expected(position, slot) && placement_as_expected(position, placement);
}

static bool run_purge(const char **position)
{
	struct policy_affinity wanted;
	__u32 slot;

	if (accept(position, "@")) {
		slot = number(position);
		if (policy_take_exact(&policy, slot))
			policy_put_cold(&policy, slot);
		else
			slot = POLICY_NO_SLOT;
		return slot_as_expected(position, slot);
	}
	wanted = affinity(position);
	while ((slot = policy_take_affine(&policy, wanted)) != POLICY_NO_SLOT)
		policy_put_cold(&policy, slot);
	return true;
}

static bool run_step(const char **position)
{
	if (accept(position, "A"))
		return run_alloc(position);
	if (accept(position, "P"))
		return run_purge(position);
	if (accept(position, "T"))
		return slot_as_expected(position, policy_take_victim(&policy));
	if (accept(position, "F"))
		policy_free(&policy, number(position));
	else if (accept(position, "D"))
		policy_put_cold(&policy, number(position));
	else if (accept(position, "N"))
		policy.max_unused_warm_slots = number(position);
	else
		bad_notation(*position);
	return true;
}

static bool run(const char *steps)
{
	const char *position = steps;
	__u64 max_unused_warm_slots;
	__u32 nr_slots;

	expect(&position, "(");
	nr_slots = number(&position);
	expect(&position, ",");
	max_unused_warm_slots = number(&position);
	expect(&position, ")");

	policy_init(&policy, nodes, buckets, nr_slots, max_unused_warm_slots, 0);
	while (*position) {
		const char *step = position;

		if (!run_step(&position)) {
			printf("# at:%.*s\n", (int)(position - step), step);
			return false;
		}
	}
	return true;
}

int main(void)
{
	tap_plan(ARRAY_SIZE(vectors));
	for (unsigned int i = 0; i < ARRAY_SIZE(vectors); i++)
		tap_result(run(vectors[i].steps), "%s: %s", vectors[i].behaviour,
			   vectors[i].steps);
	return tap_finish();
}
