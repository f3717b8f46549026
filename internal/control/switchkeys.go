package control

import (
	"strings"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/switches"
)

// The keys in the bucket of switches besides the settings.
const (
	SwitchBucket = "switches"
	RulesKey     = "rules" // YAML
)

// DeclareSwitches declares the switches of a catalog.
func DeclareSwitches(p *switches.Panel, c *catalog.Catalog) {
	for _, u := range c.Upstreams {
		p.Declare(switches.Upstream(u.Name))
	}
	detail.DeclareSwitches(p, c)
}

// switchKey is the key of a setting in the bucket: name/scope.
func switchKey(name, scope string) string {
	kind, id, named := strings.Cut(scope, ":")
	if !named {
		return name + "/" + kind
	}
	return name + "/" + kind + "/" + item.EncodeID(id)
}

func readSwitchKey(key string) (name, scope string, ok bool) {
	name, scope, ok = strings.Cut(key, "/")
	if kind, token, named := strings.Cut(scope, "/"); named {
		id, err := item.DecodeID(token)
		if err != nil {
			return "", "", false
		}
		scope = kind + ":" + id
	}
	return name, scope, ok && switches.CheckScope(scope) == nil
}

// SettingOf reads an entry of the bucket; a deleted one is a setting without a value. ok is false if the entry is no
// setting.
func SettingOf(entry bus.Entry) (s switches.Setting, ok bool) {
	name, scope, ok := readSwitchKey(entry.Key)
	if !ok {
		return s, false
	}
	if entry.Deleted {
		return switches.Setting{Name: name, Scope: scope, At: entry.Pushed, Revision: entry.Revision}, true
	}
	s, err := switches.ReadSetting(entry.Value, name, scope, entry.Revision, entry.Pushed)
	return s, err == nil
}
