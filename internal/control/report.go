package control

import (
	"fmt"
	"time"

	"vitrine/internal/redact"
	"vitrine/switches"
	"vitrine/templates"
)

// The buckets, and the heads of the subjects.
const (
	nodesBucket  = "nodes"
	rosterBucket = "roster"
	askSubject   = "ask.nodes"
	appliedHead  = "applied."
)

// Ack tells what a pushed revision came to in one process.
type Ack struct {
	Node         string            `json:"node"`
	ID           string            `json:"id,omitempty"` // see switches.Identity
	Bucket       string            `json:"bucket"`
	Key          string            `json:"key"`
	Revision     uint64            `json:"revision"`
	Made         time.Time         `json:"made"`                    // when the bucket was made: revisions of another one say nothing
	Value        string            `json:"value"`                   // what is in force there now; of the catalog and of templates, the digest of what was pushed
	OverriddenBy *switches.Setting `json:"overridden_by,omitempty"` // what has another value in force than the pushed one
	Note         string            `json:"note,omitempty"`          // what is not as it will be, or may not last, though the value is in force
	Error        string            `json:"error,omitempty"`         // why the revision is not in force; the process may try again, and tell again
}

// Report is what a process tells of itself.
type Report struct {
	switches.Identity
	PID      int              `json:"pid"`
	Boot     string           `json:"boot,omitempty"`   // of the machine, which tells it from others
	Folder   string           `json:"folder,omitempty"` // of its state, which tells it from others of the machine; see durable.FolderID
	Started  time.Time        `json:"started"`
	Revision uint64           `json:"revision"`             // of the switches, the last that was applied
	Applied  map[string]Ack   `json:"applied,omitempty"`    // bucket → the last that was acknowledged
	Moved    []switches.Value `json:"moved,omitempty"`      // the switches that are set or thrown
	Writing  *Writing         `json:"writing,omitempty"`    // of a process that writes records and blobs
	Idle     time.Duration    `json:"idle_ns,omitempty"`    // for how long the loop that applies switches has not gone round; see Hangs
	Lost     time.Time        `json:"roster_lost,omitzero"` // when NATS lost, as far as the process has seen, who is expected
	Twin     *Twin            `json:"twin,omitempty"`
	Look     *Look            `json:"look,omitempty"` // of a process that renders pages
}

// hangsAfter is how long the loop that applies switches may take for a round. As a rule it is two seconds.
const hangsAfter = 10 * time.Second

// Hangs reports whether the process does not apply what is pushed, though it is there.
func (r Report) Hangs() bool { return r.Idle > hangsAfter }

// Notes are lines for operators about a process that is there.
func (r Report) Notes() (lines []string) {
	if r.Hangs() {
		lines = append(lines, fmt.Sprintf("it hangs: it has not looked for %s what is pushed", r.Idle.Round(time.Second)))
	}
	if r.Twin != nil {
		lines = append(lines, r.Twin.Note())
	}
	return lines
}

// Look is by which templates a process renders pages.
type Look struct {
	Revision string              `json:"revision"`         // the set in force
	Broken   string              `json:"broken,omitempty"` // why the files as they stand are not in force
	Faults   []templates.Failing `json:"faults,omitempty"` // the worst places at which the set fails on pages
}

// Writing is by which catalog a process writes.
type Writing struct {
	Catalog uint64 `json:"catalog"`          // the revision in force
	Shapes  string `json:"shapes"`           // stands for all its shapes
	Behind  bool   `json:"behind,omitempty"` // the one that was pushed last can't be had in force there
}

// Notes are lines for operators about templates that fail.
func (l *Look) Notes() (lines []string) {
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
