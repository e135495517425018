// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lifetime of a client and of its slots: close, exit, fork, exec, passed
 * descriptors, and all changes of a mapping.
 */
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define NR_SLOTS 8
#define SLOT_SIZE 0x10000
#define STRIDE 0x20000
#define RESERVE_PAGES 256
#define PARAMETERS                                               \
	"nr_slots=8 nr_shards=1 slot_size=64K slot_stride=128K " \
	"max_unused_warm_slots=8 keep_bytes=64K reserve_pages=256"

#define EXEC_ARGUMENT "--after-exec"

/* In a child, which has no teardown to go to. */
#define CHILD_CHECK(condition)                        \
	do {                                          \
		if (!(condition)) {                   \
			TH_LOG("child: " #condition); \
			_exit(1);                     \
		}                                     \
	} while (0)

/* Forks; *peer is one end of a channel to the other process. */
static pid_t fork_peer(int *peer)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -1;
	child = fork();
	*peer = ends[child == 0];
	close(ends[child != 0]);
	return child;
}

static bool peer_tell(int peer)
{
	return write(peer, "", 1) == 1;
}

/* Returns false if the other process is gone. */
static bool peer_wait(int peer)
{
	char byte;

	return read(peer, &byte, 1) == 1;
}

/* Returns the exit status of a child, or minus the signal that killed it. */
static int child_status(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Return whether mmap() and every command that changes something fail with EPERM. */
static bool may_not_change(int fd)
{
	return call_info(fd).nr_slots == NR_SLOTS &&
	       call_alloc_any(fd) == -EPERM &&
	       call_alloc_exact(fd, NR_SLOTS - 1) == -EPERM &&
	       call_reset(fd, 0) == -EPERM &&
	       call_free(fd, 0) == -EPERM &&
	       call_free_flags(fd, 0, SLOTPOOL_FREE_IF_OWNED) == -EPERM &&
	       call_resize(fd, 0, 0, SLOT_SIZE) == -EPERM &&
	       call_purge(fd, 0, 0, 0) == -EPERM &&
	       map_slots(fd, 0, 1) == MAP_FAILED && errno == EPERM;
}

/* Leaves nothing allocated and nothing mapped. */
static bool may_change(int fd)
{
	int slot = call_alloc_any(fd);
	char *map;

	if (slot < 0)
		return false;
	map = map_slots(fd, slot, 1);
	if (map == MAP_FAILED)
		return false;
	*map = 1;
	return munmap(map, STRIDE) == 0 &&
	       call_free_flags(fd, slot, SLOTPOOL_FREE_DECOMMIT) == 0;
}

/*
 * The program that a test starts with exec(): told by its arguments which file
 * it inherited and whether it may use it. A constructor, because the harness
 * has main() for itself; it returns in an ordinary run.
 */
static void __attribute__((constructor)) after_exec(int argc, char **argv)
{
	int fd;

	if (argc != 4 || strcmp(argv[1], EXEC_ARGUMENT))
		return;
	fd = atoi(argv[2]);
	if (atoi(argv[3]))
		_exit(may_change(fd) ? 0 : 1);
	if (!may_not_change(fd) || pool_gauges().used_slots != 1)
		_exit(2);
	close(fd);
	_exit(pool_is_idle() ? 0 : 3);
}

static void exec_self(int fd, bool usable)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	fcntl(fd, F_SETFD, 0);
	execl("/proc/self/exe", "lifetime", EXEC_ARGUMENT, number, usable ? "1" : "0", NULL);
}

static bool send_file(int peer, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec data = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(peer, &message, 0) == 1;
}

