#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Install what the named groups need on Debian, and fetch the kernels that the
# tests boot. Ask nothing, and print nothing when everything is there. With
# --missing install and fetch nothing: name what is missing, and fail.
#
# Kernels are downloaded and unpacked below the user's cache directory, never
# installed:
#
#   linux-<series>/vmlinux	the image, uncompressed, as qemu boots it
#   linux-<series>/headers	builds external modules
#   linux-source-6.1		checkers and kselftest headers of that kernel
#   linux-debug, linux-kcsan, linux-coverage
#				the same for the kernels built from that source
#				with base.config and debug.config, kcsan.config
#				or coverage.config; the image is compressed. Each
#				is a link to a directory named after its inputs
#   newer/<release>/headers	headers of Debian 13's kernels, to build only

set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/slotpool
series="6.1 6.12"
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
kdir=${KDIR:-/lib/modules/$(uname -r)/build}

usage()
{
	cat >&2 <<-END
	usage: ${0##*/} [--missing] GROUP...

	  library user module build	what make library, user, module and make compile with
	  kernels			the stock kernels of the tests, and their headers
	  unit harness vm		check-unit, check-user, check-vm
	  debug kcsan coverage		the kernels that watch the module
	  mutate fuzz style newer	mutate, fuzz, style, check-build
	  guests demo plots bench	demo BACKEND=user, demo, bench NATIVE=1, bench
	END
	exit 2
}

# ---- what is missing ----

# Packages of Debian 12, each with the reason to install it
declare -A missing looked_for

# Record PACKAGE as missing unless TEST succeeds. The tests look for the file or
# program, not for the package: Debian 13 and other distributions have other names.
# Usage: need PACKAGE REASON TEST...
need()
{
	local package=$1 reason=$2

	shift 2
	[ -z "${missing[$package]:-}" ] || return 0
	"$@" >/dev/null 2>&1 || missing[$package]=$reason
}

has()
{
	[ -n "$(command -v "$1")" ]
}

# $cc may have options, or ccache before it.
compiles()
{
	# shellcheck disable=SC2086
	echo 'int main(void) { return 0; }' | $cc -x c - -o /dev/null "$@"
}

includes()
{
	# shellcheck disable=SC2086
	echo "#include <$1>" | $cc -E -x c -
}

# Succeed if the compiler finds a library of that name.
links()
{
	# shellcheck disable=SC2086
	[ -e "$($cc -print-file-name="$1")" ]
}

is_static()
{
	has "$1" && ! grep -q '=>' <<<"$(ldd "$(command -v "$1")" 2>&1)"
}

# A program that lacks a library exits with 127.
runs()
{
	local status=0

	"$@" || status=$?
	[ "$status" -ne 127 ]
}

fuzzes()
{
	echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null
}

wasm_file()
{
	[ -e "$(clang --target=wasm32-wasi "$@")" ]
}

# Print the compiler that built the kernel of $kdir, which its modules need, too.
module_compiler()
{
	sed -n 's/^#define CONFIG_CC_VERSION_TEXT "\([^ "]*\).*/\1/p' \
		"$kdir/include/generated/autoconf.h" 2>/dev/null |
		sed -n 's/^\(.*-linux-gnu-\)\{0,1\}\(gcc[-0-9]*\)$/\2/p'
}

# Record what a group lacks.
look_for()
{
	local compiler

	[ -z "${looked_for[$1]:-}" ] || return 0
	looked_for[$1]=y
	case $1 in
	library)
		need gcc "compiles C" has "${cc%% *}"
		need libc6-dev "headers of the C library" includes stdio.h
		need libc6-dev "headers of the kernel's interface" includes linux/types.h
		need binutils "has ar and objcopy, which make the library" has ar
		need binutils "has ar and objcopy, which make the library" has objcopy
		;;
	user)
		look_for library
		need libc6-dev "the static C library, for the examples" links libc.a
		need pkg-config "finds libsmartcols" has pkg-config
		need libsmartcols-dev "slotpoolctl prints its tables with it" \
			pkg-config --exists smartcols
		;;
	module)
		if [ ! -e "$kdir/Makefile" ]; then
			missing[linux-headers-$(uname -r)]="headers of the running kernel ($kdir)"
			return 0
		fi
		compiler=$(module_compiler)
		if [ -n "$compiler" ] && [ -z "${MODULE_CC:-}" ]; then
			need "$compiler" "compiles modules for that kernel" has "$compiler"
		fi
		if [ -x "$kdir/tools/objtool/objtool" ]; then
			need libelf1 "objtool, part of a module's build, reads ELF with it" \
				runs "$kdir/tools/objtool/objtool"
		fi
		;;
	build)
		look_for user
		look_for module
		;;
	unit)
		look_for library
		need gcc "has the sanitizers that watch the tests" \
			compiles -fsanitize=address,undefined
		;;
	kernels)
		need gcc-12 "compiles modules for Debian's kernels" has gcc-12
		need libelf1 "objtool, part of a module's build, reads ELF with it" \
			links libelf.so.1
		need xz-utils "unpacks kernel packages" has xz
		need zstd "unpacks kernel images" has zstd
		need binutils "readelf checks an unpacked kernel image" has readelf
		;;
	harness)
		look_for user
		need xz-utils "unpacks the kernel's test harness" has xz
		;;
	vm)
		look_for unit
		look_for user
		look_for kernels
		need g++ "compiles the example in C++" has "${CXX:-g++}"
		need qemu-system-x86 "runs the test kernels" has qemu-system-x86_64
		need busybox-static "is the test machine's user space" is_static busybox
		need cpio "packs the test machine's file system" has cpio
		need gcc-multilib "compiles a 32-bit caller of the ioctls" compiles -m32 -static
		;;
	debug|kcsan|coverage)
		look_for vm
		need flex "generates the parser of kernel configurations" has flex
		need bison "generates the parser of kernel configurations" has bison
		need bc "computes constants of the kernel" has bc
		need libelf-dev "objtool reads and writes ELF with it" includes gelf.h
		;;
	mutate)
		look_for vm
		need patch "applies the mutants" has patch
		;;
	fuzz)
		need clang "compiles the fuzzers of user space" has clang
		need libclang-rt-dev "has libFuzzer and the sanitizers" fuzzes
		;;
	style)
		look_for user
		look_for kernels
		need g++ "compiles the headers as C++" has "${CXX:-g++}"
		need perl "runs checkpatch and kernel-doc" perl -MPod::Usage -MTerm::ANSIColor -e 1
		need sparse "checks address spaces, endianness and locks" has sparse
		need cppcheck "checks user space" has cppcheck
		need clang-format "checks the layout of user space" has clang-format
		need shellcheck "checks scripts" has shellcheck
		need codespell "checks spelling" has codespell
		need mandoc "checks manual pages" has mandoc
		need patch "tries the mutants" has patch
		need reuse "checks that each file names its license" has reuse
		;;
	newer)
		look_for kernels
		need debian-archive-keyring "verifies the archive of Debian 13" \
			test -e "$keyring"
		;;
	guests)
		look_for user
		need clang "compiles the demo's guests to WebAssembly" has clang
		need lld "links the demo's guests" has wasm-ld
		need wasi-libc "is the C library of the demo's guests" \
			wasm_file -print-file-name=libc.a
		need libclang-rt-dev-wasm32 "is the compiler runtime of the demo's guests" \
			wasm_file -print-libgcc-file-name
		need wabt "translates the demo's guests to C" has wasm2c
		need libstb-dev "is the decoder and resizer that the demo's guests run" \
			includes stb/stb_image.h
		;;
	demo)
		look_for vm
		look_for guests
		;;
	plots)
		need gnuplot-nox "draws what the benchmark measures" has gnuplot
		;;
	bench)
		look_for demo
		look_for plots
		;;
	*)
		usage
		;;
	esac
}

