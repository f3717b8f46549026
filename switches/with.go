package switches

import (
	"fmt"
	"maps"
	"strings"
)

// With returns a copy of the panel in which some switches have other values, for a rehearsal. Later changes of the panel do not reach
// the copy. The caller closes the copy. With fails with ErrUnknown or ErrValue, for a name or a value that Check refuses.
func (p *Panel) With(values map[string]string) (*Panel, error) {
	for name, value := range values {
		if err := p.Check(name, value); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next := &Panel{who: p.who, now: p.now, switches: map[string]*Switch{}, settings: map[string]map[string]Setting{}, thrown: maps.Clone(p.thrown)}
	for name, byScope := range p.settings {
		next.settings[name] = maps.Clone(byScope)
	}
	for name, value := range values { // in the narrowest scope, so that no other setting wins
		next.settings[name] = map[string]Setting{"node:" + p.who.Node: {Name: name, Scope: "node:" + p.who.Node, Value: value, Reason: "rehearsal"}}
	}
	for name, s := range p.switches {
		copied := &Switch{Declaration: s.Declaration}
		next.switches[name] = copied
		next.put(copied)
	}
	return next, nil
}

// ParseValue splits NAME=VALUE. It fails with ErrValue.
func ParseValue(text string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", "", fmt.Errorf("%w: %.80q is not NAME=VALUE", ErrValue, text)
	}
	return name, value, nil
}
