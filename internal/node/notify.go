package node

import (
	"vitrine/internal/metrics"
	"vitrine/internal/notify"
)

// Notify is the listener for notifications by HTTP.
type Notify struct {
	Addr  string // listen address; "" for none
	Token string // secret of POST /notify; "" refuses all requests to it
}

// addNotify adds the listener, and its metrics also where there is none. It returns its address, "" for none.
func (n *process) addNotify(cfg Notify) (string, error) {
	measured := metrics.NewNotify(n.metrics)
	if cfg.Addr == "" {
		return "", nil
	}
	r := notify.New(notify.Config{
		Catalog: n.catalog.Catalog, Head: n.head(n.ctx), Bus: n.bus, Log: n.log, Token: cfg.Token, Counted: measured.Counted,
	})
	return n.listen("--notify", cfg.Addr, r.Server())
}
