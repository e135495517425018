#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot a kernel that setup.sh fetched and run programs in it as root, with that
# kernel's freshly built modules in /.

set -euo pipefail

usage()
{
	cat >&2 <<-END
	usage: ${0##*/} --kernel SERIES [OPTION]... -- PROGRAM...

	  --kernel SERIES   6.1, 6.12, debug, kcsan or coverage
	  --modules DIR     the modules to copy to the machine's / (build/SERIES)
	  --files DIR       copy the contents of DIR to the machine's /
	  --result FILE     write "<passed> <failed>" there
	  --plain           the programs are no tests: print their output, and succeed
	                    if all of them exit with 0
	  --icount          one processor, on which an instruction takes a nanosecond
	                    whatever else this machine does; no mitigations, and no
	                    instructions that copy or clear more than 8 bytes
	  --plugin FILE[,NAME=VALUE]...
	                    a plugin for qemu that counts instructions, and its
	                    options; mitigations and copying as with --icount
	  --smp CPUS        processors (2)
	  --mem SIZE        memory (1G)
	  --timeout SECONDS for the whole run (1800; debug, kcsan, coverage 5400)
	  --append WORDS    more for the kernel's command line; NAME=VALUE is in the
	                    environment of the programs

	PROGRAM is an executable file of this machine, such as ./script.sh. A test
	prints TAP and exits with 0 if everything passed.
	END
	exit 2
}

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slotpool
# qemu's exit status when the guest calls exit-vm 16
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
	# Without ACPI the kernel finds one CPU in each socket, and assumes that
	# the clocks of sockets differ: tsc=reliable. KASAN would only report the
	# first error: kasan_multi_shot.
	smp=$smp,sockets=$smp
	# These kernels are slow: run fewer random operations.
	append="SLOTPOOL_OPERATIONS=16000 PROGRAM_TIMEOUT=1800 $append"
	append="tsc=reliable kasan_multi_shot page_poison=1 log_buf_len=4M $append"
	# KCSAN delays an access by this many microseconds. Under emulation the
	# other processor may not run for as long.
	append="kcsan.udelay_task=1000 $append"
	# Let failslab fail allocations of this cache alone.
	append="slub_debug=A,radix_tree_node $append"
	;;
esac
: "${timeout:=1800}"

vmlinux=$cache/linux-$kernel/vmlinux
modules=${modules:-$build/$kernel}
module=$modules/slotpool.ko
case $kernel in
debug|kcsan|coverage)	group=$kernel ;;
*)			group=vm ;;
esac
[ -f "$vmlinux" ] || die "no kernel $kernel; run: make setup GROUPS=$group"
[ -f "$module" ] || die "no $module; run: make module KERNEL=$kernel"
for tool in qemu-system-x86_64 busybox cpio; do
	[ -n "$(command -v "$tool")" ] || die "no $tool; run: make setup GROUPS=$group"
done

mkdir -p "$build/vm"
work=$(mktemp -d "$build/vm/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

# Copy the libraries of the executables below $root to the same place there.
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
	[ -f "$program" ] || die "$program: no such file here (a file of DIR is no PROGRAM)"
	[ -x "$program" ] || die "$program: not executable; run: chmod +x $program"
	[ ! -e "$root/programs/$name" ] || die "two programs are called $name"
	cp "$program" "$root/programs/"
	names+=("$name")
done
copy_libraries

accel=(-accel tcg)
cpu=max,la57=off
# A /dev/kvm without its modules may be an emulation, on which stock kernels hang.
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

# Print the output of programs that are no tests.
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

# Debian's kernels clear allocated pages, which would hide a page that the module
# does not clear.
words="init_on_alloc=0 $append"

# Pack the machine's file system with the programs that have not ended.
pack()
{
	local name

	for name in "${names[@]}"; do
		grep -q "^@end $name " "$work/output" || echo "$name"
	done >"$root/program-list"
	(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$work/initramfs"
}

# Under emulation a stock kernel dies about once in a hundred boots, when one
# processor runs code that another one is patching: at boot in most cases, or when
# a static key is first switched. That is no result.
died_of_emulation()
{
	[ -s "$work/output" ] || return 0
	grep -q 'Oops: int3' "$work/console" &&
		! grep -m 1 'RIP: 0010:' "$work/console" | grep -qF '[slotpool]'
}

# Run the machine, and print what the guest writes to its second serial port.
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

[ -e "$work/console" ] || die "qemu did not start (exit status ${status[0]})"
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
