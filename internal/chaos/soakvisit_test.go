package chaos_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakVisitor asks for the pages of a room, as a load balancer passes requests on: a server that does not answer, or can't, is followed by
// the next one of the room, and then by those of the other room.
//
// A server has to answer with the page unless a fault hits its own process: it is killed, stopped or hangs, or was restarted and has not
// said yet that it is ready. Everything else - upstreams, workers, Redis, NATS, the other room - may be away without any page failing.
type soakVisitor struct {
	room     *soakRoom
	first    int // position of the first product in the list
	every    int // pages a second
	reported int

	pages, failed atomic.Int64
	stale         int
	passed        int           // requests that a server hit by a fault left to another one
	nobody        int           // requests for which each server was hit
	slowest       time.Duration // of a server that no fault hit
	behind        time.Duration // the longest time for which an edit was not shown by a page that was not marked stale
}

// visit asks until ctx ends.
func (v *soakVisitor) visit(ctx context.Context, t *testing.T) {
	tick := time.NewTicker(time.Second / time.Duration(v.every))
	defer tick.Stop()
	for n := v.first; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.page(t, n)
		}
	}
}

// page asks for a page that no edit deletes.
func (v *soakVisitor) page(t *testing.T, n int) {
	number := n % v.room.editor.keeps
	v.pages.Add(1)
	turn := n + n/v.room.editor.keeps // so that in time each server is asked for each product
	for _, p := range append(v.room.doors.from(turn), v.room.other.doors.from(turn)...) {
		before, sound := p.sound()
		began := time.Now()
		fault := v.ask(p.address("pages"), number)
		took := time.Since(began)
		after, still := p.sound()
		unhurt := sound && still && before == after
		switch {
		case fault == "" && unhurt:
			v.slowest = max(v.slowest, took)
			return
		case fault == "":
			return
		case unhurt:
			v.failed.Add(1)
			if v.reported < 10 {
				v.reported++
				t.Errorf("%s in %s fails though nothing is wrong with that process: %s, after %.1f s", p.name, p.room, fault, took.Seconds())
			}
			return
		}
		v.passed++
	}
	v.nobody++
}

// soakClient waits for longer than any server may take on a busy machine, and less than a process hangs in vain.
var soakClient = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}

// ask returns what is wrong with an answer.
func (v *soakVisitor) ask(base string, number int) string {
	id := oddID(number)
	p, _ := v.room.shop.get(id)
	answer, err := soakClient.Get(base + itemPath(id))
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	_, title, ok := strings.Cut(string(body), fmt.Sprintf("Product %d.", number))
	if answer.StatusCode != http.StatusOK || !ok {
		return fmt.Sprintf("%s: status %d: %.300s", id, answer.StatusCode, body)
	}
	version := 0
	fmt.Sscanf(title, "%d", &version)
	switch {
	case answer.Header.Get("X-Vitrine-Stale") != "":
		v.stale++
	case version < p.Version:
		v.behind = max(v.behind, time.Since(p.edited))
	}
	return ""
}

// visitAll sends the visitors of all rooms until stop is called.
func visitAll(t *testing.T, rooms []*soakRoom) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for _, r := range rooms {
		for _, v := range r.visitors {
			people.Go(func() { v.visit(ctx, t) })
		}
	}
	return func() {
		cancel()
		people.Wait()
		soakClient.CloseIdleConnections()
	}
}

// add counts what another visitor has seen.
func (v *soakVisitor) add(other *soakVisitor) {
	v.pages.Add(other.pages.Load())
	v.stale += other.stale
	v.failed.Add(other.failed.Load())
	v.passed += other.passed
	v.nobody += other.nobody
	v.slowest = max(v.slowest, other.slowest)
	v.behind = max(v.behind, other.behind)
}
