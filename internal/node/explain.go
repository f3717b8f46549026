package node

import (
	"context"
	"time"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// Explained is what a page is served from now, and what is queued about its entity.
type Explained struct {
	detail.Explanation
	Queued  []bus.Queued `json:"queued,omitempty"`
	Unasked string       `json:"unasked,omitempty"` // why the queues were not looked at
}

// explainPatience is for how long an explanation waits for NATS.
const explainPatience = 3 * time.Second

// explain explains an entity or a page. Its errors are those of detail.Server.Explain.
func (n *process) explain(ctx context.Context, server *detail.Server, what string) (Explained, error) {
	x, err := server.Explain(ctx, what)
	out := Explained{Explanation: x}
	if err != nil {
		return out, err
	}
	e, err := item.ParseEntity(x.Entity)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	out.Queued, err = n.bus.Find(ctx, e)
	if err != nil {
		out.Unasked = redact.Text(err.Error())
	}
	return out, nil
}