# Set $missing to what the groups lack, and $names to its packages.
find_missing()
{
	local group

	missing=() looked_for=()
	for group; do
		look_for "$group"
	done
	mapfile -t names < <(printf '%s\n' "${!missing[@]}" | sed '/^$/d' | sort)
}

# Print the missing packages and their reasons. $1: prefix of each line
print_missing()
{
	local name

	for name in "${names[@]}"; do
		echo "$1$name: ${missing[$name]}"
	done
}

# ---- installing ----

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
	# Go on despite a stale or unreachable extra source: the installation
	# fails if it matters.
	as_root apt-get update -qq || true
	lists_updated=y
}

# Print a line now and then about apt-get.
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
	local headers

	find_missing "$@"
	[ "${#names[@]}" -gt 0 ] || return 0

	if ! has apt-get; then
		echo "setup: no apt-get to install with; Debian 12 calls what is missing:" >&2
		print_missing "  " >&2
		exit 1
	fi
	if ! as_root true; then
		echo "setup: neither root nor sudo without a password; please run as root" >&2
		echo "  apt-get install --no-install-recommends ${names[*]}" >&2
		exit 1
	fi
	update_lists
	headers=linux-headers-$(uname -r)
	if [ -n "${missing[$headers]:-}" ] && ! apt-cache show "$headers" >/dev/null 2>&1; then
		echo "setup: apt has no $headers; set KDIR, or use a kernel of the tests:" \
			"make setup GROUPS=kernels, make module KERNEL=6.12" >&2
		unset "missing[$headers]"
		mapfile -t names < <(printf '%s\n' "${names[@]}" | grep -vxF "$headers")
	fi
	print_missing "setup: installing "
	# --no-remove: never trade a package that the user has for one of these.
	if [ "${#names[@]}" -gt 0 ] && ! as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-remove --no-install-recommends \
		"${names[@]}" 2>&1 </dev/null | tee "$cache/apt.log" |
		progress; then
		cat "$cache/apt.log" >&2
		echo "setup: apt-get could not install: ${names[*]}" >&2
		exit 1
	fi
	find_missing "$@"
	[ "${#names[@]}" -eq 0 ] || {
		echo "setup: still missing after the installation:" >&2
		print_missing "  " >&2
		exit 1
	}
}

