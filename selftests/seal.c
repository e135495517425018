// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sealing: commands and mappings that a file no longer allows.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "lib/access.h"
#include "lib/device.h"
#include "lib/harness.h"

#define SLOT (16 * PAGE)
#define STRIDE (2 * SLOT)
#define NR_SLOTS 4
#define GEOMETRY "nr_slots=4 slot_size=64K nr_shards=1 reserve_pages=64"
#define NR_COMMANDS (_IOC_NR(SLOTPOOL_SEAL) + 1)
#define ALL ((1ULL << NR_COMMANDS) - 1)

FIXTURE(seal)
{
	int fd;
	char *base;
};

FIXTURE_SETUP(seal)
{
	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY));
	self->fd = open_pool();
	ASSERT_GE(self->fd, 0);
	self->base = map_slots(self->fd, 0, NR_SLOTS);
	ASSERT_NE(MAP_FAILED, self->base);
	ASSERT_EQ(0, call_alloc_exact(self->fd, 0));
}

FIXTURE_TEARDOWN(seal)
{
	EXPECT_EQ(0, munmap(self->base, NR_SLOTS * STRIDE));
	EXPECT_EQ(0, close(self->fd));
	EXPECT_TRUE(pool_is_idle());
	EXPECT_EQ(0, unload_pool());
}

/* Keeps some commands; returns those that are left, or -errno. */
static int64_t seal(int fd, uint32_t flags, uint64_t commands)
{
	struct slotpool_seal_args argument = { .flags = flags, .commands = commands };
	int err = call_command(fd, SLOTPOOL_SEAL, &argument);

	return err ? err : (int64_t)argument.commands;
}

/*
 * Calls a command with an argument that no command takes: one that is not
 * sealed off refuses it.
 */
static int try_command(int fd, unsigned int nr)
{
	uint32_t argument[2] = { 1, 0 };

	return ioctl(fd, _IO(SLOTPOOL_IOC_MAGIC, nr), argument) ? -errno : 0;
}

TEST_F(seal, a_new_file_has_all_commands_and_asking_seals_nothing)
{
	ASSERT_EQ(ALL, seal(self->fd, 0, ~0ULL));
	ASSERT_EQ(ALL, seal(self->fd, 0, ALL));
}

TEST_F(seal, commands_that_are_not_kept_are_refused_and_no_others)
{
	unsigned int kept, nr;

	for (kept = 0; kept < NR_COMMANDS; kept++) {
		int fd = open_pool();

		ASSERT_GE(fd, 0);
		ASSERT_EQ(1LL << kept, seal(fd, 0, 1ULL << kept));
		for (nr = 0; nr < NR_COMMANDS; nr++) {
			ASSERT_EQ(nr == kept ? -EINVAL : -EACCES, try_command(fd, nr)) {
				TH_LOG("command %u, kept %u", nr, kept);
			}
		}
		ASSERT_EQ(-ENOTTY, try_command(fd, NR_COMMANDS));
		ASSERT_EQ(0, close(fd));
	}
}

TEST_F(seal, a_process_that_resets_needs_no_more)
{
	ASSERT_EQ(SLOTPOOL_SEAL_KEEP(SLOTPOOL_RESET),
		  seal(self->fd, SLOTPOOL_SEAL_MMAP, SLOTPOOL_SEAL_KEEP(SLOTPOOL_RESET)));
	self->base[0] = 'x';
	ASSERT_EQ(PAGE, call_reset(self->fd, 0));
	ASSERT_EQ(0, self->base[0]);
	ASSERT_EQ(-EACCES, call_free(self->fd, 0));
	ASSERT_EQ(-EACCES, call_alloc_any(self->fd));
}

TEST_F(seal, nothing_is_unsealed)
{
	uint64_t left = ALL & ~SLOTPOOL_SEAL_KEEP(SLOTPOOL_IMAGE);

	ASSERT_EQ(left, seal(self->fd, 0, left));
	ASSERT_EQ(left, seal(self->fd, 0, ~0ULL));
	left &= ~SLOTPOOL_SEAL_KEEP(SLOTPOOL_EXPORT);
	ASSERT_EQ(left, seal(self->fd, 0, ~SLOTPOOL_SEAL_KEEP(SLOTPOOL_EXPORT)));
	ASSERT_EQ(-EACCES, try_command(self->fd, _IOC_NR(SLOTPOOL_IMAGE)));
	ASSERT_EQ(-EACCES, try_command(self->fd, _IOC_NR(SLOTPOOL_EXPORT)));
	left &= ~SLOTPOOL_SEAL_KEEP(SLOTPOOL_SEAL);
	ASSERT_EQ(left, seal(self->fd, 0, left));
	ASSERT_EQ(-EACCES, seal(self->fd, 0, ~0ULL));
}

