package templates

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"vitrine/internal/durable"
)

// What a Folder keeps on disk, so that a restart finds what was in force, though what was pushed since, or the folder's
// files as they stand by now, can't be loaded.
const (
	keptPushed = "templates.zip"        // what was pushed last and could be loaded; no bytes where the folder counts
	keptOwn    = "templates-own.zip"    // the folder's own files as they were loaded last
	keptBefore = "templates-before.zip" // the set that stands in for the one in force
	keptFailed = "templates-failed"     // the revision of the set in force, if it has failed on a page
)

// kept is the folder that these files are in; "" for none.
type kept struct {
	dir string
	log *slog.Logger
}

// load gives the set of a file over the theme, and its bytes; nil where there is none that can be loaded.
func (k kept) load(name string, theme files) *source {
	packed := k.read(name)
	if len(packed) == 0 {
		return nil
	}
	own, err := unpack(packed)
	if err == nil && len(own) > 0 {
		var set *Set
		if set, err = newSet(own, theme); err == nil {
			return &source{set, packed}
		}
	}
	if err != nil {
		k.log.Warn("templates that were in force before this process started can't be loaded", "file", name, "error", err)
	}
	return nil
}

func (k kept) read(name string) []byte {
	if k.dir == "" {
		return nil
	}
	body, err := os.ReadFile(filepath.Join(k.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("what was kept of the templates can't be read", "error", err)
	}
	return body
}

func (k kept) write(name string, body []byte) {
	if k.dir == "" || bytes.Equal(k.read(name), body) {
		return
	}
	if err := durable.WriteFile(filepath.Join(k.dir, name), body); err != nil {
		k.log.Warn("the templates in force can't be kept on disk for a restart", "error", err)
	}
}

// failed is the revision of the set that is known to fail on pages; "" for none.
func (k kept) failed() string { return strings.TrimSpace(string(k.read(keptFailed))) }
