package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/switches"
)

type benchSwitchesCommand struct {
	Nodes int  `help:"Processes, each with a connection of its own." default:"200"`
	Sets  int  `help:"Settings that are timed." default:"100"`
	Deaf  int  `help:"Processes that are cut off in the end." default:"10"`
	JSON  bool `name:"json" help:"Print JSON."`
}

// switchesResult is what bench switches prints. Times are in milliseconds.
type switchesResult struct {
	Nodes int       `json:"nodes"`
	Acked quantiles `json:"acked"` // one process has applied a setting, and that is known to who set it
	Last  quantiles `json:"last"`  // all have
	Deaf  int       `json:"deaf"`
	Named int       `json:"named_missing"`
}

// Run is vitrine bench switches.
func (b *benchSwitchesCommand) Run(e *env) error {
	if b.Nodes < 1 || b.Sets < 1 || b.Deaf < 0 || b.Deaf > b.Nodes {
		return usagef("--nodes and --sets must be positive, --deaf at most --nodes")
	}
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := bus.Embed(e.ctx, bus.EmbedConfig{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Log: e.log})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	conn, err := bus.Dial(e.ctx, bus.Config{URL: server.URL(), Name: "vitrine bench", Log: e.log})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Ensure(e.ctx); err != nil {
		return err
	}
	nodes, err := b.start(e, server.URL(), dir)
	defer func() {
		for _, stop := range nodes {
			stop(false)
		}
	}()
	if err != nil {
		return err
	}
	result, err := b.measure(e.ctx, conn, nodes)
	if err != nil {
		return err
	}
	if b.JSON {
		return json.NewEncoder(e.stdout).Encode(result)
	}
	_, err = fmt.Fprintf(e.stdout, "%d processes\nset to a process's acknowledgement  p50 %.1f ms  p99 %.1f ms\nset to the last acknowledgement     p50 %.1f ms  p99 %.1f ms\n%d cut off, %d named as missing\n",
		result.Nodes, result.Acked.P50, result.Acked.P99, result.Last.P50, result.Last.P99, result.Deaf, result.Named)
	return err
}

// start runs what a process does about switches, as often as it was asked for; each stop ends one, at once or as
// a process ends that is told to.
func (b *benchSwitchesCommand) start(e *env, url, dir string) (nodes []func(cut bool), err error) {
	for i := range b.Nodes {
		conn, err := bus.Dial(e.ctx, bus.Config{URL: url, Name: fmt.Sprintf("node %d", i), Log: e.log})
		if err != nil {
			return nodes, err
		}
		quiet := *e
		quiet.level = nil
		n := &node{env: &quiet, log: e.log, dir: filepath.Join(dir, fmt.Sprintf("node%03d", i)), bus: conn}
		if err := os.MkdirAll(n.dir, 0o755); err != nil {
			return nodes, err
		}
		n.useSwitches("detail", "bench")
		n.presence = n.newPresence()
		ctx, cancel := context.WithCancel(e.ctx)
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return n.followSwitches(ctx) })
		group.Go(func() error { return n.presence.Run(ctx) })
		ended := false
		nodes = append(nodes, func(cut bool) {
			if ended {
				return
			}
			ended = true
			if cut {
				conn.Close() // before it could say that it leaves
			}
			cancel()
			_ = group.Wait() // nil, or that the connection is gone
			if !cut {
				conn.Close()
			}
			n.switches.Close()
		})
	}
	return nodes, nil
}

func (b *benchSwitchesCommand) measure(ctx context.Context, conn *bus.Conn, nodes []func(bool)) (r switchesResult, err error) {
	r.Nodes, r.Deaf = b.Nodes, b.Deaf
	for there := 0; there < b.Nodes; {
		all, err := control.Members(ctx, conn)
		if err != nil {
			return r, err
		}
		there = len(all)
	}
	panel := switches.NewPanel(switches.Identity{})
	defer panel.Close()
	set := func(value string, wait time.Duration) (switchSet, error) {
		s := switches.Setting{Name: switches.TTLFactor, Scope: switches.All, Value: value}
		return setEverywhere(ctx, conn, panel.Switch(s.Name), s, 0, wait)
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
	for _, stop := range nodes[:b.Deaf] {
		stop(true)
	}
	out, err := set("100", 2*time.Second)
	r.Named = len(out.Missing)
	return r, err
}
