# SPDX-License-Identifier: GPL-2.0-only
#
# Read figures for the scripts that follow. has() and value() look up an alternative, a
# workload and a figure, measured on the newest kernel and without mitigations if there is
# a choice. The main table has the rows rows[], with the titles names[], and the columns
# columns[].

BEGIN {
	FS = "\t"
	nr_columns = split("floor,RESET,FREE+ALLOC,raw scan,keep,madvise,mmap,fork", columns, ",")
	nr_others = split("raw scan,scan,keep,madvise,mmap,fork", others, ",")
	row(1)
	row(4)
	row(16)
	row(64)
	row(256)
	row(1024)
	row(64, "scattered")
	row(256, "scattered")
	row(1, "", 1024)
	row(64, "scattered", 1024)
}

{
	kernel = $6
	sub(/^Linux /, "", kernel)
	split(kernel, parts, ".")
	age = parts[1] * 1000 + parts[2]
	if ($7 !~ /mitigations=auto/ && age >= newest[$1, $2, $3]) {
		newest[$1, $2, $3] = age
		figures[$1, $2, $3] = $5
		units[$1, $2, $3] = $4
	}
	kernels[$6]
}

function has(alternative, workload, figure)
{
	return (alternative, workload, figure) in figures
}

function value(alternative, workload, figure)
{
	return has(alternative, workload, figure) ? figures[alternative, workload, figure] : 0
}

# The name of a workload of cycles
function reuse(written, way, read, growth)
{
	return "reuse written=" written " " (way ? way : "together") " read=" read + 0 \
		" growth=" growth + 0 " memory=4M image=256K"
}

function row(written, way, read)
{
	rows[++nr_rows] = reuse(written, way, read)
	names[nr_rows] = written (way ? " " way : "") (read ? ", " read " read" : "")
}

# The cheapest alternative, without slotpool and the floor
function best_other(workload,   i, best)
{
	for (i = 1; i <= nr_others; i++) {
		if (has(others[i], workload, "cost") &&
		    (!best || value(others[i], workload, "cost") < value(best, workload, "cost")))
			best = others[i]
	}
	return best
}
