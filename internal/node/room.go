package node

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/redact"
)

// Room is a process of one role in a data centre, with the addresses of its Redis and NATS.
type Room struct {
	Config
	NATS    string     // URL
	Access  bus.Config // how to log in to NATS; its URL, Name and Log are not looked at
	Records string     // URLs of Redis
	Blobs   string
	Admin   string            // listen address
	Notify  Notify            // of heterog
	Rooms   map[string]string // URL of the NATS of each room of the shop, by name; empty if there is only one
}

// Addresses are the base URLs of a process; "" is none.
type Addresses struct {
	Pages, Admin, NATS string
	Shop               string // the demo's back office
	Notify             string
}

// RunHeterog turns changes into records until ctx ends. It calls started with its admin address.
func (r Room) RunHeterog(ctx context.Context, started func(Addresses)) error {
	listen := func(n *process) (string, error) { return n.addNotify(r.Notify) }
	work := func(n *process, ctx context.Context) error { return n.runHeterog(ctx, r.others()) }
	return r.runWorker(ctx, listen, work, started)
}

// RunSyncer folds records into blobs until ctx ends. It calls started with its admin address.
func (r Room) RunSyncer(ctx context.Context, started func(Addresses)) error {
	silent := func(*process) (string, error) { return "", nil }
	return r.runWorker(ctx, silent, (*process).runSyncer, started)
}

// runWorker runs a role that can't work without NATS, and waits for NATS without limit. listen adds the role's listener for
// notifications, if it has one.
func (r Room) runWorker(ctx context.Context, listen func(*process) (string, error), work func(*process, context.Context) error, started func(Addresses)) error {
	var early *earlyAdmin
	first := func(n *process) (err error) {
		waits := fmt.Sprintf("starting: waits until NATS at %s answers and has its streams; the log says what is wrong", redact.Text(r.NATS))
		early, err = n.listenEarly(r.Admin, waits)
		return err
	}
	return r.run(ctx, first, func(n *process) error {
		n.measureQueues(r.Role)
		notify, err := listen(n)
		if err != nil {
			return err
		}
		n.start(func(ctx context.Context) error { return work(n, ctx) })
		early.open(n.readyToWork)
		started(Addresses{Admin: early.addr, Notify: notify})
		return nil
	})
}

// RunDetail serves pages until ctx ends. It calls started with its addresses.
func (r Room) RunDetail(ctx context.Context, pages Pages, started func(Addresses)) error {
	nothing := func(*process) error { return nil }
	pages.others = slices.Sorted(maps.Keys(r.others()))
	return r.run(ctx, nothing, func(n *process) error {
		shown, err := n.addDetail(pages)
		if err == nil {
			started(shown)
		}
		return err
	})
}

// run runs a role that needs the room's stores; add adds its agents. first is called before anything is waited for.
func (r Room) run(ctx context.Context, first, add func(*process) error) error {
	n, err := newProcess(ctx, r.Config)
	if err != nil {
		return err
	}
	defer n.close()
	reads := r.Role == "detail"
	n.standsAlone = reads
	if err := first(n); err != nil {
		return err
	}
	if err := n.connect(ctx, r.bus()); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it waited
		}
		return err
	}
	if err := n.useRedis(ctx, r.Records, r.Blobs, !reads); err != nil {
		return err
	}
	if err := add(n); err != nil {
		return err
	}
	return n.run(ctx, nil)
}

func (r Room) bus() bus.Config {
	cfg := r.Access
	cfg.URL = r.NATS
	cfg.Name = "vitrine " + r.Role + " " + r.Config.Room
	cfg.Log = r.Log
	cfg.Away = true
	return cfg
}

// RunFront has an nginx follow the switches until ctx ends. It sets cfg's Panel and Log, and calls started with its
// admin address.
func (r Room) RunFront(ctx context.Context, cfg control.FrontConfig, started func(Addresses)) error {
	n, err := newProcess(ctx, r.Config)
	if err != nil {
		return err
	}
	defer n.close()
	n.standsAlone = true
	cfg.Panel = n.switches
	cfg.Log = n.log
	f := control.NewFront(cfg)
	n.board.ObeyedBy(f.Obey)
	n.switches.OnChange(f.Wake)
	if err := n.connect(ctx, r.bus()); err != nil {
		return err
	}
	n.start(f.Run)
	if err := n.addAdmin(r.Admin, n.readyToObey, started); err != nil {
		return err
	}
	return n.run(ctx, nil)
}

// addAdmin adds the admin listener of a process without pages.
func (n *process) addAdmin(addr string, ready func() (note string, err error), started func(Addresses)) error {
	a := newAdmin(n)
	a.ready = ready
	shown, err := n.listen("--admin", addr, a.server())
	if err != nil {
		return err
	}
	started(Addresses{Admin: shown})
	return nil
}
