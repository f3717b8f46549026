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

// Files in which a Loader saves what is in force. After a restart they are used if later files, of a push or in the folder, can't be loaded.
const (
	savedPushed   = "templates.zip"        // the last push that could be loaded; empty if the folder's files count
	savedOwn      = "templates-own.zip"    // the folder's own files as they were last loaded
	savedPrevious = "templates-before.zip" // the first fallback of the set in force
	savedFailed   = "templates-failed"     // the revision of the last set that failed on a page
)

// saved is the directory of these files.
type saved struct {
	dir string // "" for none: nothing is saved
	log *slog.Logger
}

// load returns the source that a file holds, over the theme; nil if there is none, or it can't be loaded.
func (s saved) load(name string, theme files) *source {
	packed := s.read(name)
	if len(packed) == 0 {
		return nil
	}
	own, err := unpack(packed)
	if err == nil && len(own) > 0 {
		var set *Set
		set, err = newSet(own, theme)
		if err == nil {
			return &source{set, packed}
		}
	}
	if err != nil {
		s.log.Warn("templates that were in force before this process started can't be loaded", "file", name, "error", err)
	}
	return nil
}

func (s saved) read(name string) []byte {
	if s.dir == "" {
		return nil
	}
	body, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("what was kept of the templates can't be read", "error", err)
	}
	return body
}

// write saves body. It logs an error that it returns.
func (s saved) write(name string, body []byte) error {
	if s.dir == "" || bytes.Equal(s.read(name), body) {
		return nil
	}
	err := durable.WriteFile(filepath.Join(s.dir, name), body)
	if err != nil {
		s.log.Warn("the templates in force can't be kept on disk for a restart", "error", err)
	}
	return err
}

// failed returns the revision of the last set that is known to have failed on a page; "" for none.
func (s saved) failed() string { return strings.TrimSpace(string(s.read(savedFailed))) }
