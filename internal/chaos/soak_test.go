package chaos_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/internal/long"
)

// TestSoak runs a shop of two rooms under load, with faults of every kind in each, for as long as it is told. No page may fail, and when the
// last fault has ended every record, blob, page and relation in both rooms has to be as the shop says, and no change may be a dead letter.
func TestSoak(t *testing.T) {
	lasts := time.Duration(*minutes * float64(time.Minute))
	if lasts == 0 {
		lasts = long.Pick(8*time.Second, 20*time.Minute)
	}
	size := soakSize{products: 40, brokers: 1, east: []string{"heterog", "syncer", "detail", "detail"}, west: []string{"heterog", "syncer", "detail"},
		visitors: 1, pagesOfSecond: 10, gap: 700 * time.Millisecond, longest: 2 * time.Second}
	full := lasts > time.Minute
	if full {
		roles := []string{"heterog", "heterog", "syncer", "syncer", "detail", "detail"}
		size = soakSize{products: 400, brokers: 3, east: roles, west: roles, visitors: 2, pagesOfSecond: 25, gap: 3500 * time.Millisecond, longest: time.Minute}
	}
	events := draw(rand.New(rand.NewPCG(*seed, 1<<32)), soakKinds(), roomNames, lasts, size.gap, size.longest)
	for _, e := range events {
		t.Log(e)
	}
	s := newShop()
	rooms := newSoakRooms(t, s, *seed, size)
	k := &soak{t: t, rooms: rooms, dealt: map[string]int{}}
	if full {
		k.note()
	}
	leave := visitAll(t, rooms)
	editing, stop := context.WithCancel(t.Context())
	var edits sync.WaitGroup
	for _, r := range rooms {
		r.editor.edits = 0
		edits.Go(func() { r.editor.run(editing) })
	}
	edits.Go(func() { k.progress(editing) })
	play(events, lasts, k.carryOut)
	stop()
	edits.Wait()
	began := time.Now()
	k.converge()
	healed := time.Since(began)
	leave()
	for _, r := range rooms {
		r.rest()
	}
	if full {
		k.leaveNothing()
	}
	for _, r := range rooms {
		r.mirrorsRest()
	}
	k.report(lasts, healed)
}

// progress says every minute how far the soak is, until ctx ends.
func (s *soak) progress(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for minute := 1; ; minute++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pages, failed := int64(0), int64(0)
		for _, r := range s.rooms {
			for _, v := range r.visitors {
				pages += v.pages.Load()
				failed += v.failed.Load()
			}
		}
		s.mu.Lock()
		faults := 0
		for _, n := range s.dealt {
			faults += n
		}
		s.mu.Unlock()
		s.t.Logf("after %d min: %d faults and pushes, %d pages, %d failed", minute, faults, pages, failed)
	}
}

// converge waits until nothing in any room differs from the shop.
func (s *soak) converge() {
	for _, r := range s.rooms {
		r.announceLast()
	}
	var healing sync.WaitGroup
	for _, r := range s.rooms {
		healing.Go(func() {
			began := time.Now()
			late := time.AfterFunc(time.Minute, r.announceUnheard)
			r.heal(s.t, r.editor)
			late.Stop()
			s.t.Logf("%s: all was right %.1f s after the last fault", r.room, time.Since(began).Seconds())
		})
	}
	healing.Wait()
	s.agree()
}

// announceLast announces the last edits.
func (r *soakRoom) announceLast() {
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		err := r.editor.announce(r.t.Context())
		if err == nil {
			return
		}
		if time.Since(began) > healsIn {
			r.t.Fatalf("the last edits can't be announced in %s: %v", r.room, err)
		}
	}
}

// agree waits until all rooms have the same in force: switches, and templates on each server.
func (s *soak) agree() {
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		said := map[string][]string{}
		for _, r := range s.rooms {
			out, err := r.command("switch", "get", "ttl.factor", "--nats", r.natsURL())
			if err != nil {
				said[err.Error()] = append(said[err.Error()], r.room)
			}
			first, _, _ := strings.Cut(string(out), "\n")
			said["switch: "+first] = append(said["switch: "+first], r.room)
			for _, p := range r.details() {
				shown := r.templatesAt(p)
				said[shown] = append(said[shown], p.name+" in "+r.room)
			}
		}
		if len(said) == 2 {
			s.t.Log(strings.Join(slices.Sorted(maps.Keys(said)), "; "))
			return
		}
		if time.Since(began) > healsIn {
			s.t.Errorf("the rooms differ in what was pushed: %v", said)
			return
		}
	}
}

// templatesAt says which push the templates of a server come from.
func (r *soakRoom) templatesAt(p *process) string {
	answer, err := soakClient.Get(p.address("pages") + itemPath(oddID(0)))
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	read, _ := io.ReadAll(answer.Body)
	body := string(read)
	_, rest, ok := strings.Cut(body, "Templates of push ")
	if !ok {
		return "templates: the theme's"
	}
	number, _, _ := strings.Cut(rest, ".")
	return "templates: of push " + number
}

// report prints the figures.
func (s *soak) report(lasts, healed time.Duration) {
	var text strings.Builder
	faults := 0
	for _, name := range slices.Sorted(maps.Keys(s.dealt)) {
		faults += s.dealt[name]
		fmt.Fprintf(&text, "\n  %4d %s", s.dealt[name], name)
	}
	s.t.Logf("seed %d: %d faults and pushes in %.1f minutes:%s", *seed, faults, lasts.Minutes(), text.String())
	edits := 0
	for _, r := range s.rooms {
		edits += r.editor.edits
		all := &soakVisitor{}
		for _, v := range r.visitors {
			all.add(v)
		}
		s.t.Logf("%s: %d processes are gone and could not say so; %d edits were in no HISTORY", r.room, r.expected, r.unheard.Load())
		s.t.Logf("%s: %d pages, %d failed, %d marked stale; %d requests passed on by a server that was hurt, %d found none; slowest page %.1f s; "+
			"a page not marked stale was behind by %.1f s at most", r.room, all.pages.Load(), all.failed.Load(), all.stale, all.passed, all.nobody, all.slowest.Seconds(), all.behind.Seconds())
	}
	s.t.Logf("%d edits, %.1f/s; all was right %.1f s after the last fault", edits, float64(edits)/lasts.Seconds(), healed.Seconds())
	if *logs == "" && s.t.Failed() {
		fmt.Fprintln(os.Stderr, "give -logs FOLDER to keep the logs of the processes")
	}
}
