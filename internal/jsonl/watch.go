package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// Settle is how long a file must stay unchanged before it is read again.
	Settle = 250 * time.Millisecond
	// Poll is the interval at which the file is checked if the file system reports no changes: network mounts, links
	// whose target is elsewhere.
	Poll = 2 * time.Second
)

var errEmpty = errors.New("the file is empty: taken for one that is being written")

// Watch reads the file again whenever it was rewritten, in place or by renaming another over it, and
// calls changed with the ids that differ, in lexical order, after the new rows are served. It begins with what differs
// from what an earlier process notified of: see Remember. If changed fails, Watch logs the error and calls it again later, with
// what differs by then. Watch returns nil when ctx ends. A Table takes one Watch.
func (t *Table) Watch(ctx context.Context, changed func(ids []string) error) error {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", t.spec.Name, err)
	}
	defer events.Close()
	// The directory, not the file: a rename would leave the watch on the file that it replaced.
	if err := events.Add(filepath.Dir(t.spec.Path)); err != nil {
		return fmt.Errorf("watch %s: %w", t.spec.Name, err)
	}
	poll := time.NewTicker(Poll)
	defer poll.Stop()
	settled := time.NewTimer(0) // the file may have been rewritten between Open and here
	defer settled.Stop()

	now := t.now.Load()
	seen, pending := now.file, now.file
	notified := t.notified // the rows of which changed was notified
	if notified == nil {
		notified = now
		t.saveNotified(notified)
	}
	notified = t.notify(notified, changed)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-events.Errors:
			t.log.Warn("watch", "err", err)
		case <-events.Events:
			pending = t.look(seen, pending, settled)
		case <-poll.C:
			pending = t.look(seen, pending, settled)
			notified = t.notify(notified, changed)
		case <-settled.C:
			now := t.stat()
			switch {
			case same(now, seen):
				pending = now
			case !same(now, pending):
				pending = now
				settled.Reset(Settle)
			default:
				seen = now // valid or not, it is read once
				t.reload(ctx)
				notified = t.notify(notified, changed)
			}
		}
	}
}

// look starts the timer when the file has changed, and restarts it at each further change.
func (t *Table) look(seen, pending fs.FileInfo, settled *time.Timer) fs.FileInfo {
	now := t.stat()
	if !same(now, seen) && !same(now, pending) {
		settled.Reset(Settle)
	}
	return now
}

// reload serves the rows of the file as it is now, or logs why it can't.
func (t *Table) reload(ctx context.Context) {
	now, err := t.load(ctx)
	if err == nil && now.file.Size() == 0 && t.Len() > 0 {
		err = errEmpty
	}
	if err != nil {
		t.log.Error("rewritten file not taken, the old rows stay", "err", err)
		return
	}
	t.now.Store(now)
	t.log.Info("rewritten file taken", "rows", len(now.ids))
}

// notify calls changed with the ids that differ from the rows last notified of. It returns the rows notified of now.
func (t *Table) notify(notified *snapshot, changed func(ids []string) error) *snapshot {
	now := t.now.Load()
	if now == notified {
		return notified
	}
	if ids := differ(notified, now); len(ids) > 0 {
		if err := changed(ids); err != nil {
			t.log.Warn("changed rows not notified of yet", "rows", len(ids), "err", err)
			return notified
		}
		t.saveNotified(now)
	}
	return now
}

// stat is nil if there is no file.
func (t *Table) stat() fs.FileInfo {
	info, err := os.Stat(t.spec.Path)
	if err != nil {
		return nil
	}
	return info
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