# ---- fetching ----

# Print the dependencies of package $1 whose names match $2; more is for apt-cache.
# None is no error: callers say what they miss.
dependency()
{
	local package=$1 pattern=$2

	shift 2
	{ LC_ALL=C apt-cache "$@" depends --important "$package" 2>/dev/null || true; } |
		awk -v pattern="$pattern" \
			'$1 == "Depends:" && !/</ && $2 ~ pattern { print $2 }'
}

meta_package()
{
	case $1 in
	6.1)	echo amd64 ;;
	*)	echo "$1-amd64" ;;
	esac
}

missing_kernel()
{
	echo "setup: no package linux-image-$1, or none of its headers; apt needs the" \
		"archives of Debian 12 and of its security updates" >&2
	exit 1
}

# Fail before the long part if apt doesn't know the kernels.
check_kernels()
{
	local name meta

	for name in $series; do
		[ ! -d "$cache/linux-$name" ] || continue
		update_lists
		meta=$(meta_package "$name")
		[ -n "$(dependency "linux-image-$meta" ^linux-image-)" ] || missing_kernel "$meta"
	done
}

download()
{
	echo "setup: downloading $*"
	(cd "$work" && apt-get -q -o APT::Sandbox::User=root "${apt_options[@]}" download "$@") || {
		echo "setup: cannot download: $*" >&2
		exit 1
	}
}

# Work in a new directory, which gets its name only when it is complete.
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

# Unpack parts of the kernel's source, or all of it, to $work/DIRECTORY.
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

# Unpack the headers and build tools that $work has as packages. $1: name of the
# headers' package
unpack_headers()
{
	local headers=$1 tree=$work/usr/src/$1 deb

	for deb in "$work"/linux-{headers,kbuild}-*.deb; do
		dpkg-deb -x "$deb" "$work"
	done
	# Make the tree find its parts relative to itself: it is not in /usr/src.
	# shellcheck disable=SC2016
	if grep -q '^KBUILD_OUTPUT' "$tree/Makefile"; then
		printf 'KBUILD_OUTPUT := %s\ninclude %s../%s/Makefile\n' \
			'$(dir $(abspath $(lastword $(MAKEFILE_LIST))))' \
			'$(KBUILD_OUTPUT)' "${headers%-amd64}-common"
	else
		printf 'include %s../%s/Makefile\n' \
			'$(dir $(lastword $(MAKEFILE_LIST)))' "${headers%-amd64}-common"
	fi >"$work/Makefile"
	mv "$work/Makefile" "$tree/Makefile"
	# It only serves to add type information to modules, which takes long.
	rm -f "$tree/vmlinux"
	ln -s "usr/src/$headers" "$work/headers"
}

fetch_kernel()
{
	local name=$1 meta image headers kbuild

	update_lists
	meta=$(meta_package "$name")
	image=$(dependency "linux-image-$meta" ^linux-image-)
	headers=$(dependency "linux-headers-$meta" ^linux-headers-)
	kbuild=$(dependency "$headers" ^linux-kbuild-)
	if [ -z "$image" ] || [ -z "$headers" ] || [ -z "$kbuild" ]; then
		missing_kernel "$meta"
	fi

	begin unfinished
	download "$image" "$headers" "${headers%-amd64}-common" "$kbuild"
	echo "setup: unpacking linux ${image#linux-image-}"
	unpack_headers "$headers"
	dpkg-deb --fsys-tarfile "$work/$image"_*.deb | tar -x -C "$work" ./boot
	"$cache/linux-source-6.1/scripts/extract-vmlinux" \
		"$work"/boot/vmlinuz-* >"$work/vmlinux"
	rm -r "${work:?}/boot"
	finish "linux-$name"
}

