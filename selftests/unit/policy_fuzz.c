// SPDX-License-Identifier: GPL-2.0-only
/* Run operations that libFuzzer generates on the policy and on the model. */
#include <stdio.h>
#include <stdlib.h>

#include "lockstep.h"

/* libFuzzer calls this name. */
int policy_fuzz(const __u8 *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

/* Three bytes describe the pool, then four each an operation. */
int policy_fuzz(const __u8 *data, size_t size)
{
	const __u8 *end = data + size;
	struct lockstep lockstep;
	__u32 nr_slots;

	if (size < 3)
		return 0;
	nr_slots = 1 + data[0] % 64;
	lockstep_start(&lockstep, nr_slots, data[1], data[2] / 2, data[2] % 2);

	for (data += 3; end - data >= 4; data += 4) {
		const struct operation operation = {
			.kind = data[0] % NR_OPERATION_KINDS,
			.slot = data[1] % nr_slots,
			.affinity.domain = data[2] % 4,
			.affinity.key = data[3],
			.max_unused_warm_slots = data[3] == 255 ? ~0ULL : data[3],
		};

		if (!lockstep_step(&lockstep, &operation) || !lockstep_check(&lockstep)) {
			fflush(stdout);
			abort();
		}
	}
	lockstep_stop(&lockstep);
	return 0;
}
