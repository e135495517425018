// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

/* One request in 16 goes to the stray guest. */
#define STRAY_INTERVAL 16

struct candidates {
	struct request *requests;
	size_t count;
};

static struct bytes read_file(const char *path)
{
	struct bytes bytes = {};
	FILE *file;
	long size;

	file = fopen(path, "r");
	if (!file || fseek(file, 0, SEEK_END))
		error(1, errno, "%s", path);
	size = ftell(file);
	if (size <= 0)
		error(1, 0, "%s: empty", path);
	rewind(file);
	bytes.size = size;
	bytes.data = malloc(bytes.size);
	if (!bytes.data)
		error(1, errno, "%s", path);
	if (fread(bytes.data, bytes.size, 1, file) != 1)
		error(1, errno, "%s", path);
	fclose(file);
	return bytes;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static struct candidates find_candidates(const char *directory,
					 enum guest_id guest)
{
	struct candidates candidates;
	struct dirent **entries;
	char path[PATH_MAX];
	int count;

	snprintf(path, sizeof(path), "%s/expected/%s", directory,
		 guest_name(guest));
	/* Sort the names: a seed must choose the same requests on all machines. */
	count = scandir(path, &entries, is_visible, alphasort);
	if (count <= 0)
		error(1, count ? errno : 0, "%s: no expected replies", path);
	candidates.count = count;
	candidates.requests = calloc(count, sizeof(*candidates.requests));
	if (!candidates.requests)
		error(1, errno, "%s", path);
	for (int i = 0; i < count; i++) {
		struct request *request = &candidates.requests[i];
		const char *name = entries[i]->d_name;

		request->guest = guest;
		snprintf(path, sizeof(path), "%s/pictures/%s", directory, name);
		request->input = read_file(path);
		snprintf(path, sizeof(path), "%s/expected/%s/%s", directory,
			 guest_name(guest), name);
		request->expected = read_file(path);
		free(entries[i]);
	}
	free(entries);
	return candidates;
}

static struct request stray_request(size_t which)
{
	static struct {
		uint32_t address;
		uint32_t write;
	} inputs[] = {
		{ INITIAL_MEMORY, 1 },
		{ UINT32_MAX, 0 },
		{ INITIAL_MEMORY, 0 },
		{ INITIAL_MEMORY - 1, 1 },
	};
	static uint8_t written = 0xaa;
	size_t count = sizeof(inputs) / sizeof(*inputs);
	size_t i = which % count;
	struct request request = {
		.guest = GUEST_STRAY,
		.input = { (uint8_t *)&inputs[i], sizeof(inputs[i]) },
	};

	/* The last input is valid: it is the last byte of the guest's memory. */
	if (i == count - 1)
		request.expected = (struct bytes){ &written, 1 };
	return request;
}

void workload_load(const char *directory, unsigned int seed,
		   struct request *requests, size_t nr_requests)
{
	struct candidates candidates[GUEST_STRAY];

	for (int guest = 0; guest < GUEST_STRAY; guest++)
		candidates[guest] = find_candidates(directory, guest);
	srandom(seed);
	for (size_t i = 0; i < nr_requests; i++) {
		struct candidates *chosen = &candidates[random() % GUEST_STRAY];

		if (i % STRAY_INTERVAL == STRAY_INTERVAL - 1)
			requests[i] = stray_request(i / STRAY_INTERVAL);
		else
			requests[i] = chosen->requests[random() % chosen->count];
	}
	for (int guest = 0; guest < GUEST_STRAY; guest++)
		free(candidates[guest].requests);
}
