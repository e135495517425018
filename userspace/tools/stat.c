// SPDX-License-Identifier: GPL-2.0-only
/*
 * slotpoolctl stat: print one line for each counter of a pool.
 */
#include <err.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "slotpoolctl.h"

enum stat_column {
	STAT_NAME,
	STAT_VALUE,
	STAT_MEANING,
	NR_STAT_COLUMNS,
};

const struct column stat_columns[NR_STAT_COLUMNS + 1] = {
	[STAT_NAME] = { "NAME", COLUMN_TEXT, "name of the counter" },
	[STAT_VALUE] = { "VALUE", COLUMN_COUNT, "its value: slots, pages, images or events" },
	[STAT_MEANING] = { "MEANING", COLUMN_TEXT, "what it counts" },
};

#define COUNTER(member) .name = #member, .offset = offsetof(struct slotpool_stat_args, member)

/* Without client_*: slotpoolctl is a client that owns no slots and no images. */
static const struct {
	const char *name;
	size_t offset;
	const char *meaning;
} counters[] = {
	{ COUNTER(used_slots), "slots that are allocated" },
	{ COUNTER(warm_slots), "free slots that may hold memory" },
	{ COUNTER(cold_slots), "free slots that hold nothing" },
	{ COUNTER(held_pages), "private pages of all slots" },
	{ COUNTER(reserve_free_pages), "pages of the reserve that no slot holds" },
	{ COUNTER(committed_pages), "of reserve_free_pages, pages promised to slots" },
	{ COUNTER(lost_pages), "pages not reused: still referenced elsewhere, or bad" },
	{ COUNTER(affine_allocs), "allocations that got a slot with their affinity" },
	{ COUNTER(recycled_allocs), "allocations that got another warm slot" },
	{ COUNTER(cold_allocs), "allocations that got a cold slot" },
	{ COUNTER(frees), "slots that were freed" },
	{ COUNTER(resets), "slots reset without being freed" },
	{ COUNTER(reset_pages), "pages that resets overwrote" },
	{ COUNTER(dropped_pages), "pages that resets gave back instead" },
	{ COUNTER(read_faults), "page faults that mapped a page for reading" },
	{ COUNTER(write_faults), "page faults that made a page private or writable" },
	{ COUNTER(refused_faults), "accesses to a guard, above a limit or to another's slot" },
	{ COUNTER(evictions), "warm slots that gave up memory for a need or a bound" },
	{ COUNTER(warm_pages), "private pages of warm slots" },
	{ COUNTER(decay_samples), "resets that checked which pages had been written" },
	{ COUNTER(decayed_pages), "pages given back because nothing wrote to them" },
	{ COUNTER(prepared_pages), "pages that a slot's first fault set up ahead of use" },
	{ COUNTER(images), "images in the pool" },
	{ COUNTER(image_pages), "pages that images store in memory" },
	{ COUNTER(image_charged_pages), "pages that images may store" },
	{ COUNTER(image_reads), "pages of images read from files on demand" },
	{ COUNTER(image_drops), "pages of unused images given back" },
	{ .name = NULL },
};

static void add_counters(struct table *table, const struct slotpool_stat_args *stat)
{
	size_t i;

	for (i = 0; counters[i].name; i++) {
		const char *counter = (const char *)stat + counters[i].offset;
		struct value row[NR_STAT_COLUMNS] = {
			[STAT_NAME].text = counters[i].name,
			[STAT_VALUE].number = *(const __u64 *)counter,
			[STAT_MEANING].text = counters[i].meaning,
		};

		table_add(table, row);
	}
}

/* Print the counters of a pool. @name is a path, or a name that list prints. */
int stat_pool(const char *name, const struct table_options *options)
{
	struct table *table = table_new("counters", stat_columns, options);
	int status = EXIT_FAILURE;
	struct slotpool_stat_args stat;
	struct slotpool *pool;
	char path[PATH_MAX];
	int ret;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/dev/", name) >=
	    (int)sizeof(path))
		errx(EXIT_USAGE, "the name of the pool is too long");
	if (open_pool(path, &pool))
		goto out_free;
	ret = slotpool_stat(pool, &stat);
	if (ret) {
		warnx("%s: cannot read the counters: %s", path, strerror(-ret));
		goto out_close;
	}

	/* A pool has at least one slot, in one of these states. */
	if (!stat.used_slots && !stat.warm_slots && !stat.cold_slots) {
		warnx("%s: only root and the owner of the device may read the counters", path);
		goto out_close;
	}
	add_counters(table, &stat);
	table_print(table);
	status = EXIT_SUCCESS;

out_close:
	slotpool_close(pool);
out_free:
	table_free(table);
	return status;
}