fetch_kernels()
{
	local name

	[ -d "$cache/linux-source-6.1" ] || fetch_source
	for name in $series; do
		[ -d "$cache/linux-$name" ] || fetch_kernel "$name"
	done
}

# ---- kernels of Debian 13 ----

# Print sources of Debian 13 at the mirrors of Debian that this machine uses.
newer_sources()
{
	local label uri signed="signed-by=$keyring"

	{ apt-get indextargets --format "\$(LABEL) \$(REPO_URI)" \
		"Created-By: Packages" "Origin: Debian" || true; } | sort -u |
	while read -r label uri; do
		case $label in
		Debian)
			echo "deb [$signed] $uri trixie main"
			echo "deb [$signed] $uri trixie-backports main"
			;;
		Debian-Security)
			echo "deb [$signed] $uri trixie-security main"
			;;
		esac
	done
}

# Print the newest release of each series that apt knows, as in
# linux-headers-RELEASE-amd64.
newer_releases()
{
	{ apt-cache "${apt_options[@]}" pkgnames linux-headers- || true; } |
		sed -nE 's/^linux-headers-([0-9]+(\.[0-9]+)+\+deb13(\.[0-9]+)?)-amd64$/\1/p' |
		sort -V | awk -F . '{ newest[$1 "." $2] = $0 } END { for (s in newest) print newest[s] }'
}

# Run build tools in $work with Debian 13's C library if this machine's is too old
# for them.
wrap_tools()
{
	local tool output unpacked=''

	for tool in "$work"/usr/lib/linux-kbuild-*/{scripts/mod/modpost,tools/objtool/objtool}.real-*; do
		# Not in a pipe: grep -q ends at the first match, and ldd fails then.
		output=$(ldd "$tool" 2>&1) || true
		grep -q 'version .* not found' <<<"$output" || continue
		if [ -z "$unpacked" ]; then
			download libc6
			dpkg-deb -x "$work"/libc6_*.deb "$work"
			unpacked=y
		fi
		mv "$tool" "$tool.bin"
		# shellcheck disable=SC2016
		printf '#!/bin/sh\nlibrary=$(dirname "$0")/../../../x86_64-linux-gnu\n%s\n' \
			'exec "$library/ld-linux-x86-64.so.2" --library-path "$library" "$0.bin" "$@"' \
			>"$tool"
		chmod +x "$tool"
	done
}

# Fetch the newest headers of each series. Update the package lists once a day.
fetch_newer()
{
	local apt=$cache/newer-apt release headers kbuild name

	mkdir -p "$apt"/{lists,archives}/partial "$apt/none" "$cache/newer"
	: >"$apt/status"
	# Keep these archives out of this machine's apt, which would install from
	# them. A mirror may be an old snapshot: accept an expired one.
	apt_options=(-o "Dir::Etc::SourceList=$apt/sources.list" -o "Dir::Etc::SourceParts=$apt/none"
		-o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$apt/none"
		-o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status"
		-o "Dir::Cache=$apt" -o "Dir::Cache::Archives=$apt/archives"
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none)
	if [ -z "$(find "$apt/updated" -mtime -1 2>/dev/null)" ]; then
		newer_sources >"$apt/sources.list"
		if [ ! -s "$apt/sources.list" ]; then
			update_lists
			newer_sources >"$apt/sources.list"
		fi
		echo "setup: updating the package lists of Debian 13"
		if [ ! -s "$apt/sources.list" ]; then
			echo "setup: apt knows no mirror of Debian" >&2
			exit 1
		fi
		if ! apt-get -qq -o APT::Sandbox::User=root "${apt_options[@]}" update; then
			echo "setup: this machine's mirrors of Debian lack Debian 13" >&2
			exit 1
		fi
		touch "$apt/updated"
	fi
	newer_releases >"$apt/releases"
	if [ ! -s "$apt/releases" ]; then
		echo "setup: no kernel headers in Debian 13's archives" >&2
		exit 1
	fi
	while read -r release; do
		[ ! -d "$cache/newer/$release" ] || continue
		headers=linux-headers-$release-amd64
		kbuild=$(dependency "$headers" ^linux-kbuild- "${apt_options[@]}")
		begin unfinished
		download "$headers" "${headers%-amd64}-common" ${kbuild:+"$kbuild"}
		unpack_headers "$headers"
		wrap_tools
		finish "newer/$release"
	done <"$apt/releases"
	for name in "$cache"/newer/*; do
		grep -qxF "${name##*/}" "$apt/releases" || rm -r "$name"
	done
	apt_options=()
}

