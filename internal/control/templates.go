package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/templates"
)

// The bucket of the templates, and its key.
const (
	TemplateBucket = "templates"
	TemplateKey    = "templates" // a packed folder
)

// HeadTemplates is the revision of the templates pushed last; 0 if none are in force.
func HeadTemplates(ctx context.Context, conn *bus.Conn) (uint64, error) {
	now, err := conn.Bucket(TemplateBucket).Get(ctx, TemplateKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return 0, fmt.Errorf("read which templates are in force: %w", err)
	}
	return now.Revision, nil
}

// PushedTemplates returns the set of the templates pushed last; nil if none are in force. It fails if NATS can't be asked, or as
// templates.LoadPacked does.
func PushedTemplates(ctx context.Context, conn *bus.Conn) (*templates.Set, error) {
	now, err := conn.Bucket(TemplateBucket).Get(ctx, TemplateKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return nil, fmt.Errorf("read the templates that were pushed: %w", err)
	}
	if len(now.Value) == 0 {
		return nil, nil
	}
	return templates.LoadPacked(now.Value)
}

// SpreadTemplates is PushTemplates, and waits until every present process that renders pages has the templates in
// force, or the time is over.
func SpreadTemplates(ctx context.Context, conn *bus.Conn, packed []byte, head uint64, wait time.Duration) (Spread, error) {
	return spread{
		conn: conn, bucket: TemplateBucket, key: TemplateKey, value: packed, expects: Member.rendersPages, wait: wait,
		put: func(ctx context.Context) (uint64, error) { return PushTemplates(ctx, conn, packed, head) },
	}.run(ctx)
}

// PagesRendered reports whether a process that renders pages is known, present or cut off.
func PagesRendered(ctx context.Context, conn *bus.Conn) (bool, error) {
	members, err := Members(ctx, conn)
	return slices.ContainsFunc(members, Member.rendersPages), err
}

// rendersPages reports whether a process has templates, or will have them once it has started.
func (m Member) rendersPages() bool {
	return m.Rendering != nil || m.Role == "detail" || m.Role == "up"
}

// PushTemplates puts packed templates in force, and gives their revision, unless others were pushed since head.
func PushTemplates(ctx context.Context, conn *bus.Conn, packed []byte, head uint64) (revision uint64, err error) {
	bucket := conn.Bucket(TemplateBucket)
	old, err := bucket.Head(ctx, TemplateKey)
	switch {
	case err != nil:
	case old.Revision != head && (head != 0 || !old.Deleted):
		err = item.ErrChanged
	default:
		revision, err = bucket.PushOver(ctx, old, packed)
	}
	switch {
	case errors.Is(err, item.ErrChanged):
		return 0, fmt.Errorf("somebody else pushed templates meanwhile, which are in force now (see: vitrine template list); push again to replace them: %w", err)
	case err != nil:
		return 0, fmt.Errorf("push the templates: %w", err)
	}
	return revision, nil
}
