package switches_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vitrine/switches"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var node = switches.Identity{Node: "n1", Role: "detail", Room: "east"}

func TestDeclarations(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	for _, d := range append(switches.Declared(), switches.Upstream("a"), switches.Overlay("p", "b"), switches.Part("p", "r"), switches.Live("l")) {
		if d.Does == "" || d.Shows == "" || d.Name == "" {
			t.Errorf("%+v does not tell what it is", d)
		}
		if _, err := d.Parse(d.Default); err != nil {
			t.Error(err)
		}
		if s := p.Declare(d); s == nil || p.Switch(d.Name) != s {
			t.Error(d.Name, "was not declared")
		}
	}
}

func TestParse(t *testing.T) {
	choice := switches.Declaration{Name: "c", Type: switches.Choice, Choices: []string{"a", "b"}}
	for _, c := range []struct {
		d     switches.Declaration
		value string
		want  int64
		bad   bool
	}{
		{switches.Declaration{Type: switches.OnOff}, "on", 1, false},
		{switches.Declaration{Type: switches.OnOff}, "off", 0, false},
		{switches.Declaration{Type: switches.OnOff}, "ON", 0, true},
		{switches.Declaration{Type: switches.OnOff}, "", 0, true},
		{switches.Declaration{Type: switches.Percent}, "250%", 250, false},
		{switches.Declaration{Type: switches.Percent}, "1001", 0, true},
		{switches.Declaration{Type: switches.Percent}, "-1", 0, true},
		{switches.Declaration{Type: switches.Duration}, "1.5s", 1_500_000_000, false},
		{switches.Declaration{Type: switches.Duration}, "25h", 0, true},
		{choice, "b", 1, false},
		{choice, "z", 0, true},
	} {
		got, err := c.d.Parse(c.value)
		if (err != nil) != c.bad || got != c.want || c.bad && !errors.Is(err, switches.ErrValue) {
			t.Errorf("%s %q is read as %d, error %v; want %d, an error: %t", c.d.Type, c.value, got, err, c.want, c.bad)
		}
	}
}

func TestPanel(t *testing.T) {
	set := func(name, scope, value string, revision uint64) switches.Setting {
		return switches.Setting{Name: name, Scope: scope, Value: value, Revision: revision}
	}
	for _, c := range []struct {
		name     string
		settings []switches.Setting
		on       bool
	}{
		{"the default", nil, true},
		{"a setting for all", []switches.Setting{set("read.redis", "all", "off", 1)}, false},
		{"a setting for others", []switches.Setting{set("read.redis", "node:n2", "off", 1), set("read.redis", "role:heterog", "off", 2), set("read.redis", "room:west", "off", 3)}, true},
		{"the narrowest wins, whatever came last", []switches.Setting{set("read.redis", "node:n1", "on", 1), set("read.redis", "role:detail", "off", 2), set("read.redis", "all", "off", 3)}, true},
		{"role before room", []switches.Setting{set("read.redis", "role:detail", "off", 1), set("read.redis", "room:east", "on", 2)}, false},
		{"an older revision never follows a newer one", []switches.Setting{set("read.redis", "all", "off", 5), set("read.redis", "all", "on", 4)}, false},
		{"a value that can't be read is none", []switches.Setting{set("read.redis", "all", "off", 1), set("read.redis", "node:n1", "maybe", 2)}, false},
	} {
		p := switches.NewPanel(node)
		for _, s := range c.settings {
			p.Apply(s)
		}
		if got := p.On("read.redis"); got != c.on {
			t.Errorf("%s: read.redis is on: %t, want %t", c.name, got, c.on)
		}
		p.Close()
	}
}

// TestMust proves that an undeclared name is an error, and not a switch that is always on.
func TestMust(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	for _, d := range switches.Declared() {
		if s := p.Must(d.Name); s == nil || s.Name != d.Name {
			t.Errorf("Must(%s) = %v", d.Name, s)
		}
	}
	if s := (*switches.Panel)(nil).Must("read.rediss"); !s.On() {
		t.Error("no panel is normal service")
	}
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "read.rediss") {
			t.Errorf("the panic says %q", said)
		}
	}()
	p.Must("read.rediss")
	t.Error("a name that nobody has declared was taken")
}

func TestPanelLater(t *testing.T) {
	p := switches.NewPanel(node)
	defer p.Close()
	p.Apply(switches.Setting{Name: "upstream.x", Scope: "all", Value: "off", Revision: 7})
	if !p.On("upstream.x") {
		t.Error("nobody has declared it yet")
	}
	p.Declare(switches.Upstream("x"))
	if p.On("upstream.x") {
		t.Error("it was set before it was declared")
	}
	p.Restart()
	if p.On("upstream.x") {
		t.Error("what is in force stays when revisions begin again")
	}
	p.Apply(switches.Setting{Name: "upstream.x", Scope: "all", Value: "on", Revision: 1})
	if !p.On("upstream.x") {
		t.Error("a first revision after a restart must count")
	}
	p.Apply(switches.Setting{Name: "upstream.x", Scope: "all", Value: "off", Revision: 2})
	p.Drop("upstream.x", "all", 3)
	if !p.On("upstream.x") {
		t.Error("it was dropped")
	}
	var none *switches.Panel
	if !none.On("anything") || none.Switch("ttl.factor").Percent() != 100 {
		t.Error("without a panel everything is normal")
	}
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := switches.NewPanel(node)
		defer p.Close()
		var changes atomic.Int64
		p.OnChange(func() { changes.Add(1) })
		until := time.Now().Add(time.Minute)
		p.Apply(switches.Setting{Name: "read.redis", Scope: "all", Value: "off", Until: &until, Revision: 1})
		longer := time.Now().Add(time.Hour)
		p.Apply(switches.Setting{Name: "ttl.factor", Scope: "all", Value: "300", Before: "200", Until: &longer, Revision: 2})
		time.Sleep(59 * time.Second)
		if p.On("read.redis") || p.Switch("ttl.factor").Percent() != 300 {
			t.Error("a minute is not over yet")
		}
		time.Sleep(2 * time.Second)
		if !p.On("read.redis") || p.Switch("ttl.factor").Percent() != 300 {
			t.Error("it must come back by itself, and the other stay")
		}
		time.Sleep(time.Hour)
		if n := p.Switch("ttl.factor").Percent(); n != 200 {
			t.Errorf("the value before was 200, not %d", n)
		}
		if n := changes.Load(); n < 4 {
			t.Errorf("told of %d changes", n)
		}
	})
}

func BenchmarkOn(b *testing.B) {
	p := switches.NewPanel(node)
	defer p.Close()
	s := p.Switch("read.redis")
	b.ReportAllocs()
	for b.Loop() {
		if !s.On() {
			b.Fatal("off")
		}
	}
}
