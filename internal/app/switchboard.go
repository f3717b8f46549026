package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/switches"
)

const (
	switchBucket = "switches"
	nodeBucket   = "nodes"
	nodeBeat     = 3 * time.Second // of presence, which expires after 10 s
	saveWithin   = time.Second     // half to one and a half
	appliedHead  = "applied.switches."
)

// presence is what a process says of itself in the bucket of nodes.
type presence struct {
	switches.Identity
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Revision uint64    `json:"revision"` // of the switches, the last that was applied
}

// useSwitches makes the process's panel, with what was in force when it ended last.
func (n *node) useSwitches(role, room string) {
	n.switches = switches.NewPanel(switches.Identity{Node: nodeName(role, n.dir), Role: role, Room: room})
	n.onClose(func() error { n.switches.Close(); return nil })
	n.switches.Changed(func() { n.env.setLevel(n.switches.Switch(switches.LogLevel).Choice()) })
	saved, err := os.ReadFile(n.switchFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var settings []switches.Setting
	if err == nil {
		err = json.Unmarshal(saved, &settings)
	}
	if err != nil {
		n.log.Warn("the switches that were in force can't be read; beginning with the defaults", "file", n.switchFile(), "error", err)
		return
	}
	for _, s := range settings {
		n.switches.Apply(s)
	}
	n.revision.Store(highest(settings))
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
func (n *node) laneOpen(lane item.Lane) bool { return n.switches.On("intake." + string(lane)) }

// followSwitches applies what is pushed until ctx ends, keeps it on disk, and acknowledges it.
func (n *node) followSwitches(ctx context.Context) error {
	who := n.switches.Who()
	var due atomic.Bool
	save := time.AfterFunc(time.Hour, func() { due.Store(false); n.saveSwitches() })
	defer func() {
		save.Stop()
		n.saveSwitches()
	}()
	return n.bus.Bucket(switchBucket).Watch(ctx, func(e bus.Entry) error {
		if e.Reset {
			n.log.Warn("the switches' bucket was made anew; what is in force stays until it is set again")
			n.switches.Restart()
			n.revision.Store(0)
			return nil
		}
		if e.Key == rulesKey && !e.Deleted {
			n.automaton.keep(e.Value)
			return nil
		}
		name, scope, ok := readSwitchKey(e.Key)
		if !ok {
			return nil
		}
		if err := n.applySwitch(name, scope, e); err != nil {
			n.log.Error("pushed switch not taken", "switch", name, "scope", scope, "revision", e.Revision, "error", err)
			return nil
		}
		n.revision.Store(max(n.revision.Load(), e.Revision))
		if who.Has(scope) {
			if err := n.bus.Tell(appliedHead+strconv.FormatUint(e.Revision, 10), []byte(who.Node)); err != nil {
				n.log.Debug("applied switch not acknowledged", "error", err)
			}
		}
		if !due.Swap(true) {
			save.Reset(saveWithin/2 + rand.N(saveWithin)) // processes of one machine not all at once
		}
		return nil
	})
}

func (n *node) applySwitch(name, scope string, e bus.Entry) error {
	if e.Deleted {
		n.switches.Drop(name, scope, e.Revision)
		return nil
	}
	var s switches.Setting
	if err := json.Unmarshal(e.Value, &s); err != nil {
		return fmt.Errorf("%w: %w", switches.ErrValue, err)
	}
	if d := n.switches.Switch(name); d != nil {
		if _, err := d.Parse(s.Value); err != nil {
			return err
		}
	}
	s.Name, s.Scope, s.Revision = name, scope, e.Revision
	before := n.switches.On(name)
	if n.switches.Apply(s) && before != n.switches.On(name) || time.Since(e.Created) < nodeBeat {
		n.log.Info("switch", "name", name, "scope", scope, "value", s.Value, "author", s.Author, "reason", s.Reason,
			"revision", e.Revision, "pushed", time.Since(e.Created).Round(time.Millisecond).String()+" ago")
	}
	return nil
}

// saveSwitches keeps what is in force, whole or not at all.
func (n *node) saveSwitches() {
	body, err := json.MarshalIndent(n.switches.Settings(), "", " ")
	if err == nil {
		n.saving.Lock()
		err = durable.WriteFile(n.switchFile(), body)
		n.saving.Unlock()
	}
	if err != nil {
		n.log.Warn("the switches in force can't be kept on disk", "error", err)
	}
}

// tellPresence says every few seconds that the process is there, until ctx ends, and then that it is not.
func (n *node) tellPresence(ctx context.Context) error {
	bucket, started := n.bus.Bucket(nodeBucket), time.Now().UTC()
	key := item.EncodeID(n.switches.Who().Node)
	beat := time.NewTicker(nodeBeat)
	defer beat.Stop()
	for {
		body, err := json.Marshal(presence{n.switches.Who(), os.Getpid(), started, n.revision.Load()})
		if err != nil {
			return err
		}
		if _, err := bucket.Put(ctx, key, body); err != nil && ctx.Err() == nil {
			n.log.Debug("presence not told", "error", err)
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			if n.takenOver.Load() {
				return nil // the one after it has the same name
			}
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := bucket.Delete(last, key); err != nil {
				n.log.Debug("leave not told", "error", err)
			}
			return nil
		}
	}
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

func highest(settings []switches.Setting) (revision uint64) {
	for _, s := range settings {
		revision = max(revision, s.Revision)
	}
	return revision
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
