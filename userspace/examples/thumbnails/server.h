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
	/* data is NULL if the guest must trap. */
	struct bytes expected;
};

struct result {
	enum outcome outcome;
	struct memory_use memory;
	uint64_t faults;
};

/**
 * struct run - results of serving all requests once
 * @results: one for each request
 * @totals: memory held after the last request, before the workers exit, and bytes reset
 *	during the run
 * @page_table_bytes: growth of the workers' page tables
 */
struct run {
	struct result *results;
	struct memory_totals totals;
	uint64_t page_table_bytes;
};

/**
 * server_run() - serve all requests
 * @backend: the backend of all memories
 * @start: how instances start
 * @requests: the requests; workers take them in this order
 * @nr_requests: number of requests
 * @label: name of the run in progress messages
 * @run: returns the results
 *
 * Return: 0, or -1 after an error that no guest has caused, and that has been reported.
 */
int server_run(const struct memory_backend *backend, enum start start,
	       const struct request *requests, size_t nr_requests,
	       const char *label, struct run *run);

#endif /* SERVER_H */
