package app

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/switches"
)

const (
	switchBucket = "switches"
	saveWithin   = time.Second // half to one and a half
	justPushed   = 3 * time.Second
)

// savedSwitches is what the file of switches holds.
type savedSwitches struct {
	Position bus.BucketPosition `json:"position"` // in the bucket: what stands at its revisions
	Ahead    time.Duration      `json:"ahead"`    // of NATS's clock, before this machine's
	Settings []switches.Setting `json:"settings"`
}

// useSwitches makes the process's panel, with what was in force when it ended last.
func (n *node) useSwitches(role, room string) {
	n.switches = switches.NewPanel(switches.Identity{Node: nodeName(role, n.dir), Role: role, Room: room})
	n.onClose(func() error { n.switches.Close(); return nil })
	n.switches.Changed(func() { n.env.setLevel(n.switches.Switch(switches.LogLevel).Choice()) })
	src, err := os.ReadFile(n.switchFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var saved savedSwitches
	if err == nil {
		err = json.Unmarshal(src, &saved)
	}
	if err != nil {
		n.log.Warn("the switches that were in force can't be read; beginning with the defaults", "file", n.switchFile(), "error", err)
		return
	}
	n.switches.SetClock(func() time.Time { return time.Now().Add(saved.Ahead) })
	for _, s := range saved.Settings {
		n.switches.Apply(s)
	}
	n.applied.move(saved.Position)
}

func (n *node) switchFile() string {
	return filepath.Join(n.dir, "switches-"+n.switches.Who().Role+".json")
}

// nodeName is the same after a restart: host, role, and a mark of the state folder.
func nodeName(role, dir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	mark := fnv.New32a()
	mark.Write([]byte(dir))
	return strings.ReplaceAll(host, ".", "-") + "-" + role + "-" + hex.EncodeToString(mark.Sum(nil))
}

// declareSwitches adds those of a catalog.
func declareSwitches(p *switches.Panel, c *catalog.Catalog) {
	for _, u := range c.Upstreams {
		p.Declare(switches.Upstream(u.Name))
	}
	detail.DeclareSwitches(p, c)
}

// upstreamOff tells whether an upstream must not be asked.
func (n *node) upstreamOff(name string) bool { return !n.switches.On("upstream." + name) }

// laneOpen tells whether changes of a lane are taken.
func (n *node) laneOpen(lane item.Lane) bool {
	return n.switches.On("intake."+string(lane)) && !n.overtaken.Load()
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

// followSwitches applies what is pushed until ctx ends, keeps it on disk, and acknowledges it.
func (n *node) followSwitches(ctx context.Context) error {
	var due atomic.Bool
	save := time.AfterFunc(time.Hour, func() { due.Store(false); n.saveSwitches() })
	looking, stop := context.WithCancel(ctx)
	clock := make(chan struct{})
	go func() {
		defer close(clock)
		n.followClock(looking)
	}()
	defer func() {
		stop()
		<-clock
		save.Stop()
		n.saveSwitches()
	}()
	return n.bus.Bucket(switchBucket).WatchAfter(ctx, n.applied.position(), func(e bus.Entry) error {
		n.applied.move(bus.BucketPosition{Made: e.Made, Revision: e.Revision, Created: e.Created})
		if e.Reset {
			n.log.Warn("the switches' bucket is another than before; what is in force here stays until it is set or unset")
			n.switches.Restart()
			return nil
		}
		n.takeSwitch(e)
		if !due.Swap(true) {
			save.Reset(saveWithin/2 + rand.N(saveWithin)) // processes of one machine not all at once
		}
		return nil
	})
}

// followClock has the panel go by the clock of NATS as soon as that is known, until ctx ends.
func (n *node) followClock(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for known := false; ; {
		if _, ok := n.bus.Now(); ok && !known {
			known = true
			n.switches.SetClock(func() time.Time { now, _ := n.bus.Now(); return now })
		}
		n.switches.Look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// takeSwitch applies and acknowledges what stands under a key of the bucket.
func (n *node) takeSwitch(e bus.Entry) {
	if e.Key == rulesKey && !e.Deleted {
		n.automaton.keep(e.Value)
		return
	}
	name, scope, ok := readSwitchKey(e.Key)
	if !ok {
		return
	}
	err := n.applySwitch(name, scope, e)
	if err != nil {
		n.log.Error("pushed switch not taken", "switch", name, "scope", scope, "revision", e.Revision, "error", err)
	}
	if !n.switches.Who().Has(scope) {
		return
	}
	if n.obey == nil {
		n.presence.Acknowledge(n.switchAck(name, e, err))
		return
	}
	n.obey(func(failed error) {
		ack := n.switchAck(name, e, errors.Join(err, failed))
		if failed != nil {
			ack.Value = "" // of whoever is to obey, it is not known
		} else {
			n.obeyed.Store(max(n.obeyed.Load(), e.Revision))
		}
		n.presence.Acknowledge(ack)
	})
}

// switchAck tells what a pushed setting came to in this process.
func (n *node) switchAck(name string, e bus.Entry, err error) control.Ack {
	value, by := n.switches.InForce(name)
	ack := control.Ack{Bucket: switchBucket, Key: e.Key, Revision: e.Revision, Made: e.Made, Value: value}
	if by != nil && switchKey(by.Name, by.Scope) != e.Key {
		ack.OverriddenBy = by
	}
	if err != nil {
		ack.Error = err.Error()
	}
	return ack
}

func (n *node) applySwitch(name, scope string, e bus.Entry) error {
	if e.Deleted {
		n.switches.Drop(name, scope, e.Revision)
		return nil
	}
	s, err := switches.ReadSetting(e.Value, name, scope, e.Revision, e.Created)
	if err != nil {
		return err
	}
	if d := n.switches.Switch(name); d != nil && s.Value != "" {
		if _, err := d.Parse(s.Value); err != nil {
			return err
		}
	}
	before := n.switches.On(name)
	now, _ := n.bus.Now()
	if n.switches.Apply(s) && before != n.switches.On(name) || now.Sub(e.Created) < justPushed {
		n.log.Info("switch", "name", name, "scope", scope, "value", cmp.Or(s.Value, "withdrawn"), "author", s.Author, "reason", s.Reason,
			"revision", e.Revision, "pushed", now.Sub(e.Created).Round(time.Millisecond).String()+" ago")
	}
	return nil
}

// saveSwitches keeps what is in force, whole or not at all.
func (n *node) saveSwitches() {
	n.saving.Lock()
	defer n.saving.Unlock()
	now, _ := n.bus.Now()
	saved := savedSwitches{Position: n.applied.position(), Ahead: time.Until(now), Settings: n.switches.Settings()}
	body, err := json.MarshalIndent(saved, "", " ")
	if err == nil {
		err = durable.WriteFile(n.switchFile(), body)
	}
	if err != nil {
		n.log.Warn("the switches in force can't be kept on disk", "error", err)
	}
}

// newPresence makes what tells that this process is there, and what it has applied.
func (n *node) newPresence() *control.Presence {
	return control.NewPresence(control.PresenceConfig{
		Conn: n.bus, Who: n.switches.Who(), Log: n.log, Stays: n.takenOver.Load,
		Describe: func(r *control.Report) {
			n.describeCatalog(r)
			r.Revision = n.applied.position().Revision
			if n.obey != nil {
				r.Revision = n.obeyed.Load() // what was taken is not in force yet
			}
			r.Moved = slices.DeleteFunc(n.switches.Values(), func(v switches.Value) bool { return v.By == nil })
		},
	})
}

// switchKey is a setting's key in the bucket: name/scope.
func switchKey(name, scope string) string {
	kind, id, named := strings.Cut(scope, ":")
	if !named {
		return name + "/" + kind
	}
	return name + "/" + kind + "/" + item.EncodeID(id)
}

func readSwitchKey(key string) (name, scope string, ok bool) {
	name, scope, ok = strings.Cut(key, "/")
	if kind, token, named := strings.Cut(scope, "/"); named {
		id, err := item.DecodeID(token)
		if err != nil {
			return "", "", false
		}
		scope = kind + ":" + id
	}
	return name, scope, ok && switches.CheckScope(scope) == nil
}

// setLevel sets the least level that is logged; "start" is that of the command line.
func (e *env) setLevel(word string) {
	level := e.startLevel
	if word != "start" {
		if err := level.UnmarshalText([]byte(word)); err != nil {
			return
		}
	}
	if e.level != nil {
		e.level.Set(level)
	}
}
