// SPDX-License-Identifier: GPL-2.0-only
/*
 * slotpoolctl list: print one line for each pool.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "slotpoolctl.h"

#define DEVICES "/dev"
#define PREFIX "slotpool"

enum list_column {
	LIST_NAME,
	LIST_SLOTS,
	LIST_SIZE,
	LIST_STRIDE,
	LIST_N,
	LIST_NBYTES,
	LIST_SHARDS,
	LIST_USED,
	LIST_WARM,
	LIST_COLD,
	LIST_HELD,
	LIST_WARMHELD,
	LIST_IMAGES,
	LIST_IMAGEHELD,
	LIST_RESERVE,
	LIST_AVAIL,
	NR_LIST_COLUMNS,
};

const struct column list_columns[NR_LIST_COLUMNS + 1] = {
	[LIST_NAME] = { "NAME", COLUMN_TEXT, "device below " DEVICES },
	[LIST_SLOTS] = { "SLOTS", COLUMN_COUNT, "slots in the pool" },
	[LIST_SIZE] = { "SIZE", COLUMN_SIZE, "largest limit of a slot" },
	[LIST_STRIDE] = { "STRIDE", COLUMN_SIZE, "bytes from one slot to the next", true },
	[LIST_N] = { "N", COLUMN_COUNT, "max_unused_warm_slots" },
	[LIST_NBYTES] = { "NBYTES", COLUMN_SIZE, "max_unused_warm_bytes, or - for no bound" },
	[LIST_SHARDS] = { "SHARDS", COLUMN_COUNT, "parts that place slots separately", true },
	[LIST_USED] = { "USED", COLUMN_COUNT, "slots that are allocated" },
	[LIST_WARM] = { "WARM", COLUMN_COUNT, "free slots that may hold memory" },
	[LIST_COLD] = { "COLD", COLUMN_COUNT, "free slots that hold nothing" },
	[LIST_HELD] = { "HELD", COLUMN_SIZE, "memory that slots hold, without images" },
	[LIST_WARMHELD] = { "WARMHELD", COLUMN_SIZE, "part of HELD that warm slots hold" },
	[LIST_IMAGES] = { "IMAGES", COLUMN_COUNT, "images in the pool" },
	[LIST_IMAGEHELD] = { "IMAGEHELD", COLUMN_SIZE, "memory that images hold" },
	[LIST_RESERVE] = { "RESERVE", COLUMN_SIZE, "memory set aside for the pool" },
	[LIST_AVAIL] = { "AVAIL", COLUMN_SIZE, "memory of the reserve that no slot holds" },
};

static int is_pool(const struct dirent *entry)
{
	return !strncmp(entry->d_name, PREFIX, strlen(PREFIX)) &&
	       isdigit((unsigned char)entry->d_name[strlen(PREFIX)]);
}

static int add_pool(struct table *table, const char *name)
{
	const struct slotpool_info_args *info;
	struct value row[NR_LIST_COLUMNS] = { 0 };
	struct slotpool_stat_args stat;
	struct slotpool *pool;
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), DEVICES "/%s", name);
	ret = open_pool(path, &pool);
	if (ret)
		return ret;
	ret = slotpool_stat(pool, &stat);
	if (ret) {
		warnx("%s: cannot read the counters: %s", path, strerror(-ret));
		goto out_close;
	}

	info = slotpool_info(pool);
	row[LIST_NAME].text = name;
	row[LIST_SLOTS].number = info->nr_slots;
	row[LIST_SIZE].number = info->slot_size;
	row[LIST_STRIDE].number = info->slot_stride;
	row[LIST_N].number = info->max_unused_warm_slots;
	row[LIST_NBYTES].number = info->max_unused_warm_bytes;
	row[LIST_SHARDS].number = info->nr_shards;
	row[LIST_USED].number = stat.used_slots;
	row[LIST_WARM].number = stat.warm_slots;
	row[LIST_COLD].number = stat.cold_slots;
	row[LIST_HELD].number = stat.held_pages * info->page_size;
	row[LIST_WARMHELD].number = stat.warm_pages * info->page_size;
	row[LIST_IMAGES].number = stat.images;
	row[LIST_IMAGEHELD].number = stat.image_pages * info->page_size;
	row[LIST_RESERVE].number = info->reserve_pages * info->page_size;
	row[LIST_AVAIL].number = stat.reserve_free_pages * info->page_size;
	table_add(table, row);

out_close:
	slotpool_close(pool);
	return ret;
}

int list_pools(const struct table_options *options)
{
	struct table *table = table_new("slotpools", list_columns, options);
	int status = EXIT_SUCCESS;
	struct dirent **entries;
	int i, nr;

	nr = scandir(DEVICES, &entries, is_pool, versionsort);
	if (nr < 0)
		err(EXIT_FAILURE, "%s", DEVICES);
	if (!nr) {
		warnx("no pool: load the module with 'insmod slotpool.ko'");
		status = EXIT_FAILURE;
	}

	for (i = 0; i < nr; i++) {
		if (add_pool(table, entries[i]->d_name))
			status = EXIT_FAILURE;
		free(entries[i]);
	}
	free(entries);

	table_print(table);
	table_free(table);
	return status;
}