static int receive_file(int peer)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(peer, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Return whether the VMA at an address has a two-letter flag in /proc/self/smaps. */
static bool vma_has_flag(const char *address, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;
	bool has = false;

	while (file && fgets(line, sizeof(line), file)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (unsigned long)address && (unsigned long)address < end;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			has = strstr(line, flag);
	}
	if (file)
		fclose(file);
	return has;
}

FIXTURE(lifetime)
{
	int fd;
	/* The whole pool */
	char *map;
	/* A slot, and where it is mapped */
	int slot;
	char *memory;
};

FIXTURE_SETUP(lifetime)
{
	/* A test that failed may have left it behind. */
	unload_pool();
	ASSERT_EQ(0, load_pool(PARAMETERS));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->map = map_slots(self->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, self->map);
	self->slot = call_alloc_key(self->fd, 1);
	ASSERT_GE(self->slot, 0);
	self->memory = self->map + (size_t)self->slot * STRIDE;
}

FIXTURE_TEARDOWN(lifetime)
{
	munmap(self->map, (size_t)NR_SLOTS * STRIDE);
	close(self->fd);
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* ---- The end of a client ---- */

TEST_F(lifetime, close_frees_what_was_owned)
{
	int warm = call_alloc_any(self->fd);

	ASSERT_GE(warm, 0);
	ASSERT_GE(call_alloc_any(self->fd), 0);
	memset(self->memory, 1, SLOT_SIZE);
	memset(self->map + (size_t)warm * STRIDE, 2, SLOT_SIZE);
	ASSERT_EQ(SLOT_SIZE, call_free(self->fd, warm));
	ASSERT_EQ(2, pool_gauges().used_slots);
	ASSERT_EQ(1, pool_gauges().warm_slots);
	ASSERT_EQ(2 * SLOT_SIZE / PAGE, pool_gauges().held_pages);

	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_TRUE(pool_is_idle());
}

TEST_F(lifetime, exit_frees_what_was_owned)
{
	pid_t child = fork();

	if (child == 0) {
		int fd = open_pool();
		char *map = map_slots(fd, 0, NR_SLOTS);
		int slot = call_alloc_any(fd);

		CHILD_CHECK(map != MAP_FAILED && slot >= 0);
		memset(map + (size_t)slot * STRIDE, 1, SLOT_SIZE);
		CHILD_CHECK(pool_gauges().used_slots == 2);
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(0, pool_gauges().held_pages);
}

struct churn {
	int fd;
	char *map;
	int peer;
};

/* Takes, fills and empties slots for ever. */
static void *churn(void *argument)
{
	const struct churn *churn = argument;
	int told = 0;

	for (;;) {
		int slot = call_alloc_any(churn->fd);

		if (slot < 0)
			_exit(1);
		memset(churn->map + (size_t)slot * STRIDE, 1, SLOT_SIZE);
		if (!told++ && !peer_tell(churn->peer))
			_exit(2);
		if (call_free_flags(churn->fd, slot, SLOTPOOL_FREE_DECOMMIT))
			_exit(3);
	}
	return NULL;
}

TEST_F(lifetime, kill_while_faulting_frees_what_was_owned)
{
	int round;

	for (round = 0; round < 10; round++) {
		int peer;
		pid_t child = fork_peer(&peer);

		ASSERT_GE(child, 0);
		if (child == 0) {
			struct churn arguments = { .fd = open_pool(), .peer = peer };
			pthread_t thread;

			arguments.map = map_slots(arguments.fd, 0, NR_SLOTS);
			CHILD_CHECK(arguments.map != MAP_FAILED);
			CHILD_CHECK(call_alloc_any(arguments.fd) >= 0);
			CHILD_CHECK(!pthread_create(&thread, NULL, churn, &arguments));
			churn(&arguments);
		}
		ASSERT_TRUE(peer_wait(peer));
		ASSERT_TRUE(peer_wait(peer));
		usleep(1000 * round);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(-SIGKILL, child_status(child));
		ASSERT_EQ(1, pool_gauges().used_slots);
		ASSERT_EQ(NR_SLOTS - 1, pool_gauges().cold_slots);
		ASSERT_EQ(0, pool_gauges().held_pages);
		ASSERT_EQ(RESERVE_PAGES, pool_gauges().reserve_free_pages);
		close(peer);
	}
}

TEST_F(lifetime, kill_ends_system_calls_that_touch_refused_memory)
{
	int round;

	for (round = 0; round < 50; round++) {
		int peer;
		pid_t child = fork_peer(&peer);

		ASSERT_GE(child, 0);
		if (child == 0) {
			int fd = open_pool();
			int slot = call_alloc_limit(fd, PAGE);
			char *map = map_slots(fd, slot, 1);

			CHILD_CHECK(slot >= 0 && map != MAP_FAILED && peer_tell(peer));
			for (;;)
				CHILD_CHECK(write(peer, map + PAGE, 1) == -1 && errno == EFAULT);
		}
		ASSERT_TRUE(peer_wait(peer));
		usleep(100 * round);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(-SIGKILL, child_status(child));
		close(peer);
	}
}

TEST_F(lifetime, mapping_keeps_slots_of_a_closed_file)
{
	memset(self->memory, 1, PAGE);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_TRUE(all_bytes(self->memory, PAGE, 1));
	memset(self->memory, 2, SLOT_SIZE);
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 2));

	/* All but one page of it */
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE - PAGE));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(0, munmap(self->map + (size_t)NR_SLOTS * STRIDE - PAGE, PAGE));
	ASSERT_TRUE(pool_is_idle());
}

TEST_F(lifetime, duplicate_descriptors_are_one_client)
{
	int duplicate = dup(self->fd);

	ASSERT_GE(duplicate, 0);
	ASSERT_EQ(0, call_reset(duplicate, self->slot));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(0, call_free(duplicate, self->slot));
	ASSERT_GE(call_alloc_any(duplicate), 0);
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(0, close(duplicate));
	ASSERT_TRUE(pool_is_idle());
}

