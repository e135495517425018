# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists the targets.
#
# Targets that build for use (all, module, user, library, install) neither install
# packages nor fetch anything: they name what is missing, and fail. Targets that
# test or measure call setup.sh, as make setup does.

KDIR ?= /lib/modules/$(shell uname -r)/build
SERIES := 6.1 6.12
# Kernels that setup.sh builds for the tests
BUILT := debug kcsan coverage
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/slotpool
SOURCE := $(CACHE)/linux-source-6.1
BUILD := $(CURDIR)/build

ifneq ($(filter-out $(SERIES) $(BUILT),$(KERNEL)),)
$(error KERNEL=$(KERNEL) is none of: $(SERIES) $(BUILT))
endif

SETUP := CC='$(CC)' CXX='$(CXX)' selftests/vm/setup.sh
MAKEFLAGS += --no-print-directory

# All targets write to build/.
.NOTPARALLEL:

.PHONY: all
all: module user

.PHONY: help
help:
	@echo 'make                 module for the running kernel (KDIR) and user space'
	@echo 'make module          the module; KERNEL=6.1, 6.12, debug, kcsan or coverage for a'
	@echo '                     kernel of the tests'
	@echo 'make library         the library alone: takes a C compiler, ar and objcopy'
	@echo 'make user            library, tool, examples'
	@echo 'make install         library, tool and manual pages, below PREFIX (/usr/local)'
	@echo 'make uninstall       remove what make install made'
	@echo 'make setup           install what make takes; GROUPS="vm style" for what other'
	@echo '                     targets take (they do that themselves)'
	@echo 'make demo            the demonstration, in a virtual machine; BACKEND=user for this'
	@echo '                     machine, without the module'
	@echo 'make check           all tests'
	@echo 'make check-unit      the tests that need no kernel'
	@echo 'make check-user      the tests of the library without the module, on this machine'
	@echo 'make check-vm        the tests in a virtual machine; KERNEL=6.12 for one kernel,'
	@echo '                     TESTS="lifetime errors" for some of selftests/'
	@echo 'make check-debug     the same, and fail each allocation once, on a kernel built with'
	@echo '                     KASAN, lockdep, kmemleak and more'
	@echo 'make check-races     the tests of many threads, on a kernel built with KCSAN'
	@echo 'make check-build     compile the module for the kernels of Debian 13'
	@echo 'make coverage        list the lines of the module that no test runs'
	@echo 'make bench           measure slotpool and its alternatives, in virtual machines;'
	@echo '                     NATIVE=1 for this machine, in time'
	@echo 'make bench-quick     the main figures of make bench'
	@echo 'make bench-readme    copy the figures of make bench to README.md'
	@echo 'make mutate          take lines out of the module, one at a time, and check that a'
	@echo '                     test fails; MUTANTS=selftests/mutants/private-zap.patch for some'
	@echo 'make oracle OPERATIONS=5000000'
	@echo '                     run the oracle test for longer; SEED=0x.. for a given seed,'
	@echo '                     KERNEL=6.12 for one kernel'
	@echo 'make fuzz TIME=10m   fuzz the ioctls and the memory on the debug kernel, and the'
	@echo '                     policy and the arguments of ioctls in user space (2m);'
	@echo '                     SEED=0x.. for a given seed, REPLAY=build/fuzz/crash-.. to'
	@echo '                     repeat a failure'
	@echo 'make soak            kill 10,000 clients, load and unload the module 1,000 times, and'
	@echo '                     run days of requests for TIME=10m, one at least;'
	@echo '                     SEED=0x.. for a given seed, KERNEL=6.12 for one kernel'
	@echo 'make style           static checks'
	@echo 'make dist            build/slotpool-VERSION.tar.gz from the last commit'
	@echo 'make clean           remove build/'

.PHONY: setup
GROUPS ?= build
setup:
	@KDIR='$(KDIR)' $(SETUP) $(GROUPS)

# ---- the module ----

# Without KERNEL: the running kernel's
MODULE_NAME = $(or $(KERNEL),module)
MODULE_KDIR = $(if $(KERNEL),$(CACHE)/linux-$(KERNEL)/headers,$(KDIR))