# ---- building kernels ----

# Name what a kernel is built from.
build_inputs()
{
	local version

	version=$({ apt-cache show --no-all-versions linux-source-6.1 2>/dev/null || true; } |
		sed -n 's/^Version: //p')
	if [ -z "$version" ]; then
		echo "setup: no package linux-source-6.1; apt needs the archive of Debian 12" >&2
		exit 1
	fi
	{ echo "$version"; grep -h '^CONFIG' "$here/base.config" "$here/$1.config"; } |
		sha256sum | cut -c 1-12
}

# The release names the inputs: a module that was built for another such kernel
# does not load.
kernel_make()
{
	local compiler=gcc-12

	[ -z "$(command -v ccache)" ] || compiler="ccache $compiler"
	nice -n 5 make -C "$work/source" -j "$(nproc)" CC="$compiler" \
		LOCALVERSION="-$name-$inputs" "$@"
}

configure_kernel()
{
	local unset_options wanted=$work/wanted.config

	cat "$here/base.config" "$here/$name.config" >"$wanted"
	kernel_make -s KCONFIG_ALLCONFIG="$wanted" allnoconfig
	unset_options=$(grep '^CONFIG' "$wanted" | grep -vxFf "$work/source/.config") || return 0
	echo "setup: this kernel can't have these options of $name.config or base.config:" >&2
	echo "$unset_options" >&2
	exit 1
}

# Print a line now and then about the kernel's make.
build_progress()
{
	awk '$1 == "CC" && ++compiled % 100 == 0 {
		print "setup: compiled", compiled, "files"; fflush() }'
}

# Keep what qemu boots and what builds modules.
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
	# A kernel with KASAN dies at the entry that qemu takes into an uncompressed
	# image.
	mv "$work/source/arch/x86/boot/bzImage" "$work/vmlinux"
	rm -r "$work/source" "$work/wanted.config"
}

# Succeed if the kernel is there, built from the inputs of today.
is_built()
{
	[ "$(readlink "$cache/linux-$1")" = "linux-$1-$(build_inputs "$1")" ]
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

# Fetch the demo's input: pictures of many kinds and sizes.
fetch_pictures()
{
	[ ! -d "$cache/imagemagick-6-doc" ] || return 0
	update_lists
	begin unfinished
	download imagemagick-6-doc
	dpkg-deb -x "$work"/imagemagick-6-doc_*.deb "$work"
	finish imagemagick-6-doc
}

# Take a lock, and release the one that was taken before.
lock()
{
	exec 9>"$1"
	if ! flock -n 9; then
		echo "setup: waiting for another one to end"
		flock 9
	fi
}

# Succeed if one of the groups in $1 was named.
wanted()
{
	local group

	for group in $1; do
		case " ${groups[*]} " in
		*" $group "*)	return 0 ;;
		esac
	done
	return 1
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt_options=()
if [ "${1:-}" = --missing ]; then
	shift
	[ $# -gt 0 ] || usage
	find_missing "$@"
	[ "${#names[@]}" -gt 0 ] || exit 0
	echo "missing, named as in Debian 12:" >&2
	print_missing "  " >&2
	echo 'install it, or run "make setup"' >&2
	exit 1
fi

[ $# -gt 0 ] || usage
groups=("$@")
mkdir -p "$cache"
lock "$cache/lock"
rm -rf "$cache"/unfinished.*
needs_kernels="kernels vm debug kcsan coverage mutate bench style demo"
if wanted "$needs_kernels"; then
	check_kernels
fi
install_packages "$@"
if wanted "$needs_kernels"; then
	fetch_kernels
elif wanted harness && [ ! -d "$cache/linux-source-6.1" ]; then
	fetch_source
fi
if wanted newer; then
	fetch_newer
fi
if wanted "guests bench demo"; then
	fetch_pictures
fi
unbuilt=()
for group; do
	case $group in
	debug|kcsan|coverage)	is_built "$group" || unbuilt+=("$group") ;;
	esac
done
if [ "${#unbuilt[@]}" -gt 0 ]; then
	# Setups that need no kernel built need not wait for the build.
	lock "$cache/build.lock"
	rm -rf "$cache"/unbuilt.*
	for group in "${unbuilt[@]}"; do
		build_kernel "$group"
	done
fi
