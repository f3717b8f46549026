package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/item"
	"vitrine/switches"
)

const (
	beat       = 3 * time.Second // presence expires after 10 s
	rosterBeat = 10              // beats between two entries in the roster
	leaveTime  = time.Second
)

// PresenceConfig configures a Presence.
type PresenceConfig struct {
	Conn *bus.Conn
	Who  switches.Identity
	// Dir is the process's state folder. Defaults to none: then it can't be distinguished from a copy of it on the same machine.
	Dir string
	// Describe adds to a report what its process knows. Defaults to nothing.
	Describe func(*Report)
	// Stays reports whether the process's name is still in use after it ends, since another process has taken over.
	// Defaults to never.
	Stays func() bool
	Log   *slog.Logger  // defaults to silence
	Beat  time.Duration // interval of reports; defaults to 3 s, for which the expiry of presence is chosen
}

// Presence announces that a process is present, what it has applied, and its end.
type Presence struct {
	PresenceConfig
	started time.Time
	pid     int
	boot    string
	folder  string
	watch   duplicateWatch
	roster  time.Time // creation time of the roster that this process is in

	mu        sync.Mutex // guards the fields below
	applied   map[string]Ack
	lost      time.Time // when NATS last lost the roster
	duplicate *Duplicate
}

// NewPresence makes a presence; Run drives it.
func NewPresence(c PresenceConfig) *Presence {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Describe == nil {
		c.Describe = func(*Report) {}
	}
	if c.Stays == nil {
		c.Stays = func() bool { return false }
	}
	c.Beat = cmp.Or(c.Beat, beat)
	return &Presence{PresenceConfig: c, started: time.Now().UTC(), pid: os.Getpid(), boot: durable.BootID(), folder: durable.FolderID(c.Dir), applied: map[string]Ack{}}
}

// Acknowledge publishes the result of a pushed revision.
func (p *Presence) Acknowledge(a Ack) {
	a.Node = p.Who.Node
	a.ID = p.Who.ID
	p.mu.Lock()
	p.applied[a.Bucket] = a
	p.mu.Unlock()
	body, err := json.Marshal(a)
	if err == nil {
		err = p.Conn.Broadcast(appliedHead+a.Bucket+"."+strconv.FormatUint(a.Revision, 10), body)
	}
	if err != nil {
		p.Log.Debug("not acknowledged", "bucket", a.Bucket, "revision", a.Revision, "error", err)
	}
}

// Run reports every few seconds that the process is present, and answers requests, until ctx ends; then it reports the
// end.
func (p *Presence) Run(ctx context.Context) error {
	key := item.EncodeID(p.Who.Qualified())
	tick := time.NewTimer(p.Beat)
	defer tick.Stop()
	stop := func() {}
	defer func() { stop() }()
	answering, rostered := false, 0
	for {
		if !answering {
			end, err := p.Conn.Respond(ctx, askSubject, p.report)
			answering = err == nil
			if answering {
				stop = end
			}
		}
		p.checkDuplicate(ctx, key)
		p.put(ctx, nodesBucket, key)
		if p.isAnew(ctx) {
			rostered = 0
		}
		if rostered == 0 && !p.put(ctx, rosterBucket, key) {
			rostered = rosterBeat - 1 // again at the next beat
		}
		rostered = (rostered + 1) % rosterBeat
		tick.Reset(time.Duration(float64(p.Beat) * (0.8 + 0.4*rand.Float64()))) // never in step with a duplicate
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.leave(ctx, key)
			return nil
		}
	}
}

// isAnew reports whether the roster is a different one than before, and records it.
func (p *Presence) isAnew(ctx context.Context) bool {
	made, err := p.Conn.Bucket(rosterBucket).Made(ctx)
	if err != nil {
		return errors.Is(err, bus.ErrNoEntry) // its next writer creates it
	}
	was := p.roster
	p.roster = made
	if was.IsZero() || was.Equal(made) {
		return false
	}
	p.noteLoss(made)
	return true
}

// noteLoss records that NATS lost, or may have lost, the expected processes.
func (p *Presence) noteLoss(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.After(p.lost) {
		p.lost = at
	}
}

func (p *Presence) put(ctx context.Context, bucket, key string) bool {
	_, err := p.Conn.Bucket(bucket).Put(ctx, key, p.report())
	if err != nil && ctx.Err() == nil {
		p.Log.Debug("presence not reported", "bucket", bucket, "error", err)
	}
	return err == nil
}

func (p *Presence) report() []byte {
	p.mu.Lock()
	r := Report{Identity: p.Who, PID: p.pid, Boot: p.boot, Folder: p.folder, Started: p.started, Applied: maps.Clone(p.applied), Lost: p.lost, Duplicate: p.duplicate, Ahead: -p.Conn.Ahead()}
	p.mu.Unlock()
	p.Describe(&r)
	body, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("control: a report: %v", err)) // a report contains only types that marshal
	}
	return body
}

func (p *Presence) leave(ctx context.Context, key string) {
	if p.Stays() {
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	for _, bucket := range []string{nodesBucket, rosterBucket} {
		if err := p.Conn.Bucket(bucket).Delete(last, key); err != nil {
			p.Log.Debug("leave not reported", "bucket", bucket, "error", err)
		}
	}
}