# UBSAN reports undefined behaviour in modules, KCOV tells the fuzzer what runs.
KBUILD_linux-debug := CC=gcc-12 UBSAN_SANITIZE=y KCOV_INSTRUMENT=y
KBUILD_linux-kcsan := CC=gcc-12
KBUILD_linux-coverage := CC=gcc-12 GCOV_PROFILE=y

MODULE_SOURCES := Kbuild kmod uapi
# Modules that tests load beside slotpool
TEST_MODULE_SOURCES := $(wildcard selftests/modules/*)

# Builds in two directories have the same bytes. gcov finds its counts by the true
# path.
# $(1): the tree below build/, $(2): a kernel's headers
prefix_map = $(if $(filter coverage%,$(1)),,-ffile-prefix-map=$(BUILD)/$(1)=. \
	-ffile-prefix-map=$(dir $(realpath $(2)))=)

# Kbuild writes beside the sources, so build in a tree of links to them. Objects of
# another kernel release are stale.
# $(1): the tree below build/, $(2): its sources, $(3): a kernel's headers,
# $(4): more for Kbuild, $(5): more for the compiler
kbuild = mkdir -p $(BUILD)/$(1) && \
	{ cmp -s $(3)/include/generated/utsrelease.h $(BUILD)/$(1)/utsrelease.h || \
	find $(BUILD)/$(1) -name '*.o' -delete; } && \
	cp $(3)/include/generated/utsrelease.h $(BUILD)/$(1)/ && \
	cp -rsf $(addprefix $(CURDIR)/,$(2)) $(BUILD)/$(1)/ && \
	$(MAKE) -C $(3) M=$(BUILD)/$(1) CONFIG_DEBUG_INFO_BTF_MODULES= \
		KCFLAGS='$(strip $(KCFLAGS) $(call prefix_map,$(1),$(3)) $(5))' $(4) \
		$(KBUILD_$(notdir $(3:/headers=))) modules

.PHONY: module
module:
ifdef KERNEL
	@test -e $(MODULE_KDIR)/Makefile || { \
		echo "no headers of the kernel $(KERNEL); fetch them with:" \
			"make setup GROUPS=$(or $(filter $(BUILT),$(KERNEL)),kernels)" >&2; exit 1; }
endif
	@KDIR='$(MODULE_KDIR)' MODULE_CC='$(if $(findstring command,$(origin CC)),$(CC))' \
		$(SETUP) --missing module
	@$(call kbuild,$(MODULE_NAME),$(MODULE_SOURCES),$(MODULE_KDIR))

# ---- user space ----

# setup.sh needs bash, which the library doesn't: without it the compiler's own
# messages have to do.
.PHONY: library
library:
	@! command -v bash >/dev/null || $(SETUP) --missing library
	@echo "  MAKE    userspace"
	@$(MAKE) -s -C userspace library

.PHONY: user
user:
	@$(SETUP) --missing user
	@echo "  MAKE    userspace"
	@$(MAKE) -s -C userspace

.PHONY: install uninstall
install: user
	@$(MAKE) -C userspace install

uninstall:
	@$(MAKE) -C userspace uninstall

# ---- tests ----

CHECK_SERIES := $(or $(KERNEL),$(SERIES))
EXAMPLES := $(basename $(notdir $(wildcard userspace/examples/*.c userspace/examples/*.cc)))
GUEST_TOOLS := slotpoolctl $(EXAMPLES)
ALL_TESTS := $(basename $(notdir $(wildcard $(addprefix selftests/,*.c library/*.c oracle/*.c *.sh))))
# These need fault injection, which stock kernels lack.
DEBUG_TESTS := fail_nth
# These need neither the module nor a virtual machine.
USER_TESTS := library_user oracle_user
# In these threads or processes race. KCSAN delays accesses to see one.
RACE_TESTS := canaries lifetime oracle policy pressure races reserve shortage steady stress
# Tests without the module find nothing in a debug kernel.
TESTS_debug := $(filter-out $(USER_TESTS),$(ALL_TESTS))
TESTS_kcsan := $(RACE_TESTS)
TESTS_coverage := $(ALL_TESTS)
TESTS ?= $(or $(TESTS_$(KERNEL)),$(filter-out $(DEBUG_TESTS),$(ALL_TESTS)))
unknown_tests = $(filter-out $(ALL_TESTS),$(TESTS))
# A test is a script, or a program built from a source of its name.
test_programs = $(foreach test,$(TESTS),$(or $(wildcard selftests/$(test).sh),\
	$(BUILD)/selftests/$(test)))

# make check collects the counts of its parts in $(RESULTS).
result = $(if $(RESULTS),$(RESULTS)/$(1),/dev/null)

UNIT_TESTS = $(basename $(notdir $(shell grep -lw main selftests/unit/*.c)))

.PHONY: check
check:
	@rm -rf $(BUILD)/results
	@mkdir -p $(BUILD)/results
	@$(SETUP) vm
	-@$(MAKE) -k RESULTS=$(BUILD)/results check-unit check-user check-vm
	@selftests/vm/summary.sh $(BUILD)/results unit user $(CHECK_SERIES)

.PHONY: check-unit
check-unit:
	@$(SETUP) unit
	@echo "  MAKE    selftests/unit"
	@$(MAKE) -s -C selftests/unit
	@echo "User space, $(words $(UNIT_TESTS)) programs"
	@{ for test in $(UNIT_TESTS); do \
		echo "@start $$test"; $(BUILD)/unit/$$test 2>&1; echo "@end $$test $$?"; \
	done; echo "@done"; } | selftests/vm/tap.sh $(call result,unit) $(UNIT_TESTS)

.PHONY: check-user
check-user:
	@$(SETUP) harness
	@$(MAKE) test-programs TESTS="$(USER_TESTS)"
	@echo "This machine's Linux, $(words $(USER_TESTS)) programs"
	@{ for test in $(USER_TESTS); do \
		echo "@start $$test"; $(BUILD)/selftests/$$test 2>&1; echo "@end $$test $$?"; \
	done; echo "@done"; } | selftests/vm/tap.sh $(call result,user) $(USER_TESTS)

.PHONY: check-vm $(addprefix check-vm-,$(SERIES) $(BUILT))
check-vm: $(addprefix check-vm-,$(CHECK_SERIES))

.PHONY: setup-vm
setup-vm:
	@$(SETUP) vm

.PHONY: test-programs selftests
test-programs: user
	$(if $(unknown_tests),$(error no test $(unknown_tests); there are: $(ALL_TESTS)))
	@echo "  MAKE    selftests"
	@$(MAKE) -s -C selftests $(filter $(BUILD)/%,$(test_programs))

selftests: setup-vm test-programs

# The machine's files, apart from the module under test
.PHONY: $(addprefix guest-,$(SERIES) $(BUILT))
$(addprefix guest-,$(SERIES) $(BUILT)): guest-%: setup-vm user
	@$(if $(filter $(BUILT),$*),$(SETUP) $*)
	@$(MAKE) -s -C userspace examples
	@$(call kbuild,$*/modules,$(TEST_MODULE_SOURCES),$(CACHE)/linux-$*/headers)
	@$(call kbuild,$*-without-dirty-bits,$(MODULE_SOURCES),$(CACHE)/linux-$*/headers,,\
		-DSLOTPOOL_WITHOUT_DIRTY_BITS)
	@install -D -t $(BUILD)/guest/without-dirty-bits $(BUILD)/$*-without-dirty-bits/slotpool.ko
	@install -D -t $(BUILD)/guest/bin $(addprefix $(BUILD)/userspace/,$(GUEST_TOOLS))

