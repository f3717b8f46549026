package chaos_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// vitals are what a process uses.
type vitals struct {
	goroutines, files int
	resident          int // MB
}

func (v vitals) String() string { return fmt.Sprintf("%d\t%d\t%d", v.goroutines, v.files, v.resident) }

// life is one run of a process, from when it was first looked at.
type life struct {
	began             float64 // as the process says
	since             time.Time
	first, most, last vitals
}

// growth looks at what the processes of all rooms use.
type growth struct {
	mu    sync.Mutex // guards below
	lives map[*process]*life
	lived map[*process]int
}

// metrics are the figures that the process gives by its name and labels.
func (p *process) metrics() (map[string]float64, error) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(p.address("admin") + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	figures := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = n
		}
	}
	return figures, nil
}

// watch looks at all processes every few seconds until ctx ends.
func (g *growth) watch(ctx context.Context, every time.Duration, rooms []*soakRoom) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, r := range rooms {
			for _, p := range r.processes {
				if _, sound := p.sound(); sound {
					g.look(p)
				}
			}
		}
	}
}

// look notes what a process uses now. One that does not answer is looked at later.
func (g *growth) look(p *process) (now vitals) {
	figures, err := p.metrics()
	if err != nil {
		return now
	}
	now = vitals{
		goroutines: int(figures["go_goroutines"]), files: int(figures["process_open_fds"]),
		resident: int(figures["process_resident_memory_bytes"] / 1e6),
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lives[p]
	if began := figures["process_start_time_seconds"]; l == nil || l.began != began {
		l = &life{began: began, since: time.Now(), first: now}
		g.lives[p] = l
		g.lived[p]++
	}
	l.last = now
	l.most = vitals{max(l.most.goroutines, now.goroutines), max(l.most.files, now.files), max(l.most.resident, now.resident)}
	return now
}

// How many more a process may have than one that has just started: what works under a lease, and idle connections to Redis and upstreams,
// of which pools keep up to 20 for each server.
const (
	moreGoroutines = 60
	moreFiles      = 100
)

// compare starts one more process of each role in each room. Whatever the others have been through, each has to come down to what the
// new one uses.
func (g *growth) compare(rooms []*soakRoom) {
	for _, r := range rooms {
		newest := map[string]*process{}
		for _, role := range []string{"heterog", "syncer", "detail"} {
			p := r.guest(role)
			r.injector.revive(p)
			p.awaitReady(r.t)
			newest[role] = p
		}
		settle(r.t, r.room+", goroutines and open files", func() (wrong []string) {
			for _, p := range r.processes {
				is, new := g.look(p), g.look(newest[p.args[0]])
				if is.goroutines > new.goroutines+moreGoroutines || is.files > new.files+moreFiles {
					wrong = append(wrong, fmt.Sprintf("%s has %d goroutines and %d open files, and a new one %d and %d", p.name, is.goroutines, is.files, new.goroutines, new.files))
				}
			}
			return wrong
		})
		r.t.Log(g.table(r, newest))
	}
}

// table lists what each process used in its last life, and what new ones use.
func (g *growth) table(r *soakRoom, newest map[string]*process) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\tlives\tlast, s\tgoroutines, first\tmost\tlast\topen files, first\tmost\tlast\tMB of memory, first\tmost\tlast\tMB on disk\t\n", r.room)
	all := slices.Clone(r.processes)
	for _, role := range []string{"heterog", "syncer", "detail"} {
		all = append(all, newest[role])
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range all {
		l := g.lives[p]
		if l == nil {
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%.0f\t", p.name, g.lived[p], time.Since(l.since).Seconds())
		for _, of := range []func(vitals) int{
			func(v vitals) int { return v.goroutines }, func(v vitals) int { return v.files }, func(v vitals) int { return v.resident },
		} {
			fmt.Fprintf(w, "%d\t%d\t%d\t", of(l.first), of(l.most), of(l.last))
		}
		fmt.Fprintf(w, "%.1f\t\n", float64(size(filepath.Join(r.dir, p.name)))/1e6)
	}
	w.Flush()
	return "what processes use:\n" + text.String()
}

// size is how many bytes a folder holds.
func size(folder string) (bytes int64) {
	filepath.WalkDir(folder, func(_ string, f fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed meanwhile
		}
		if info, err := f.Info(); err == nil && !f.IsDir() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
