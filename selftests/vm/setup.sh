#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs what the named groups need on Debian 12, and fetches the kernels
# that the tests boot. Asks nothing, and is silent when everything is there.
#
# The kernels are downloaded and unpacked below the user's cache directory,
# never installed:
#
#   linux-<series>/vmlinux	the image, uncompressed, as qemu boots it
#   linux-<series>/headers	builds external modules
#   linux-source-6.1		checkers and kselftest headers of that kernel
#   linux-debug, linux-kcsan, linux-coverage
#				the same of the kernels that are built from that
#				source with base.config and debug.config,
#				kcsan.config or coverage.config, but compressed;
#				links to what was built from these versions of
#				all three

set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/slotpool
series="6.1 6.12"
here=$(cd "$(dirname "$0")" && pwd)

usage()
{
	echo "usage: ${0##*/} build|kernels|vm|debug|kcsan|coverage|plots|bench|fuzz|style|guests|demo ..." >&2
	exit 2
}

# "package reason", a line each
packages()
{
	case $1 in
	build)
		cat <<-END
		gcc compiles user space
		libc6-dev headers of the C library
		gcc-12 compiles modules for Debian's kernels
		libelf1 objtool, part of a module's build, reads ELF with it
		libssl3 needed by the kernel's build tools
		pahole needed by the kernel's build tools
		kmod modinfo, modprobe
		g++ compiles the examples in C++
		pkg-config finds libsmartcols
		libsmartcols-dev slotpoolctl prints its tables with it
		END
		;;
	kernels)
		cat <<-END
		xz-utils unpacks kernel packages
		zstd unpacks kernel images
		binutils readelf checks an unpacked kernel image
		END
		;;
	vm)
		packages build
		packages kernels
		cat <<-END
		qemu-system-x86 runs the test kernels
		busybox-static is the test machine's user space
		cpio packs the test machine's file system
		gcc-multilib compiles a 32-bit caller of the ioctls
		END
		;;
	debug|kcsan|coverage)
		packages vm
		cat <<-END
		flex generates the parser of kernel configurations
		bison generates the parser of kernel configurations
		bc computes constants of the kernel
		libelf-dev objtool reads and writes ELF with it
		END
		;;
	plots)
		cat <<-END
		gnuplot-nox draws what the benchmark measures
		END
		;;
	bench)
		packages demo
		packages plots
		;;
	fuzz)
		cat <<-END
		clang compiles the fuzzers of user space
		libclang-rt-14-dev has libFuzzer and the sanitizers
		END
		;;
	style)
		packages build
		packages kernels
		cat <<-END
		perl runs checkpatch and kernel-doc
		sparse checks address spaces, endianness and locks
		cppcheck checks user space
		clang-format checks the layout of user space
		shellcheck checks scripts
		codespell checks spelling
		mandoc checks manual pages
		END
		;;
	guests)
		packages build
		cat <<-END
		clang compiles the demo's guests to WebAssembly
		lld links the demo's guests
		wasi-libc is the C library of the demo's guests
		libclang-rt-dev-wasm32 is the compiler runtime of the demo's guests
		wabt translates the demo's guests to C
		libstb-dev is the image decoder and resizer that the demo's guests run
		END
		;;
	demo)
		packages vm
		packages guests
		;;
	*)
		usage
		;;
	esac
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif sudo -n true 2>/dev/null; then
		sudo -n "$@"
	else
		return 1
	fi
}

update_lists()
{
	if [ -n "${lists_updated:-}" ] || ! as_root true; then
		return 0
	fi
	echo "setup: updating the package lists"
	# A stale or unreachable extra source is no reason to stop: what is
	# really missing is found missing below.
	as_root apt-get update -qq || true
	lists_updated=y
}

# A line now and then of what apt-get does
progress()
{
	awk '/newly installed/ { total = $3 }
	     /^Unpacking / && ++unpacked % 25 == 0 {
		print "setup: unpacked", unpacked, "of", total, "packages"; fflush() }
	     /^Setting up / && ++set_up % 50 == 0 {
		print "setup: set up", set_up, "of", total, "packages"; fflush() }'
}

