package templates

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"text/template/parse"

	"vitrine/internal/item"
)

// Bounds of a set. A page that needs more is a mistake, or an attack through data.
const (
	MaxFile   = 1 << 20 // bytes of one file
	MaxFiles  = 500
	MaxOutput = 2 << 20 // bytes of one rendered page
)

// ErrNoTemplate is a name that no file of the set has.
var ErrNoTemplate = errors.New("no such template")

// Set is a parsed and checked set of templates and assets. It never changes, but counts where it fails; it is safe for
// concurrent use.
type Set struct {
	root     *template.Template // never executed, so that it can be cloned
	idle     chan *instance
	assets   map[string]Asset
	words    words
	revision string
	faults   faults
}

// Load parses theme/*.html style roots: every *.html at the top of theme, then of shop, which may be nil
// and whose files win. Files under assets/ are served as they are; of words.json both count. Errors name
// file and line.
func Load(shop, theme fs.FS) (*Set, error) {
	files := map[string][]byte{}
	for _, fsys := range []fs.FS{theme, shop} {
		if fsys == nil {
			continue
		}
		if err := collect(fsys, files); err != nil {
			return nil, fmt.Errorf("read templates: %w", err)
		}
	}
	s := &Set{assets: map[string]Asset{}, words: words{}, revision: revision(files), idle: make(chan *instance, runtime.GOMAXPROCS(0))}
	s.root = template.New("").Option("missingkey=zero").Funcs(functions(s.assetPath)).Funcs(new(budget).bounded(s.words))
	for _, fsys := range []fs.FS{theme, shop} {
		if err := s.addWords(fsys); err != nil {
			return nil, err
		}
	}
	if err := s.parse(files); err != nil {
		return nil, err
	}
	return s, s.tryAll()
}

// Revision is 16 hex digits that change with any file of the set.
func (s *Set) Revision() string { return s.revision }

// Has tells whether the set has a template of this name.
func (s *Set) Has(name string) bool { return name != "" && s.root.Lookup(name) != nil }

// Render writes the whole page to buf, or a *Fault and half a page: the caller owns the buffer and drops it.
func (s *Set) Render(buf *bytes.Buffer, name string, data any) (err error) {
	defer func() { s.faults.add(err) }()
	if !s.Has(name) {
		return &Fault{File: name, Err: fmt.Errorf("%w: %q; there are %s", ErrNoTemplate, name, strings.Join(s.names(), ", "))}
	}
	i, err := s.instance()
	if err == nil {
		err = i.render(buf, name, data)
		s.rest(i)
	}
	if err != nil {
		return newFault(name, err)
	}
	return nil
}

func (s *Set) parse(files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if asset, ok := strings.CutPrefix(name, assetDir); ok {
			s.addAsset(asset, files[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, assetDir) || name == wordsFile {
			continue
		}
		if _, err := s.root.New(name).Parse(string(files[name])); err != nil {
			return fmt.Errorf("parse templates: %w", err)
		}
	}
	trees := map[string]*parse.Tree{}
	for _, t := range s.root.Templates() {
		trees[t.Name()] = t.Tree
	}
	if err := lint(trees); err != nil {
		return fmt.Errorf("check templates: %w", err)
	}
	for _, tree := range trees {
		if tree != nil {
			meter(tree, tree.Root)
		}
	}
	return nil
}

// tryAll makes html/template escape every template now, on an empty page: it would otherwise find a
// template that it can't make safe only when the first visitor asks for it. That an empty page lacks
// what a template wants is no reason to refuse it; that it takes too much work is.
func (s *Set) tryAll() error {
	i, err := s.instance()
	if err != nil {
		return err
	}
	for _, name := range s.names() {
		err := i.render(io.Discard, name, map[string]any{})
		if unsafe := (*template.Error)(nil); errors.As(err, &unsafe) || errors.Is(err, item.ErrRefused) {
			return fmt.Errorf("check templates: %w", newFault(name, err))
		}
	}
	s.rest(i)
	return nil
}

func (s *Set) names() (names []string) {
	for _, t := range s.root.Templates() {
		if t.Name() != "" && t.Tree != nil {
			names = append(names, t.Name())
		}
	}
	slices.Sort(names)
	return names
}

func (s *Set) addWords(fsys fs.FS) error {
	if fsys == nil {
		return nil
	}
	file, err := fs.ReadFile(fsys, wordsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	return s.words.add(file)
}

// collect reads words.json and *.html at the top of fsys and everything directly under assets/.
func collect(fsys fs.FS, files map[string][]byte) error {
	for _, pattern := range []string{"*.html", assetDir + "*", wordsFile} {
		names, err := fs.Glob(fsys, pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			info, err := fs.Stat(fsys, name)
			if err != nil {
				return err
			}
			if info.IsDir() || strings.HasPrefix(path.Base(name), ".") {
				continue
			}
			if !info.Mode().IsRegular() {
				return fmt.Errorf("%w: %s is no file", item.ErrRefused, name) // a named pipe would be waited for
			}
			if info.Size() > MaxFile {
				return fmt.Errorf("%w: %s has %d bytes, more than %d", item.ErrRefused, name, info.Size(), MaxFile)
			}
			if files[name], err = fs.ReadFile(fsys, name); err != nil {
				return err
			}
		}
	}
	if len(files) > MaxFiles {
		return fmt.Errorf("%w: %d files are more than %d", item.ErrRefused, len(files), MaxFiles)
	}
	return nil
}

func revision(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
