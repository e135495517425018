/* SPDX-License-Identifier: MIT */
/* The list of requests: pictures for guests, in a random order */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stddef.h>

#include "server.h"

/**
 * workload_load() - read pictures and expected replies, and choose requests
 * @directory: has pictures/PICTURE, and expected/GUEST/PICTURE for each picture that the
 *	guest can convert
 * @seed: chooses the requests and their order
 * @requests: returns the requests
 * @nr_requests: number of requests
 * @nr_requests: how many
 *
 * Exits with a message if a file can't be read.
 */
void workload_load(const char *directory, unsigned int seed,
		   struct request *requests, size_t nr_requests);

#endif /* WORKLOAD_H */
