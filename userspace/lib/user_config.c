// SPDX-License-Identifier: MIT
/*
 * The parameters of a pool in user space, in the module's syntax:
 * "nr_slots=100 slot_size=4M".
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user.h"

#define MAX_SLOTS 16777216

/*
 * Parameters of the module that are accepted here, but have no effect or only
 * one possible value.
 */
struct module_parameters {
	uint64_t nr_shards, reserve_pages, max_decay_samples;
	uint64_t overcommit, max_client_pages;
};

struct parameters {
	struct user_config config;
	struct module_parameters module_only;
};

struct known_parameter {
	const char *name;
	size_t offset;
};

static const struct known_parameter known_parameters[] = {
	{ "nr_slots", offsetof(struct parameters, config.nr_slots) },
	{ "slot_size", offsetof(struct parameters, config.slot_size) },
	{ "slot_stride", offsetof(struct parameters, config.slot_stride) },
	{ "keep_bytes", offsetof(struct parameters, config.keep_bytes) },
	{ "max_unused_warm_slots", offsetof(struct parameters, config.max_unused_warm_slots) },
	{ "max_unused_warm_bytes", offsetof(struct parameters, config.max_unused_warm_bytes) },
	{ "max_image_bytes", offsetof(struct parameters, config.max_image_bytes) },
	{ "max_client_image_bytes", offsetof(struct parameters, config.max_client_image_bytes) },
	{ "max_pool_image_bytes", offsetof(struct parameters, config.max_pool_image_bytes) },
	{ "strict", offsetof(struct parameters, config.strict) },
	{ "reset", offsetof(struct parameters, config.reset) },
	{ "nr_shards", offsetof(struct parameters, module_only.nr_shards) },
	{ "reserve_pages", offsetof(struct parameters, module_only.reserve_pages) },
	{ "max_decay_samples", offsetof(struct parameters, module_only.max_decay_samples) },
	{ "overcommit", offsetof(struct parameters, module_only.overcommit) },
	{ "max_client_pages", offsetof(struct parameters, module_only.max_client_pages) },
};

static const struct {
	const char *name;
	uint64_t value;
} words[] = {
	{ "Y", true },
	{ "y", true },
	{ "N", false },
	{ "n", false },
	{ "madvise", USER_RESET_MADVISE },
	{ "scan", USER_RESET_SCAN },
};

/* Parse a number with an optional suffix K, M, G or T, or a word. */
static int read_value(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(text, words[i].name)) {
			*value = words[i].value;
			return 0;
		}
	}

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (*value = 0; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *text - '0', value))
			return -EINVAL;
	}
	if (!*text)
		return 0;
	suffix = strchr(suffixes, toupper((unsigned char)*text));
	if (!suffix || text[1])
		return -EINVAL;
	shift = 10 * (suffix - suffixes + 1);
	if (*value > UINT64_MAX >> shift)
		return -EINVAL;
	*value <<= shift;
	return 0;
}

static int read_parameter(char *word, struct parameters *parameters)
{
	char *value = strchr(word, '=');

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(known_parameters) / sizeof(*known_parameters); i++) {
		const struct known_parameter *known = &known_parameters[i];

		if (!strcmp(word, known->name))
			return read_value(value, (uint64_t *)((char *)parameters + known->offset));
	}
	return -EINVAL;
}

static int read_text(const char *text, struct parameters *parameters)
{
	char *copy = strdup(text), *rest = copy, *word;
	int ret = copy ? 0 : -ENOMEM;

	while (!ret && (word = strsep(&rest, " \t\n"))) {
		if (*word)
			ret = read_parameter(word, parameters);
	}
	free(copy);
	return ret;
}

/* Check the conditions that the module checks. */
static bool is_possible(const struct parameters *parameters, uint64_t page_size)
{
	const struct user_config *config = &parameters->config;
	uint64_t bytes;

	/* User space can neither promise pages to a client nor deny them. */
	if (parameters->module_only.overcommit != 1 || parameters->module_only.max_client_pages)
		return false;
	return config->nr_slots && config->nr_slots <= MAX_SLOTS && config->slot_size &&
	       config->slot_stride >= config->slot_size && config->slot_size % page_size == 0 &&
	       config->slot_stride % page_size == 0 && config->keep_bytes % page_size == 0 &&
	       config->strict <= 1 && config->reset <= USER_RESET_SCAN &&
	       !__builtin_mul_overflow(config->slot_stride, config->nr_slots, &bytes) &&
	       bytes <= LLONG_MAX;
}

int user_config_read(struct user_config *config, const char *text, uint64_t page_size)
{
	struct parameters parameters = {
		.config = {
			.nr_slots = 1000,
			.slot_size = 4 << 20,
			.keep_bytes = 1 << 20,
			.max_unused_warm_slots = 100,
			.max_unused_warm_bytes = UINT64_MAX,
		},
		.module_only = { .overcommit = true },
	};
	uint64_t quarter = (uint64_t)sysconf(_SC_PHYS_PAGES) / 4 * page_size;
	int ret = text ? read_text(text, &parameters) : 0;

	if (ret)
		return ret;
	*config = parameters.config;
	if (!config->slot_stride &&
	    __builtin_mul_overflow(config->slot_size, 2, &config->slot_stride))
		return -EINVAL;
	if (!config->max_image_bytes)
		config->max_image_bytes = config->slot_size;
	if (!config->max_client_image_bytes)
		config->max_client_image_bytes = quarter;
	if (!config->max_pool_image_bytes)
		config->max_pool_image_bytes = quarter;
	parameters.config = *config;
	return is_possible(&parameters, page_size) ? 0 : -EINVAL;
}
