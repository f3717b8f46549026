package node_test

import (
	"slices"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/node"
)

// TestWhatWaitsForAMomentIsNotOld proves at which looks an entity counts as older than what was announced: when it has waited at two, also where it was being tried
// at a look in between, until it is missing at two looks in a row.
func TestWhatWaitsForAMomentIsNotOld(t *testing.T) {
	e := item.Entity{Kind: "sku", ID: "1"}
	for _, c := range []struct {
		name        string
		waits, want string // at each look: x for yes
	}{
		{"a moment", "x....", "....."},
		{"two moments", "x...x..", "......."},
		{"for long", "xxx..", ".xxx."},
		{"tried now and then", "x.xx.x..", "..xxxxx."},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, countless := range []bool{false, true} {
				var begun []item.Entity
				u := node.NewUnfetched(func(e item.Entity) { begun = append(begun, e) })
				got := ""
				for _, at := range c.waits {
					entities := map[item.Entity]bool{}
					if at == 'x' && !countless {
						entities[e] = true
					}
					old := u.Look(entities, at == 'x' && countless, e)
					got += map[bool]string{true: "x", false: "."}[old]
				}
				if got != c.want {
					t.Errorf("too many to tell apart: %t: waits at %s, is old at %s; want %s", countless, c.waits, got, c.want)
				}
				if wants := slices.Contains([]byte(c.want), 'x') && !countless; wants != (len(begun) == 1) {
					t.Errorf("it has begun to be old %d times", len(begun))
				}
			}
		})
	}
}
