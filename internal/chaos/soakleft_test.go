package chaos_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/redistest"
)

// holding is what a stream holds.
type holding struct {
	messages           uint64
	subjects           uint64
	durable, ephemeral int // consumers
}

// holdings are the streams of the room's NATS, buckets among them.
func (r *soakRoom) holdings() (map[string]holding, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	conn, err := nats.Connect(r.natsURL())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	all := map[string]holding{}
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		h := holding{messages: info.State.Msgs, subjects: info.State.NumSubjects}
		stream, err := js.Stream(ctx, info.Config.Name)
		if err != nil {
			return nil, err
		}
		consumers := stream.ListConsumers(ctx)
		for c := range consumers.Info() {
			if c.Config.Durable != "" {
				h.durable++
			} else {
				h.ephemeral++
			}
		}
		if err := consumers.Err(); err != nil {
			return nil, err
		}
		all[info.Config.Name] = h
	}
	return all, streams.Err()
}

// note keeps what NATS and Redis hold before the first fault, and begins to look at what the processes use.
func (s *soak) note() {
	for _, r := range s.rooms {
		r.rest()
		var err error
		r.held, err = r.holdings()
		if err != nil {
			s.t.Error(err)
		}
		r.stored = r.keys()
	}
	s.growth = &growth{lives: map[*process]*life{}, lived: map[*process]int{}}
	go s.growth.watch(s.t.Context(), 3*time.Second, s.rooms)
}

// leaveNothing waits until NATS holds nothing that was left by what is gone, and until the processes use no more than new ones.
func (s *soak) leaveNothing() {
	for _, r := range s.rooms {
		settle(s.t, r.room+", streams", r.wrongHoldings)
		s.t.Log(r.left())
	}
	s.growth.compare(s.rooms)
}

// wrongHoldings names what is in the room's NATS that nobody needs: work that is done with, and what was left by processes that are gone.
func (r *soakRoom) wrongHoldings() (wrong []string) {
	all, err := r.holdings()
	if err != nil {
		return []string{err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		h := all[name]
		was, ok := r.held[name]
		if name == bus.Parked {
			was.durable = len(item.Lanes()) * len(r.upstreams) // made when work is parked first
		}
		if !ok {
			wrong = append(wrong, "a new stream: "+name)
		}
		if h.durable > was.durable || h.ephemeral > was.ephemeral {
			wrong = append(wrong, fmt.Sprintf("%s has %d durable consumers and %d others, and had %d and %d", name, h.durable, h.ephemeral, was.durable, was.ephemeral))
		}
		if slices.Contains([]string{bus.Changes, bus.Syncs, bus.Parked, bus.Failed, bus.Held}, name) && h.messages > 0 {
			wrong = append(wrong, fmt.Sprintf("%s has %d messages", name, h.messages))
		}
	}
	return wrong
}

// left says what is in the room's NATS and Redis, and what was there before.
func (r *soakRoom) left() string {
	var text strings.Builder
	all, err := r.holdings()
	if err != nil {
		return err.Error()
	}
	fmt.Fprintf(&text, "%s, streams and buckets, before and after:\n", r.room)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "  %-14s %+v %+v\n", name, r.held[name], all[name])
	}
	fmt.Fprintf(&text, "keys of Redis, before and after:\n")
	keys := r.keys()
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&text, "  %-14s %d %d\n", name, r.stored[name], keys[name])
	}
	return text.String()
}

// keys counts the keys of the room's Redis by their first word.
func (r *soakRoom) keys() map[string]int {
	counts := map[string]int{}
	for _, s := range r.masters() {
		for _, key := range scan(s) {
			word, _, _ := strings.Cut(key, ":")
			counts[word]++
		}
	}
	return counts
}

// marks is how many keys the agents of lineage have: one in each part.
func (r *soakRoom) marks() int {
	if r.watched != nil {
		return 1
	}
	return 64
}

// wrongKeys names the keys of entities that the shop never had, and those of no entity but marks and dictionaries.
func (r *soakRoom) wrongKeys() (wrong []string) {
	known := map[string]bool{}
	for _, e := range r.shop.entities() {
		known[e.Token()] = true
	}
	marks := 0
	for _, s := range r.masters() {
		for _, key := range scan(s) {
			word, rest, _ := strings.Cut(key, ":{")
			tag, _, _ := strings.Cut(rest, "}")
			entity, _, _ := strings.Cut(tag, "#")
			switch {
			case word == "lineage":
				marks++
			case !known[entity] && !strings.Contains(word, "dictionaries"):
				wrong = append(wrong, key)
			}
		}
	}
	if want := r.marks(); marks != want {
		wrong = append(wrong, fmt.Sprintf("%d marks, and not %d", marks, want))
	}
	return wrong
}

// masters are the servers of the room's Redis that hold something of their own.
func (r *soakRoom) masters() []*redistest.Server {
	if r.watched != nil {
		return []*redistest.Server{r.watched.Master()}
	}
	return r.shards.Nodes[:]
}

// scan lists the keys of a server, each once.
func scan(s *redistest.Server) (keys []string) {
	for cursor := "0"; ; {
		answer := s.Do("SCAN", cursor, "COUNT", 1000).([]any)
		for _, key := range answer[1].([]any) {
			keys = append(keys, key.(string))
		}
		cursor = answer[0].(string)
		if cursor == "0" {
			slices.Sort(keys)
			return slices.Compact(keys)
		}
	}
}
