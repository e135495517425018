/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SLOTPOOL_SLOT_FAULT_H
#define SLOTPOOL_SLOT_FAULT_H

#include <linux/mm.h>

#include "slot.h"

int slot_fault(struct slot *slot, struct slot_client *client, struct vm_fault *vmf,
	       pgoff_t index, gfp_t gfp, vm_fault_t *result);
int slot_access(struct slot *slot, struct slot_client *client, pgoff_t index,
		unsigned int offset, void *buffer, unsigned int length, bool write, gfp_t gfp);

#endif /* SLOTPOOL_SLOT_FAULT_H */
