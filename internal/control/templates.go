package control

import (
	"context"

	"vitrine/internal/bus"
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
