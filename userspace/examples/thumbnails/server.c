// SPDX-License-Identifier: MIT
#include <errno.h>
#include <error.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

#define NR_WORKERS 4
#define PROGRESS_STEPS 4

struct worker_report {
	struct memory_totals totals;
	uint64_t page_table_bytes;
};

/* Shared by the workers and their parent */
struct board {
	size_t next;
	struct worker_report reports[NR_WORKERS];
	struct result results[];
};

struct server {
	const struct memory_backend *backend;
	const struct request *requests;
	size_t nr_requests;
	struct board *board;
	pid_t workers[NR_WORKERS];
	/* Pipe with a byte for each served request */
	int served[2];
	/* Pipe that the parent closes to let the workers exit */
	int leave[2];
};

static uint64_t page_table_bytes(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *status;

	status = fopen("/proc/self/status", "r");
	if (!status)
		error(1, errno, "/proc/self/status");
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "VmPTE: %lu kB", &kib) == 1)
			break;
	fclose(status);
	return (uint64_t)kib << 10;
}

static void serve(const struct request *request, struct result *result)
{
	const struct bytes *expected = &request->expected;
	uint64_t faults = memory_page_faults();

	result->outcome = guest_serve(request->guest, &request->input, expected);
	result->faults = memory_page_faults() - faults;
	result->memory = *memory_use();
}

static void __attribute__((noreturn)) work(struct server *server, int index)
{
	struct worker_report *report = &server->board->reports[index];
	struct board *board = server->board;
	uint64_t page_tables;
	size_t i;
	int ret;
	char c;

	close(server->leave[1]);
	/* Don't count faults on memory outside of slots. */
	mlockall(MCL_CURRENT);
	ret = memory_open(server->backend);
	if (ret)
		error(1, -ret, "worker %d cannot open its memory", index);
	page_tables = page_table_bytes();

	for (;;) {
		i = __atomic_fetch_add(&board->next, 1, __ATOMIC_RELAXED);
		if (i >= server->nr_requests)
			break;
		serve(&server->requests[i], &board->results[i]);
		if (write(server->served[1], "", 1) != 1)
			error(1, errno, "pipe");
	}

	report->page_table_bytes = page_table_bytes() - page_tables;
	if (server->backend->own_totals)
		server->backend->own_totals(&report->totals);
	close(server->served[1]);
	while (read(server->leave[0], &c, 1) < 0 && errno == EINTR)
		;
	memory_close();
	exit(0);
}

static int start_workers(struct server *server)
{
	fflush(NULL);
	for (int i = 0; i < NR_WORKERS; i++) {
		server->workers[i] = fork();
		if (server->workers[i] < 0) {
			error(0, errno, "fork");
			return -1;
		}
		if (!server->workers[i])
			work(server, i);
	}
	return 0;
}

/* Wait until every worker has closed its end of the pipe, because it is done or died. */
static int watch(struct server *server, const char *label)
{
	size_t served = 0, shown = 0;
	char bytes[64];
	ssize_t count;

	for (;;) {
		count = read(server->served[0], bytes, sizeof(bytes));
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		served += count;
		if (served * PROGRESS_STEPS / server->nr_requests == shown)
			continue;
		shown = served * PROGRESS_STEPS / server->nr_requests;
		printf("%s: %zu of %zu requests\n", label, served,
		       server->nr_requests);
		fflush(stdout);
	}
	if (served < server->nr_requests) {
		error(0, 0, "%s: the workers ended with %zu of %zu requests served",
		      label, served, server->nr_requests);
		return -1;
	}
	return 0;
}

static int stop(struct server *server, bool now)
{
	int ret = 0, status;

	close(server->leave[1]);
	for (int i = 0; i < NR_WORKERS; i++) {
		if (server->workers[i] <= 0)
			continue;
		if (now)
			kill(server->workers[i], SIGKILL);
		if (waitpid(server->workers[i], &status, 0) < 0 || status)
			ret = -1;
	}
	if (ret && !now)
		error(0, 0, "a worker failed");
	return ret;
}

static int measure_start(const struct memory_backend *backend,
			 struct memory_totals *totals)
{
	int ret;

	*totals = (struct memory_totals){};
	if (!backend->totals)
		return 0;
	ret = backend->totals(totals);
	if (ret)
		error(0, -ret, "cannot read the totals of the pool; is slotpool.ko loaded?");
	return ret;
}

static int measure_end(const struct server *server,
		       const struct memory_totals *before, struct run *run)
{
	const struct memory_backend *backend = server->backend;

	if (measure_start(backend, &run->totals))
		return -1;
	run->totals.reset_bytes -= before->reset_bytes;
	run->page_table_bytes = 0;
	for (int i = 0; i < NR_WORKERS; i++) {
		const struct worker_report *report = &server->board->reports[i];

		run->totals.held_bytes += report->totals.held_bytes;
		run->totals.reset_bytes += report->totals.reset_bytes;
		/* All processes have the same images. */
		if (run->totals.image_bytes < report->totals.image_bytes)
			run->totals.image_bytes = report->totals.image_bytes;
		run->page_table_bytes += report->page_table_bytes;
	}
	run->results = server->board->results;
	return 0;
}

/* Prepare the guests for all workers, which inherit the images from their parent. */
static int prepare_guests(const struct memory_backend *backend, enum start start)
{
	int ret;

	if (start == START_ZEROS)
		return 0;
	ret = memory_open(backend);
	if (!ret) {
		ret = guests_prepare(start);
		memory_close();
	}
	if (ret)
		error(0, -ret, "cannot prepare the guests");
	return ret;
}

int server_run(const struct memory_backend *backend, enum start start,
	       const struct request *requests, size_t nr_requests,
	       const char *label, struct run *run)
{
	struct server server = {
		.backend = backend,
		.requests = requests,
		.nr_requests = nr_requests,
	};
	size_t board_size = sizeof(struct board) +
			    nr_requests * sizeof(struct result);
	struct memory_totals before;
	int ret = -1;

	if (prepare_guests(backend, start) || measure_start(backend, &before))
		goto forget_guests;
	server.board = mmap(NULL, board_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server.board == MAP_FAILED) {
		error(0, errno, "mmap");
		goto forget_guests;
	}
	if (pipe(server.served)) {
		error(0, errno, "pipe");
		goto unmap_board;
	}
	if (pipe(server.leave)) {
		error(0, errno, "pipe");
		goto close_served;
	}

	ret = start_workers(&server);
	close(server.served[1]);
	if (!ret)
		ret = watch(&server, label);
	if (!ret)
		ret = measure_end(&server, &before, run);
	if (stop(&server, ret))
		ret = -1;
	close(server.leave[0]);
	close(server.served[0]);
	if (ret)
		goto unmap_board;
	guests_forget();
	return 0;

close_served:
	close(server.served[0]);
	close(server.served[1]);
unmap_board:
	munmap(server.board, board_size);
forget_guests:
	guests_forget();
	return -1;
}
