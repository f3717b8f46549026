package switches_test

import (
	"fmt"

	"vitrine/switches"
)

// A process holds a panel. It receives settings from outside, and the narrowest scope that matches the process wins.
func ExamplePanel() {
	panel := switches.NewPanel(switches.Identity{Node: "web-3", Role: "detail", Room: "east"})
	defer panel.Close()
	fmt.Println("by default:", panel.On(switches.ReadRedis))

	panel.Apply(switches.Setting{Name: switches.ReadRedis, Scope: switches.All, Value: "off", Revision: 1})
	fmt.Println("off for all:", panel.On(switches.ReadRedis))

	panel.Apply(switches.Setting{Name: switches.ReadRedis, Scope: "node:web-3", Value: "on", Revision: 2})
	fmt.Println("on for this one:", panel.On(switches.ReadRedis))

	panel.Drop(switches.ReadRedis, "node:web-3", 3)
	fmt.Println("that taken back:", panel.On(switches.ReadRedis))

	fmt.Println(panel.Check(switches.ReadRedis, "perhaps"))
	// Output:
	// by default: true
	// off for all: false
	// on for this one: true
	// that taken back: false
	// bad value: read.redis is on or off, not "perhaps"
}