install_packages()
{
	local wanted missing names

	wanted=$(for group; do packages "$group"; done | sort -u)
	if [ -z "$(command -v dpkg-query)" ]; then
		echo "setup: installs nothing without dpkg; needed is what Debian 12 calls" >&2
		printf '%s\n' "$wanted" | sed 's/^\([^ ]*\) /  \1: /' >&2
		return 0
	fi
	missing=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
		awk 'NR == FNR { if ($1 == "installed") have[$2]; next }
		     !($1 in have)' - <(printf '%s\n' "$wanted"))
	[ -n "$missing" ] || return 0

	mapfile -t names < <(printf '%s\n' "$missing" | cut -d ' ' -f 1)
	if ! as_root true; then
		echo "setup: neither root nor sudo without a password; please run as root" >&2
		echo "  apt-get install --no-install-recommends ${names[*]}" >&2
		exit 1
	fi
	printf '%s\n' "$missing" | sed 's/^\([^ ]*\) /setup: installing \1: /'
	update_lists
	# Never trade a package that the user has for one that we want.
	if ! as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-remove --no-install-recommends \
		"${names[@]}" 2>&1 </dev/null | tee "$cache/apt.log" |
		progress; then
		cat "$cache/apt.log" >&2
		echo "setup: apt-get could not install: ${names[*]}" >&2
		exit 1
	fi
}

# The packages that the meta-package $1 stands for
dependency()
{
	LC_ALL=C apt-cache depends --important "$1" 2>/dev/null |
		awk '$1 == "Depends:" && !/</ { print $2 }'
}

download()
{
	echo "setup: downloading $*"
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$@") || {
		echo "setup: cannot download: $*" >&2
		exit 1
	}
}

# A directory appears under its name only when it is complete.
begin()
{
	work=$(mktemp -d "$cache/$1.XXXXXX")
}

