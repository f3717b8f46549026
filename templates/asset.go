package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"path"
	"strings"

	"vitrine/internal/view"
	"vitrine/templates/program"
)

const assetDir = "assets/"

// Asset is a static file of a set.
type Asset struct {
	Type string // Content-Type
	Body []byte
}

// Asset finds a file by the last element of what the function asset wrote: "site.0123456789abcdef.css".
// The hash of the content is part of the name, so the answer may be cached for ever.
func (s *Set) Asset(name string) (Asset, bool) {
	a, ok := s.assets[name]
	return a, ok
}

func (s *Set) addAsset(name string, body []byte) {
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	s.assets[hashed(name, body)] = Asset{kind, body}
	s.paths[name] = "/" + assetDir + hashed(name, body)
}

// asset is the template function: "/assets/site.<hash>.css" for "site.css", "" for a file that is not there.
func (s *Set) asset(_ *program.Budget, args []view.Value) (view.Value, error) {
	return view.OfText(s.paths[args[0].Text()]), nil
}

const hashLen = 16

func hashed(name string, body []byte) string {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:])[:hashLen] + ext
}
