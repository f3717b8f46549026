package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/internal/long"
	"vitrine/switches"
)

// told is the output of switch get --json.
type told struct {
	switches.Value
	InForce []struct {
		Node, Value string
		By          *switches.Setting
	} `json:"in_force"`
}

// table is a system whose switches are set and then compared in three views: the command's, the process's, and a
// visitor's.
type table struct {
	t     *testing.T
	v     *running
	pages map[string]func() bool // switch → reports whether pages show it as on
	cells map[string]string      // "switch, state" → what was said and done, where they agree
}

// states are the states in which each switch is compared.
var states = []string{"set", "scoped", "overridden", "rolled back", "unset", "expired", "restarted", "NATS emptied"}

// some holds a switch that shows on a page, one with a number, and one that the catalog declares. TestEachSwitch
// covers the effects of the others.
var some = []string{"live.offer", switches.TTLFactor, "upstream.shop"}

// TestTheCommandAndThePageAgree sets every switch in every way. What switch get says must agree with what
// is in force in the process and, where a switch shows on a page, with the page. The short form takes some switches.
func TestTheCommandAndThePageAgree(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill(s, 1)
	dir, file := t.TempDir(), catalogFor(t, shopCatalog, s.URL)
	tab := &table{t: t, v: up(t, dir, "--catalog", file), cells: map[string]string{}}
	tab.v.refreshAll()
	tab.v.converged(s)
	id := oddID(0)
	tab.pages = map[string]func() bool{
		"live.offer":      func() bool { return !strings.Contains(tab.body("/live/"+id), `"offer":{"state":"hidden"`) },
		"route.live":      func() bool { return statusFor(t, tab.v.Pages+"/live/"+id, "") == 200 },
		"route.blobs":     func() bool { return statusFor(t, tab.v.Pages+"/blobs/sku/item?ids="+id, "") == 200 },
		"crawlers":        func() bool { return statusFor(t, tab.v.Pages+"/item/"+id+".html", "Somebot/1.0") == 200 },
		"part.item.brand": func() bool { return strings.Contains(tab.body("/item/"+id+".json"), `"brand":{`) },
	}
	all := tab.all()
	if len(all) < 20 {
		t.Fatal(all)
	}
	if !long.Full() {
		all = slices.DeleteFunc(all, func(d switches.Declaration) bool { return !slices.Contains(some, d.Name) })
	}
	for _, d := range all {
		t.Run(d.Name, func(t *testing.T) {
			tab.t = t
			tab.each(d)
		})
	}
	tab.t = t
	for _, round := range rounds(all) { // without reads and routes a page shows no other switch
		for _, d := range round {
			tab.v.flip(0, d.Name, other(d))
		}
		tab.v.stop()
		tab.v = up(t, dir, "--catalog", file)
		for _, d := range round {
			tab.agree(d, other(d), "restarted")
		}
		tab.v.stop()
		if err := os.RemoveAll(filepath.Join(dir, "nats")); err != nil {
			t.Fatal(err)
		}
		tab.v = up(t, dir, "--catalog", file)
		for _, d := range round {
			tab.agree(d, other(d), "NATS emptied") // settings stay in force, and are reported
		}
		for _, d := range round {
			tab.v.flip(0, d.Name, d.Default)
		}
		for _, d := range round {
			tab.agree(d, d.Default, "NATS emptied, then set") // at a lower revision than the one in force
		}
		tab.v.stop()
		tab.v = up(t, dir, "--catalog", file)
	}
	tab.whole(all)
}

// whole fails for each switch that was not compared in a state or did not agree, and logs the table.
func (tab *table) whole(all []switches.Declaration) {
	tab.t.Helper()
	text := "| switch | " + strings.Join(states, " | ") + " |\n|---|" + strings.Repeat("---|", len(states)) + "\n"
	for _, d := range all {
		text += "| `" + d.Name + "` |"
		for _, state := range states {
			cell := tab.cells[d.Name+", "+state]
			if cell == "" {
				tab.t.Errorf("%s was not looked at when %s, or was not as it was said to be", d.Name, state)
			}
			text += " " + cell + " |"
		}
		text += "\n"
	}
	tab.t.Logf("what switch get says, what is in force in the process, and (*) what a page shows:\n%s", text)
}

// rounds separates the switches without which there is no page from the rest.
func rounds(all []switches.Declaration) [][]switches.Declaration {
	var without, rest []switches.Declaration
	for _, d := range all {
		if strings.HasPrefix(d.Name, "read.") || strings.HasPrefix(d.Name, "route.") || d.Name == switches.BackToSource || d.Name == switches.Crawlers {
			without = append(without, d)
		} else {
			rest = append(rest, d)
		}
	}
	return slices.DeleteFunc([][]switches.Declaration{without, rest}, func(round []switches.Declaration) bool { return len(round) == 0 })
}

