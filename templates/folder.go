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

// PollInterval is how often a Folder checks its files for changes. A check costs a stat of each file.
const PollInterval = 250 * time.Millisecond

// Folder holds the set in force: the files of a shop's folder over the theme, loaded again when a file changes. Templates that were
// pushed replace the folder's files. If files can't be loaded, the last good set stays in force, also after a restart. A
// Folder is safe for concurrent use.
type Folder struct {
	dir   string // "" for the theme alone
	theme files
	saved saved
	log   *slog.Logger

	pushes chan push // holds the newest push that Run has not taken yet

	now       atomic.Pointer[source]
	alone     *Set                   // the theme
	fallbacks atomic.Pointer[[]*Set] // see Fallbacks
	broken    atomic.Pointer[string] // see Broken; nil for ""
	unsaved   atomic.Pointer[string] // see Unsaved; nil for ""

	// Used only by Run, once it has begun.
	pushed []byte // what was pushed last, whether or not it can be loaded
	failed string // revision of the last set that is known to have failed on a page
}

// push is a packed folder, and the function to call with the result.
type push struct {
	packed []byte
	done   func(error)
}

// source is a set, with the shop's files from which it was loaded.
type source struct {
	set    *Set
	packed []byte // the shop's files, packed; empty for the theme alone
}

// OpenFolder makes a Folder of dir, which need not exist; "" stands for the theme alone. state is the directory in which it saves what is in
// force for the next process; "" for nowhere. The set in force is the one that was pushed last, if that is saved, else that
// of dir. OpenFolder fails if the files of dir can't be loaded and no earlier set of them is saved.
func OpenFolder(dir, state string, log *slog.Logger) (*Folder, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, saved: saved{state, log}, log: log, pushes: make(chan push, 1)}
	f.theme, err = readFiles(theme)
	if err != nil {
		return nil, fmt.Errorf("read the theme: %w", err)
	}
	f.alone, err = newSet(nil, f.theme)
	if err != nil {
		return nil, err
	}
	now, err := f.begin()
	if err != nil {
		return nil, err
	}
	f.now.Store(now)
	fallbacks := []*Set{f.alone}
	if previous := f.saved.load(savedPrevious, f.theme); previous != nil {
		fallbacks = []*Set{previous.set, f.alone}
	}
	f.fallbacks.Store(&fallbacks)
	f.failed = f.saved.failed()
	return f, nil
}

// begin returns what is in force at the start.
func (f *Folder) begin() (*source, error) {
	if now := f.saved.load(savedPushed, f.theme); now != nil {
		f.pushed = now.packed
		return now, nil
	}
	now, err := f.load(nil)
	if err == nil {
		return now, nil
	}
	last := f.saved.load(savedOwn, f.theme)
	if last == nil {
		return nil, err
	}
	f.noteBroken(err)
	return last, nil
}

// Set returns the set in force.
func (f *Folder) Set() *Set { return f.now.Load().set }

// Fallbacks returns the sets for pages on which the set in force fails, in the order in which they are tried: the last set that was in force
// before it and did not fail on any page, if there is one, then the theme.
func (f *Folder) Fallbacks() []*Set { return *f.fallbacks.Load() }

// Broken returns why the present files are not in force, with file and line; "" if they are.
func (f *Folder) Broken() string {
	if why := f.broken.Load(); why != nil {
		return *why
	}
	return ""
}

// Unsaved returns why a restart would not find what is in force; "" if it would.
func (f *Folder) Unsaved() string {
	if why := f.unsaved.Load(); why != nil {
		return *why
	}
	return ""
}

// SavedPush returns what was pushed and in force when an earlier process ended, packed; no bytes if the folder's own files were.
func (f *Folder) SavedPush() []byte { return f.saved.read(savedPushed) }

// Push replaces the folder's files by a packed folder. If packed is empty, the folder's own files are used again. Push returns at once. Run
// puts the files in force and then calls done, with an error if they can't be loaded. It does not call done for a push that a later one
// overtakes.
func (f *Folder) Push(packed []byte, done func(error)) {
	for {
		select {
		case f.pushes <- push{packed, done}:
			return
		default:
		}
		select {
		case <-f.pushes: // drops an older push
		default:
		}
	}
}

