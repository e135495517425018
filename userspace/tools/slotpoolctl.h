/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations that the files of slotpoolctl share.
 */
#ifndef SLOTPOOLCTL_H
#define SLOTPOOLCTL_H

#include <slotpool.h>

#include "table.h"

/* Exit status for wrong usage; any other failure is EXIT_FAILURE. */
#define EXIT_USAGE 2

extern const struct column list_columns[];
extern const struct column stat_columns[];

/* Run a command, and return an exit status. */
int list_pools(const struct table_options *options);
int stat_pool(const char *name, const struct table_options *options);

/* Open a pool, or print the reason. Return 0 or a negative errno value. */
int open_pool(const char *path, struct slotpool **poolp);

#endif /* SLOTPOOLCTL_H */
