package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/pause"
)

// Workers measures how much more work several processes of a role do than one, each of which is held to the same share of a core.
// Every role, NATS and Redis are processes of their own; those of the other role, and the servers, are not held.
type Workers struct {
	Role    string // heterog or syncer
	SKUs    int
	Counts  []int // how many processes, rising
	Share   float64
	Rounds  int
	Program string // path of this program
}

// WorkersResult is what was measured. Each number of a team is the median of the rounds.
type WorkersResult struct {
	Role  string  `json:"role"`
	SKUs  int     `json:"skus"`
	Share float64 `json:"share_of_a_core"`
	Held  string  `json:"held_by"`
	Teams []Team  `json:"teams"`
	Wrong int     `json:"wrong"` // blobs that differ from the upstream in the end
}

// Team is what so many processes did.
type Team struct {
	Workers   int     `json:"workers"`
	PerSecond float64 `json:"changes_per_second"` // until their blobs are announced
	Ratio     float64 `json:"times_one_worker"`   // of the median round by this ratio, among teams of one round
	Used      float64 `json:"share_used"`         // how much of what the workers may use they have used
	Machine   float64 `json:"machine_busy"`       // share of all cores that were busy, by whatever ran
	Calls     float64 `json:"upstream_calls_per_change"`
	Joined    float64 `json:"joined_seconds"` // from the start of the newest process until it is ready
}

// fresh is how long ago a record must have been fetched for its change to be fetched once: younger ones get a second look.
const fresh = 11 * time.Second

// Run measures, and removes all that it created when it ends.
func (w Workers) Run(ctx context.Context, host Host) (r WorkersResult, err error) {
	s, ctx, remove, err := newSystem(ctx, host, w.Program, w.SKUs)
	if err != nil {
		return r, err
	}
	defer remove()
	if err := s.startServers(ctx); err != nil {
		return r, err
	}
	other := "syncer"
	if w.Role == "syncer" {
		other = "heterog"
	}
	if _, _, err := s.role(ctx, other, other, "admin"); err != nil {
		return r, err
	}
	_, s.pages, err = s.role(ctx, "detail", "detail", "pages", "--http", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	r = WorkersResult{Role: w.Role, SKUs: w.SKUs, Share: w.Share}
	rounds := make([][]Team, w.Rounds)
	for i := range rounds {
		host.Log.Info("measuring", "role", w.Role, "round", i+1, "of", w.Rounds)
		rounds[i], err = w.round(ctx, s, &r.Held)
		if err != nil {
			return r, err
		}
	}
	r.Teams = medians(rounds)
	r.Wrong, err = s.compare(ctx)
	return r, err
}

// round has teams of rising size change everything, one after the other, and ends their processes.
func (w Workers) round(ctx context.Context, s *system, held *string) (teams []Team, err error) {
	var team []*child
	var frees []func()
	defer func() {
		for i, c := range team {
			frees[i]()
			c.cmd.Process.Signal(syscall.SIGTERM)
			<-c.done
		}
	}()
	for _, n := range w.Counts {
		t := Team{Workers: n}
		for len(team) < n {
			began := time.Now()
			c, _, err := s.role(ctx, w.Role, fmt.Sprintf("%s-%d", w.Role, len(team)), "admin")
			if err != nil {
				return nil, err
			}
			t.Joined = time.Since(began).Seconds()
			how, free, err := throttle(c, w.Share)
			if err != nil {
				return nil, err
			}
			*held = how
			team = append(team, c)
			frees = append(frees, free)
		}
		if err := w.measure(ctx, s, team, &t); err != nil {
			return nil, err
		}
		if len(teams) > 0 {
			t.Ratio = t.PerSecond / teams[0].PerSecond * float64(teams[0].Workers)
		} else {
			t.Ratio = float64(n)
		}
		teams = append(teams, t)
	}
	return teams, nil
}

// measure has a team change everything.
func (w Workers) measure(ctx context.Context, s *system, team []*child, t *Team) error {
	if err := pause.For(ctx, fresh); err != nil {
		return err
	}
	calls, used, busy := s.shop.calls.Load(), usedBy(team), readMachine()
	seconds, err := s.changeAll(ctx, item.Normal)
	if err != nil {
		return err
	}
	t.PerSecond = float64(w.SKUs) / seconds
	t.Used = (usedBy(team) - used).Seconds() / (seconds * w.Share * float64(len(team)))
	t.Machine = readMachine().busySince(busy)
	if err := s.settle(ctx); err != nil {
		return err
	}
	t.Calls = float64(s.shop.calls.Load()-calls) / float64(w.SKUs)
	return nil
}

func usedBy(team []*child) (used time.Duration) {
	for _, c := range team {
		one, _ := c.used() // 0 if it has ended, which the queues show
		used += one
	}
	return used
}

// machineTime is what the cores of the machine have done since its start, in ticks.
type machineTime struct{ idle, all float64 }

// readMachine gives zeros where there is no /proc/stat.
func readMachine() (m machineTime) {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, word := range strings.Fields(line) {
		ticks, _ := strconv.ParseFloat(word, 64) // the first one is no number
		m.all += ticks
		if i == 4 || i == 5 { // idle, iowait
			m.idle += ticks
		}
	}
	return m
}

func (m machineTime) busySince(then machineTime) float64 {
	if m.all <= then.all {
		return 0
	}
	return 1 - (m.idle-then.idle)/(m.all-then.all)
}

// medians gives, for each size of a team, the median of each number.
func medians(rounds [][]Team) []Team {
	teams := slices.Clone(rounds[0])
	for i := range teams {
		of := func(number func(Team) float64) float64 {
			return median(rounds, func(round []Team) float64 { return number(round[i]) })
		}
		teams[i] = Team{
			Workers: teams[i].Workers, PerSecond: of(func(t Team) float64 { return t.PerSecond }), Ratio: of(func(t Team) float64 { return t.Ratio }),
			Used: of(func(t Team) float64 { return t.Used }), Machine: of(func(t Team) float64 { return t.Machine }),
			Calls: of(func(t Team) float64 { return t.Calls }), Joined: of(func(t Team) float64 { return t.Joined }),
		}
	}
	return teams
}

// limit says what kept a team from doing more.
func (t Team) limit() string {
	switch {
	case t.Used >= 0.85:
		return "the workers' share"
	case t.Machine >= 0.95:
		return "the machine: no core was free"
	default:
		return "neither the workers nor the machine's cores"
	}
}

// Print writes the result as a table, or as JSON.
func (r WorkersResult) Print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "%s, %d articles, each worker held to %.0f%% of a core by %s\n\n", r.Role, r.SKUs, 100*r.Share, r.Held)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "workers\tchanges/s\ttimes one\tshare used\tmachine busy\tcalls/change\tready after\tlimit\t")
	for _, t := range r.Teams {
		fmt.Fprintf(table, "%d\t%.0f\t%.2f\t%.0f%%\t%.0f%%\t%.3f\t%.1f s\t%s\t\n", t.Workers, t.PerSecond, t.Ratio, 100*t.Used, 100*t.Machine, t.Calls, t.Joined, t.limit())
	}
	fmt.Fprintf(table, "\n")
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "blobs that differ from the upstream: %d\n", r.Wrong)
	return err
}
