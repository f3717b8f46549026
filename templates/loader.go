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

// PollInterval is how often a Loader checks its files for changes. A check costs a stat of each file.
const PollInterval = 250 * time.Millisecond

// Loader holds the set in force: the files of a shop's folder over the theme, loaded again when a file changes. Templates that were
// pushed replace the folder's files. If files can't be loaded, the last good set stays in force, also after a restart. A
// Loader is safe for concurrent use.
type Loader struct {
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

// Open makes a Loader of dir, which need not exist; "" stands for the theme alone. state is the directory in which it saves what is in
// force for the next process; "" for nowhere. The set in force is the one that was pushed last, if that is saved, else that
// of dir. Open fails if the files of dir can't be loaded and no earlier set of them is saved.
func Open(dir, state string, log *slog.Logger) (*Loader, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	l := &Loader{dir: dir, saved: saved{state, log}, log: log, pushes: make(chan push, 1)}
	l.theme, err = readFiles(theme)
	if err != nil {
		return nil, fmt.Errorf("read the theme: %w", err)
	}
	l.alone, err = newSet(nil, l.theme)
	if err != nil {
		return nil, err
	}
	now, err := l.begin()
	if err != nil {
		return nil, err
	}
	l.now.Store(now)
	fallbacks := []*Set{l.alone}
	if previous := l.saved.load(savedPrevious, l.theme); previous != nil {
		fallbacks = []*Set{previous.set, l.alone}
	}
	l.fallbacks.Store(&fallbacks)
	l.failed = l.saved.failed()
	return l, nil
}

// begin returns what is in force at the start.
func (l *Loader) begin() (*source, error) {
	if now := l.saved.load(savedPushed, l.theme); now != nil {
		l.pushed = now.packed
		return now, nil
	}
	now, err := l.load(nil)
	if err == nil {
		return now, nil
	}
	last := l.saved.load(savedOwn, l.theme)
	if last == nil {
		return nil, err
	}
	l.noteBroken(err)
	return last, nil
}

// Set returns the set in force.
func (l *Loader) Set() *Set { return l.now.Load().set }

// Fallbacks returns the sets for pages on which the set in force fails, in the order in which they are tried: the last set that was in force
// before it and did not fail on any page, if there is one, then the theme.
func (l *Loader) Fallbacks() []*Set { return *l.fallbacks.Load() }

// Broken returns why the present files are not in force, with file and line; "" if they are.
func (l *Loader) Broken() string {
	if why := l.broken.Load(); why != nil {
		return *why
	}
	return ""
}

// Own reports whether the shop has files of its own: files in force besides the theme's, or files that can't be loaded.
func (l *Loader) Own() bool { return len(l.now.Load().packed) > 0 || l.Broken() != "" }

// Unsaved returns why a restart would not find what is in force; "" if it would.
func (l *Loader) Unsaved() string {
	if why := l.unsaved.Load(); why != nil {
		return *why
	}
	return ""
}

// SavedPush returns what was pushed and in force when an earlier process ended, packed; no bytes if the folder's own files were.
func (l *Loader) SavedPush() []byte { return l.saved.read(savedPushed) }

// Push replaces the folder's files by a packed folder. If packed is empty, the folder's own files are used again. Push returns at once. Run
// puts the files in force and then calls done, with an error if they can't be loaded. It does not call done for a push that a later one
// overtakes.
func (l *Loader) Push(packed []byte, done func(error)) {
	for {
		select {
		case l.pushes <- push{packed, done}:
			return
		default:
		}
		select {
		case <-l.pushes: // drops an older push
		default:
		}
	}
}

// Candidate returns the set that would be in force after a Push of packed. It fails as LoadPacked or LoadFolder does.
func (l *Loader) Candidate(packed []byte) (*Set, error) {
	next, err := l.load(packed)
	if err != nil {
		return nil, err
	}
	return next.set, nil
}

// Run checks the files and takes pushes until ctx ends, and returns nil. Changed files are loaded once two checks in a row have found them
// the same.
func (l *Loader) Run(ctx context.Context) error {
	tick := time.NewTicker(PollInterval)
	defer tick.Stop()
	loaded := "" // the first check loads the files: they may have changed since Open
	seen := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-l.pushes:
			l.pushed = p.packed
			p.done(l.reload())
			continue
		case <-tick.C:
		}
		l.noteFailure()
		fingerprint := l.fingerprint()
		if fingerprint != loaded && fingerprint == seen {
			loaded = fingerprint
			_ = l.reload() // Broken returns its error
		}
		seen = fingerprint
	}
}