$(addprefix check-vm-,$(SERIES) $(BUILT)): check-vm-%: selftests guest-%
	@$(MAKE) module KERNEL=$*
	@selftests/vm/run.sh --kernel $* --files $(BUILD)/guest --result $(call result,$*) \
		$(VM_OPTIONS) -- $(test_programs)

# Kernels whose headers alone are there. Their compiler may be newer than this
# machine's, which then lacks an option of it.
NEWER := $(notdir $(wildcard $(CACHE)/newer/*))
newer_compiler = $(shell sed -n 's/^CC = .*\(gcc-[0-9]*\)$$/\1/p' \
	$(CACHE)/newer/$(1)/headers/.kernelvariables)
newer_cc = $(if $(shell command -v $(call newer_compiler,$(1))),,\
	CC=gcc-12 CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=)

.PHONY: check-build check-build-newer $(addprefix check-build-,$(NEWER))
check-build:
	@$(SETUP) newer
	@$(MAKE) -k check-build-newer

check-build-newer: $(addprefix check-build-,$(NEWER))

$(addprefix check-build-,$(NEWER)): check-build-%:
	@echo "  CC      the module for Linux $*"
	@mkdir -p $(BUILD)/newer-$*
	@{ $(call kbuild,newer-$*,$(MODULE_SOURCES),$(CACHE)/newer/$*/headers,-k W=1 \
		$(call newer_cc,$*),-Werror); } >$(BUILD)/newer-$*/messages 2>&1 || { \
		grep -E '(error|warning): |^(ERROR|WARNING)' $(BUILD)/newer-$*/messages; \
		echo "the module does not build for Linux $*;" \
			"all messages are in build/newer-$*/messages" >&2; exit 1; }

