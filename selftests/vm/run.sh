#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots a kernel that setup.sh fetched and runs programs in it as root, each
# with the freshly built modules of that kernel in /.

set -euo pipefail

usage()
{
	cat >&2 <<-END
	usage: ${0##*/} --kernel SERIES [OPTION]... -- PROGRAM...

	  --kernel SERIES   6.1, 6.12, debug, kcsan or coverage
	  --modules DIR     where the modules were built (build/SERIES)
	  --files DIR       put the contents of DIR into the machine's /
	  --result FILE     write "<passed> <failed>" there
	  --plain           the programs are no tests: show what they print, and
	                    succeed if all of them exit with 0
	  --icount          one processor on which one instruction takes one nanosecond,
	                    whatever else runs beside it; no mitigations, and no
	                    instructions that copy or clear more than 8 bytes
	  --plugin FILE[,NAME=VALUE]...
	                    a plugin for qemu that counts instructions, and its
	                    options; mitigations and copying as with --icount
	  --smp CPUS        processors (2)
	  --mem SIZE        memory (1G)
	  --timeout SECONDS for the whole run (900; debug, kcsan, coverage 5400)
	  --append WORDS    more for the kernel's command line; NAME=VALUE is in the
	                    environment of the programs

	A test prints TAP and exits with 0 if everything passed.
	END
	exit 2
}

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slotpool
# What the guest passes to exit, and what qemu makes of it
finished=$((16 << 1 | 1))

kernel='' modules='' files='' result=/dev/null plain='' icount='' smp=2 mem=1G append=''
timeout='' plugin=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	case $1 in
	--plain)	plain=y; shift; continue ;;
	--icount)	icount=y; shift; continue ;;
	esac
	[ $# -ge 2 ] || usage
	case $1 in
	--kernel)	kernel=$2 ;;
	--modules)	modules=$2 ;;
	--files)	files=$2 ;;
	--result)	result=$2 ;;
	--plugin)	plugin=(-plugin "$2") ;;
	--smp)		smp=$2 ;;
	--mem)		mem=$2 ;;
	--timeout)	timeout=$2 ;;
	--append)	append=$2 ;;
	*)		usage ;;
	esac
	shift 2
done
if [ $# -lt 2 ] || [ -z "$kernel" ]; then
	usage
fi
shift

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

case $kernel in
debug|kcsan|coverage)
	: "${timeout:=5400}"
	# Without ACPI the kernel finds one CPU in each socket, and it takes the
	# clocks of several for different. All reports count, not only the first.
	smp=$smp,sockets=$smp
	# So slow that what is random does less.
	append="SLOTPOOL_OPERATIONS=50000 PROGRAM_TIMEOUT=1800 $append"
	append="tsc=reliable kasan_multi_shot page_poison=1 log_buf_len=4M $append"
	# How many microseconds KCSAN has an access wait for another one. Under
	# emulation the other processor may not be running for as long.
	append="kcsan.udelay_task=1000 $append"
	# failslab can have the allocations of this cache fail, and of no other.
	append="slub_debug=A,radix_tree_node $append"
	;;
esac
: "${timeout:=900}"

vmlinux=$cache/linux-$kernel/vmlinux
modules=${modules:-$build/$kernel}
module=$modules/slotpool.ko
[ -f "$vmlinux" ] || die "no kernel $kernel; run selftests/vm/setup.sh vm, debug, kcsan or coverage"
[ -f "$module" ] || die "no $module; run make module KERNEL=$kernel"

mkdir -p "$build/vm"
work=$(mktemp -d "$build/vm/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

# What the executables below $root are linked to, at the same place there
copy_libraries()
{
	local file lib

	find "$root" -type f -perm /111 | while read -r file; do
		LC_ALL=C ldd "$file" 2>/dev/null || true
	done | sort -u | while read -r lib; do
		case $lib in
		*"not found"*)	die "missing library: $lib" ;;
		*"=> /"*)	lib=${lib#*=> } ;;
		/*)		;;
		*)		continue ;;
		esac
		lib=${lib% (*}
		[ -e "$root$lib" ] || cp -L --parents "$lib" "$root"
	done
}

mkdir -p "$root"/{bin,dev,proc,programs,sys,tmp}
cp "$(command -v busybox)" "$root/bin/busybox"
busybox --list | while read -r applet; do
	[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
cp "$here/init" "$root/init"
gcc -O2 -Wall -Wextra -Werror -static -o "$root/bin/exit-vm" "$here/exit.c"
find "$modules" -maxdepth 2 -name '*.ko' -exec cp {} "$root/" \;
[ -z "$files" ] || cp -a "$files/." "$root/"
names=()
for program; do
	name=${program##*/}
	[ -x "$program" ] || die "$program is not an executable file"
	[ ! -e "$root/programs/$name" ] || die "two programs are called $name"
	cp "$program" "$root/programs/"
	names+=("$name")
