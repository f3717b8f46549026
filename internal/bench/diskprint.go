package bench

import (
	"encoding/json"
	"fmt"
	"io"
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

// Print writes the result as a table for docs/performance.md, or as JSON. Behind a run whose memory was limited stands how many
// times the figure right before it that is.
func (r DiskResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	head, rule := "| "+fmt.Sprint(r.SKUs)+" SKUs |", "|---|"
	for _, run := range r.Runs {
		memory, columns := "in memory", "---|"
		if run.Limited {
			memory, columns = fmt.Sprintf("in %d MiB | times", r.Memory), "---|---|"
		}
		head += fmt.Sprintf(" %d file(s), %s |", run.Files, memory)
		rule += columns
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, f := range diskFigures() {
		line := "| " + f.name + " |"
		for i, run := range r.Runs {
			line += fmt.Sprintf(" "+f.format+" |", f.value(run))
			if run.Limited {
				line += fmt.Sprintf(" %.2f |", f.value(run)/f.value(r.Runs[i-1]))
			}
		}
		fmt.Fprintln(w, line)
	}
	_, err := fmt.Fprintln(w)
	return err
}