# Enough for a slow machine
oracle_timeout = $(shell expr 900 + $(OPERATIONS) / 100)
oracle_environment = SLOTPOOL_OPERATIONS=$(OPERATIONS) PROGRAM_TIMEOUT=$(oracle_timeout) \
	$(if $(SEED),SLOTPOOL_SEED=$(SEED))

.PHONY: oracle
oracle:
	$(if $(OPERATIONS),,$(error how many? make oracle OPERATIONS=5000000))
	@$(MAKE) check-vm TESTS=oracle VM_OPTIONS='--timeout $(oracle_timeout) \
		--append "$(oracle_environment)"'

# $(1): 90, 90s, 10m or 2h
seconds = $(shell echo $$(($(patsubst %h,%*3600,$(patsubst %m,%*60,$(1:s=))))))
soak_seconds = $(call seconds,$(or $(TIME),0))

soak_environment = SLOTPOOL_SOAK=$(soak_seconds) \
	PROGRAM_TIMEOUT=$(shell expr $(soak_seconds) + 7000) $(if $(SEED),SLOTPOOL_SEED=$(SEED))

.PHONY: soak
soak:
	@$(MAKE) check-vm TESTS=soak VM_OPTIONS='--plain --append "$(soak_environment)" \
		--timeout $(shell expr $(soak_seconds) + 7200)'

.PHONY: check-debug
check-debug:
	@$(MAKE) check-vm KERNEL=debug

.PHONY: check-races
check-races:
	@$(MAKE) check-vm KERNEL=kcsan

# A failing test fails the target, but its lines count.
.PHONY: coverage
coverage:
	@rm -f $(BUILD)/vm/coverage.output
	@$(MAKE) check-vm KERNEL=coverage; status=$$?; \
	selftests/vm/coverage.sh $(BUILD)/vm/coverage.output 95 && exit $$status