static void *alloc_in_thread(void *argument)
{
	return (void *)(intptr_t)call_alloc_any(*(int *)argument);
}

TEST_F(lifetime, threads_are_one_client)
{
	pthread_t thread;
	void *slot;

	ASSERT_EQ(0, pthread_create(&thread, NULL, alloc_in_thread, &self->fd));
	ASSERT_EQ(0, pthread_join(thread, &slot));
	ASSERT_GE((intptr_t)slot, 0);
	memset(self->map + (intptr_t)slot * STRIDE, 1, SLOT_SIZE);
	ASSERT_EQ(2, pool_gauges().used_slots);
	ASSERT_EQ(SLOT_SIZE, call_free(self->fd, (intptr_t)slot));
}

TEST_F(lifetime, each_open_is_a_client_of_its_own)
{
	enum { NR_CHILDREN = 3 };
	pid_t children[NR_CHILDREN];
	int peers[NR_CHILDREN];
	int i;

	for (i = 0; i < NR_CHILDREN; i++) {
		children[i] = fork_peer(&peers[i]);
		ASSERT_GE(children[i], 0);
		if (children[i] == 0) {
			int fd = open_pool();
			int slot = call_alloc_key(fd, 1);
			char *map = map_slots(fd, 0, NR_SLOTS);
			char *memory = map + (size_t)slot * STRIDE;

			CHILD_CHECK(slot >= 0 && map != MAP_FAILED);
			CHILD_CHECK(call_free(fd, self->slot) == -ENOENT);
			CHILD_CHECK(access_read(map + (size_t)self->slot * STRIDE) == SIGSEGV);
			memset(memory, 'a' + i, SLOT_SIZE);
			CHILD_CHECK(peer_tell(peers[i]) && peer_wait(peers[i]));
			CHILD_CHECK(all_bytes(memory, SLOT_SIZE, 'a' + i));
			_exit(0);
		}
	}
	for (i = 0; i < NR_CHILDREN; i++)
		ASSERT_TRUE(peer_wait(peers[i]));
	ASSERT_EQ(1 + NR_CHILDREN, pool_gauges().used_slots);
	memset(self->memory, 1, SLOT_SIZE);
	for (i = 0; i < NR_CHILDREN; i++) {
		ASSERT_TRUE(peer_tell(peers[i]));
		ASSERT_EQ(0, child_status(children[i]));
		ASSERT_EQ(NR_CHILDREN - i, pool_gauges().used_slots);
	}
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 1));
}

TEST_F(lifetime, open_file_keeps_the_module)
{
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(-EAGAIN, unload_pool());
	ASSERT_EQ(0, call_free(self->fd, self->slot));
	ASSERT_EQ(-EAGAIN, unload_pool());
	ASSERT_TRUE(may_change(self->fd));
}

TEST_F(lifetime, mapping_keeps_the_module)
{
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(-EAGAIN, unload_pool());
	memset(self->memory, 1, SLOT_SIZE);
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 1));
	ASSERT_EQ(SIGSEGV, access_read(self->memory + SLOT_SIZE));
}

/* ---- Other processes ---- */

