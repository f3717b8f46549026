package plan

import (
	"encoding/json"
	"fmt"
	"io"
)

// Print writes it for people, or as JSON.
func (p Plan) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(p)
	}
	where := ":"
	if p.Rooms > 1 {
		where = fmt.Sprintf(" in %.0f rooms; in each room, while it serves its share of the visitors of another one that is lost:", p.Rooms)
	}
	fmt.Fprintf(w, "%.0f machines%s\n\n%-9s %9s %9s %6s %10s %10s\n", p.Machines, where, "part", "machines", "cores", "busy", "memory", "disk")
	for _, part := range p.Parts {
		disk := "?"
		if part.Disk != nil {
			disk = Bytes(*part.Disk)
		}
		fmt.Fprintf(w, "%-9s %9.0f %9.2f %5.0f%% %10s %10s\n", part.Name, part.Machines, part.Cores, 100*part.Busy, Bytes(part.Memory), disk)
	}
	for _, part := range p.Parts {
		if part.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", part.Name, part.Note)
		}
	}
	fmt.Fprintf(w, "\nRedis   %s of data on %s, %s commands/s for changes\n", Bytes(p.RedisMemory), plural(p.Shards, "1 master", "masters"), Count(p.Commands))
	fmt.Fprintf(w, "NATS    %s messages/s, %s/s besides subjects; HISTORY has the changes of the last %s\n", Count(p.Messages), Bytes(p.MessageBytes), span(p.History))
	fmt.Fprintf(w, "pages   %s/s\n", Bytes(p.PageBytes))
	fmt.Fprintf(w, "filling %s, if the upstreams keep up\n\nIf it loses\n", span(p.Fill))
	for _, l := range p.Losses {
		fmt.Fprintf(w, "- %s: %s.\n", l.Of, l.Effect)
	}
	fmt.Fprintln(w, "\nTo know")
	for _, d := range p.Doubts {
		fmt.Fprintf(w, "- %s\n", d)
	}
	return nil
}

// PrintDeviations writes how far predictions are from what was measured.
func PrintDeviations(w io.Writer, title string, all []Deviation) {
	fmt.Fprintf(w, "%s\n%-32s %12s %12s %8s\n", title, "", "predicted", "measured", "error")
	for _, d := range all {
		fmt.Fprintf(w, "%-32s %12.5g %12.5g %+7.1f%%\n", d.Quantity, d.Predicted, d.Measured, 100*d.Share)
	}
}

// Print writes each quantity's cost.
func (c Costs) Print(w io.Writer) {
	fmt.Fprintf(w, "%-32s %12s %12s for each of\n", "", "fixed", "each")
	for _, q := range quantities() {
		fmt.Fprintf(w, "%-32s %12.4g %12.4g %s\n", q, c[q].Fixed, c[q].Each, drivers()[q])
	}
}
