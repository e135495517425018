#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The output of slotpoolctl, and its errors.

set -eu

tests=34
number=0

# Usage: same DESCRIPTION EXPECTED ACTUAL
same()
{
	number=$((number + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $number $1"
	else
		echo "expected:"
		echo "$2"
		echo "got:"
		echo "$3"
		echo "not ok $number $1"
	fi | sed '/^ok\|^not ok/!s/^/# /'
}

# Usage: fails DESCRIPTION STATUS MESSAGE COMMAND...
# MESSAGE is a part of what the command writes to standard error.
fails()
{
	description=$1 expected=$2 message=$3
	shift 3
	status=0
	output=$("$@" 2>&1 >/dev/null) || status=$?
	case $output in
	*"$message"*)	output=$message ;;
	esac
	same "$description" "status $expected: $message" "status $status: $output"
}

# Takes away what another version of libsmartcols may do differently.
compact()
{
	tr -d ' \n'
}

# Prints the value of a counter.
counter()
{
	slotpoolctl stat --raw --noheadings --output NAME,VALUE slotpool0 |
		awk -v name="$1" '$1 == name { print $2 }'
}

echo "TAP version 13"
echo "1..$tests"

fails "list: no pool" 1 "load the module with 'insmod slotpool.ko'" slotpoolctl list
fails "stat: no pool" 1 "load the module with 'insmod slotpool.ko'" slotpoolctl stat

insmod /slotpool.ko nr_slots=8 slot_size=64K slot_stride=96K nr_shards=1 \
	max_unused_warm_slots=3 reserve_pages=384

same "list: the usual columns" \
	"NAME SLOTS SIZE N NBYTES USED WARM COLD HELD WARMHELD IMAGES IMAGEHELD RESERVE AVAIL
slotpool0 8 64K 3 - 0 0 8 0B 0B 0 0B 1.5M 1.5M" \
	"$(slotpoolctl list --raw)"
same "list: columns that are not usual" \
	"STRIDE SHARDS
96K 1" \
	"$(slotpoolctl list --raw --output STRIDE,SHARDS)"
same "list: columns are aligned" \
	"NAME      SLOTS STRIDE
slotpool0     8    96K" \
	"$(slotpoolctl list --output NAME,SLOTS,STRIDE)"
same "list: bytes" \
	"slotpool0 65536 98304 0 1572864 1572864" \
	"$(slotpoolctl list -brn -o NAME,SIZE,STRIDE,HELD,RESERVE,AVAIL)"
same "list: columns in the order asked for, in any case" \
	"COLD NAME
8 slotpool0" \
	"$(slotpoolctl list --raw --output cold,name)"
same "list: JSON" \
	'{"slotpools":[{"name":"slotpool0","slots":8,"size":"64K","n":3,"nbytes":null,"used":0,"warm":0,"cold":8,"held":"0B","warmheld":"0B","images":0,"imageheld":"0B","reserve":"1.5M","avail":"1.5M"}]}' \
	"$(slotpoolctl list --json | compact)"
same "list: JSON has numbers where sizes are in bytes" \
	'{"slotpools":[{"size":65536,"held":0,"nbytes":null}]}' \
	"$(slotpoolctl list --json --bytes --output SIZE,HELD,NBYTES | compact)"

echo 5 >/sys/class/misc/slotpool0/max_unused_warm_slots
same "list: N as it is now" 5 "$(slotpoolctl list -rno N)"
same "list: no bound in bytes" - "$(slotpoolctl list -brno NBYTES)"
echo 196608 >/sys/class/misc/slotpool0/max_unused_warm_bytes
same "list: the bound in bytes as it is now" 192K "$(slotpoolctl list -rno NBYTES)"

same "request: two requests in the same slot" \
	"first request in slot 0
second request in slot 0" \
	"$(request)"
same "stat: cold allocations" 1 "$(counter cold_allocs)"
same "stat: affine allocations" 1 "$(counter affine_allocs)"
same "stat: freed slots" 2 "$(counter frees)"
same "instance: C++" "an instance in C++" "$(instance)"
same "stat: freed slots, after one more" 3 "$(counter frees)"

mkfifo /tmp/requests /tmp/replies
snapshot </tmp/requests >/tmp/replies &
exec 3>/tmp/requests 4</tmp/replies
echo 3 >&3
read -r reply <&4
same "snapshot: first request" "the square of 3 is 9" "$reply"
echo 4 >&3
read -r reply <&4
same "snapshot: second request" "the square of 4 is 16" "$reply"
same "list: what warm slots and images hold" "1 4K 4K 1 20K" \
	"$(slotpoolctl list -rno WARM,HELD,WARMHELD,IMAGES,IMAGEHELD)"
same "stat: pages of images" 5 "$(counter image_pages)"
exec 3>&- 4<&-
wait
same "stat: images go with who made them" 0 "$(counter images)"

same "stat: JSON" \
	'{"counters":[{"name":"used_slots","value":0},{"name":"warm_slots","value":0},{"name":"cold_slots","value":8},' \
	"$(slotpoolctl stat --json --output NAME,VALUE | compact | cut -d , -f 1-6),"
same "stat: by default the first pool" \
	"$(slotpoolctl stat /dev/slotpool0)" "$(slotpoolctl stat)"
same "stat: each counter has a meaning" "" \
	"$(slotpoolctl stat --noheadings | awk 'NF < 5')"

fails "stat: not a pool" 1 "not the device of a pool" slotpoolctl stat /dev/null
fails "unknown column" 2 "no column 'foo'" slotpoolctl list --output NAME,foo
fails "column named twice" 2 "named twice" slotpoolctl list --output NAME,name
fails "unknown command" 2 "slotpoolctl --help" slotpoolctl lst
fails "unknown option" 2 "slotpoolctl --help" slotpoolctl list --foo
fails "output that can't be written" 1 "standard output" \
	sh -c 'exec slotpoolctl list >/dev/full'

mkdir -p /etc
echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
fails "no permission" 1 "member of the group" su nobody -c "slotpoolctl stat"
chmod 666 /dev/slotpool0
fails "counters of others" 1 "only root and the owner" su nobody -c "slotpoolctl stat"
