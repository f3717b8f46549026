package node

import (
	"context"

	"vitrine/internal/metrics"
	"vitrine/internal/notify"
)

// Notify is the listener for notifications by HTTP.
type Notify struct {
	Addr  string // listen address; "" for none
	Token string // secret of POST /notify; "" refuses all requests to it
}

// addNotify follows the sources on NATS, and adds the listener if there is one. It returns its address, "" for none.
func (n *process) addNotify(cfg Notify) (string, error) {
	measured := metrics.NewNotify(n.metrics)
	r := notify.New(notify.Config{
		Catalog: n.catalog.Catalog, Head: n.head(n.ctx), Bus: n.bus, Log: n.log, Token: cfg.Token, Counted: measured.Counted,
		Heard: newHeard(n.ctx, n.bus.Bucket(MarksBucket), n.log).note,
	})
	n.start(func(ctx context.Context) error { return r.Follow(ctx, n.bus) })
	if cfg.Addr == "" {
		return "", nil
	}
	return n.listen("--notify", cfg.Addr, r.Server())
}
