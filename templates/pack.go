package templates

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"

	"vitrine/internal/item"
)

// MaxPacked is how many bytes a packed folder has at most: a message of NATS holds 1 MiB.
const MaxPacked = 900 << 10

// PackFolder makes one value of a folder's templates and assets, to be pushed. The same files give the same bytes. Errors
// name what is wrong with them.
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

// pack is what unpack reads.
func (own files) pack() ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
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

// LoadPacked is the set of what PackFolder made, over the theme.
func LoadPacked(packed []byte) (*Set, error) {
	own, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	return overTheme(own)
}

// unpack reads what pack wrote. No bytes at all are no files.
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
		if total += f.UncompressedSize64; total > maxTotal || f.UncompressedSize64 > maxTotal {
			return nil, fmt.Errorf("%w: pushed templates: more than %d bytes unpacked", item.ErrRefused, maxTotal)
		}
	}
	own, err := readFiles(z)
	if err != nil {
		return nil, fmt.Errorf("pushed templates: %w", err)
	}
	return own, nil
}
