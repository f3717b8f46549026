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

// Asset returns a file by its hashed name, "site.0123456789abcdef.css": the last element of the path that the template function asset gives.
// Since the name contains a hash of the content, the file may be cached for ever.
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

// asset is the template function of that name: "/assets/site.<hash>.css" for "site.css", "" if there is no such file.
func (s *Set) asset(_ *program.Budget, args []view.Value) (view.Value, error) {
	return view.OfText(s.paths[args[0].Text()]), nil
}

const hashLen = 16

// hashed returns the name of a file with a hash of its content before the extension.
func hashed(name string, body []byte) string {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:])[:hashLen] + ext
}
