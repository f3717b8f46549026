// Package label bounds the number of values of metric labels that come from pushed files: a catalog, templates, rules.
package label

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Other stands for all values beyond the bound. It can't be a name.
const Other = "(other)"

// Bound keeps the first values it is given, up to a number. It is safe for concurrent use.
type Bound struct {
	most int

	mu    sync.RWMutex // guards known
	known map[string]bool
}

// NewBound makes a Bound of most values, Other not counted.
func NewBound(most int) *Bound { return &Bound{most: most, known: map[string]bool{}} }

// Of is the label value for a name: the name itself, or Other beyond the bound. Invalid UTF-8, on which Prometheus
// panics, is replaced.
func (b *Bound) Of(name string) string {
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "\ufffd")
	}
	b.mu.RLock()
	known := b.known[name]
	b.mu.RUnlock()
	if known {
		return name
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known[name] && len(b.known) == b.most {
		return Other
	}
	b.known[strings.Clone(name)] = true
	return name
}