// each takes a switch through all states and compares the views in each.
func (tab *table) each(d switches.Declaration) {
	alt := other(d)
	tab.agree(d, d.Default, "untouched")
	tab.v.flip(0, d.Name, alt)
	tab.agree(d, alt, "set")

	tab.v.flip(0, d.Name, d.Default, "--scope", "role:up")
	tab.agree(d, d.Default, "scoped")
	out := tab.v.flip(1, d.Name, alt, "--wait", "20s")
	if len(out.Acked) != 1 || out.Acked[0].Value != d.Default || out.Acked[0].OverriddenBy == nil || out.Acked[0].OverriddenBy.Scope != "role:up" {
		tab.t.Errorf("overridden: %+v", out)
	}
	tab.agree(d, d.Default, "overridden")
	tab.command(0, "unset", d.Name, "--scope", "role:up")
	tab.agree(d, alt, "unset in its scope")

	tab.v.flip(0, d.Name, d.Default)
	tab.command(0, "rollback", d.Name)
	tab.agree(d, alt, "rolled back")
	tab.command(0, "unset", d.Name)
	tab.agree(d, d.Default, "unset")

	vitrine(tab.t, "switch", "set", d.Name, alt, "--for", "300ms", "--nats", tab.v.NATS) // it may expire before the process has acknowledged it
	eventually(tab.t, func() string {
		if got := tab.get(d.Name); got.Value.Value != d.Default {
			return "it does not expire: " + got.Value.Value
		}
		return ""
	})
	tab.agree(d, d.Default, "expired")
	tab.v.flip(0, d.Name, d.Default)
	tab.command(0, "rollback", d.Name)
	tab.agree(d, d.Default, "rolled back to one that has expired")
	tab.command(0, "unset", d.Name)
}

// agree waits until all views of a switch agree on the wanted value.
func (tab *table) agree(d switches.Declaration, want, state string) {
	tab.t.Helper()
	got := tab.get(d.Name)
	eventually(tab.t, func() string { // a busy process may be late to announce its presence
		if got = tab.get(d.Name); len(got.InForce) == 0 {
			return d.Name + " " + state + ": nobody is there"
		}
		return ""
	})
	cell := want
	if got.Value.Value != want || len(got.InForce) != 1 || got.InForce[0].Value != want {
		tab.t.Errorf("%s %s: switch get says %s, in force %+v, want %s", d.Name, state, got.Value.Value, got.InForce, want)
	}
	_, explained, _ := vitrine(tab.t, "explain", "sku:"+oddID(0), "--admin", tab.v.Admin)
	if moved := strings.Contains(explained, "switch "+d.Name+" is "+want); moved != (want != d.Default) {
		tab.t.Errorf("%s %s: the process does not say %s: %s", d.Name, state, want, explained)
	}
	if shows := tab.pages[d.Name]; shows != nil && shows() != (want == "on") {
		tab.t.Errorf("%s %s: the page does not show %s", d.Name, state, want)
	}
	if tab.pages[d.Name] != nil {
		cell += " *"
	}
	if !tab.t.Failed() {
		tab.cells[d.Name+", "+state] = cell
	}
}

func (tab *table) get(name string) (got told) {
	tab.t.Helper()
	if err := json.Unmarshal([]byte(tab.command(0, "get", name, "--json")), &got); err != nil {
		tab.t.Fatal(err)
	}
	return got
}

func (tab *table) all() (all []switches.Declaration) {
	tab.t.Helper()
	if err := json.Unmarshal([]byte(tab.command(0, "list", "--json")), &all); err != nil {
		tab.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(d switches.Declaration) bool { return d.Name == switches.LogLevel }) // the log level shows on no page
}

func (tab *table) command(code int, args ...string) string {
	tab.t.Helper()
	got, stdout, stderr := vitrine(tab.t, append(append([]string{"switch"}, args...), "--nats", tab.v.NATS)...)
	if got != code {
		tab.t.Fatalf("switch %v: code %d: %s%s", args, got, stdout, stderr)
	}
	return stdout
}

func (tab *table) body(path string) string {
	_, _, body := fetch(tab.t, tab.v.Pages+path)
	return string(body)
}

// other returns a valid value that is not the default.
func other(d switches.Declaration) string {
	switch d.Type {
	case switches.OnOff:
		return "off"
	case switches.Percent:
		return "50"
	case switches.Choice:
		return d.Choices[len(d.Choices)-1]
	}
	panic(fmt.Sprint("no other value for ", d))
}
