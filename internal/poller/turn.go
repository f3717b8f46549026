package poller

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/lineage"
	"vitrine/internal/upstream"
)

// turn is one poll under way.
type turn struct {
	*Poller
	cat   *catalog.Catalog
	poll  *catalog.Poll
	note  Note
	began time.Time
	cost  Cost
	anew  bool // the position was refused, and the whole list was announced

	seed   maphash.Seed
	listed map[uint64]struct{} // hashes of the ids that a whole list has
}

// save stores how far the turn has come.
func (t *turn) save(ctx context.Context) error { return t.write(ctx, t.poll, &t.note) }

// anewLeast is the shortest time between two walks of the whole list because of a refused position: an upstream that
// refuses every position must not be asked for everything each time.
const anewLeast = time.Hour

// run polls. Its errors wrap item.ErrChanged if another process has taken the turn.
func (t *turn) run(ctx context.Context) error {
	if !t.poll.Whole && !t.note.Begun {
		if err := t.begin(ctx); err != nil {
			return err
		}
	}
	err := t.pages(ctx)
	if !errors.Is(err, upstream.ErrPosition) || t.poll.Whole || t.began.Sub(t.note.Anew).Abs() < anewLeast {
		return err
	}
	t.Log.Warn("the upstream refuses the position of a poll: the whole list is announced, and the poll begins anew", "poll", t.poll.Name, "error", err)
	t.anew = true
	t.note.Anew = t.began
	if err := t.begin(ctx); err != nil {
		return err
	}
	return t.pages(ctx)
}

// begin sets the position at which a poll begins, and then announces all that the upstream lists: what changed before is
// in no later answer. Of an empty store nothing is announced, since its first fill is under way.
func (t *turn) begin(ctx context.Context) error {
	position := string(t.poll.Start)
	if position == "" && !t.poll.Feed() {
		position = quote(t.Clock())
	}
	empty, err := kv.IsEmpty(ctx, t.Records)
	if err != nil {
		return err
	}
	switch {
	case empty && !t.anew:
	case t.poll.Kind.List == nil:
		t.Log.Warn("a poll begins, and its kind has no list: what changed before is found by vitrine refresh only", "poll", t.poll.Name, "kind", t.poll.Kind.Name)
	default:
		err = lineage.EachListed(ctx, t.Upstream, t.poll.Kind, "", func(page lineage.Listed) error {
			t.cost.Requests++
			changes := make([]item.Change, len(page.Entities))
			for i, e := range page.Entities {
				changes[i] = item.Change{Lane: item.Refresh, Entity: e, Dimension: t.poll.Dimension}
			}
			t.cost.Items += len(changes)
			return t.announce(ctx, changes)
		})
		if err != nil {
			return err
		}
	}
	t.note.Position = position
	t.note.Begun = true
	return t.save(ctx)
}

// pages asks for one page after the other, and announces what each one lists. The position moves at the end, that of a
// feed after each page.
func (t *turn) pages(ctx context.Context) error {
	at := upstream.Position{}
	if t.poll.Feed() {
		at.Cursor = t.note.Position
	} else if !t.poll.Whole {
		var err error
		at.Since, err = since(t.poll, t.note.Position)
		if err != nil {
			return fmt.Errorf("since: %w", err)
		}
	}
	mark := t.note.Position
	t.seed = maphash.MakeSeed()
	t.listed = map[uint64]struct{}{}
	asked := map[string]bool{}
	for {
		listed, reached, next, err := t.page(ctx, at)
		if err != nil {
			return err
		}
		mark = later(mark, reached, t.began)
		ended := next == "" || next == at.Cursor
		if t.poll.Feed() {
			ended = ended || listed == 0
			if next != "" {
				t.note.Position = next
			}
			if err := t.save(ctx); err != nil {
				return err
			}
		}
		if ended {
			break
		}
		if asked[next] {
			return fmt.Errorf("%w: the upstream gave the cursor %.80q twice", item.ErrRefused, next)
		}
		asked[next] = true
		at.Cursor = next
	}
	return t.finish(ctx, mark)
}

// finish does what follows when all pages are announced.
func (t *turn) finish(ctx context.Context, mark string) error {
	switch {
	case t.poll.Whole:
		return t.absent(ctx)
	case !t.poll.Feed() && t.poll.Mark != nil:
		t.note.Position = mark
	case !t.poll.Feed():
		t.note.Position = quote(t.began)
	}
	return nil
}

// page asks for one page and announces what it lists. It returns the number of its items, and the mark and the cursor that
// it gives.
func (t *turn) page(ctx context.Context, at upstream.Position) (listed int, mark, next string, err error) {
	t.cost.Requests++
	answer, err := t.Upstream.Page(ctx, t.poll.List, at)
	if err != nil {
		return 0, "", "", err
	}
	r, err := read(t.cat, t.poll, answer)
	if err != nil {
		return 0, "", "", err
	}
	if r.refused > 0 {
		t.Log.Warn("a poll lists items that can't be announced; they are left out", "poll", t.poll.Name, "items", r.refused, "first", r.first)
	}
	t.cost.Items += len(r.items)
	changes, err := t.differing(ctx, r.items)
	if err != nil {
		return 0, "", "", err
	}
	return len(r.items) + r.refused, r.mark, r.next, t.announce(ctx, changes)
}

// announce returns when NATS holds the changes.
func (t *turn) announce(ctx context.Context, changes []item.Change) error {
	if err := t.Bus.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	t.cost.Changes += len(changes)
	return nil
}

// end stores what became of the turn, and returns how long it is until the next one. It returns failed, and the error of
// NATS if it can't be stored: the turn is then taken again.
func (t *turn) end(ctx context.Context, failed error) (time.Duration, error) {
	now := t.Clock()
	outcome := Done
	t.note.Failures++
	if failed == nil {
		t.note.Failures = 0
		t.note.Error = ""
		t.note.Done = now
	} else {
		outcome = Failed
		t.note.Error = item.Clip(failed.Error(), 500)
	}
	if t.anew {
		t.Counted(t.poll.Name, Anew, Cost{})
	}
	wait := pauseAfter(t.poll, t.note.Failures)
	t.note.Next = now.Add(wait)
	t.note.Cost = t.note.Cost.plus(t.cost, t.began)
	t.Counted(t.poll.Name, outcome, t.cost)
	err := t.write(ctx, t.poll, &t.note)
	if lost(err) {
		return wait, failed // another process has taken the turn over
	}
	return wait, errors.Join(failed, err)
}
