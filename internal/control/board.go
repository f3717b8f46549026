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

// savedSwitches is the content of the file of switches.
type savedSwitches struct {
	Position bus.BucketPosition `json:"position"` // position in the bucket, with what identifies the bucket
	Ahead    time.Duration      `json:"ahead"`    // how far NATS's clock is ahead of this machine's
	Settings []switches.Setting `json:"settings"`
}

// BoardConfig configures a Board.
type BoardConfig struct {
	Dir  string // state folder, where what is in force is stored
	Role string
	Room string // may be ""
	Log  *slog.Logger
	// SetLevel sets the log level, by a value of the switch log.level. Defaults to doing nothing.
	SetLevel func(word string)
}

// Board is a process's switches: a panel that survives restarts, and its position in the bucket.
type Board struct {
	panel    *switches.Panel
	instance instance // of the process, in its folder
	file     string
	log      *slog.Logger

	lastRound atomic.Pointer[time.Time] // when a SwitchFollower last had nothing left to apply
	applied   applied
	saving    sync.Mutex // held while the file is written
	// obey applies the switches outside of this process, and calls done with each result: nil if they are in force, and
	// perhaps a note. A nil obey means that nothing outside has to follow.
	obey   func(done func(note string, err error))
	obeyed atomic.Uint64 // the last revision of the switches that obey has applied
}

// NewBoard makes the process's panel, with what was in force when the process last ended.
func NewBoard(c BoardConfig) *Board {
	p := claimInstance(c.Role, c.Dir, c.Log)
	panel := switches.NewPanel(switches.Identity{Node: nodeName(c.Role, c.Dir, p), ID: nodeID(c.Dir, c.Log), Role: c.Role, Room: c.Room})
	b := &Board{panel: panel, instance: p, file: filepath.Join(c.Dir, "switches-"+c.Role+p.suffix+".json"), log: c.Log}
	b.noteRound()
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

// Close ends the panel's timers, and releases the process's name.
func (b *Board) Close() {
	b.panel.Close()
	b.instance.leave()
}

// ObeyedBy sets the function that applies the switches outside of this process, after each one that is applied here. It
// calls done with each result, nil if they are in force. It must be set before a SwitchFollower runs.
func (b *Board) ObeyedBy(obey func(done func(note string, err error))) { b.obey = obey }

func (b *Board) noteRound() {
	now := time.Now()
	b.lastRound.Store(&now)
}

// Describe adds to a report what is in force.
func (b *Board) Describe(r *Report) {
	r.Idle = time.Since(*b.lastRound.Load())
	r.Revision = b.applied.position().Revision
	if b.obey != nil {
		r.Revision = b.obeyed.Load() // what was received is not in force yet
	}
	r.Moved = slices.DeleteFunc(b.panel.Values(), func(v switches.Value) bool { return v.By == nil })
}

// applied is the position in the bucket of switches up to which a process has applied it.
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
