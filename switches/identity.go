package switches

import (
	"fmt"
	"slices"
	"strings"
)

// Identity is what scopes name a process by.
type Identity struct {
	Node string `json:"node"`         // for people; those of two hosts may be equal
	ID   string `json:"id,omitempty"` // of the state folder; processes of earlier versions have none
	Role string `json:"role"`
	Room string `json:"room,omitempty"`
}

// Qualified is a name that no other process has.
func (i Identity) Qualified() string {
	if i.ID == "" {
		return i.Node
	}
	return i.Node + "." + i.ID
}

// scopes returns the scopes that contain the process, the narrowest first. vitrine up has every role.
func (i Identity) scopes() []string {
	scopes := []string{"node:" + i.Qualified(), "node:" + i.Node, "role:" + i.Role}
	if i.Role == "up" {
		scopes = append(scopes, "role:detail", "role:syncer", "role:heterog")
	}
	return append(scopes, "room:"+i.Room, All)
}

// Has reports whether a scope contains the process.
func (i Identity) Has(scope string) bool { return slices.Contains(i.scopes(), scope) }

// roles returns the roles that a process may have.
func roles() []string { return []string{"detail", "syncer", "heterog", "front", "up"} }

// All is the scope of every process.
const All = "all"

// mostScope bounds the name in a scope, in bytes. A node's name is that of its host, of 64 bytes at most, and what Vitrine adds.
const mostScope = 128

// CheckScope returns nil if a setting may have the scope, else an ErrValue that names it. It refuses a role that no process can have,
// since the setting would never be in force.
func CheckScope(scope string) error {
	kind, name, _ := strings.Cut(scope, ":")
	if kind == "role" && !slices.Contains(roles(), name) {
		return fmt.Errorf("%w: a role is one of %s, not %.80q", ErrValue, strings.Join(roles(), ", "), name)
	}
	if scope == All || slices.Contains([]string{"room", "role", "node"}, kind) && name != "" && len(name) <= mostScope {
		return nil
	}
	return fmt.Errorf("%w: a scope is all, room:R, role:R or node:N, not %.80q", ErrValue, scope)
}
