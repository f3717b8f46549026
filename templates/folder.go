package templates

import (
	"bytes"
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

// Folder keeps the set of a shop's folder over the theme, and loads it anew when a file changes. What was pushed takes
// the place of the folder's files. What can't be loaded leaves the last good set in force, over restarts too.
type Folder struct {
	dir   string // "" for the theme alone
	theme files
	kept  kept
	log   *slog.Logger

	pushes chan []byte // holds the newest that was pushed and not looked at

	now    atomic.Pointer[source]
	alone  *Set                   // the theme
	behind atomic.Pointer[[]*Set] // stand in for the one in force, in order
	broken atomic.Pointer[string] // why the files as they stand are not in force; nil where they are

	// Of Run alone, once it has begun.
	pushed []byte // what was pushed last, whether or not it can be loaded
	failed string // revision of the last set that is known to have failed on a page
}

// source is a set and the shop's files that it is made of, packed.
type source struct {
	set    *Set
	packed []byte // no bytes for the theme alone
}

// OpenFolder loads what was in force when an earlier process kept its templates in the folder keep ("" for nowhere), if that
// was pushed; else the folder dir, which need not exist. Files that can't be loaded are an error where nothing is kept that
// was in force before.
func OpenFolder(dir, keep string, log *slog.Logger) (*Folder, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, kept: kept{keep, log}, log: log, pushes: make(chan []byte, 1)}
	if f.theme, err = readFiles(theme); err != nil {
		return nil, fmt.Errorf("read the theme: %w", err)
	}
	if f.alone, err = newSet(nil, f.theme); err != nil {
		return nil, err
	}
	now, err := f.begin()
	if err != nil {
		return nil, err
	}
	f.now.Store(now)
	behind := []*Set{f.alone}
	if before := f.kept.load(keptBefore, f.theme); before != nil {
		behind = []*Set{before.set, f.alone}
	}
	f.behind.Store(&behind)
	f.failed = f.kept.failed()
	return f, nil
}

// begin is what is in force at a start.
func (f *Folder) begin() (*source, error) {
	if now := f.kept.load(keptPushed, f.theme); now != nil {
		f.pushed = now.packed
		return now, nil
	}
	now, err := f.load(nil)
	if err == nil {
		return now, nil
	}
	last := f.kept.load(keptOwn, f.theme)
	if last == nil {
		return nil, err
	}
	f.breaks(err)
	return last, nil
}

// Set is the one in force.
func (f *Folder) Set() *Set { return f.now.Load().set }

// Fallbacks are the sets for pages on which the one in force fails: the last that was in force before it and did not fail
// on any page, if there is one, and the theme.
func (f *Folder) Fallbacks() []*Set { return *f.behind.Load() }

// Broken tells why the files as they stand are not in force, with file and line; "" where they are.
func (f *Folder) Broken() string {
	if why := f.broken.Load(); why != nil {
		return *why
	}
	return ""
}

// Push puts a set that PackFolder made in the place of the folder; one without files gives the place back. Run takes it.
func (f *Folder) Push(packed []byte) {
	for {
		select {
		case f.pushes <- packed:
			return
		default:
		}
		select {
		case <-f.pushes: // an older one
		default:
		}
	}
}

// Candidate is the set that would be in force if packed were pushed.
func (f *Folder) Candidate(packed []byte) (*Set, error) {
	next, err := f.load(packed)
	if err != nil {
		return nil, err
	}
	return next.set, nil
}

// Run looks at the files until ctx ends. A change is loaded once the files have stood still between two looks.
func (f *Folder) Run(ctx context.Context) error {
	look := time.NewTicker(Look)
	defer look.Stop()
	loaded := "" // load once more: they may have changed since OpenFolder
	seen := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case f.pushed = <-f.pushes:
			f.reload()
			continue
		case <-look.C:
		}
		f.noteFailure()
		face := f.face()
		if face != loaded && face == seen {
			loaded = face
			f.reload()
		}
		seen = face
	}
}

func (f *Folder) reload() {
	next, err := f.load(f.pushed)
	if err != nil {
		f.breaks(err)
		return
	}
	f.broken.Store(nil)
	f.keep(next)
	was := f.now.Load()
	if next.set.Revision() == was.set.Revision() {
		return
	}
	f.noteFailure()
	if was.set.Revision() != f.failed {
		f.behind.Store(&[]*Set{was.set, f.alone})
		f.kept.write(keptBefore, was.packed)
	}
	f.now.Store(next)
	f.log.Info("templates in force", "dir", f.dir, "revision", next.set.Revision())
}

// breaks tells why the files as they stand are not taken.
func (f *Folder) breaks(err error) {
	why := err.Error()
	f.broken.Store(&why)
	f.log.Error("templates not taken; the last good ones stay", "dir", f.dir, "error", err)
}

// noteFailure remembers, over a restart too, that the set in force has failed on a page: it is none to stand in for another.
func (f *Folder) noteFailure() {
	now := f.Set()
	if now.Revision() != f.failed && len(now.Faults()) > 0 {
		f.failed = now.Revision()
		f.kept.write(keptFailed, []byte(f.failed+"\n"))
	}
}

// keep has a restart find what could be loaded.
func (f *Folder) keep(s *source) {
	if len(f.pushed) > 0 && bytes.Equal(f.pushed, s.packed) {
		f.kept.write(keptPushed, f.pushed)
		return
	}
	f.kept.write(keptPushed, nil)
	f.kept.write(keptOwn, s.packed)
}

// load makes the set of what was pushed, or else of the folder.
func (f *Folder) load(packed []byte) (*source, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	if len(own) == 0 {
		if own, packed, err = f.read(); err != nil {
			return nil, fmt.Errorf("read templates: %w", err)
		}
	}
	set, err := newSet(own, f.theme)
	if err != nil {
		return nil, fmt.Errorf("load templates: %w", err)
	}
	return &source{set, packed}, nil
}

// read gives the folder's own files, and the same packed.
func (f *Folder) read() (own files, packed []byte, err error) {
	if f.dir == "" {
		return nil, nil, nil
	}
	own, err = readFolder(f.dir)
	if err == nil && len(own) > 0 {
		packed, err = own.pack()
	}
	return own, packed, err
}

// face is names, sizes and times of all files: it differs when one was changed.
func (f *Folder) face() string {
	var b strings.Builder
	files := 0
	for _, dir := range []string{"", assetDir} {
		entries, err := os.ReadDir(path.Join(f.dir, dir))
		if err != nil {
			fmt.Fprintf(&b, "%q %v\n", dir, errors.Is(err, fs.ErrNotExist))
		}
		for _, e := range entries {
			if files++; files > 2*MaxFiles { // they are refused for their number
				fmt.Fprintf(&b, "%q\n", e.Name())
			} else if info, err := os.Stat(path.Join(f.dir, dir, e.Name())); err == nil && !info.IsDir() {
				fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
