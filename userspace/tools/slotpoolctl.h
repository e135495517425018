/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slotpoolctl: its commands and what they share.
 */
#ifndef SLOTPOOLCTL_H
#define SLOTPOOLCTL_H

#include <slotpool.h>

#include "table.h"

/* Exit status of wrong usage; EXIT_FAILURE is for everything else. */
#define EXIT_USAGE 2

extern const struct column list_columns[];
extern const struct column stat_columns[];

/* Both return an exit status. */
int list_pools(const struct table_options *options);
int stat_pool(const char *name, const struct table_options *options);

/* Reports to the user why a pool can't be opened. */
int open_pool(const char *path, struct slotpool **poolp);

#endif /* SLOTPOOLCTL_H */
