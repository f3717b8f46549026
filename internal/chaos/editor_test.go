package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// editor changes a shop and announces the changes as a careful upstream does: it announces again what NATS did not
// acknowledge.
type editor struct {
	shop   *shop
	nats   string
	random *rand.Rand
	late   map[item.Change]bool

	products int // how many there may be
	keeps    int // how many of them, the first, are never deleted
	edits    int
}

// These constants are the size of a shop.
const (
	products = 150
	brands   = 8
)

// fill creates the shop's first products.
func (e *editor) fill() {
	for i := range brands {
		e.shop.putBrand(fmt.Sprint(i), fmt.Sprintf("Brand %d", i))
	}
	for i := range e.products - 10 {
		e.edit(i)
	}
}

// run edits a few products a second until ctx ends, and announces all edits.
func (e *editor) run(ctx context.Context) {
	for ctx.Err() == nil {
		for range 1 + e.random.IntN(4) {
			e.change()
		}
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		e.announce(short)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(150 * time.Millisecond):
		}
	}
}

// change makes one random edit. It leaves a product alone for a while after an edit.
func (e *editor) change() {
	if e.random.IntN(20) == 0 {
		id := fmt.Sprint(e.random.IntN(brands))
		e.shop.putBrand(id, fmt.Sprintf("Brand %s, %d", id, e.random.IntN(1e6)))
		e.late[item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "brand", ID: id}, Dimension: "brand"}] = true
		return
	}
	if i := e.random.IntN(e.products); e.shop.idle(oddID(i)) > 10*time.Second {
		e.edit(i)
	}
}

// edit changes, deletes or creates a product. It does not use the refresh lane. That lane is for announcing
// everything, changed or not, and grants no second look, so that a lagging replica would have the last word.
func (e *editor) edit(i int) {
	id, n := oddID(i), e.random.IntN(10)
	e.shop.put(id, func(p *product) {
		p.Title, p.Price, p.Stock = fmt.Sprintf("Product %d.%d", i, p.Version), e.random.IntN(1e6), e.random.IntN(100)
		p.Brand = fmt.Sprint(e.random.IntN(brands))
		p.Gone = n == 0 && i >= e.keeps
	})
	e.edits++
	e.late[item.Change{Lane: item.Lanes()[n%2], Entity: item.Entity{Kind: "sku", ID: id}, Dimension: item.All}] = true
}

// announce publishes the announcements that are due. They stay due if that fails.
func (e *editor) announce(ctx context.Context) error {
	if len(e.late) == 0 {
		return nil
	}
	conn, err := bus.Dial(ctx, bus.Config{URL: e.nats, Name: "editor", Log: quiet()})
	if err != nil {
		return err
	}
	defer conn.Close()
	var due []item.Change
	for c := range e.late {
		due = append(due, c)
	}
	if err := conn.PublishChanges(ctx, due, bus.PublishOptions{Everywhere: true}); err != nil {
		return err
	}
	clear(e.late)
	return nil
}
