package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// diskFigure is a figure of a DiskRun as a line of a table.
type diskFigure struct {
	name   string
	format string
	value  func(DiskRun) float64
}

func diskFigures() []diskFigure {
	return []diskFigure{
		{"store, MiB", "%.0f", func(r DiskRun) float64 { return r.Size / (1 << 20) }},
		{"loaded, SKUs/s", "%.0f", func(r DiskRun) float64 { return r.Load }},
		{"changes/s, all over the store", "%.0f", func(r DiskRun) float64 { return r.Changes }},
		{"change to page, p50, ms", "%.1f", func(r DiskRun) float64 { return r.Visible.P50 }},
		{"change to page, p99, ms", "%.1f", func(r DiskRun) float64 { return r.Visible.P99 }},
		{"page from the store, p50, ms", "%.2f", func(r DiskRun) float64 { return r.Cold.P50 }},
		{"page from the store, p99, ms", "%.2f", func(r DiskRun) float64 { return r.Cold.P99 }},
		{"read from disk for such a page, KiB", "%.1f", func(r DiskRun) float64 { return r.FromDisk / 1024 }},
		{"page, some more often than others, p50, ms", "%.2f", func(r DiskRun) float64 { return r.Mixed.P50 }},
		{"page, some more often than others, p99, ms", "%.2f", func(r DiskRun) float64 { return r.Mixed.P99 }},
		{"one record, p50, µs", "%.1f", func(r DiskRun) float64 { return 1000 * r.Records.P50 }},
		{"one record, p99, µs", "%.1f", func(r DiskRun) float64 { return 1000 * r.Records.P99 }},
		{"one blob, p50, µs", "%.1f", func(r DiskRun) float64 { return 1000 * r.Blobs.P50 }},
		{"one blob, p99, µs", "%.1f", func(r DiskRun) float64 { return 1000 * r.Blobs.P99 }},
		{"sweep, s", "%.1f", func(r DiskRun) float64 { return r.Sweep }},
		{"restart, s", "%.1f", func(r DiskRun) float64 { return r.Restart }},
	}
}

// column is a column of the table: a run's figures, or, beside it, how many times another's they are.
type column struct {
	title    string
	run      DiskRun
	relative *DiskRun // nil for the figures themselves
}

// columns has each run followed by what it is relative to the same in memory, and to the first number of files.
func (r DiskResult) columns() (all []column) {
	first := map[bool]*DiskRun{} // by limited
	for i, run := range r.Runs {
		where := "in memory"
		if run.Limited {
			where = fmt.Sprintf("in %d MiB", r.Memory)
		}
		all = append(all, column{fmt.Sprintf("%d file(s), %s", run.Files, where), run, nil})
		if run.Limited {
			all = append(all, column{"times in memory", run, &r.Runs[i-1]})
		}
		if first[run.Limited] == nil {
			first[run.Limited] = &r.Runs[i]
		} else {
			all = append(all, column{fmt.Sprintf("times %d file(s)", first[run.Limited].Files), run, first[run.Limited]})
		}
	}
	return all
}

// Print writes the result as a table for docs/performance.md, or as JSON.
func (r DiskResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	columns := r.columns()
	head := fmt.Sprintf("| %d SKUs |", r.SKUs)
	for _, c := range columns {
		head += " " + c.title + " |"
	}
	fmt.Fprintf(w, "%s\n|%s\n", head, strings.Repeat("---|", len(columns)+1))
	for _, f := range diskFigures() {
		line := "| " + f.name + " |"
		for _, c := range columns {
			if c.relative == nil {
				line += fmt.Sprintf(" "+f.format+" |", f.value(c.run))
			} else {
				line += fmt.Sprintf(" %.2f |", f.value(c.run)/f.value(*c.relative))
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
