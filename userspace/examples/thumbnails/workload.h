/* SPDX-License-Identifier: MIT */
/* The list of requests: which guest gets which image, in a random order */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stddef.h>

#include "server.h"

/**
 * workload_load() - read images and expected replies, and draw requests
 * @directory: images/<image>, and expected/<guest>/<image> for all that a
 *	guest can be asked for
 * @seed: decides about the order
 * @requests: to be filled
 * @nr_requests: how many
 *
 * Exits with a message if a file can't be read.
 */
void workload_load(const char *directory, unsigned int seed,
		   struct request *requests, size_t nr_requests);

#endif /* WORKLOAD_H */
