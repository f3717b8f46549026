package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/redact"
	"vitrine/switches"
)

const (
	saveWithin = time.Second // between half and one and a half times
	justPushed = 3 * time.Second
)

// SwitchFollower applies pushed settings to a board, and acknowledges them.
type SwitchFollower struct {
	board    *Board
	conn     *bus.Conn
	presence *Presence
	rules    func([]byte)
}

// NewSwitchFollower makes a follower; Run drives it. rules receives the automaton's rules as they are pushed.
func NewSwitchFollower(board *Board, conn *bus.Conn, presence *Presence, rules func([]byte)) *SwitchFollower {
	return &SwitchFollower{board, conn, presence, rules}
}

// Run applies what is pushed until ctx ends, stores it on disk, and acknowledges it.
func (f *SwitchFollower) Run(ctx context.Context) error {
	var due atomic.Bool
	save := time.AfterFunc(time.Hour, func() {
		defer redact.Crash()
		due.Store(false)
		f.save()
	})
	looking, stop := context.WithCancel(ctx)
	clock := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(clock)
		f.followClock(looking)
	}()
	defer func() {
		stop()
		<-clock
		save.Stop()
		f.save()
	}()
	return f.conn.Bucket(SwitchBucket).Follow(ctx, f.board.applied.position(), f.board.noteRound, func(e bus.Entry) error {
		was := f.board.applied.position()
		f.board.applied.move(bus.BucketPosition{Made: e.Made, Revision: e.Revision, Created: e.Created})
		if e.Reset {
			f.board.log.Warn("the switches' bucket is another than before; what is in force here stays until it is set or unset")
			f.board.panel.Restart()
			if !was.Made.Equal(e.Made) { // the roster is in the same NATS
				f.presence.noteLoss(e.Made)
			}
			return nil
		}
		f.handle(e)
		if !due.Swap(true) {
			save.Reset(saveWithin/2 + rand.N(saveWithin)) // the processes of a machine should not write at once
		}
		return nil
	})
}

// followClock sets the panel's clock to NATS's as soon as it is known, until ctx ends.
func (f *SwitchFollower) followClock(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for known := false; ; {
		if _, ok := f.conn.Now(); ok && !known {
			known = true
			f.board.panel.SetClock(func() time.Time { now, _ := f.conn.Now(); return now })
		}
		f.board.panel.Update()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// handle applies and acknowledges an entry of the bucket.
func (f *SwitchFollower) handle(e bus.Entry) {
	if e.Key == RulesKey && !e.Deleted {
		f.rules(e.Value)
		return
	}
	name, scope, ok := readSwitchKey(e.Key)
	if !ok {
		return
	}
	err := f.apply(name, scope, e)
	if err != nil {
		f.board.log.Error("pushed switch not taken", "switch", name, "scope", scope, "revision", e.Revision, "error", err)
	}
	if !f.board.panel.Who().Has(scope) {
		return
	}
	if f.board.obey == nil {
		f.presence.Acknowledge(f.ack(name, e, err))
		return
	}
	f.board.obey(func(note string, failed error) {
		ack := f.ack(name, e, errors.Join(err, failed))
		ack.Note = note
		if failed != nil {
			ack.Value = "" // what is in force outside is unknown
		} else {
			f.board.obeyed.Store(max(f.board.obeyed.Load(), e.Revision))
		}
		f.presence.Acknowledge(ack)
	})
}

// ack is the result of a pushed setting in this process.
func (f *SwitchFollower) ack(name string, e bus.Entry, err error) Ack {
	value, by := f.board.panel.InForce(name)
	ack := Ack{Bucket: SwitchBucket, Key: e.Key, Revision: e.Revision, Made: e.Made, Value: value}
	if by != nil && switchKey(by.Name, by.Scope) != e.Key {
		ack.OverriddenBy = by
	}
	if err != nil {
		ack.Error = err.Error()
	}
	return ack
}

func (f *SwitchFollower) apply(name, scope string, e bus.Entry) error {
	if e.Deleted {
		f.board.panel.Drop(name, scope, e.Revision)
		return nil
	}
	s, err := switches.ReadSetting(e.Value, name, scope, e.Revision, e.Pushed)
	if err != nil {
		return err
	}
	if d := f.board.panel.Switch(name); d != nil && s.Value != "" {
		if _, err := d.Parse(s.Value); err != nil {
			return err
		}
	}
	before := f.board.panel.On(name)
	now, _ := f.conn.Now()
	if f.board.panel.Apply(s) && before != f.board.panel.On(name) || now.Sub(e.Pushed) < justPushed {
		f.board.log.Info("switch", "name", name, "scope", scope, "value", cmp.Or(s.Value, "withdrawn"), "author", s.Author, "reason", s.Reason,
			"revision", e.Revision, "pushed", now.Sub(e.Pushed).Round(time.Millisecond).String()+" ago")
	}
	return nil
}

// save stores what is in force, whole or not at all.
func (f *SwitchFollower) save() {
	f.board.saving.Lock()
	defer f.board.saving.Unlock()
	now, _ := f.conn.Now()
	saved := savedSwitches{Position: f.board.applied.position(), Ahead: time.Until(now), Settings: f.board.panel.Settings()}
	body, err := json.MarshalIndent(saved, "", " ")
	if err == nil {
		err = durable.WriteFile(f.board.file, body)
	}
	if err != nil {
		f.board.log.Warn("the switches in force can't be kept on disk", "error", err)
	}
}