TEST_F(lifetime, child_has_no_mapping)
{
	pid_t child;

	*self->memory = 1;
	child = fork();
	if (child == 0) {
		CHILD_CHECK(access_read(self->memory) == SIGSEGV);
		CHILD_CHECK(access_write(self->memory) == SIGSEGV);
		CHILD_CHECK(!can_read(self->memory));
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	ASSERT_EQ(1, *self->memory);
}

TEST_F(lifetime, mapping_cannot_be_made_to_survive_fork)
{
	pid_t child;

	*self->memory = 1;
	ASSERT_EQ(-1, madvise(self->memory, SLOT_SIZE, MADV_DOFORK));
	ASSERT_EQ(EINVAL, errno);
	child = fork();
	if (child == 0) {
		CHILD_CHECK(access_read(self->memory) == SIGSEGV);
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
}

TEST_F(lifetime, child_may_change_nothing_while_parent_owns_a_slot)
{
	pid_t child;

	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	child = fork();
	if (child == 0) {
		CHILD_CHECK(may_not_change(self->fd));
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	ASSERT_EQ(0, call_free(self->fd, self->slot));
}

TEST_F(lifetime, child_may_change_nothing_while_parent_has_a_mapping)
{
	pid_t child;

	ASSERT_EQ(0, call_free(self->fd, self->slot));
	/* A page of it is enough. */
	ASSERT_EQ(0, munmap(self->map, STRIDE));
	ASSERT_EQ(0, munmap(self->map + STRIDE + PAGE, (size_t)(NR_SLOTS - 1) * STRIDE - PAGE));
	child = fork();
	if (child == 0) {
		CHILD_CHECK(may_not_change(self->fd));
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	ASSERT_TRUE(may_change(self->fd));
}

TEST_F(lifetime, child_takes_over_what_parent_let_go)
{
	int peer;
	pid_t child = fork_peer(&peer);

	ASSERT_GE(child, 0);
	if (child == 0) {
		char *map;
		int slot;

		CHILD_CHECK(peer_wait(peer));
		CHILD_CHECK(may_not_change(self->fd));
		CHILD_CHECK(peer_tell(peer) && peer_wait(peer));

		slot = call_alloc_key(self->fd, 1);
		map = map_slots(self->fd, slot, 1);
		CHILD_CHECK(slot == self->slot && map != MAP_FAILED);
		CHILD_CHECK(all_bytes(map, SLOT_SIZE, 0));
		memset(map, 2, SLOT_SIZE);
		CHILD_CHECK(peer_tell(peer) && peer_wait(peer));

		CHILD_CHECK(all_bytes(map, SLOT_SIZE, 2));
		CHILD_CHECK(call_free(self->fd, slot) == SLOT_SIZE);
		CHILD_CHECK(peer_tell(peer) && peer_wait(peer));
		CHILD_CHECK(munmap(map, STRIDE) == 0);
		_exit(0);
	}

	memset(self->memory, 1, SLOT_SIZE);
	ASSERT_TRUE(peer_tell(peer));
	ASSERT_TRUE(peer_wait(peer));
	ASSERT_EQ(SLOT_SIZE, call_free(self->fd, self->slot));
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_TRUE(peer_tell(peer));

	/* The child has a mapping and a slot, then only a mapping. */
	ASSERT_TRUE(peer_wait(peer));
	ASSERT_TRUE(may_not_change(self->fd));
	ASSERT_TRUE(peer_tell(peer));
	ASSERT_TRUE(peer_wait(peer));
	ASSERT_TRUE(may_not_change(self->fd));
	ASSERT_TRUE(peer_tell(peer));
	ASSERT_EQ(0, child_status(child));
	ASSERT_TRUE(may_change(self->fd));
}

TEST_F(lifetime, passed_file_belongs_to_who_uses_it)
{
	int peer;
	pid_t child = fork_peer(&peer);

	ASSERT_GE(child, 0);
	if (child == 0) {
		int fd;

		/* Only what is passed counts. */
		close(self->fd);
		fd = receive_file(peer);
		CHILD_CHECK(may_not_change(fd));
		CHILD_CHECK(peer_tell(peer) && peer_wait(peer));
		CHILD_CHECK(may_change(fd));
		_exit(0);
	}
	ASSERT_TRUE(send_file(peer, self->fd));
	ASSERT_TRUE(peer_wait(peer));
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(0, call_free(self->fd, self->slot));
	ASSERT_TRUE(peer_tell(peer));
	ASSERT_EQ(0, child_status(child));
	ASSERT_TRUE(may_change(self->fd));
}

TEST_F(lifetime, file_in_flight_keeps_slots)
{
	int ends[2];
	int fd;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	ASSERT_TRUE(send_file(ends[0], self->fd));
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(1, pool_gauges().used_slots);
	fd = receive_file(ends[1]);
	ASSERT_EQ(0, call_free(fd, self->slot));
	ASSERT_EQ(0, close(fd));
	ASSERT_TRUE(pool_is_idle());
}

TEST_F(lifetime, program_after_exec_may_only_close_while_slots_are_owned)
{
	pid_t child;

	/* The child opens it anew, so that its is the last descriptor. */
	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(0, close(self->fd));
	child = fork();
	if (child == 0) {
		int fd = open_pool();
		char *map = map_slots(fd, 0, NR_SLOTS);
		int slot = call_alloc_any(fd);

		CHILD_CHECK(map != MAP_FAILED && slot >= 0);
		memset(map + (size_t)slot * STRIDE, 1, SLOT_SIZE);
		exec_self(fd, false);
		CHILD_CHECK(!"exec");
	}
	ASSERT_EQ(0, child_status(child));
}

TEST_F(lifetime, program_after_exec_takes_over_when_no_slot_is_owned)
{
	pid_t child = fork();

	if (child == 0) {
		int fd = open_pool();

		CHILD_CHECK(map_slots(fd, 0, NR_SLOTS) != MAP_FAILED);
		exec_self(fd, true);
		CHILD_CHECK(!"exec");
	}
	ASSERT_EQ(0, child_status(child));
}

TEST_F(lifetime, slots_of_a_dead_process_stay_until_the_file_is_closed)
{
	struct slotpool_list_entry entry;
	struct slotpool_list_args list = { .entries = (uintptr_t)&entry, .nr_entries = 1 };
	pid_t child;

	ASSERT_EQ(0, munmap(self->map, (size_t)NR_SLOTS * STRIDE));
	ASSERT_EQ(0, call_free(self->fd, self->slot));
	child = fork();
	if (child == 0) {
		char *map = map_slots(self->fd, 0, NR_SLOTS);

		CHILD_CHECK(map != MAP_FAILED);
		CHILD_CHECK(call_alloc_exact(self->fd, 3) == 3);
		memset(map + 3 * STRIDE, 1, SLOT_SIZE);
		_exit(0);
	}
	ASSERT_EQ(0, child_status(child));
	ASSERT_TRUE(may_not_change(self->fd));
	ASSERT_EQ(0, call_command(self->fd, SLOTPOOL_LIST, &list));
	ASSERT_EQ(1, list.nr_entries);
	ASSERT_EQ(3, entry.slot);
	ASSERT_EQ(SLOT_SIZE, entry.held);
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_TRUE(pool_is_idle());
}

/* ---- Mappings ---- */

TEST_F(lifetime, unmapped_part_keeps_its_contents)
{
	char *part = self->memory + 2 * PAGE;

	memset(self->memory, 1, SLOT_SIZE);
	ASSERT_EQ(0, munmap(part, 3 * PAGE));
	ASSERT_EQ(SIGSEGV, access_read(part));
	ASSERT_EQ(SIGSEGV, access_write(part));
	ASSERT_EQ(1, pool_gauges().used_slots);
	ASSERT_EQ(SLOT_SIZE / PAGE, pool_gauges().held_pages);
	ASSERT_TRUE(all_bytes(self->memory, 2 * PAGE, 1));
	ASSERT_TRUE(all_bytes(part + 3 * PAGE, SLOT_SIZE - 5 * PAGE, 1));

	ASSERT_EQ(part, mmap(part, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     self->fd, self->slot * STRIDE + 2 * PAGE));
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 1));
	ASSERT_EQ(SLOT_SIZE, call_reset(self->fd, self->slot));
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 0));
}

