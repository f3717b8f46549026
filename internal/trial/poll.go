package trial

import (
	"context"
	"fmt"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/kv"
	"vitrine/internal/poller"
)

// poll makes the first request of a poll, and reads the answer as a turn does.
func (t *trial) poll(ctx context.Context, p *catalog.Poll) {
	what, at := "poll "+p.Name, func(key string) []string { return []string{"poll", p.Name, key} }
	tried, key, err := poller.Try(ctx, t.Client, t.Catalog, p, time.Now())
	switch {
	case key == "since":
		t.fail(what, at(key), tryJQ, "since: %v", err)
		return
	case err != nil:
		read, hint := why(p.List.From, err, key, fetchKey(p.List.Get))
		if key == "" {
			key = read
		}
		t.fail(what, at(key), hint, "%v", err)
		return
	}
	if differs := t.versions(tried); differs != "" {
		t.warn(what, at("items"), "the version of an item must be what the dimension's own version gives", "%s", differs)
		return
	}
	t.pass(what, "%d items on its first page%s", len(tried.Items), gives(tried))
}

// versions compares the versions that a list gives with those of records that were tried. A list that writes them otherwise
// would have everything announced each time.
func (t *trial) versions(tried poller.Tried) (differs string) {
	compared := 0
	for _, it := range tried.Items {
		r, there := t.records[kv.RecordKey{Entity: it.Change.Entity, Dimension: it.Change.Dimension}]
		switch {
		case !there || it.Version == "":
		case it.Version == r.Version:
			return ""
		default:
			compared++
			differs = fmt.Sprintf("all %d items that could be compared would be announced each time: %s is listed with the version %s, and its record of %s has %s",
				compared, it.Change.Entity, it.Version, it.Change.Dimension, r.Version)
		}
	}
	return differs
}

// gives tells what an answer names besides how many items, and what it was asked for.
func gives(tried poller.Tried) string {
	example := ""
	if len(tried.Items) > 0 {
		example = ", such as " + tried.Items[0].Change.Subject()
	}
	return told(" since ", tried.Since) + example + told("; mark ", tried.Mark) + told("; next cursor ", tried.Next)
}

// told is a text with what it introduces; nothing if there is none.
func told(before, value string) string {
	if value == "" {
		return ""
	}
	return before + value
}
