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

// Set is a parsed, checked and immutable set of templates and assets, safe for concurrent use.
type Set struct {
	root     *template.Template
	assets   map[string]Asset
	words    words
	revision string
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
	s := &Set{assets: map[string]Asset{}, words: words{}, revision: revision(files)}
	s.root = template.New("").Option("missingkey=zero").Funcs(functions(s.assetPath, s.words))
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

// Render writes the whole page to buf, or an error and half a page: the caller owns the buffer and drops it.
func (s *Set) Render(buf *bytes.Buffer, name string, data any) error {
	if !s.Has(name) {
		return fmt.Errorf("%w: %q; there are %s", ErrNoTemplate, name, strings.Join(s.names(), ", "))
	}
	if err := s.root.ExecuteTemplate(&bounded{buf, MaxOutput}, name, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
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
	return nil
}

// tryAll makes html/template escape every template now, on an empty page: it would otherwise find a
// template that it can't make safe only when the first visitor asks for it. That an empty page lacks
// what a template wants is no reason to refuse it.
func (s *Set) tryAll() error {
	for _, name := range s.names() {
		err := s.root.ExecuteTemplate(&bounded{io.Discard, MaxOutput}, name, map[string]any{})
		if unsafe := (*template.Error)(nil); errors.As(err, &unsafe) {
			return fmt.Errorf("check templates: %w", err)
		}
	}
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

// bounded stops a template whose output has no end.
type bounded struct {
	w    io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("%w: the page is longer than %d bytes", item.ErrRefused, MaxOutput)
	}
	return b.w.Write(p)
}
