// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open a pool, and explain to the user why that failed.
 */
#include <err.h>
#include <errno.h>
#include <string.h>

#include "slotpoolctl.h"

static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "; load the module with 'insmod slotpool.ko'";
	case EACCES:
	case EPERM:
		return "; run as root or as a member of the group that owns the device";
	case ENOTTY:
		return "; this is not the device of a pool";
	default:
		return "";
	}
}

int open_pool(const char *path, struct slotpool **poolp)
{
	int ret = slotpool_open(path, poolp);

	if (ret)
		warnx("%s: %s%s", path, strerror(-ret), advice(-ret));
	return ret;
}
