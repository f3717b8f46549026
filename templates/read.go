package templates

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"vitrine/internal/item"
)

// Bounds of the files of a set.
const (
	MaxFile  = 1 << 20 // bytes of one file
	MaxFiles = 500
	maxTotal = 32 << 20 // bytes of all files
)

// files are those of a folder that make a set, by their names: "item.html", "words.json", "assets/site.css".
type files map[string][]byte

// byteOrderMark is what some editors put at the beginning of a file. In the middle of a page it would be a character.
const byteOrderMark = "\ufeff"

// readFolder reads the files of a folder, which need not exist. It refuses links that lead out of the folder: whoever may write templates
// must not read other files by them.
func readFolder(dir string) (files, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readFiles(root.FS())
}

// readFiles reads words.json and *.html at the top of fsys, and every file directly under assets/. A nil fsys has no files. It fails with
// item.ErrRefused, and names the file, beyond the bounds of this package.
func readFiles(fsys fs.FS) (files, error) {
	if fsys == nil {
		return nil, nil
	}
	r := reader{fsys: fsys, files: files{}}
	top, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range top {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."):
		case name+"/" == assetDir:
			err = r.assets(e)
		case path.Ext(name) == ".html" || name == translationsFile:
			err = r.file(name, e)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.files, nil
}

type reader struct {
	fsys  fs.FS
	files files
	total int64
}

func (r *reader) assets(dir fs.DirEntry) error {
	entries, err := fs.ReadDir(r.fsys, dir.Name())
	if err != nil {
		return unreadable(dir.Name(), dir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := r.file(assetDir+e.Name(), e); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) file(name string, e fs.DirEntry) error {
	info, err := fs.Stat(r.fsys, name)
	switch {
	case err != nil:
		return unreadable(name, e, err)
	case info.IsDir():
		return nil
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is no file", item.ErrRefused, name) // opening a named pipe would wait for its writer
	case len(r.files) == MaxFiles:
		return fmt.Errorf("%w: there are more than %d files", item.ErrRefused, MaxFiles)
	}
	body, err := r.read(name)
	if err != nil {
		return unreadable(name, e, err)
	}
	r.total += int64(len(body))
	if r.total > maxTotal {
		return fmt.Errorf("%w: with %s the files have more than %d bytes", item.ErrRefused, name, maxTotal)
	}
	if !strings.HasPrefix(name, assetDir) {
		body, err = readable(name, body)
	}
	r.files[name] = body
	return err
}

// read reads a file of up to MaxFile bytes. The file may grow meanwhile.
func (r *reader) read(name string) ([]byte, error) {
	file, err := r.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if len(body) > MaxFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", item.ErrRefused, name, MaxFile)
	}
	return body, err
}

// readable returns a text without its byte order mark. It fails with item.ErrRefused if the text is not UTF-8.
func readable(name string, body []byte) ([]byte, error) {
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	if utf8.Valid(body) {
		return body, nil
	}
	line := 1
	for rest := body; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		rest = rest[size:]
	}
	return nil, fmt.Errorf("%w: %s:%d: not UTF-8: save it as UTF-8", item.ErrRefused, name, line)
}

// unreadable returns err; for a link, with what to do about it.
func unreadable(name string, e fs.DirEntry, err error) error {
	if e.Type()&fs.ModeSymlink == 0 {
		return err
	}
	return fmt.Errorf("%w: %s is a link out of the folder of templates, or to nothing (links within it are relative): put the file itself there: %w",
		item.ErrRefused, name, err)
}
