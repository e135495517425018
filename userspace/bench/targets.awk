# SPDX-License-Identifier: GPL-2.0-only
#
# Print the project's targets and the measured figures. Runs after figures.awk.

BEGIN {
	RESET = "RESET"
	FREE = "FREE+ALLOC"
	RAW_SCAN = "raw scan"
}

# Print a line. With at_most the bound is an upper one.
function target(text, at_most, bound, measured, known, note,   is_missed, shown)
{
	nr++
	shown = measured == int(measured) ? measured : sprintf("%.2f", measured)
	is_missed = at_most ? measured > bound : measured < bound
	printf "%-58s %2s %6s ", text, at_most ? "<=" : ">=", bound
	if (!known) {
		printf "%9s  not measured\n", "-"
		return
	}
	missed += is_missed
	printf "%9s  %-6s  %s\n", shown, is_missed ? "MISSED" : "met", note
}

function have(alternative, workload)
{
	return has(alternative, workload, "cost") && has("floor", workload, "cost")
}

function ratio(alternative, workload, other, other_workload)
{
	if (!has(alternative, workload, "cost") || !has(other, other_workload, "cost"))
		return 0
	return value(alternative, workload, "cost") / value(other, other_workload, "cost")
}

function over_floor(alternative, workload)
{
	return value(alternative, workload, "cost") - value("floor", workload, "cost")
}

# The cost of nr commands without effect, less the floor's one system call
function least(nr)
{
	return nr * value("slotpool", "command without effect", "cost") - \
		value("floor", "empty system call", "cost")
}

function to_floor(text, workload,   floor)
{
	floor = value("floor", workload, "cost")
	target("RESET cycle / floor, " text, 1, 1.1, ratio(RESET, workload, "floor", workload),
	       have(RESET, workload), sprintf("a command without effect: %.2f",
					      floor ? (floor + least(1)) / floor : 0))
}

function beyond_floor(name, nr, alternative, bound, text, workload)
{
	target(name " cycle - floor, instructions, " text, 1, bound,
	       int(over_floor(alternative, workload) + 0.5), have(alternative, workload),
	       sprintf("%d command%s without effect: %d", nr, nr == 1 ? "" : "s", least(nr)))
}

function to_best(text, bound, workload,   best, note)
{
	best = best_other(workload)
	if (best && has(RESET, workload, "cost")) {
		note = "best / floor: " sprintf("%.2f", ratio(best, workload, "floor", workload)) \
			"; it is " best
		if (best == "keep")
			note = note " of " value(best, workload, "keep") / 1024 " KiB; by " RAW_SCAN " " \
				sprintf("%.2f", ratio(RAW_SCAN, workload, RESET, workload))
	}
	target("best in user space / RESET, " text, 0, bound, ratio(best, workload, RESET, workload),
	       note != "", note)
}

# The maximum over all warm cycles that don't grow
function most(figure,   key, parts, worst, seen)
{
	for (key in figures) {
		split(key, parts, SUBSEP)
		if ((parts[1] == RESET || parts[1] == FREE) && parts[2] ~ /^reuse .*growth=0/ &&
		    parts[3] == figure) {
			seen = 1
			if (figures[key] > worst)
				worst = figures[key]
		}
	}
	target(figure " in a warm cycle, at most", 1, 0, worst + 0, seen)
}

function cold_start(way,   workload, figure, best, quotient, key, parts)
{
	workload = "cold start written=64 " way " instance=later"
	figure = "until freed"
	for (key in figures) {
		split(key, parts, SUBSEP)
		if (parts[2] == workload && parts[3] == figure && parts[1] != "slotpool" &&
		    (!best || figures[key] < value(best, workload, figure)))
			best = parts[1]
	}
	if (best && has("slotpool", workload, figure))
		quotient = value("slotpool", workload, figure) / value(best, workload, figure)
	target("cold start / best in user space, 64 written " way, 1, 0.25, quotient, quotient != "",
	       "by " best)
}

function allocation(   few, many, known)
{
	few = "ALLOC and FREE slots=100 affinities=1 shards=1"
	many = "ALLOC and FREE slots=100000 affinities=10000 shards=1"
	known = has("slotpool", few, "cost") && has("slotpool", many, "cost")
	target("ALLOC+FREE, 100,000 slots, 10,000 affinities / 100 and 1", 1, 1.1,
	       ratio("slotpool", many, "slotpool", few), known)
}

# Compare a figure of the workload whose name begins with the given one.
function single(text, bound, alternative, workload, figure, unit, note,   key, parts, found)
{
	for (key in figures) {
		split(key, parts, SUBSEP)
		if (parts[1] == alternative && index(parts[2], workload) == 1 &&
		    parts[3] == figure && units[key] == unit)
			found = key
	}
	target(text, 1, bound, found ? figures[found] : 0, found, note)
}

function grow_least(   call)
{
	call = value("floor", "empty system call", "cost")
	return call ? value("slotpool", "command without effect", "cost") / call : 0
}

END {
	# Targets are instructions, not time.
	if (units["floor", reuse(1), "cost"] !~ /^instructions/)
		exit
	printf "\n%-58s %9s %9s\n", "target", "", "measured"
	to_floor("4 pages", reuse(4))
	to_floor("16 pages", reuse(16))
	to_floor("64 pages", reuse(64))
	to_floor("256 pages", reuse(256))
	to_floor("1024 pages", reuse(1024))
	beyond_floor("RESET", 1, RESET, 450, "0 pages", reuse(0))
	beyond_floor("RESET", 1, RESET, 450, "1 page", reuse(1))
	beyond_floor("FREE+ALLOC", 2, FREE, 1000, "0 pages", reuse(0))
	beyond_floor("FREE+ALLOC", 2, FREE, 1000, "1 page", reuse(1))
	beyond_floor("FREE+ALLOC", 2, FREE, 1000, "64 pages", reuse(64))
	to_best("1 page", 18, reuse(1))
	to_best("4 pages", 9, reuse(4))
	to_best("16 pages", 3, reuse(16))
	to_best("64 pages", 1.5, reuse(64))
	to_best("256 pages", 1.1, reuse(256))
	to_best("1024 pages", 1.1, reuse(1024))
	to_best("64 scattered", 6, reuse(64, "scattered"))
	to_best("256 scattered", 10, reuse(256, "scattered"))
	to_best("1 page, 1024 read", 10, reuse(1, "", 1024))
	to_best("64 scattered, 1024 read", 25, reuse(64, "scattered", 1024))
	most("page faults")
	most("shootdown interrupts")
	most("mapping calls")
	single("grow by 16 pages, in empty system calls", 2, "slotpool", "grow", "grow",
	       "empty system calls", sprintf("a command without effect: %.2f", grow_least()))
	cold_start("together")
	cold_start("scattered")
	allocation()
	single("bytes of kernel memory for a cold slot", 64, "slotpool", "cold slot", "memory",
	       "bytes/slot")
	printf "%d of %d targets missed\n", missed, nr
}