MUTANTS ?= $(wildcard selftests/mutants/*.patch)

.PHONY: mutate
mutate:
	@$(SETUP) mutate
	@$(MAKE) selftests guest-6.12
	@selftests/vm/mutate.sh 6.12 $(MUTANTS)

fuzz_seconds = $(call seconds,$(or $(TIME),2m))

.PHONY: fuzz
fuzz:
	@$(SETUP) vm debug fuzz
	@$(MAKE) module KERNEL=debug
	@mkdir -p $(BUILD)/fuzz
	@echo "  CC      selftests/fuzz/kernel.c"
	@$(CC) -O2 -g -std=gnu11 -Wall -Wextra -Werror -Wno-unused-result -pthread -D_GNU_SOURCE \
		-Iuapi -o $(BUILD)/fuzz/kernel selftests/fuzz/kernel.c
	@$(if $(REPLAY),,$(MAKE) -C selftests/unit fuzz TIME=$$(($(fuzz_seconds) / 4)))
	@selftests/fuzz/run.sh $(if $(REPLAY),--replay $(REPLAY),$$(($(fuzz_seconds) * 3 / 4)) $(SEED))

# ---- demonstration ----

.PHONY: demo
demo:
	@$(SETUP) $(if $(filter user,$(BACKEND)),guests,demo)
ifneq ($(BACKEND),user)
	@$(MAKE) module KERNEL=6.12
endif
	@$(MAKE) user
	@echo "  MAKE    userspace/examples/thumbnails"
	@$(MAKE) -s -C userspace/examples/thumbnails
ifeq ($(BACKEND),user)
	@userspace/examples/thumbnails/run-user $(BUILD)/demo/files/demo
else
	@selftests/vm/run.sh --kernel 6.12 --plain --files $(BUILD)/demo/files -- $(BUILD)/demo/run
endif

# ---- benchmark ----

BENCH_PROGRAMS := $(addprefix $(BUILD)/userspace/,$(filter-out requests,\
	$(patsubst run-%,%,$(notdir $(wildcard userspace/bench/run-*)))))

# The files of the benchmark's machines
.PHONY: bench-files bench-quick-files
bench-quick-files: user
	@$(MAKE) -s -C userspace bench
	@rm -rf $(BUILD)/bench
	@install -D -t $(BUILD)/bench/files/bin $(BENCH_PROGRAMS)
	@$(MAKE) module KERNEL=6.12

bench-files: bench-quick-files
	@$(MAKE) module KERNEL=6.1
	@echo "  MAKE    userspace/examples/thumbnails"
	@$(MAKE) -s -C userspace/examples/thumbnails all bench
	@install -t $(BUILD)/bench/files/bin $(BUILD)/demo/requests
	@cp -a $(BUILD)/demo/files/demo $(BUILD)/bench/files

.PHONY: bench bench-quick
bench bench-quick:
ifdef NATIVE
	@$(SETUP) user plots
	@$(MAKE) user
	@$(MAKE) -s -C userspace bench
else
	@$(SETUP) $(if $(filter bench,$@),bench,vm plots)
	@$(MAKE) $@-files
endif
	@userspace/bench/run $(if $(filter bench-quick,$@),--quick) $(if $(NATIVE),--native)

.PHONY: bench-readme
bench-readme:
	@userspace/bench/readme

# ---- static checks ----

find = $(shell find $(1) -path ./build -prune -o -path ./.git -prune -o -type f $(2) -print)
C_FILES = $(call find,kmod uapi userspace selftests,-name '*.[ch]')
USER_FILES = $(filter-out selftests/modules/%,$(call find,userspace selftests,-name '*.[ch]'))
DOCUMENTED = $(wildcard kmod/*.[ch] uapi/linux/*.h userspace/include/*.h)
SCRIPTS = $(shell grep -rlE --exclude-dir=build --exclude-dir=.git '^\#!/bin/(ba)?sh' .)
MAN_PAGES = $(wildcard Documentation/man/*.[1-9])
# Rules about types, macros and accessors of the kernel
USER_IGNORE := --ignore PREFER_KERNEL_TYPES,CAMELCASE,VOLATILE \
	       --ignore PREFER_DEFINED_ATTRIBUTE_MACRO,USE_NEGATIVE_ERRNO
# It defines what those rules recommend, in the kernel's form.
STAND_IN := selftests/unit/kernel.h
STAND_IN_IGNORE := $(USER_IGNORE) --ignore NEW_TYPEDEFS,BIT_MACRO,DATA_RACE,MEMORY_BARRIER \
		   --ignore MACRO_ARG_REUSE,MACRO_WITH_FLOW_CONTROL

STYLE := $(addprefix style-module-,$(SERIES)) style-checkpatch style-kernel-doc style-uapi \
	 style-clang-format style-cppcheck style-shellcheck style-codespell style-man \
	 style-floors style-mutants style-reuse

.PHONY: style $(STYLE)
style:
	@$(SETUP) style
	@$(MAKE) -k $(STYLE)

# Any message of gcc or sparse is an error.
STRICT := -s W=1 C=2 CF=-D__CHECK_ENDIAN__

$(addprefix style-module-,$(SERIES)): style-module-%:
	@echo "  gcc, sparse on $*"
	@mkdir -p $(BUILD)/style-$*
	@{ $(call kbuild,style-$*,$(MODULE_SOURCES),$(CACHE)/linux-$*/headers,$(STRICT),-Werror); \
	$(call kbuild,style-$*/modules,$(TEST_MODULE_SOURCES),$(CACHE)/linux-$*/headers,$(STRICT),\
		-Werror); \
	} 2>&1 | tee $(BUILD)/style-$*/messages
	@test ! -s $(BUILD)/style-$*/messages