done
copy_libraries

accel=(-accel tcg)
cpu=max,la57=off
# A bare /dev/kvm may be an emulation on which stock kernels hang.
if [ -z "${plugin[*]}" ] && { [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; }; then
	accel=(-accel kvm -accel tcg)
fi
if [ -n "$icount" ]; then
	accel=(-accel "tcg,thread=single" -icount "shift=0,sleep=off")
	smp=1
fi
if [ -n "$icount" ] || [ -n "${plugin[*]}" ]; then
	# Each byte of a "rep movsb" would count as one instruction.
	cpu=$cpu,-erms,-fsrm
	append="mitigations=off $append"
fi

# In place of tap.sh for programs that are no tests
show()
{
	local line failed=0

	while IFS= read -r line; do
		case $line in
		"@end "*" 0")	;;
		"@end "*)	failed=1; echo "exit status ${line##* }" ;;
		"@kernel "*)	failed=1; echo "kernel: ${line#@kernel }" ;;
		"@"*)		;;
		*)		printf '%s\n' "$line" ;;
		esac
	done
	return "$failed"
}

consume()
{
	if [ -n "$plain" ]; then
		show
	else
		"$here/tap.sh" "$result" "${names[@]}"
	fi
}

# Debian's kernels clear pages that are allocated, so that one which nobody else
# clears would go unnoticed.
words="init_on_alloc=0 $append"

# Packs the machine's file system with the programs that have not ended yet.
pack()
{
	local name

	for name in "${names[@]}"; do
		grep -q "^@end $name " "$work/output" || echo "$name"
	done >"$root/program-list"
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$work/initramfs"
}

# Under emulation a stock kernel dies now and then when one processor runs code
# that another one is just patching, at boot in most cases, or when something
# first switches a static key: about once in a hundred boots. That is no result.
died_of_emulation()
{
	[ -s "$work/output" ] || return 0
	grep -q 'Oops: int3' "$work/console" &&
		! grep -m 1 'RIP: 0010:' "$work/console" | grep -qF '[slotpool]'
}

# Runs the machine, and prints what the guest writes to its second serial port.
machine()
{
	local status attempt

	: >"$work/output"
	for attempt in 1 2 3; do
		pack
		timeout --kill-after=5 "$timeout" qemu-system-x86_64 \
			-nodefaults -no-user-config -display none -no-reboot \
			"${accel[@]}" "${plugin[@]}" -cpu "$cpu" -smp "$smp" -m "$mem" \
			-kernel "$vmlinux" -initrd "$work/initramfs" \
			-append "console=ttyS0 panic=-1 oops=panic watchdog_thresh=60 $words" \
			-serial "file:$work/console" -serial stdio \
			-device isa-debug-exit,iobase=0x501,iosize=1 </dev/null |
			tee -a "$work/output"
		status=${PIPESTATUS[0]}
		if [ "$status" -eq "$finished" ] || [ "$status" -eq 124 ] ||
			[ "$attempt" -eq 3 ] || ! died_of_emulation; then
			return "$status"
		fi
		echo "${0##*/}: the kernel died while it patched its own code;" \
			"booting it once more" >&2
	done
}

if [ "${#names[@]}" -eq 1 ]; then
	echo "Linux $kernel, 1 program"
else
	echo "Linux $kernel, ${#names[@]} programs"
fi
set +e
machine | consume
status=("${PIPESTATUS[@]}")
set -e

mv "$work/console" "$build/vm/$kernel.console"
mv "$work/output" "$build/vm/$kernel.output"
case ${status[0]} in
"$finished")
	exit "${status[1]}"
	;;
124)
	why="was stopped after $timeout s"
	;;
*)
	why="died (qemu exit status ${status[0]})"
	;;
esac
{
	grep -m 1 -E 'BUG|Oops|general protection' "$build/vm/$kernel.console" || true
	tail -n 40 "$build/vm/$kernel.console"
} >&2
die "the test machine $why; above are the last lines of its console"
