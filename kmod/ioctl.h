/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_IOCTL_H
#define SLOTPOOL_IOCTL_H

#include <linux/fs.h>

long ioctl_run(struct file *file, unsigned int command, unsigned long argument);

#endif /* SLOTPOOL_IOCTL_H */
