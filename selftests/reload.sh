#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loading and unloading the module leaks no memory.

set -eu

rounds=10
reserve_pages=8192
# The kernel may take this much for itself meanwhile.
slack_pages=1024

mem_free_pages()
{
	echo 3 >/proc/sys/vm/drop_caches
	awk '$1 == "MemFree:" { print int($2 / 4) }' /proc/meminfo
}

reload()
{
	insmod /slotpool.ko "reserve_pages=$reserve_pages"
	rmmod slotpool
}

echo "TAP version 13"
echo "1..2"
# Pages in the lists of a CPU don't count as free: keep these lists short.
echo 1000 >/proc/sys/vm/percpu_pagelist_high_fraction
# The first rounds fill the kernel's caches.
reload
reload
reload
before=$(mem_free_pages)
i=0
while [ "$i" -lt "$rounds" ]; do
	reload
	i=$((i + 1))
done
after=$(mem_free_pages)

echo "# free pages: $before before, $after after $rounds rounds"
if [ $((before - after)) -lt "$slack_pages" ]; then
	echo "ok 1 memory comes back"
else
	echo "not ok 1 memory comes back"
fi
if grep slotpool /proc/modules /proc/slabinfo /proc/misc /proc/devices; then
	echo "not ok 2 nothing of the module is left"
else
	echo "ok 2 nothing of the module is left"
fi