// Candidate returns the set that would be in force after a Push of packed. It fails as LoadPacked or LoadFolder does.
func (f *Folder) Candidate(packed []byte) (*Set, error) {
	next, err := f.load(packed)
	if err != nil {
		return nil, err
	}
	return next.set, nil
}

// Run checks the files and takes pushes until ctx ends, and returns nil. Changed files are loaded once two checks in a row have found them
// the same.
func (f *Folder) Run(ctx context.Context) error {
	tick := time.NewTicker(PollInterval)
	defer tick.Stop()
	loaded := "" // the first check loads the files: they may have changed since OpenFolder
	seen := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-f.pushes:
			f.pushed = p.packed
			p.done(f.reload())
			continue
		case <-tick.C:
		}
		f.noteFailure()
		fingerprint := f.fingerprint()
		if fingerprint != loaded && fingerprint == seen {
			loaded = fingerprint
			_ = f.reload() // Broken returns its error
		}
		seen = fingerprint
	}
}

// reload puts in force what was pushed, or else the folder's files. If these can't be loaded, the set in force stays, and reload fails.
func (f *Folder) reload() error {
	next, err := f.load(f.pushed)
	if err != nil {
		f.noteBroken(err)
		return err
	}
	f.broken.Store(nil)
	f.save(next)
	previous := f.now.Load()
	if next.set.Revision() == previous.set.Revision() {
		return nil
	}
	f.noteFailure()
	if previous.set.Revision() != f.failed {
		f.fallbacks.Store(&[]*Set{previous.set, f.alone})
		_ = f.saved.write(savedPrevious, previous.packed)
	}
	f.now.Store(next)
	f.log.Info("templates in force", "dir", f.dir, "revision", next.set.Revision())
	return nil
}

// noteBroken logs why the present files are not in force, and stores it for Broken.
func (f *Folder) noteBroken(err error) {
	why := err.Error()
	f.broken.Store(&why)
	f.log.Error("templates not taken; the last good ones stay", "dir", f.dir, "error", err)
}

// noteFailure remembers, also after a restart, that the set in force has failed on a page: it will not be a fallback.
func (f *Folder) noteFailure() {
	now := f.Set()
	if now.Revision() != f.failed && len(now.Faults()) > 0 {
		f.failed = now.Revision()
		_ = f.saved.write(savedFailed, []byte(f.failed+"\n"))
	}
}

// save saves a source for the next start, and notes for Unsaved if it can't.
func (f *Folder) save(s *source) {
	var err error
	if len(f.pushed) > 0 && bytes.Equal(f.pushed, s.packed) {
		err = f.saved.write(savedPushed, f.pushed)
	} else {
		err = errors.Join(f.saved.write(savedPushed, nil), f.saved.write(savedOwn, s.packed))
	}
	f.unsaved.Store(nil)
	if err != nil {
		why := err.Error()
		f.unsaved.Store(&why)
	}
}

// load makes the set of packed; if that has no files, of the folder.
func (f *Folder) load(packed []byte) (*source, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	from := "those pushed"
	if len(own) == 0 {
		from = "the server's own in " + f.dir
		own, packed, err = f.read()
		if err != nil {
			return nil, fmt.Errorf("read templates, %s: %w", from, err)
		}
	}
	if len(own) == 0 {
		return &source{set: f.alone}, nil
	}
	set, err := newSet(own, f.theme)
	if err != nil {
		return nil, fmt.Errorf("load templates, %s: %w", from, err)
	}
	return &source{set, packed}, nil
}

// read returns the folder's own files, and the same files packed.
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

// fingerprint returns names, sizes and times of all files. It differs after a file was changed.
func (f *Folder) fingerprint() string {
	var b strings.Builder
	files := 0
	for _, dir := range []string{"", assetDir} {
		entries, err := os.ReadDir(path.Join(f.dir, dir))
		if err != nil {
			fmt.Fprintf(&b, "%q %v\n", dir, errors.Is(err, fs.ErrNotExist))
		}
		for _, e := range entries {
			files++
			if files > 2*MaxFiles { // so many are refused anyway
				fmt.Fprintf(&b, "%q\n", e.Name())
			} else if info, err := os.Stat(path.Join(f.dir, dir, e.Name())); err == nil && !info.IsDir() {
				fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