TEST_F(lifetime, what_a_slot_loses_is_gone_from_every_mapping)
{
	char *one = self->memory;
	char *two = map_slots(self->fd, self->slot, 1);

	ASSERT_NE(MAP_FAILED, two);
	memset(one, 1, SLOT_SIZE);
	ASSERT_TRUE(all_bytes(two, SLOT_SIZE, 1));
	ASSERT_EQ(SLOT_SIZE, call_resize(self->fd, self->slot, 0, PAGE));
	ASSERT_EQ(SIGSEGV, access_read(one + PAGE));
	ASSERT_EQ(SIGSEGV, access_read(two + PAGE));
	ASSERT_EQ(1, two[0]);
	ASSERT_EQ(0, call_free_flags(self->fd, self->slot, SLOTPOOL_FREE_DECOMMIT));
	ASSERT_EQ(SIGSEGV, access_read(one));
	ASSERT_EQ(SIGSEGV, access_read(two));
	ASSERT_EQ(0, munmap(two, STRIDE));
}

TEST_F(lifetime, mapping_can_be_moved)
{
	struct slotpool_stat_args before, after;
	size_t length = (size_t)NR_SLOTS * STRIDE;
	char *place = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved;

	ASSERT_NE(MAP_FAILED, place);
	memset(self->memory, 1, SLOT_SIZE - PAGE);
	ASSERT_EQ(0, self->memory[SLOT_SIZE - PAGE]);
	before = pool_gauges();
	ASSERT_EQ(place, mremap(self->map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, place));
	moved = place + (size_t)self->slot * STRIDE;
	ASSERT_EQ(SIGSEGV, access_read(self->memory));
	ASSERT_TRUE(all_bytes(moved, SLOT_SIZE - PAGE, 1));
	ASSERT_EQ(0, moved[SLOT_SIZE - PAGE]);
	after = pool_gauges();
	ASSERT_EQ(before.read_faults, after.read_faults);
	ASSERT_EQ(before.write_faults, after.write_faults);

	/* Operations that zap entries find them at the new place. */
	memset(moved, 2, SLOT_SIZE);
	ASSERT_EQ(SLOT_SIZE, call_resize(self->fd, self->slot, 0, PAGE));
	ASSERT_EQ(2, moved[0]);
	ASSERT_EQ(SIGSEGV, access_read(moved + PAGE));
	ASSERT_EQ(0, munmap(place, length));
}

