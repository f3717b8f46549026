package control

import (
	"context"
	"errors"
	"fmt"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/templates"
)

// The bucket of the templates, and its key.
const (
	TemplateBucket = "templates"
	TemplateKey    = "templates" // a packed folder
)

// FollowTemplates hands pushed templates to a folder until ctx ends.
func FollowTemplates(ctx context.Context, conn *bus.Conn, folder *templates.Folder) error {
	return conn.Bucket(TemplateBucket).Watch(ctx, func(e bus.Entry) error {
		if e.Key == TemplateKey && !e.Reset {
			folder.Push(e.Value) // of a deleted entry: nothing, which gives the folder its place back
		}
		return nil
	})
}

// HeadTemplates is the revision of the templates that were pushed last; 0 where none are in force.
func HeadTemplates(ctx context.Context, conn *bus.Conn) (uint64, error) {
	now, err := conn.Bucket(TemplateBucket).Get(ctx, TemplateKey)
	if err != nil && !errors.Is(err, bus.ErrNoEntry) {
		return 0, fmt.Errorf("read which templates are in force: %w", err)
	}
	return now.Revision, nil
}

// PushTemplates puts packed templates in force, and gives their revision; unless others were pushed since head was.
func PushTemplates(ctx context.Context, conn *bus.Conn, packed []byte, head uint64) (revision uint64, err error) {
	bucket := conn.Bucket(TemplateBucket)
	if head == 0 {
		revision, err = bucket.Create(ctx, TemplateKey, packed)
	} else {
		revision, err = bucket.Update(ctx, TemplateKey, packed, head)
	}
	switch {
	case errors.Is(err, item.ErrChanged):
		return 0, fmt.Errorf("somebody else pushed templates meanwhile, which are in force now (see: vitrine template list); push again to replace them: %w", err)
	case err != nil:
		return 0, fmt.Errorf("push the templates: %w", err)
	}
	return revision, nil
}
