package control

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
	"vitrine/switches"
)

// savedSwitches is what the file of switches holds.
type savedSwitches struct {
	Position bus.BucketPosition `json:"position"` // in the bucket: what stands at its revisions
	Ahead    time.Duration      `json:"ahead"`    // of NATS's clock, before this machine's
	Settings []switches.Setting `json:"settings"`
}

// BoardConfig of a Board.
type BoardConfig struct {
	Dir  string // of the process's state; what is in force is kept there
	Role string
	Room string // may have no name
	Log  *slog.Logger
	// SetLevel sets the least level that is logged, by the word of the switch log.level. Defaults to doing nothing.
	SetLevel func(word string)
}

// Board is a process's switches: a panel that lasts over restarts, and up to where of the bucket it is.
type Board struct {
	panel *switches.Panel
	place place // of the process, in its folder
	file  string
	log   *slog.Logger

	looked  atomic.Pointer[time.Time] // when a SwitchFollower last knew that nothing is left to apply
	applied applied
	saving  sync.Mutex // one at a time writes the file
	// obey has what an applied switch means done outside of this process, and calls done each time that came to something:
	// nil where it is in force, and perhaps a note. A nil obey is a process that needs nobody else.
	obey   func(done func(note string, err error))
	obeyed atomic.Uint64 // the last revision of the switches that obey has brought about
}

// NewBoard makes the process's panel, with what was in force when it ended last.
func NewBoard(c BoardConfig) *Board {
	p := takeNamesake(c.Role, c.Dir, c.Log)
	panel := switches.NewPanel(switches.Identity{Node: nodeName(c.Role, c.Dir, p), ID: nodeID(c.Dir, c.Log), Role: c.Role, Room: c.Room})
	b := &Board{panel: panel, place: p, file: filepath.Join(c.Dir, "switches-"+c.Role+p.suffix+".json"), log: c.Log}
	b.noteLooked()
	if c.SetLevel != nil {
		panel.OnChange(func() { c.SetLevel(panel.Must(switches.LogLevel).Choice()) })
	}
	src, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return b
	}
	var saved savedSwitches
	if err == nil {
		err = json.Unmarshal(src, &saved)
	}
	if err != nil {
		c.Log.Warn("the switches that were in force can't be read; beginning with the defaults", "file", b.file, "error", err)
		return b
	}
	panel.SetClock(func() time.Time { return time.Now().Add(saved.Ahead) })
	for _, s := range saved.Settings {
		panel.Apply(s)
	}
	b.applied.move(saved.Position)
	return b
}

// Panel holds the switches.
func (b *Board) Panel() *switches.Panel { return b.panel }

// Close ends what the panel has under way, and frees the process's name.
func (b *Board) Close() {
	b.panel.Close()
	b.place.leave()
}

// ObeyedBy has whatever must obey the switches outside of this process told of each that was applied. It calls done each time that
// this came to something, with nil where it is in force. It is set before a SwitchFollower runs.
func (b *Board) ObeyedBy(obey func(done func(note string, err error))) { b.obey = obey }

func (b *Board) noteLooked() {
	now := time.Now()
	b.looked.Store(&now)
}

// Describe adds to a report what is in force.
func (b *Board) Describe(r *Report) {
	r.Idle = time.Since(*b.looked.Load())
	r.Revision = b.applied.position().Revision
	if b.obey != nil {
		r.Revision = b.obeyed.Load() // what was taken is not in force yet
	}
	r.Moved = slices.DeleteFunc(b.panel.Values(), func(v switches.Value) bool { return v.By == nil })
}

// applied is up to where a process has applied the switches' bucket.
type applied struct {
	mu sync.Mutex // guards at
	at bus.BucketPosition
}

func (a *applied) position() bus.BucketPosition {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

func (a *applied) move(at bus.BucketPosition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = at
}