TEST_F(lifetime, mapping_cannot_be_grown_or_duplicated)
{
	size_t length = (size_t)NR_SLOTS / 2 * STRIDE;
	char *half = map_slots(self->fd, 0, NR_SLOTS / 2);

	ASSERT_NE(MAP_FAILED, half);
	ASSERT_EQ(MAP_FAILED, mremap(half, length, 2 * length, MREMAP_MAYMOVE));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(MAP_FAILED, mremap(half, 0, length, MREMAP_MAYMOVE));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(MAP_FAILED, mremap(half, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	ASSERT_EQ(EINVAL, errno);

	ASSERT_EQ(half, mremap(half, length, STRIDE, 0));
	ASSERT_EQ(SIGSEGV, access_read(half + STRIDE));
	ASSERT_EQ(0, munmap(half, STRIDE));
}

TEST_F(lifetime, mprotect_is_obeyed)
{
	memset(self->memory, 1, SLOT_SIZE);
	ASSERT_EQ(0, mprotect(self->memory, SLOT_SIZE, PROT_READ));
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 1));
	ASSERT_EQ(SIGSEGV, access_write(self->memory));
	ASSERT_EQ(0, mprotect(self->memory, SLOT_SIZE, PROT_NONE));
	ASSERT_EQ(SIGSEGV, access_read(self->memory));
	ASSERT_EQ(0, mprotect(self->memory, SLOT_SIZE, PROT_READ | PROT_WRITE));
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 1));
	memset(self->memory, 2, SLOT_SIZE);
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 2));
}

TEST_F(lifetime, absent_page_read_while_protected_can_be_written_later)
{
	ASSERT_EQ(0, mprotect(self->memory, SLOT_SIZE, PROT_READ));
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 0));
	ASSERT_EQ(SIGSEGV, access_write(self->memory));
	ASSERT_EQ(0, mprotect(self->memory, SLOT_SIZE, PROT_READ | PROT_WRITE));
	self->memory[PAGE] = 1;
	ASSERT_EQ(1, self->memory[PAGE]);
	ASSERT_TRUE(all_bytes(self->memory, PAGE, 0));
	ASSERT_TRUE(all_bytes(self->memory + PAGE + 1, SLOT_SIZE - PAGE - 1, 0));
}

TEST_F(lifetime, private_page_read_while_protected_can_be_written_later)
{
	char *other;

	memset(self->memory, 1, SLOT_SIZE);
	other = mmap(NULL, STRIDE, PROT_READ, MAP_SHARED, self->fd, self->slot * STRIDE);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_TRUE(all_bytes(other, SLOT_SIZE, 1));
	ASSERT_EQ(SIGSEGV, access_write(other));
	ASSERT_EQ(0, mprotect(other, STRIDE, PROT_READ | PROT_WRITE));
	memset(other, 2, PAGE);
	ASSERT_TRUE(all_bytes(self->memory, PAGE, 2));
	ASSERT_TRUE(all_bytes(self->memory + PAGE, SLOT_SIZE - PAGE, 1));
	ASSERT_TRUE(all_bytes(other + PAGE, SLOT_SIZE - PAGE, 1));
	ASSERT_EQ(0, munmap(other, STRIDE));
}

TEST_F(lifetime, mapping_has_the_flags_that_keep_others_out)
{
	ASSERT_TRUE(vma_has_flag(self->memory, " io "));
	ASSERT_TRUE(vma_has_flag(self->memory, " pf "));
	ASSERT_TRUE(vma_has_flag(self->memory, " de "));
	ASSERT_TRUE(vma_has_flag(self->memory, " dc "));
	ASSERT_TRUE(vma_has_flag(self->memory, " dd "));
	ASSERT_EQ(-1, madvise(self->memory, SLOT_SIZE, MADV_DODUMP));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_TRUE(vma_has_flag(self->memory, " dd "));
}

TEST_F(lifetime, madvise_drops_nothing)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT, MADV_WIPEONFORK,
		MADV_MERGEABLE, MADV_HUGEPAGE, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_HWPOISON
	};
	int harmful = 0;
	size_t i;

	/* Pages of both kinds */
	memset(self->memory, 1, SLOT_SIZE / 2);
	ASSERT_TRUE(all_bytes(self->memory + SLOT_SIZE / 2, SLOT_SIZE / 2, 0));
	for (i = 0; i < sizeof(advices) / sizeof(*advices) && !harmful; i++) {
		madvise(self->memory, SLOT_SIZE, advices[i]);
		if (!all_bytes(self->memory, SLOT_SIZE / 2, 1) ||
		    !all_bytes(self->memory + SLOT_SIZE / 2, SLOT_SIZE / 2, 0) ||
		    call_stat(self->fd).held_pages != SLOT_SIZE / 2 / PAGE)
			harmful = advices[i];
	}
	ASSERT_EQ(0, harmful);
	ASSERT_EQ(-1, madvise(self->memory, SLOT_SIZE, MADV_DONTNEED));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(-1, madvise(self->memory, SLOT_SIZE, MADV_FREE));
	ASSERT_EQ(EINVAL, errno);
}

