package cli

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/node"
	"vitrine/internal/pause"
)

// ownAdmin asks an admin listener what a refresh announces, and takes the answers of processes at the refresh's own NATS only: at the
// default address another shop's process may answer.
type ownAdmin struct {
	addr string
	conn *bus.Conn
	own  string // the last process that was found to be at that NATS
}

// entities is a page of the entities in the store.
func (a *ownAdmin) entities(ctx context.Context, cursor string) (entities []item.Entity, next string, err error) {
	var page node.StoredPage
	if err := askAdmin(ctx, a.addr, "/entities?"+url.Values{"cursor": {cursor}}.Encode(), &page); err != nil {
		return nil, "", err
	}
	if err := a.check(ctx, page.Process); err != nil {
		return nil, "", err
	}
	for _, text := range page.Entities {
		e, err := item.ParseEntity(text)
		if err != nil {
			return nil, "", err
		}
		entities = append(entities, e)
	}
	return entities, page.Next, nil
}

// related is a page of the relation index.
func (a *ownAdmin) related(ctx context.Context, q url.Values) (page node.RelatedPage, err error) {
	if err := askAdmin(ctx, a.addr, "/related?"+q.Encode(), &page); err != nil {
		return page, err
	}
	return page, a.check(ctx, page.Process)
}

// joins is how long a process may take to report itself at its NATS.
const joins = 3 * time.Second

// check reports, by an error, a process that is not at the refresh's NATS.
func (a *ownAdmin) check(ctx context.Context, process string) error {
	if process == "" {
		return fmt.Errorf("the process at the admin listener %s does not say who it is: is it of an earlier version?", a.addr)
	}
	for began := time.Now(); process != a.own; {
		members, err := control.Members(ctx, a.conn)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(members, func(m control.Member) bool { return m.Qualified() == process }):
			a.own = process
			return nil
		case time.Since(began) > joins:
			return fmt.Errorf("at the admin listener %s is %s, which is none of the processes at --nats (vitrine switch nodes lists those): it may be another shop's", a.addr, process)
		}
		if err := pause.For(ctx, joins/10); err != nil {
			return err
		}
	}
	return nil
}