finish()
{
	rm -f "$work"/*.deb
	chmod 755 "$work"
	mv -T "$work" "$cache/$1"
}

# Unpacks parts of the kernel's source, or all of it, to $work/DIRECTORY.
# Usage: unpack_source DIRECTORY [PART]...
unpack_source()
{
	local directory=$work/$1 path=usr/src/linux-source-6.1.tar.xz

	shift
	update_lists
	download linux-source-6.1
	mkdir -p "$directory"
	dpkg-deb --fsys-tarfile "$work"/linux-source-6.1_*.deb | tar -x -O "./$path" |
		xz -dc -T0 | tar -x -C "$directory" --strip-components=1 \
			"${@/#/linux-source-6.1/}"
}

fetch_source()
{
	begin unfinished
	echo "setup: the checkers and test headers of linux-source-6.1"
	unpack_source . \
		.clang-format \
		COPYING \
		LICENSES \
		scripts/checkpatch.pl \
		scripts/const_structs.checkpatch \
		scripts/extract-vmlinux \
		scripts/kernel-doc \
		scripts/spelling.txt \
		tools/testing/selftests/kselftest \
		tools/testing/selftests/kselftest.h \
		tools/testing/selftests/kselftest_harness.h \
		tools/testing/selftests/lib.mk
	finish linux-source-6.1
}

fetch_kernel()
{
	local meta=$1 image headers kbuild deb

	update_lists
	image=$(dependency "linux-image-$meta")
	headers=$(dependency "linux-headers-$meta")
	if [ -z "$image" ] || [ -z "$headers" ]; then
		echo "setup: no package linux-image-$meta, or none of its headers;" \
			"apt needs Debian 12 with its security archive" >&2
		exit 1
	fi
	kbuild=$(dependency "$headers" | grep '^linux-kbuild-')

	begin unfinished
	download "$image" "$headers" "${headers%-amd64}-common" "$kbuild"
	echo "setup: unpacking linux ${image#linux-image-}"
	for deb in "$work"/linux-{headers,kbuild}-*.deb; do
		dpkg-deb -x "$deb" "$work"
	done
	dpkg-deb --fsys-tarfile "$work/$image"_*.deb | tar -x -C "$work" ./boot
	"$cache/linux-source-6.1/scripts/extract-vmlinux" \
		"$work"/boot/vmlinuz-* >"$work/vmlinux"
	rm -r "${work:?}/boot"

	# Found relative to itself, the tree works wherever it is.
	# shellcheck disable=SC2016
	printf 'include $(dir $(lastword $(MAKEFILE_LIST)))../%s/Makefile\n' \
		"${headers%-amd64}-common" >"$work/usr/src/$headers/Makefile"
	# Only good for adding type information to modules, which takes long.
	rm -f "$work/usr/src/$headers/vmlinux"
	ln -s "usr/src/$headers" "$work/headers"
	finish "linux-$2"
}

fetch_kernels()
{
	local name

	[ -d "$cache/linux-source-6.1" ] || fetch_source
	for name in $series; do
		[ -d "$cache/linux-$name" ] && continue
		case $name in
		6.1)	fetch_kernel amd64 "$name" ;;
		*)	fetch_kernel "$name-amd64" "$name" ;;
		esac
	done
}

# Names what a kernel is built from.
build_inputs()
{
	local version

	version=$(apt-cache show --no-all-versions linux-source-6.1 2>/dev/null |
		sed -n 's/^Version: //p')
	if [ -z "$version" ]; then
		echo "setup: no package linux-source-6.1; apt needs Debian 12" >&2
		exit 1
	fi
	{ echo "$version"; grep -h '^CONFIG' "$here/base.config" "$here/$1.config"; } |
		sha256sum | cut -c 1-12
}

# The kernel's release has its inputs' name: a module that was built for
# another such kernel can't be loaded.
kernel_make()
{
	local compiler=gcc-12

	[ -z "$(command -v ccache)" ] || compiler="ccache $compiler"
	nice -n 5 make -C "$work/source" -j "$(nproc)" CC="$compiler" \
		LOCALVERSION="-$name-$inputs" "$@"
}

configure_kernel()
{
	local missing wanted=$work/wanted.config

	cat "$here/base.config" "$here/$name.config" >"$wanted"
	kernel_make -s KCONFIG_ALLCONFIG="$wanted" allnoconfig
	missing=$(grep '^CONFIG' "$wanted" | grep -vxFf "$work/source/.config") || return 0
	echo "setup: options of $name.config or base.config that this kernel can't have:" >&2
	echo "$missing" >&2
	exit 1
}

# A line now and then of what the kernel's make does
build_progress()
{
	awk '$1 == "CC" && ++compiled % 100 == 0 {
		print "setup: compiled", compiled, "files"; fflush() }'
}

# Keeps what qemu boots, and what builds modules.
pack_kernel()
{
	(
		cd "$work/source"
		cp vmlinux.symvers Module.symvers
		find . -name '*.o' -delete
		mkdir ../headers
		cp -a --parents -t ../headers .config Makefile Module.symvers \
			arch/x86 include scripts tools/objtool/objtool
	)
	# With KASAN it dies where qemu would enter an uncompressed one.
	mv "$work/source/arch/x86/boot/bzImage" "$work/vmlinux"
	rm -r "$work/source" "$work/wanted.config"
}

build_kernel()
{
	local name=$1 inputs

	inputs=$(build_inputs "$name")
	if [ ! -d "$cache/linux-$name-$inputs" ]; then
		update_lists
		inputs=$(build_inputs "$name")
	fi
	if [ ! -d "$cache/linux-$name-$inputs" ]; then
		begin unbuilt
		unpack_source source
		echo "setup: building the $name kernel, about 900 files"
		configure_kernel
		if ! kernel_make bzImage modules_prepare 2>&1 | tee "$cache/$name.log" |
			build_progress; then
			tail -n 20 "$cache/$name.log" >&2
			echo "setup: cannot build the $name kernel" >&2
			exit 1
		fi
		pack_kernel
		finish "linux-$name-$inputs"
	fi
	ln -sfn "linux-$name-$inputs" "$cache/linux-$name"
}

# The demo's input: pictures of many kinds and sizes
fetch_images()
{
	[ ! -d "$cache/imagemagick-6-doc" ] || return 0
	update_lists
	begin unfinished
	download imagemagick-6-doc
	dpkg-deb -x "$work"/imagemagick-6-doc_*.deb "$work"
	finish imagemagick-6-doc
}

[ $# -gt 0 ] || usage
mkdir -p "$cache"
exec 9>"$cache/lock"
if ! flock -n 9; then
	echo "setup: waiting for another one to end"
	flock 9
fi
rm -rf "$cache"/unfinished.*
install_packages "$@"
case " $* " in
*" kernels "*|*" vm "*|*" debug "*|*" kcsan "*|*" coverage "*|*" bench "*|*" style "*|*" demo "*)
	fetch_kernels
	;;
esac
case " $* " in
*" debug "*|*" kcsan "*|*" coverage "*)
	# Who needs other things doesn't wait until they are built.
	exec 9>"$cache/build.lock"
	flock 9
	rm -rf "$cache"/unbuilt.*
	for group; do
		case $group in
		debug|kcsan|coverage)	build_kernel "$group" ;;
		esac
	done
	;;
esac
case " $* " in
*" guests "*|*" bench "*|*" demo "*)
	fetch_images
	;;
esac
