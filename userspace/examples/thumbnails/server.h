/* SPDX-License-Identifier: MIT */
/* Worker processes that serve a list of requests */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests.h"
#include "memory.h"

struct request {
	enum guest_id guest;
	struct bytes input;
	/* data is NULL where the guest must trap */
	struct bytes expected;
};

struct result {
	enum outcome outcome;
	struct memory_use memory;
	uint64_t faults;
};

/**
 * struct run - what came of serving all requests once
 * @results: one for each request
 * @totals: what was held when all had been served and the workers were still
 *	there, and what was reset on the way there
 * @page_table_bytes: what the workers' page tables grew by
 */
struct run {
	struct result *results;
	struct memory_totals totals;
	uint64_t page_table_bytes;
};

/**
 * server_run() - serve all requests
 * @backend: where memories come from
 * @start: how instances come about
 * @requests: what to serve, in this order as far as the workers keep it
 * @nr_requests: how many
 * @label: what progress lines call the run
 * @run: where the results go
 *
 * Return: 0, or -1 if something went wrong that is no guest's fault; it has
 * been reported.
 */
int server_run(const struct memory_backend *backend, enum start start,
	       const struct request *requests, size_t nr_requests,
	       const char *label, struct run *run);

#endif /* SERVER_H */
