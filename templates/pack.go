package templates

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"vitrine/internal/item"
)

// MaxPacked bounds the bytes of a packed folder: a message of NATS has at most 1 MiB.
const MaxPacked = 900 << 10

// PackFolder packs a folder's templates and assets into one value, to be pushed. The same files give the same bytes. It fails if the files
// can't be read, can't be loaded over the theme, or take more than MaxPacked bytes.
func PackFolder(dir string) ([]byte, error) {
	own, err := readFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	if _, err := overTheme(own); err != nil {
		return nil, err
	}
	packed, err := own.pack()
	if err == nil && len(packed) > MaxPacked {
		err = fmt.Errorf("the templates take %d bytes packed, at most %d can be pushed; put large pictures elsewhere", len(packed), MaxPacked)
	}
	return packed, err
}

// Stamped returns a packed folder with a stamp: the time at which it was first pushed. If NATS loses the folder, the stamp decides which one
// is put back. The zero time removes the stamp. It fails if packed is not a packed folder.
func Stamped(packed []byte, at time.Time) ([]byte, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	stamp := ""
	if !at.IsZero() {
		stamp = at.UTC().Format(time.RFC3339Nano)
	}
	return own.packWith(stamp)
}

// StampOf returns the stamp of a packed folder; the zero time if it has none, or is not a packed folder.
func StampOf(packed []byte) time.Time {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return time.Time{}
	}
	at, _ := time.Parse(time.RFC3339Nano, z.Comment) // zero for no stamp
	return at
}

// pack returns the files as one value, for unpack.
func (own files) pack() ([]byte, error) { return own.packWith("") }

func (own files) packWith(comment string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.SetComment(comment); err != nil {
		return nil, fmt.Errorf("pack templates: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(own[name])
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack templates: %w", err)
	}
	return b.Bytes(), nil
}

// LoadPacked returns the set of a packed folder over the built-in theme. It fails as Load does, and if packed was not made by PackFolder.
func LoadPacked(packed []byte) (*Set, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	return overTheme(own)
}

// unpack returns the files that pack packed. No bytes at all are no files.
func unpack(packed []byte) (files, error) {
	if len(packed) == 0 {
		return nil, nil
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("pushed templates: %w", err)
	}
	var total uint64
	for _, f := range z.File {
		total += f.UncompressedSize64
		if total > maxTotal || f.UncompressedSize64 > maxTotal {
			return nil, fmt.Errorf("%w: pushed templates: more than %d bytes unpacked", item.ErrRefused, maxTotal)
		}
	}
	own, err := readFiles(z)
	if err != nil {
		return nil, fmt.Errorf("pushed templates: %w", err)
	}
	return own, nil
}
