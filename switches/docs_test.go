package switches_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"vitrine/switches"
)

var update = flag.Bool("update", false, "write docs/switches.md anew")

const docs = "../docs/switches.md"

const intro = `# Switches

A switch sheds load, or cuts off what is sick, in every process within milliseconds. ` + "`on`" + ` is normal service, ` + "`off`" + ` is shed.

    vitrine switch list                                            # all, with what is in force
    vitrine switch set upstream.prices off --reason "time-outs"    # waits until every process has it, and names those that have not
    vitrine switch set read.redis off --for 30m                    # each process returns by itself, NATS or not
    vitrine switch set ttl.factor 300 --scope role:detail          # of several scopes the narrowest wins: node, role, room, all
    vitrine switch set live.delivery off --dry-run
    vitrine switch unset upstream.prices                           # withdraws what was set; --scope too
    vitrine switch history upstream.prices                         # who, when, why
    vitrine switch rollback upstream.prices
    vitrine switch define flash-sale live.delivery=off part.item.recommended=off ttl.factor=300
    vitrine switch apply flash-sale --for 2h                       # a set under one name; --dry-run too
    vitrine switch watch
    vitrine switch nodes                                           # who is there or cut off, and which revision each has applied

Exit code 0 of ` + "`set`" + ` means that the value is in force on every process that is expected. Else those on which it is not are named, with why: a
narrower scope says otherwise, the process hangs or is cut off, its nginx could not be reloaded. ` + "`get` and `list`" + ` show what processes report
that is in force in them. What somebody has set is above what rules throw; ` + "`unset`" + ` gives a switch back to them. ` + "`rollback`" + ` goes to what the
scope said before, as that would be now: a ` + "`--for`" + ` that has ended is not brought back. Times are those of NATS, whatever a process's clock says.

What is set lies in the NATS bucket ` + "`switches`" + `, by compare-and-set, with a history of 64. Every process keeps what it has applied in
` + "`DIR/switches-ROLE.json`" + ` and begins with that. An older revision is never applied over a newer one. Processes report
every 3 s that they are there; one that did not say good-bye is expected for a day after it was heard of last, or until ` + "`switch forget NODE`" + `. Workers of one role
that share a ` + "`--dir`" + ` have names that end in ` + "`-2`" + `, ` + "`-3`" + `, and so on.

This page is made from the declarations: ` + "`go test ./switches -update`" + `.

## Declared in code

`

// TestDocs holds docs/switches.md to the declarations.
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString(intro)
	table := func(all ...switches.Declaration) {
		b.WriteString("| switch | values | default | what it does | what the customer sees |\n|---|---|---|---|---|\n")
		for _, d := range all {
			values := string(d.Type)
			if d.Choices != nil {
				values = strings.Join(d.Choices, ", ")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, values, d.Default, d.Does, d.Shows)
		}
	}
	table(switches.Declared()...)
	b.WriteString("\n## Declared by the catalog\n\nFor each upstream, and each page's overlays, joined refs and live parts, by their names:\n\n")
	table(switches.Upstream("UPSTREAM"), switches.Overlay("PAGE", "BLOB"), switches.Part("PAGE", "REF"), switches.Live("PART"))
	if *update {
		if err := os.WriteFile(docs, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the declarations say: go test ./switches -update", docs)
	}
}