TEST_F(lifetime, userfaultfd_is_refused)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)self->memory, .len = SLOT_SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ioctl(fd, UFFDIO_API, &api));
	ASSERT_EQ(-1, ioctl(fd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(EINVAL, errno);
	range.mode = UFFDIO_REGISTER_MODE_WP;
	ASSERT_EQ(-1, ioctl(fd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(EINVAL, errno);
	ASSERT_EQ(0, close(fd));
}

/* Linux 6.7 and later have this, and may allow it for any mapping. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC 0x8000
#endif

TEST_F(lifetime, write_protection_by_userfaultfd_is_refused_or_ends_in_sigbus)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)self->memory, .len = SLOT_SIZE },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = range.range,
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	int signal = 0;

	ASSERT_GE(fd, 0);
	self->memory[0] = 'x';
	if (!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &range)) {
		ASSERT_EQ(0, ioctl(fd, UFFDIO_WRITEPROTECT, &protect));
		signal = SIGBUS;
	}
	ASSERT_EQ(signal, access_write(self->memory));
	ASSERT_EQ(signal, access_write(self->memory + PAGE));
	ASSERT_EQ(signal, access_read(self->memory + 2 * PAGE));
	ASSERT_EQ(signal, access_write(self->memory + 2 * PAGE));
	ASSERT_EQ(0, close(fd));
	/* Without it the slot is as it was. */
	ASSERT_EQ(0, access_write(self->memory + 3 * PAGE));
	ASSERT_EQ(signal ? 'x' : 'w', self->memory[0]);
	ASSERT_GT(call_reset(self->fd, self->slot), 0);
	ASSERT_TRUE(all_bytes(self->memory, SLOT_SIZE, 0));
}

/* ---- Counters ---- */

/* Runs as another user. Returns which fields of STAT show something: 1 own, 2 others'. */
static int see_counters(void)
{
	struct slotpool_stat_args stat, own = { .size = sizeof(own) };
	char *memory;
	int fd, seen;

	if (setgid(1000) || setuid(1000))
		return -1;
	fd = open_pool();
	memory = map_slots(fd, 0, NR_SLOTS);
	if (fd < 0 || memory == MAP_FAILED || call_alloc_exact(fd, 7) != 7)
		return -1;
	memory[7 * STRIDE] = 'x';
	if (call_image_memory(fd, 0, NULL, 0) <= 0)
		return -1;
	stat = call_stat(fd);
	own.client_pages = stat.client_pages;
	own.client_images = stat.client_images;
	own.client_image_pages = stat.client_image_pages;
	seen = stat.client_pages == 1 && stat.client_images == 1 && stat.client_image_pages == 1;
	return seen | (memcmp(&own, &stat, sizeof(stat)) ? 2 : 0);
}

static int see_counters_in_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(see_counters());
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

TEST_F(lifetime, counters_of_the_pool_are_for_its_administrator)
{
	/* This process has the capability. */
	ASSERT_EQ(1, call_stat(self->fd).used_slots);
	ASSERT_EQ(0, chmod(POOL_DEVICE, 0666));
	ASSERT_EQ(1, see_counters_in_child());
	ASSERT_EQ(0, chown(POOL_DEVICE, 1000, 0));
	ASSERT_EQ(3, see_counters_in_child());
}

/* ---- Bounds ---- */

TEST(clients_are_bounded)
{
	int fds[3], i;

	ASSERT_EQ(0, load_pool(PARAMETERS " max_clients=3"));
	for (i = 0; i < 3; i++) {
		fds[i] = open_pool();
		ASSERT_GE(fds[i], 0);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(-1, open_pool());
		ASSERT_EQ(EUSERS, errno);
	}
	ASSERT_EQ(0, close(fds[1]));
	fds[1] = open_pool();
	ASSERT_GE(fds[1], 0);
	ASSERT_EQ(-1, open_pool());
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, close(fds[i]));
	ASSERT_TRUE(pool_is_idle());
	ASSERT_EQ(0, unload_pool());
}

/* Maps a slot as often as it can be, up to @most; returns how often. */
static int map_often(int fd, char **maps, int most)
{
	int nr;

	for (nr = 0; nr < most; nr++) {
		maps[nr] = map_slots(fd, 0, 1);
		if (maps[nr] == MAP_FAILED)
			break;
	}
	return nr;
}

TEST(mappings_of_a_client_are_bounded)
{
	char *maps[20];
	int fd, other, i;

	ASSERT_EQ(0, load_pool(PARAMETERS " max_client_mappings=10"));
	fd = open_pool();
	other = open_pool();
	ASSERT_EQ(10, map_often(fd, maps, 20));
	ASSERT_EQ(ENOMEM, errno);
	/* Another client has a bound of its own. */
	ASSERT_EQ(5, map_often(other, maps + 10, 5));

	/* Parts count, whatever divides a mapping. */
	ASSERT_EQ(-1, munmap(maps[0] + PAGE, PAGE));
	ASSERT_EQ(ENOMEM, errno);
	ASSERT_EQ(-1, mprotect(maps[0], PAGE, PROT_READ));
	ASSERT_EQ(ENOMEM, errno);
	ASSERT_EQ(-1, madvise(maps[0], PAGE, MADV_RANDOM));
	/* The core's word for it */
	ASSERT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, munmap(maps[9], STRIDE));
	ASSERT_EQ(0, mprotect(maps[0], PAGE, PROT_READ));
	ASSERT_EQ(-1, mprotect(maps[1], PAGE, PROT_READ));
	ASSERT_EQ(ENOMEM, errno);
	/* The end of a mapping can go. */
	ASSERT_EQ(0, munmap(maps[0], PAGE));
	ASSERT_EQ(1, map_often(fd, maps + 15, 2));
	maps[9] = maps[15];

	for (i = 0; i < 15; i++)
		ASSERT_EQ(0, munmap(maps[i], STRIDE));
	ASSERT_EQ(10, map_often(fd, maps, 20));
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(other));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, munmap(maps[i], STRIDE));
	ASSERT_TRUE(pool_is_idle());
	ASSERT_EQ(0, unload_pool());
}

