// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle, against the module.
 */
#define IN_USER_SPACE false
#define DEFAULT_OPERATIONS 200000
#define NR_VARIANTS 8

#include "oracle_tests.h"

static int oracle_load(const struct options *options)
{
	if (setenv("SLOTPOOL_BACKEND", "kernel", 1))
		return -errno;
	/* A test that failed may have left it behind. */
	unload_pool();
	return load_module(options->module ? options->module : POOL_MODULE, options->parameters);
}

static int oracle_unload(void)
{
	return unload_pool();
}

FIXTURE_VARIANT_ADD(oracle, overcommitting)
{
	.options = {
		.parameters = SMALL(20, 2) "max_unused_warm_slots=4 keep_bytes=64K",
	},
};

FIXTURE_VARIANT_ADD(oracle, committing)
{
	.options = {
		.parameters = SMALL(40, 2) "overcommit=0 max_client_pages=80 reserve_pages=160",
		.commits = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, large_slots)
{
	.options = {
		.parameters = LARGE(16, 1) "max_unused_warm_slots=2 keep_bytes=128K",
	},
};

FIXTURE_VARIANT_ADD(oracle, large_committing)
{
	.options = {
		.parameters = LARGE(40, 2) "strict=1 overcommit=0 reserve_pages=1200",
		.commits = true,
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, strict)
{
	.options = {
		.parameters = SMALL(40, 1) "strict=1 max_unused_warm_slots=16 reserve_pages=256",
		.strict = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, few_warm_bytes)
{
	.options = {
		.parameters = SMALL(40, 2) "max_unused_warm_bytes=128K reserve_pages=0",
	},
};

#define FEW_IMAGE_BYTES \
	"max_image_bytes=64K max_client_image_bytes=96K max_pool_image_bytes=512K "

FIXTURE_VARIANT_ADD(oracle, few_image_bytes)
{
	.options = {
		.parameters = SMALL(18, 1) "max_unused_warm_slots=0 " FEW_IMAGE_BYTES,
		.refuses_images = true,
	},
};

FIXTURE_VARIANT_ADD(oracle, without_dirty_bits)
{
	.options = {
		.module = "/without-dirty-bits/slotpool.ko",
		.parameters = SMALL(20, 1) "max_unused_warm_slots=16",
	},
};

TEST_HARNESS_MAIN
