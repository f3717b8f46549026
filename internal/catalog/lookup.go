package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vitrine/internal/item"
)

// Kind finds a kind of entity. If there is none, the error wraps item.ErrUnknown and lists the kinds.
func (c *Catalog) Kind(name string) (*Kind, error) {
	if k := c.Kinds[name]; k != nil {
		return k, nil
	}
	return nil, unknown("kind", name, keysOf(c.Kinds))
}

// Dimension finds a dimension of a kind. If there is none, the error wraps item.ErrUnknown.
func (c *Catalog) Dimension(kind, name string) (*Dimension, error) {
	k, err := c.Kind(kind)
	if err != nil {
		return nil, err
	}
	return k.Dimension(name)
}

// Announces returns an error that wraps item.ErrUnknown unless there can be changes of the dimension, or of all for
// item.All.
func (c *Catalog) Announces(kind, dimension string) error {
	k, err := c.Kind(kind)
	if err != nil || dimension == item.All {
		return err
	}
	_, err = k.Dimension(dimension)
	return err
}

// Blob finds a blob of a kind. If there is none, the error wraps item.ErrUnknown.
func (c *Catalog) Blob(kind, name string) (*Blob, error) {
	k, err := c.Kind(kind)
	if err != nil {
		return nil, err
	}
	return k.Blob(name)
}

// Page finds a page by its name. If there is none, the error wraps item.ErrUnknown.
func (c *Catalog) Page(name string) (*Page, error) {
	var names []string
	for _, p := range c.Pages {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, unknown("page", name, names)
}

// UpstreamByCode finds the upstream by its code in a stored header.
func (c *Catalog) UpstreamByCode(code uint16) (*Upstream, bool) {
	for _, u := range c.Upstreams {
		if u.Code == code {
			return u, true
		}
	}
	return nil, false
}

// Dimension finds a dimension by its name. If there is none, the error wraps item.ErrUnknown.
func (k *Kind) Dimension(name string) (*Dimension, error) {
	for _, d := range k.Dimensions {
		if d.Name == name {
			return d, nil
		}
	}
	return nil, unknown("dimension of "+k.Name, name, k.dimensionNames())
}

// Blob finds a blob by its name. If there is none, the error wraps item.ErrUnknown.
func (k *Kind) Blob(name string) (*Blob, error) {
	for _, b := range k.Blobs {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, unknown("blob of "+k.Name, name, k.blobNames())
}

// BlobNames lists the blobs of a kind. It is empty if c is nil or does not know the kind.
func (c *Catalog) BlobNames(kind string) []string {
	if c == nil || c.Kinds[kind] == nil {
		return nil
	}
	return c.Kinds[kind].blobNames()
}

// Ref finds a ref by its name, in any dimension. If there is none, the error wraps item.ErrUnknown.
func (k *Kind) Ref(name string) (*Ref, error) {
	for _, d := range k.Dimensions {
		for _, r := range d.Refs {
			if r.Name == name {
				return r, nil
			}
		}
	}
	return nil, unknown("ref of "+k.Name, name, k.refNames())
}

func (k *Kind) dimensionNames() (names []string) {
	for _, d := range k.Dimensions {
		names = append(names, d.Name)
	}
	return names
}

func (k *Kind) blobNames() (names []string) {
	for _, b := range k.Blobs {
		names = append(names, b.Name)
	}
	return names
}

func (k *Kind) refNames() (names []string) {
	for _, d := range k.Dimensions {
		for _, r := range d.Refs {
			names = append(names, r.Name)
		}
	}
	return names
}

// Dimensions lists the names of the dimensions that the blob is folded from, its root first.
func (b *Blob) Dimensions() []string {
	names := make([]string, len(b.Of))
	for i, d := range b.Of {
		names[i] = d.Name
	}
	return names
}

func unknown(what, name string, there []string) error {
	slices.Sort(there)
	return fmt.Errorf("%w: there is no %s called %.40q, only: %s", item.ErrUnknown, what, name, strings.Join(there, ", "))
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
