package templates

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

const maxUnpacked = 16 << 20

// MaxPacked is how many bytes a packed folder has at most: a message of NATS holds 1 MiB.
const MaxPacked = 900 << 10

// Pack makes one value of a folder's templates and assets, to be pushed. The same files give the same bytes. Errors
// name what is wrong with them.
func Pack(folder fs.FS) ([]byte, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	if _, err := Load(folder, theme); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	if err := collect(folder, files); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(files[name])
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack templates: %w", err)
	}
	if b.Len() > MaxPacked {
		return nil, fmt.Errorf("the templates take %d bytes packed, at most %d can be pushed; put large pictures elsewhere", b.Len(), MaxPacked)
	}
	return b.Bytes(), nil
}

// LoadPacked is the set of what Pack made, over the theme.
func LoadPacked(packed []byte) (*Set, error) {
	theme, err := Theme()
	if err != nil {
		return nil, err
	}
	shop, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	return Load(shop, theme)
}

// unpack reads what Pack wrote; nil for no files.
func unpack(packed []byte) (fs.FS, error) {
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, fmt.Errorf("pushed templates: %w", err)
	}
	var total uint64
	for _, f := range z.File {
		if total += f.UncompressedSize64; total > maxUnpacked || f.UncompressedSize64 > maxUnpacked {
			return nil, fmt.Errorf("pushed templates: more than %d bytes unpacked", maxUnpacked)
		}
	}
	if len(z.File) == 0 {
		return nil, nil
	}
	return z, nil
}
