package control

import (
	"fmt"
	"time"

	"vitrine/internal/redact"
	"vitrine/switches"
	"vitrine/templates"
)

// The buckets, and the first tokens of the subjects.
const (
	nodesBucket  = "nodes"
	rosterBucket = "roster"
	askSubject   = "ask.nodes"
	appliedHead  = "applied."
)

// Ack is the result of a pushed revision in one process.
type Ack struct {
	Node         string            `json:"node"`
	ID           string            `json:"id,omitempty"` // see switches.Identity
	Bucket       string            `json:"bucket"`
	Key          string            `json:"key"`
	Revision     uint64            `json:"revision"`
	Made         time.Time         `json:"made"`                    // creation time of the bucket: revisions of another bucket mean nothing
	Value        string            `json:"value"`                   // what is in force there now; of the catalog and of templates, the digest of what was pushed
	OverriddenBy *switches.Setting `json:"overridden_by,omitempty"` // the setting that keeps another value in force
	Note         string            `json:"note,omitempty"`          // what is not yet as it will be, or may not last, although the value is in force
	Error        string            `json:"error,omitempty"`         // why the revision is not in force; the process may try again, and report again
}

// Report is what a process reports about itself.
type Report struct {
	switches.Identity
	PID       int              `json:"pid"`
	Boot      string           `json:"boot,omitempty"`   // of the machine, which distinguishes it from others
	Folder    string           `json:"folder,omitempty"` // of its state, which distinguishes it from others of the machine; see durable.FolderID
	Started   time.Time        `json:"started"`
	Revision  uint64           `json:"revision"`             // the last revision of the switches that was applied
	Applied   map[string]Ack   `json:"applied,omitempty"`    // bucket → its last acknowledgement
	Moved     []switches.Value `json:"moved,omitempty"`      // the switches that are set or thrown
	Writing   *Writing         `json:"writing,omitempty"`    // of a process that writes records and blobs
	Idle      time.Duration    `json:"idle_ns,omitempty"`    // time since the loop that applies switches completed a round; see Hangs
	Lost      time.Time        `json:"roster_lost,omitzero"` // when NATS lost the expected processes, as far as this process has noticed
	Duplicate *Duplicate       `json:"twin,omitempty"`       // the name by which earlier versions read it
	Rendering *Rendering       `json:"look,omitempty"`       // of a process that renders pages

	Ahead time.Duration `json:"clock_ahead_ns,omitempty"` // by how much its machine's clock is ahead of NATS's, where that is more than could be measured wrongly
}

// hangsAfter is how long the loop that applies switches may take for a round, which usually takes two seconds.
const hangsAfter = 10 * time.Second

// Hangs reports whether the process is present but does not apply what is pushed.
func (r Report) Hangs() bool { return r.Idle > hangsAfter }

// ClockMost is by how much clocks may differ that are kept together.
const ClockMost = 2 * time.Second

// Off says by how much a clock is ahead.
func Off(ahead time.Duration) string {
	if ahead < 0 {
		return ahead.Abs().Round(time.Second).String() + " behind"
	}
	return ahead.Round(time.Second).String() + " ahead of"
}

// Notes are lines for operators about a process that is present.
func (r Report) Notes() (lines []string) {
	if r.Hangs() {
		lines = append(lines, fmt.Sprintf("it hangs: it has not looked for %s what is pushed", r.Idle.Round(time.Second)))
	}
	if r.Ahead.Abs() > ClockMost {
		lines = append(lines, "its clock is "+Off(r.Ahead)+" that of NATS: use NTP")
	}
	if r.Duplicate != nil {
		lines = append(lines, r.Duplicate.Note())
	}
	return lines
}

// Rendering says which templates a process renders pages with.
type Rendering struct {
	Revision string              `json:"revision"`         // the set in force
	Broken   string              `json:"broken,omitempty"` // why the present files are not in force
	Faults   []templates.Failing `json:"faults,omitempty"` // the places at which most pages fail
}

// Writing says which catalog a process writes with.
type Writing struct {
	Catalog uint64 `json:"catalog"`          // the revision in force
	Shapes  string `json:"shapes"`           // identifies all its shapes
	Behind  bool   `json:"behind,omitempty"` // the process can't use the catalog pushed last
}

// Notes are lines for operators about templates that fail.
func (l *Rendering) Notes() (lines []string) {
	if l.Broken != "" {
		lines = append(lines, "the templates as they stand can't be loaded, older ones are in force: "+l.Broken)
	}
	for _, f := range l.Faults {
		lines = append(lines, fmt.Sprintf("templates %s failed %d times at %s:%d, and others rendered those pages: %s", l.Revision, f.Pages, f.File, f.Line, f.Error))
	}
	for i := range lines {
		lines[i] = redact.Shown(lines[i])
	}
	return lines
}