TEST_F(seal, new_mappings_are_refused_and_old_ones_work)
{
	ASSERT_EQ(ALL, seal(self->fd, SLOTPOOL_SEAL_MMAP, ~0ULL));
	errno = 0;
	ASSERT_EQ(MAP_FAILED, map_slots(self->fd, 0, 1));
	ASSERT_EQ(EACCES, errno);
	/* Without the flag it stays as it is. */
	ASSERT_EQ(ALL, seal(self->fd, 0, ~0ULL));
	ASSERT_EQ(MAP_FAILED, map_slots(self->fd, 0, 1));

	memset(self->base, 'x', SLOT);
	ASSERT_EQ(SLOT, call_reset(self->fd, 0));
	ASSERT_EQ(0, self->base[SLOT - 1]);
	ASSERT_EQ(1, call_alloc_any(self->fd));
	self->base[STRIDE] = 'y';
	ASSERT_EQ(SIGSEGV, access_write(self->base + 2 * STRIDE));
}

TEST_F(seal, other_files_are_not_affected)
{
	int fd = open_pool();
	char *base;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, seal(self->fd, SLOTPOOL_SEAL_MMAP, 0));
	ASSERT_EQ(ALL, seal(fd, 0, ~0ULL));
	base = map_slots(fd, 0, 1);
	ASSERT_NE(MAP_FAILED, base);
	ASSERT_EQ(1, call_alloc_any(fd));
	ASSERT_EQ(0, munmap(base, STRIDE));
	ASSERT_EQ(0, close(fd));
}

TEST_F(seal, the_next_process_finds_the_file_sealed)
{
	uint64_t kept = SLOTPOOL_SEAL_KEEP(SLOTPOOL_FREE) | SLOTPOOL_SEAL_KEEP(SLOTPOOL_INFO);
	int fd = open_pool();
	int status;
	pid_t child;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(kept, seal(fd, SLOTPOOL_SEAL_MMAP, kept));
	/* Nothing is mapped or allocated: the file is the child's now. */
	child = fork();
	ASSERT_NE(-1, child);
	if (!child)
		_exit(map_slots(fd, 0, 1) != MAP_FAILED || errno != EACCES ||
		      call_alloc_any(fd) != -EACCES || call_free(fd, 0) != -ENOENT);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, close(fd));
}

/* Kills the process at any other system call; returns success. */
static bool allow_only_the_request_cycle(void)
{
	struct sock_filter filter[] = {
		/* Numbers mean other calls for 32-bit callers. */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 8),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SLOTPOOL_RESET, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SLOTPOOL_FREE, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SLOTPOOL_ALLOC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* From the first touch of a cold slot on; exits with the number of a failure. */
static void handle_requests(void)
{
	int fd = open_pool();
	char *base = map_slots(fd, 0, NR_SLOTS);
	int slot = call_alloc_key(fd, 1);
	int i;

	if (fd < 0 || base == MAP_FAILED || slot < 0)
		_exit(1);
	if (!allow_only_the_request_cycle())
		_exit(errno == EINVAL ? KSFT_SKIP : 2);
	for (i = 0; i < 100; i++) {
		memset(base + slot * STRIDE, 'x', SLOT);
		if (call_reset(fd, slot) != SLOT || base[slot * STRIDE])
			_exit(3);
		base[slot * STRIDE] = 'y';
		if (call_free(fd, slot) != SLOT)
			_exit(5);
		slot = call_alloc_key(fd, 1);
		if (slot < 0 || base[slot * STRIDE])
			_exit(6);
	}
	_exit(0);
}

TEST(the_request_cycle_needs_no_system_call_but_its_commands)
{
	int status;
	pid_t child;

	unload_pool();
	ASSERT_EQ(0, load_pool(GEOMETRY));
	child = fork();
	ASSERT_NE(-1, child);
	if (!child)
		handle_requests();
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, unload_pool());
	ASSERT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "this kernel has no seccomp");
	ASSERT_EQ(0, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