// reload puts in force what was pushed, or else the folder's files. If these can't be loaded, the set in force stays, and reload fails.
func (l *Loader) reload() error {
	next, err := l.load(l.pushed)
	if err != nil {
		l.noteBroken(err)
		return err
	}
	l.broken.Store(nil)
	l.save(next)
	previous := l.now.Load()
	if next.set.Revision() == previous.set.Revision() {
		return nil
	}
	l.noteFailure()
	if previous.set.Revision() != l.failed {
		l.fallbacks.Store(&[]*Set{previous.set, l.alone})
		_ = l.saved.write(savedPrevious, previous.packed)
	}
	l.now.Store(next)
	l.log.Info("templates in force", "dir", l.dir, "revision", next.set.Revision())
	return nil
}

// noteBroken logs why the present files are not in force, and stores it for Broken.
func (l *Loader) noteBroken(err error) {
	why := err.Error()
	l.broken.Store(&why)
	l.log.Error("templates not taken; the last good ones stay", "dir", l.dir, "error", err)
}

// noteFailure remembers, also after a restart, that the set in force has failed on a page: it will not be a fallback.
func (l *Loader) noteFailure() {
	now := l.Set()
	if now.Revision() != l.failed && len(now.Faults()) > 0 {
		l.failed = now.Revision()
		_ = l.saved.write(savedFailed, []byte(l.failed+"\n"))
	}
}

// save saves a source for the next start, and notes for Unsaved if it can't.
func (l *Loader) save(s *source) {
	var err error
	if len(l.pushed) > 0 && bytes.Equal(l.pushed, s.packed) {
		err = l.saved.write(savedPushed, l.pushed)
	} else {
		err = errors.Join(l.saved.write(savedPushed, nil), l.saved.write(savedOwn, s.packed))
	}
	l.unsaved.Store(nil)
	if err != nil {
		why := err.Error()
		l.unsaved.Store(&why)
	}
}

// load makes the set of packed; if that has no files, of the folder.
func (l *Loader) load(packed []byte) (*source, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	from := "those pushed"
	if len(own) == 0 {
		from = "the server's own in " + l.dir
		own, packed, err = l.read()
		if err != nil {
			return nil, fmt.Errorf("read templates, %s: %w", from, err)
		}
	}
	if len(own) == 0 {
		return &source{set: l.alone}, nil
	}
	set, err := newSet(own, l.theme)
	if err != nil {
		return nil, fmt.Errorf("load templates, %s: %w", from, err)
	}
	return &source{set, packed}, nil
}

// read returns the folder's own files, and the same files packed.
func (l *Loader) read() (own files, packed []byte, err error) {
	if l.dir == "" {
		return nil, nil, nil
	}
	own, err = readFolder(l.dir)
	if err == nil && len(own) > 0 {
		packed, err = own.pack()
	}
	return own, packed, err
}

// fingerprint returns names, sizes and times of all files. It differs after a file was changed.
func (l *Loader) fingerprint() string {
	var b strings.Builder
	files := 0
	for _, dir := range []string{"", assetDir} {
		entries, err := os.ReadDir(path.Join(l.dir, dir))
		if err != nil {
			fmt.Fprintf(&b, "%q %v\n", dir, errors.Is(err, fs.ErrNotExist))
		}
		for _, e := range entries {
			files++
			if files > 2*MaxFiles { // so many are refused anyway
				fmt.Fprintf(&b, "%q\n", e.Name())
			} else if info, err := os.Stat(path.Join(l.dir, dir, e.Name())); err == nil && !info.IsDir() {
				fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
