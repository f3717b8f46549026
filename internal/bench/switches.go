package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/pause"
	"vitrine/switches"
)

// SwitchesResult is what bench switches prints. Times are in milliseconds.
type SwitchesResult struct {
	Nodes int       `json:"nodes"`
	Acked quantiles `json:"acked"` // until the setter knows that one process has applied a setting
	Last  quantiles `json:"last"`  // until it knows that all have
	Hang  int       `json:"hang"`
	Cut   int       `json:"cut"`
	Named int       `json:"named_missing"` // of those that hang or are cut off, after their presence has expired
	Wrong int       `json:"named_wrongly"`
}

// ending is how a process of the bench ends.
type ending int

const (
	bid  ending = iota // it says good-bye
	hang               // it stays connected and does nothing
	cut                // its connection is gone
)

type benchNode struct {
	name string
	conn *bus.Conn
	stop func(ending)
}

// Switches measures how fast a setting is in force on many processes.
type Switches struct {
	Nodes int // processes, each with a connection of its own
	Sets  int // settings that are timed
	Hang  int // processes that hang at the end
	Cut   int // processes that are cut off at the end
}

// Run measures and returns the figures.
func (b *Switches) Run(ctx context.Context, log *slog.Logger) (r SwitchesResult, err error) {
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	server, err := bus.Embed(ctx, bus.EmbedConfig{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Log: log})
	if err != nil {
		return r, err
	}
	defer server.Shutdown()
	conn, err := bus.Dial(ctx, bus.Config{URL: server.URL(), Name: "vitrine bench", Log: log})
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if err := conn.Ensure(ctx); err != nil {
		return r, err
	}
	nodes, err := b.start(ctx, log, server.URL(), dir)
	defer func() {
		for _, node := range nodes {
			node.stop(bid)
			node.conn.Close()
		}
	}()
	if err != nil {
		return r, err
	}
	return b.measure(ctx, conn, nodes)
}

// Print writes it for people, or as JSON.
func (r SwitchesResult) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%d processes\nset to a process's acknowledgement  p50 %.1f ms  p99 %.1f ms\nset to the last acknowledgement     p50 %.1f ms  p99 %.1f ms\n%d hang, %d cut off: %d of them named as missing, %d others\n",
		r.Nodes, r.Acked.P50, r.Acked.P99, r.Last.P50, r.Last.P99, r.Hang, r.Cut, r.Named, r.Wrong)
	return err
}

// start runs what a process does about switches, Nodes times; each stop ends one.
func (b *Switches) start(root context.Context, log *slog.Logger, url, dir string) (nodes []benchNode, err error) {
	for i := range b.Nodes {
		conn, err := bus.Dial(root, bus.Config{URL: url, Name: fmt.Sprintf("node %d", i), Log: log})
		if err != nil {
			return nodes, err
		}
		nodeDir := filepath.Join(dir, fmt.Sprintf("node%03d", i))
		if err := os.MkdirAll(nodeDir, 0o755); err != nil {
			return nodes, err
		}
		board := control.NewBoard(control.BoardConfig{Dir: nodeDir, Role: "detail", Room: "bench", Log: log})
		var silent atomic.Bool // set: it does not announce that it leaves
		presence := control.NewPresence(control.PresenceConfig{Conn: conn, Who: board.Panel().Who(), Log: log, Stays: silent.Load, Describe: board.Describe})
		follower := control.NewSwitchFollower(board, conn, presence, func([]byte) {})
		ctx, cancel := context.WithCancel(root)
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return follower.Run(ctx) })
		group.Go(func() error { return presence.Run(ctx) })
		ended := false
		nodes = append(nodes, benchNode{board.Panel().Who().Node, conn, func(how ending) {
			if ended {
				return
			}
			ended = true
			silent.Store(how == hang)
			if how == cut {
				conn.Close()
			}
			cancel()
			_ = group.Wait() // nil, or that the connection was closed
			board.Close()
		}})
	}
	return nodes, nil
}

func (b *Switches) measure(ctx context.Context, conn *bus.Conn, nodes []benchNode) (r SwitchesResult, err error) {
	r.Nodes = b.Nodes
	r.Hang = b.Hang
	r.Cut = b.Cut
	for there := 0; there < b.Nodes; {
		all, err := control.Members(ctx, conn)
		if err != nil {
			return r, err
		}
		there = len(all)
	}
	panel := switches.NewPanel(switches.Identity{})
	defer panel.Close()
	set := func(value string, wait time.Duration) (control.SwitchOutcome, error) {
		s := switches.Setting{Name: switches.TTLFactor, Scope: switches.All, Value: value}
		return control.SetSwitch(ctx, conn, panel.Switch(s.Name), s, 0, wait)
	}
	var acked, last []time.Duration
	for i := range b.Sets {
		out, err := set(fmt.Sprint(100+i%100), 30*time.Second)
		if err != nil {
			return r, err
		}
		if len(out.Missing) > 0 {
			return r, fmt.Errorf("%w: %d of %d processes have not acknowledged", item.ErrUnavailable, len(out.Missing), b.Nodes)
		}
		slowest := 0.0
		for _, a := range out.Acked {
			acked = append(acked, time.Duration(a.MS*float64(time.Millisecond)))
			slowest = max(slowest, a.MS)
		}
		last = append(last, time.Duration(slowest*float64(time.Millisecond)))
	}
	r.Acked, r.Last = quantilesOf(acked), quantilesOf(last)
	lost := nodes[:b.Hang+b.Cut]
	for i, node := range lost {
		if i < b.Hang {
			node.stop(hang)
		} else {
			node.stop(cut)
		}
	}
	if err := awaitAbsence(ctx, conn, len(lost)); err != nil {
		return r, err
	}
	out, err := set("100", 2*time.Second)
	for _, name := range out.Missing {
		if slices.ContainsFunc(lost, func(n benchNode) bool { return n.name == name }) {
			r.Named++
		} else {
			r.Wrong++
		}
	}
	return r, err
}

// awaitAbsence returns when n of the expected processes are absent.
func awaitAbsence(ctx context.Context, conn *bus.Conn, n int) error {
	for {
		members, err := control.Members(ctx, conn)
		if err != nil {
			return err
		}
		absent := 0
		for _, m := range members {
			if !m.Present {
				absent++
			}
		}
		if absent >= n {
			return nil
		}
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}
