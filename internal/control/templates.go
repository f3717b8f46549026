package control

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/templates"
)

// The bucket of the templates, and its key.
const (
	TemplateBucket = "templates"
	TemplateKey    = "templates" // a packed folder
)

const templateFile = "templates.zip"

// FollowTemplates hands pushed templates to a folder until ctx ends, and keeps them in dir for a start while NATS is away.
func FollowTemplates(ctx context.Context, conn *bus.Conn, folder *templates.Folder, dir string, log *slog.Logger) error {
	file := filepath.Join(dir, templateFile)
	if kept, err := os.ReadFile(file); err == nil {
		folder.Push(kept)
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the templates that were pushed can't be read", "error", err)
	}
	return conn.Bucket(TemplateBucket).Watch(ctx, func(e bus.Entry) error {
		if e.Key != TemplateKey || e.Reset {
			return nil
		}
		folder.Push(e.Value) // of a deleted entry: nothing, which gives the folder its place back
		if err := durable.WriteFile(file, e.Value); err != nil {
			log.Warn("pushed templates can't be kept on disk", "error", err)
		}
		return nil
	})
}
