package templates

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"
)

// Look is how often a Folder looks at its files. Looking costs a stat of each.
const Look = 250 * time.Millisecond

// Folder keeps the set of a shop's folder over the theme, and loads it anew when a file changes.
type Folder struct {
	dir   string // "" for the theme alone
	theme fs.FS
	log   *slog.Logger

	pushed chan []byte // the newest that was pushed and not looked at

	now    atomic.Pointer[Set]
	alone  *Set                   // the theme
	behind atomic.Pointer[[]*Set] // stand in for the one in force, in order
	broken atomic.Pointer[string] // why the files as they stand are not in force; nil where they are
}

// OpenFolder loads the folder, which need not exist yet. Files that can't be loaded are an error here;
// later, the last good set stays in force.
func OpenFolder(dir string, log *slog.Logger) (*Folder, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, theme: theme, log: log, pushed: make(chan []byte, 1)}
	set, err := f.load(nil)
	if err != nil {
		return nil, err
	}
	if f.alone, err = Load(nil, theme); err != nil {
		return nil, err
	}
	f.now.Store(set)
	f.behind.Store(&[]*Set{f.alone})
	return f, nil
}

// Set is the one in force.
func (f *Folder) Set() *Set { return f.now.Load() }

// StandIns are the sets for pages on which the one in force fails: the last that was in force before it and did not fail
// on any page, if there is one, and the theme.
func (f *Folder) StandIns() []*Set { return *f.behind.Load() }

// Broken tells why the files as they stand are not in force, with file and line; "" where they are.
func (f *Folder) Broken() string {
	if why := f.broken.Load(); why != nil {
		return *why
	}
	return ""
}

// Push puts a set that Pack made in the place of the folder; one without files gives the place back. Run takes it.
func (f *Folder) Push(packed []byte) {
	for {
		select {
		case f.pushed <- packed:
			return
		default:
		}
		select {
		case <-f.pushed: // an older one
		default:
		}
	}
}

// Candidate is the set that would be in force if packed were pushed.
func (f *Folder) Candidate(packed []byte) (*Set, error) { return f.load(packed) }

// Run looks at the files until ctx ends. A change is loaded once the files have stood still between two looks.
func (f *Folder) Run(ctx context.Context) error {
	look := time.NewTicker(Look)
	defer look.Stop()
	var packed []byte
	loaded := "" // load once more: they may have changed since OpenFolder
	seen := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case packed = <-f.pushed:
			f.reload(packed)
			continue
		case <-look.C:
		}
		face := f.face()
		if face != loaded && face == seen {
			loaded = face
			f.reload(packed)
		}
		seen = face
	}
}

func (f *Folder) reload(packed []byte) {
	set, err := f.load(packed)
	if err != nil {
		why := err.Error()
		f.broken.Store(&why)
		f.log.Error("templates not taken; the last good ones stay", "dir", f.dir, "error", err)
		return
	}
	f.broken.Store(nil)
	if was := f.Set(); set.Revision() != was.Revision() {
		if len(was.Faults()) == 0 {
			f.behind.Store(&[]*Set{was, f.alone})
		}
		f.now.Store(set)
		f.log.Info("templates in force", "dir", f.dir, "revision", set.Revision())
	}
}

// load makes the set of what was pushed, or else of the folder.
func (f *Folder) load(packed []byte) (*Set, error) {
	var shop fs.FS
	if len(packed) > 0 {
		var err error
		if shop, err = unpack(packed); err != nil {
			return nil, err
		}
	}
	if shop == nil && f.dir != "" {
		if _, err := os.Stat(f.dir); err == nil {
			shop = os.DirFS(f.dir)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read templates: %w", err)
		}
	}
	set, err := Load(shop, f.theme)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	return set, nil
}

// face is names, sizes and times of all files: it differs when one was changed.
func (f *Folder) face() string {
	var b strings.Builder
	for _, dir := range []string{"", assetDir} {
		entries, err := os.ReadDir(path.Join(f.dir, dir))
		if err != nil {
			fmt.Fprintf(&b, "%q %v\n", dir, errors.Is(err, fs.ErrNotExist))
		}
		for _, e := range entries {
			if info, err := os.Stat(path.Join(f.dir, dir, e.Name())); err == nil && !info.IsDir() {
				fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
