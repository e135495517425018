/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SYSFS_H
#define SLOTPOOL_SYSFS_H

#include <linux/sysfs.h>

extern const struct attribute_group *sysfs_groups[];

#endif /* SLOTPOOL_SYSFS_H */
