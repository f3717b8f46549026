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
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"text/template/parse"

	"vitrine/internal/item"
	"vitrine/internal/view"
	"vitrine/templates/program"
)

// ErrNoTemplate is the error of a name that the set has no template for.
var ErrNoTemplate = errors.New("no such template")

// Set is a parsed and checked set of templates and assets. Its files never change; it counts the places where pages fail. It is safe for
// concurrent use.
type Set struct {
	root      *template.Template // never executed, so that it can be cloned
	idle      chan *instance
	program   *program.Program // of the same templates, escaped
	uncovered atomic.Int64     // pages that html/template rendered
	functions map[string]program.Func
	assets    map[string]Asset
	paths     map[string]string // of assets, by the names of their files
	texts     translations
	said      map[string]bool // texts that templates say
	uncalled  []string
	revision  string
	faults    faults
}

// Load makes a set of two folders: every *.html at the top of theme and of shop, and the files under assets/, which are served as they are. A
// file of shop, which may be nil, replaces the theme's of the same name; only the texts of words.json are merged. Load fails if
// a file can't be read, parsed or made safe, or goes beyond the bounds of this package; the error names file and line.
func Load(shop, theme fs.FS) (*Set, error) {
	base, err := readFiles(theme)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	own, err := readFiles(shop)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return newSet(own, base)
}

// LoadFolder returns the set of a shop's folder, which need not exist, over the built-in theme. It fails as Load does.
func LoadFolder(dir string) (*Set, error) {
	own, err := readFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	return overTheme(own)
}

// overTheme returns the set of a shop's files over the built-in theme.
func overTheme(own files) (*Set, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	base, err := readFiles(theme)
	if err != nil {
		return nil, fmt.Errorf("read the theme: %w", err)
	}
	return newSet(own, base)
}

// newSet returns the set of a shop's files over those of a theme.
func newSet(own, base files) (*Set, error) {
	all := files{}
	maps.Copy(all, base)
	maps.Copy(all, own)
	s := &Set{assets: map[string]Asset{}, paths: map[string]string{}, texts: translations{}, said: textsOf(all), revision: revision(all), idle: make(chan *instance, runtime.GOMAXPROCS(0))}
	s.functions = s.templateFunctions()
	s.root = template.New("").Option("missingkey=zero").Funcs(forHTML(s.functions, new(program.Budget)))
	for _, some := range []files{base, own} {
		if file, ok := some[translationsFile]; ok {
			if err := s.texts.add(file); err != nil {
				return nil, err
			}
		}
	}
	trees, err := s.parse(all)
	if err != nil {
		return nil, err
	}
	s.uncalled = uncalled(own, base, trees)
	return s, s.tryAll()
}

// Revision returns a hash of all files of the set, as 16 hex digits.
func (s *Set) Revision() string { return s.revision }

// Has reports whether the set has a template of this name.
func (s *Set) Has(name string) bool { return name != "" && s.root.Lookup(name) != nil }

// Pages returns the names of the set's .html files.
func (s *Set) Pages() (names []string) {
	for _, name := range s.names() {
		if strings.HasSuffix(name, ".html") {
			names = append(names, name)
		}
	}
	return names
}

// Render writes a page to buf by the template name. data is a view.Value, or what view.Of takes. Render fails with a *Fault, and may have
// written a part of the page then; the caller drops the buffer.
func (s *Set) Render(buf *bytes.Buffer, name string, data any) (err error) {
	defer func() { s.faults.add(err) }()
	if !s.Has(name) {
		return &Fault{File: name, Err: fmt.Errorf("%w: %q; there are %s", ErrNoTemplate, name, strings.Join(s.names(), ", "))}
	}
	v := view.Of(data)
	err = s.program.Run(name, v, func(page []byte) { buf.Write(page) })
	if errors.Is(err, program.ErrUncovered) {
		s.uncovered.Add(1)
		err = s.renderHTML(buf, name, v.Decode())
	}
	if err != nil {
		return newFault(name, err)
	}
	return nil
}

// renderHTML renders a page by html/template.
func (s *Set) renderHTML(w io.Writer, name string, data any) error {
	i, err := s.instance()
	if err != nil {
		return err
	}
	defer s.release(i)
	return i.render(w, name, data)
}

// Gaps returns the constructs that are not compiled. Pages that have one are rendered by html/template, which takes many times as long.
func (s *Set) Gaps() []program.Gap { return s.program.Gaps() }

// Uncovered returns the number of pages so far that html/template rendered because the compiled form did not cover them.
func (s *Set) Uncovered() int64 { return s.uncovered.Load() }

// Uncalled returns the names of the shop's own templates that are never shown: they are no whole pages, and no page calls them.
func (s *Set) Uncalled() []string { return s.uncalled }

// parse returns the trees of files by name, metered.
func (s *Set) parse(files files) (map[string]*parse.Tree, error) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if asset, ok := strings.CutPrefix(name, assetDir); ok {
			s.addAsset(asset, files[name])
		}
	}
	if err := files.checkDefines(); err != nil {
		return nil, fmt.Errorf("check templates: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, assetDir) || name == translationsFile {
			continue
		}
		if _, err := s.root.New(name).Parse(string(files[name])); err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
	}
	trees := map[string]*parse.Tree{}
	for _, t := range s.root.Templates() {
		trees[t.Name()] = t.Tree
	}
	if err := lint(trees); err != nil {
		return nil, fmt.Errorf("check templates: %w", err)
	}
	for _, tree := range trees {
		if tree != nil {
			meter(tree, tree.Root)
		}
	}
	return trees, nil
}

// tryAll makes html/template escape every template, by rendering it with an empty page. Otherwise a template that can't be made safe would be
// found only when a visitor requests it. A template that fails because an empty page lacks data is not refused; one that exceeds its budget
// is. tryAll then compiles the escaped templates.
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
	trees := map[string]*parse.Tree{}
	for _, t := range i.root.Templates() {
		trees[t.Name()] = t.Tree
	}
	s.program = program.Compile(trees, s.functions, stepFunction)
	s.release(i)
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

func revision(files files) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
