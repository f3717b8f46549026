// Package label bounds the values of metrics' labels that come from pushed files: a catalog, templates, rules.
package label

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Other stands for all values that are not told apart. It is no name of the grammar of names.
const Other = "(other)"

// Bound tells the first values of a process's life apart, up to a number. It is safe for concurrent use.
type Bound struct {
	most int

	mu    sync.RWMutex // guards known
	known map[string]bool
}

// NewBound makes a Bound of so many values, Other not counted.
func NewBound(most int) *Bound { return &Bound{most: most, known: map[string]bool{}} }

// Of is the value that a name is counted under. Prometheus takes UTF-8 only, and panics at anything else.
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