# checkpatch looks for names below the root's include/, and leaves a cache of them
# in the current directory.
checkpatch = mkdir -p $(BUILD) && cd $(BUILD) && \
	$(SOURCE)/scripts/checkpatch.pl --root=$(CURDIR)/userspace --no-tree --strict --terse \
	--no-summary --max-line-length=100 $(2) -f $(addprefix $(CURDIR)/,$(1))

style-checkpatch:
	@echo "  checkpatch"
	@$(call checkpatch,$(filter-out $(USER_FILES),$(C_FILES)))
	@$(call checkpatch,$(filter-out $(STAND_IN),$(USER_FILES)),$(USER_IGNORE))
	@$(call checkpatch,$(STAND_IN),$(STAND_IN_IGNORE))

style-kernel-doc:
	@echo "  kernel-doc"
	@$(SOURCE)/scripts/kernel-doc -none -Werror $(DOCUMENTED)

style-uapi:
	@echo "  interface header alone, and its description for syzkaller"
	@$(CC) -std=c90 -Wall -Wextra -Werror -Iuapi -fsyntax-only -x c uapi/linux/slotpool.h
	@$(CXX) -std=c++11 -Wall -Wextra -Werror -Iuapi -fsyntax-only -x c++ uapi/linux/slotpool.h
	@$(CXX) -std=c++11 -Wall -Wextra -Werror -Iuapi -fsyntax-only -x c++ \
		userspace/include/slotpool.h
	@CC=$(CC) selftests/syzlang/check.sh

HARNESS_FILES = $(wildcard $(addprefix selftests/,*.c lib/*.h library/*.[ch] oracle/*.[ch]))

# clang-format misreads the macros of the kernel's test harness.
style-clang-format:
	@echo "  clang-format"
	@clang-format --dry-run -Werror $(filter-out $(HARNESS_FILES),$(USER_FILES))

style-cppcheck:
	@echo "  cppcheck"
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
		--enable=warning,performance,portability \
		-Iuapi -Iuserspace/include $(filter userspace/% selftests/unit/%,$(USER_FILES))

style-shellcheck:
	@echo "  shellcheck"
	@shellcheck $(SCRIPTS)

style-codespell:
	@echo "  codespell"
	@codespell --ignore-words-list=iput,inout,nd --skip='./build,./selftests/fuzz/corpus,./.git,./LICENSES'

style-man:
	@echo "  manual pages"
	@$(if $(MAN_PAGES),mandoc -Tlint -W warning $(MAN_PAGES))

style-floors:
	@echo "  floors"
	@selftests/style/floors.sh

style-mutants:
	@echo "  mutants"
	@selftests/vm/mutate.sh --dry-run $(wildcard selftests/mutants/*.patch)

style-reuse:
	@echo "  reuse"
	@mkdir -p $(BUILD)
	@reuse lint >$(BUILD)/reuse 2>&1 || { cat $(BUILD)/reuse; exit 1; }
	@reuse spdx 2>/dev/null | awk '/^FileName:/ { file = $$2 } \
		/^LicenseInfoInFile:/ && names[file]++ == 1 { print file }' | \
	xargs -r grep -LE 'SPDX-License-Identifier: .* (OR|WITH) ' >$(BUILD)/reuse; \
	sed 's|$$|: its license is not the one that .reuse/dep5 says|' $(BUILD)/reuse; \
	test ! -s $(BUILD)/reuse

# ---- release ----

# The same commit makes the same bytes. A release has no history to make one from.
.PHONY: dist
dist:
	@test "$$(git rev-parse --show-toplevel 2>/dev/null)" = "$(CURDIR)" || { \
		echo "make dist needs git and a clone of the repository" >&2; exit 1; }
	@mkdir -p $(BUILD)
	@name=slotpool-$$($(MAKE) -s -C userspace version) && \
	git archive --prefix=$$name/ HEAD | gzip -9n >$(BUILD)/$$name.tar.gz && \
	echo "build/$$name.tar.gz"

.PHONY: clean
clean:
	rm -rf $(BUILD)
