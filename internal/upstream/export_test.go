package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// Keeper is a keeper with a clock that a test controls.
type Keeper struct{ k *keeper }

// NewKeeper makes a keeper of what renew gives.
func NewKeeper(_ context.Context, renew func(context.Context) (string, time.Duration, error)) Keeper {
	return Keeper{&keeper{
		upstream: "shop", timeout: time.Minute, log: slog.New(slog.DiscardHandler), renewals: &sync.WaitGroup{},
		renew: func(ctx context.Context) (token, error) {
			text, life, err := renew(ctx)
			return token{text, life}, err
		},
	}}
}

// Door is a door with a clock that a test controls.
type Door struct{ d *door }

// NewDoor makes a door.
func NewDoor() Door { return Door{newDoor()} }

// Enter is door.enter.
func (d Door) Enter(ctx context.Context, u *catalog.Upstream, p *catalog.Pool, lane item.Lane) (leave func(), err error) {
	return d.d.enter(ctx, u, p, lane)
}

// Current is keeper.current.
func (k Keeper) Current(ctx context.Context) (string, error) { return k.k.current(ctx) }

// Replace is keeper.replace.
func (k Keeper) Replace(ctx context.Context, refused string) (string, error) {
	return k.k.replace(ctx, refused)
}
