// Package sample is a small shop of its own: 24 products in 14 categories by 4 brands, and the catalog
// that declares it. It is what a first `vitrine up` shows, and a pattern for a catalog of one's own.
package sample

import (
	"embed"
	"io/fs"
)

//go:embed *.jsonl
var files embed.FS

//go:embed catalog.yaml
var catalog string

// Catalog is the catalog file. Its upstreams are serve:products, serve:categories and serve:brands.
func Catalog() []byte { return []byte(catalog) }

// Files holds products.jsonl, categories.jsonl and brands.jsonl; the field "id" is a string in each row.
func Files() fs.FS { return files }
