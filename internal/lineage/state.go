package lineage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/kv"
	"vitrine/internal/lease"
)

// life identifies the life of one part of a store.
type life struct {
	Epoch string `json:"epoch"`
	Run   string `json:"run"`
}

// lives holds the life of everything that can lose data, as stored under SeenKey.
type lives struct {
	Records map[string]life      `json:"records"`         // by part
	Blobs   map[string]life      `json:"blobs,omitempty"` // of a separate blobs store
	Queues  map[string]time.Time `json:"queues"`          // when each work queue was created
	Rooms   map[string]uint64    `json:"rooms,omitempty"` // how often notices of each other room were missed

	// Ahead is by how much the clock of each part of Records was ahead of NATS's. It is no part of a life.
	Ahead map[string]time.Duration `json:"ahead,omitempty"`
}

func (l lives) equal(o lives) bool {
	return maps.Equal(l.Records, o.Records) && maps.Equal(l.Blobs, o.Blobs) && maps.EqualFunc(l.Queues, o.Queues, time.Time.Equal) &&
		maps.Equal(l.Rooms, o.Rooms)
}

// state is the result of one look.
type state struct {
	lives
	seen    *lives // nil if nothing was stored yet
	records []kv.Shard
	marks   map[string]bus.Mark // by part; a part without a readable mark is missing
	now     time.Time           // by NATS's clock
	fenced  bool                // the store can have terms
	reign   reign
}

func (a *Agent) read(ctx context.Context) (is state, err error) {
	is.records, err = a.Records.Parts(ctx)
	if err != nil {
		return is, err
	}
	is.Records = byName(is.records)
	read := time.Now()
	is.marks = map[string]bus.Mark{}
	for _, p := range is.records {
		var m bus.Mark
		if p.Mark != nil && json.Unmarshal(p.Mark, &m) == nil {
			is.marks[p.Name] = m
		}
	}
	if a.separate() {
		parts, err := a.Blobs.Parts(ctx)
		if err != nil {
			return is, err
		}
		is.Blobs = byName(parts)
	}
	is.Queues, is.now, err = a.Bus.StreamsMade(ctx)
	if err != nil {
		return is, err
	}
	is.Ahead = ahead(is.records, is.now.Add(-time.Since(read)))
	is.Rooms, err = a.Gaps(ctx)
	if err != nil {
		return is, err
	}
	_, is.fenced = a.Records.(fencer)
	is.reign, is.reign.revision, err = lease.Read[reign](ctx, a.Bucket, TermKey)
	if err != nil {
		return is, fmt.Errorf("read the newest term: %w", err)
	}
	noted, err := a.Bucket.Get(ctx, SeenKey)
	switch {
	case errors.Is(err, bus.ErrNoEntry):
		return is, nil
	case err != nil:
		return is, fmt.Errorf("read which stores and streams were seen last: %w", err)
	}
	var seen lives
	if err := json.Unmarshal(noted.Value, &seen); err != nil {
		a.Log.Warn("which stores and streams were seen last can't be read", "error", err)
		return is, nil
	}
	is.seen = &seen
	return is, nil
}

// separate reports whether the blobs have a store of their own.
func (a *Agent) separate() bool { return any(a.Blobs) != any(a.Records) }

func byName(parts []kv.Shard) map[string]life {
	all := make(map[string]life, len(parts))
	for _, p := range parts {
		all[p.Name] = life{p.Epoch, p.Run}
	}
	return all
}

// oldestMark is the mark with the earliest Done; the zero mark if a part has none.
func (is state) oldestMark() (oldest bus.Mark) {
	for i, p := range is.records {
		m, ok := is.marks[p.Name]
		if !ok {
			return bus.Mark{}
		}
		if i == 0 || m.Done.Before(oldest.Done) {
			oldest = m
		}
	}
	return oldest
}

// allMarked reports whether every part has this mark.
func (is state) allMarked(m bus.Mark) bool {
	for _, p := range is.records {
		has, ok := is.marks[p.Name]
		if !ok || !has.Done.Equal(m.Done) || has.History.Seq != m.History.Seq || !has.History.Stream.Equal(m.History.Stream) {
			return false
		}
	}
	return true
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps, strings and times are encoded here
	}
	return b
}
