package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/redact"
	"vitrine/templates"
)

// acceptedFile stores when the templates that a process last accepted were pushed. templates.Loader stores the
// templates themselves.
const acceptedFile = "templates-pushed.json"

// accepted is what was last pushed and is in force in this process.
type accepted struct {
	Position bus.BucketPosition `json:"position"` // in the bucket; zero if nothing was accepted
	Since    time.Time          `json:"since"`    // when it was first pushed, by NATS's clock

	packed []byte
}

// TemplateFollowerConfig configures a TemplateFollower. All fields are required.
type TemplateFollowerConfig struct {
	Conn      *bus.Conn
	Templates *templates.Loader
	Dir       string    // state folder
	OnAck     func(Ack) // called with the result of each revision
	Log       *slog.Logger
}

// TemplateFollower hands pushed templates to a folder, and puts them back if their bucket was lost. If several
// processes do, the templates pushed last win, whichever process is first: what is put back has the time of its push.
type TemplateFollower struct {
	TemplateFollowerConfig
	bucket *bus.Bucket
	lost   chan struct{} // holds a mark when the bucket may lack what is in force here

	mu   sync.Mutex // guards last
	last accepted
}

// NewTemplateFollower makes a follower; Run drives it.
func NewTemplateFollower(c TemplateFollowerConfig) *TemplateFollower {
	f := &TemplateFollower{TemplateFollowerConfig: c, bucket: c.Conn.Bucket(TemplateBucket), lost: make(chan struct{}, 1)}
	body, err := os.ReadFile(filepath.Join(c.Dir, acceptedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return f
	}
	if err == nil {
		err = json.Unmarshal(body, &f.last)
	}
	if err != nil {
		c.Log.Warn("when the templates in force were pushed can't be read; they are not put back if NATS loses them", "error", err)
		f.last = accepted{}
	}
	f.last.packed = c.Templates.SavedPush()
	return f
}

// Run follows the bucket until ctx ends.
func (f *TemplateFollower) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(redact.Guard(func() error { return restore(ctx, "the templates that were lost", f.lost, f.Log, f.putBack) }))
	group.Go(redact.Guard(func() error { return f.follow(ctx) }))
	return group.Wait()
}

func (f *TemplateFollower) follow(ctx context.Context) error {
	return f.bucket.WatchAfter(ctx, f.accepted().Position, func(e bus.Entry) error {
		switch {
		case e.Reset:
			f.Log.Warn("the bucket of the templates was made anew; those in force stay, and are put back")
			mark(f.lost)
		case e.Key == TemplateKey:
			f.accept(e)
		}
		return nil
	})
}

func (f *TemplateFollower) accepted() accepted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// accept hands a revision to the folder, unless another process has put it back into a lost bucket and what is in force
// here was pushed later.
func (f *TemplateFollower) accept(e bus.Entry) {
	last := f.accepted()
	next := accepted{Position: bus.BucketPosition{Made: e.Made, Revision: e.Revision, Created: e.Created}, Since: e.Pushed, packed: e.Value}
	if at := templates.StampOf(e.Value); !at.IsZero() {
		if !e.Made.Equal(last.Position.Made) && at.Before(last.Since) {
			mark(f.lost)
			return
		}
		next.Since = at
	}
	f.Templates.Push(e.Value, func(err error) { f.acknowledge(e, next, err) })
}

// acknowledge records and reports the result of a revision.
func (f *TemplateFollower) acknowledge(e bus.Entry, next accepted, err error) {
	ack := Ack{Bucket: TemplateBucket, Key: TemplateKey, Revision: e.Revision, Made: e.Made}
	if err != nil {
		ack.Value, ack.Error = digest(f.accepted().packed), err.Error()
		f.OnAck(ack)
		return
	}
	f.mu.Lock()
	f.last = next
	f.mu.Unlock()
	ack.Value, ack.Note = digest(next.packed), f.Templates.Unsaved()
	if err := f.save(next); err != nil && ack.Note == "" {
		ack.Note = err.Error()
	}
	f.OnAck(ack)
}

func (f *TemplateFollower) save(next accepted) error {
	body, err := json.Marshal(next)
	if err == nil {
		err = durable.WriteFile(filepath.Join(f.Dir, acceptedFile), body)
	}
	if err != nil {
		f.Log.Warn("when the templates in force were pushed can't be kept on disk", "error", err)
	}
	return err
}

// putBack writes what is in force here into the bucket, unless what is there was pushed since, or later.
func (f *TemplateFollower) putBack(ctx context.Context) error {
	last := f.accepted()
	if last.Since.IsZero() {
		return nil
	}
	now, err := f.bucket.Get(ctx, TemplateKey)
	empty := errors.Is(err, bus.ErrNoEntry)
	if err != nil && !empty {
		return err
	}
	if at := templates.StampOf(now.Value); !empty && (at.IsZero() || !at.Before(last.Since)) {
		return nil
	}
	stamped, err := templates.Stamped(last.packed, last.Since)
	if err != nil {
		return err
	}
	if _, err := f.bucket.Carry(ctx, bus.Entry{Key: TemplateKey, Value: stamped, Pushed: last.Since}); err != nil {
		return fmt.Errorf("put the templates back: %w", err)
	}
	f.Log.Info("the templates in force were put back into NATS", "pushed", last.Since)
	return nil
}
