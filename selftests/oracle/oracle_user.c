// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle, against the library without the module: each process has a pool
 * of its own, and images of others.
 *
 * Pools have fewer slots than the clients could have, so that these get those of
 * each other. None commits: user space can't. The best reset is PAGEMAP_SCAN
 * where the kernel has it.
 */
#define IN_USER_SPACE true
#define DEFAULT_OPERATIONS 100000
#define NR_VARIANTS 7

#include "oracle_tests.h"

static int oracle_load(const struct options *options)
{
	struct slotpool *pool;
	int err;

	if (setenv("SLOTPOOL_BACKEND", "user", 1) ||
	    setenv("SLOTPOOL_USER_POOL", options->parameters, 1))
		return -errno;
	err = slotpool_open(NULL, &pool);
	if (err)
		return err;
	fprintf(stderr, "# %s\n", slotpool_backend(pool));
	slotpool_close(pool);
	return 0;
}

/* A pool ends with its last handle. */
static int oracle_unload(void)
{
	return 0;
}

FIXTURE_VARIANT_ADD(oracle, best)
{
	.options = {
		.parameters = SMALL(7, 1) "max_unused_warm_slots=2 keep_bytes=64K",
	},
};

FIXTURE_VARIANT_ADD(oracle, madvise)
{
	.options = {
		.parameters = SMALL(7, 1) "reset=madvise max_unused_warm_slots=2 keep_bytes=64K",
	},
};

FIXTURE_VARIANT_ADD(oracle, strict_best)
{
	.options = {
		.parameters = SMALL(7, 1) "strict=1 max_unused_warm_slots=16",
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, strict_madvise)
{
	.options = {
		.parameters = SMALL(7, 1) "reset=madvise strict=1 max_unused_warm_slots=16",
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, large_slots)
{
	.options = {
		.parameters = LARGE(7, 1) "max_unused_warm_slots=2 keep_bytes=128K",
	},
};

FIXTURE_VARIANT_ADD(oracle, few_warm_bytes)
{
	.options = {
		.parameters = SMALL(7, 1) "max_unused_warm_bytes=128K",
	},
};

#define FEW_IMAGE_BYTES \
	"max_image_bytes=64K max_client_image_bytes=96K max_pool_image_bytes=128K "

FIXTURE_VARIANT_ADD(oracle, few_image_bytes)
{
	.options = {
		.parameters = SMALL(7, 1) "max_unused_warm_slots=0 " FEW_IMAGE_BYTES,
		.refuses_images = true,
	},
};

TEST_HARNESS_MAIN