TEST(mappings_are_bounded_by_default)
{
	static char *maps[1100];
	int fd;

	ASSERT_EQ(0, load_pool(PARAMETERS));
	fd = open_pool();
	ASSERT_EQ(1024, map_often(fd, maps, ARRAY_SIZE(maps)));
	ASSERT_EQ(ENOMEM, errno);
	/* The end of the process unmaps them. */
}

/* ---- Ways round the page tables ---- */

TEST_F(lifetime, pages_cannot_be_pinned)
{
	struct iovec slot = { .iov_base = self->memory, .iov_len = PAGE };
	struct io_uring_params parameters = { .flags = 0 };
	char buffer[PAGE];
	struct iovec local = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	int pipes[2];
	int ring;

	memset(self->memory, 1, PAGE);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(-1, vmsplice(pipes[1], &slot, 1, 0));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(0, close(pipes[0]));
	ASSERT_EQ(0, close(pipes[1]));

	ASSERT_EQ(-1, process_vm_readv(getpid(), &local, 1, &slot, 1, 0));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(-1, process_vm_writev(getpid(), &local, 1, &slot, 1, 0));
	ASSERT_EQ(EFAULT, errno);

	ASSERT_EQ(-1, syscall(SYS_futex, self->memory, FUTEX_WAKE, 1, NULL, NULL, 0));
	ASSERT_EQ(EFAULT, errno);
	/* One of this process only is found by its address. */
	ASSERT_EQ(0, syscall(SYS_futex, self->memory, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));

	ring = syscall(SYS_io_uring_setup, 1, &parameters);
	ASSERT_GE(ring, 0);
	ASSERT_EQ(-1, syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &slot, 1));
	ASSERT_EQ(EFAULT, errno);
	ASSERT_EQ(0, close(ring));
	ASSERT_TRUE(all_bytes(self->memory, PAGE, 1));
}

TEST_F(lifetime, debugger_reads_and_writes)
{
	int peer;
	pid_t child = fork_peer(&peer);
	char *memory;
	int status;

	ASSERT_GE(child, 0);
	if (child == 0) {
		int fd = open_pool();
		int slot = call_alloc_limit(fd, PAGE);

		memory = map_slots(fd, slot, 1);
		CHILD_CHECK(slot >= 0 && memory != MAP_FAILED);
		memset(memory, 1, PAGE / 2);
		CHILD_CHECK(write(peer, &memory, sizeof(memory)) == sizeof(memory));
		CHILD_CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		CHILD_CHECK(all_bytes(memory, sizeof(long), 2));
		CHILD_CHECK(all_bytes(memory + sizeof(long), PAGE / 2 - sizeof(long), 1));
		_exit(0);
	}
	ASSERT_EQ(sizeof(memory), read(peer, &memory, sizeof(memory)));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0x0101010101010101, ptrace(PTRACE_PEEKDATA, child, memory, NULL));
	ASSERT_EQ(0, ptrace(PTRACE_POKEDATA, child, memory, 0x0202020202020202));
	errno = 0;
	ASSERT_EQ(-1, ptrace(PTRACE_PEEKDATA, child, memory + PAGE, NULL));
	ASSERT_EQ(EIO, errno);
	ASSERT_EQ(-1, ptrace(PTRACE_POKEDATA, child, memory + PAGE, 0));
	ASSERT_EQ(EIO, errno);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, child, NULL, NULL));
	ASSERT_EQ(0, child_status(child));
}

TEST_HARNESS_MAIN
