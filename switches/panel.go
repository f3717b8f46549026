package switches

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Identity is who a process is, for scopes.
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

// scopes are the scopes that contain the process, the narrowest first. vitrine up has every role.
func (i Identity) scopes() []string {
	scopes := []string{"node:" + i.Qualified(), "node:" + i.Node, "role:" + i.Role}
	if i.Role == "up" {
		scopes = append(scopes, "role:detail", "role:syncer", "role:heterog")
	}
	return append(scopes, "room:"+i.Room, All)
}

// Has reports whether a scope names the process.
func (i Identity) Has(scope string) bool { return slices.Contains(i.scopes(), scope) }

// roles are those that a process may have.
func roles() []string { return []string{"detail", "syncer", "heterog", "front", "up"} }

// All is the scope of every process.
const All = "all"

// mostScope bounds the name in a scope: a node's has a host's, of 64 at most, and what Vitrine adds.
const mostScope = 128

// CheckScope is nil for a scope that a setting may have, else an ErrValue that names it. A role that no process can have is refused,
// since its setting would never be in force.
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

// Panel holds the switches of a process. It is safe for concurrent use.
type Panel struct {
	who Identity
	now func() time.Time

	mu       sync.Mutex // guards all below
	switches map[string]*Switch
	settings map[string]map[string]Setting // name → scope → the newest
	thrown   map[string]Setting            // by rules; in force where no setting is
	changed  []func()
	timer    *time.Timer // for the next setting that ends
	closed   bool
}

// lookEvery is how often a panel looks whether a setting has ended, while there is one that will end. The clock of the store, which
// decides, may be corrected meanwhile.
const lookEvery = time.Second

// NewPanel makes a panel with all of Declared.
func NewPanel(who Identity) *Panel {
	p := &Panel{who: who, now: time.Now, switches: map[string]*Switch{}, settings: map[string]map[string]Setting{}, thrown: map[string]Setting{}}
	for _, d := range Declared() {
		p.Declare(d)
	}
	return p
}

// Who is the process that the panel belongs to.
func (p *Panel) Who() Identity { return p.who }

// SetClock replaces this machine's clock by that of the store to which settings are pushed.
func (p *Panel) SetClock(now func() time.Time) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	p.now = now
	p.putAll()
}

// Look puts in force what the clock says now: a setting may have ended, or not have ended yet by a clock that was corrected.
func (p *Panel) Look() {
	p.mu.Lock()
	if p.putAll() {
		p.unlockAndNotify()
		return
	}
	p.mu.Unlock()
}

// Close ends the panel's timer.
func (p *Panel) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Declare adds a switch and gives it; where one has that name already, it gives that. A setting that came before the declaration is
// put in force. Of a nil panel it gives nil.
func (p *Panel) Declare(d Declaration) *Switch {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.switches[d.Name]; s != nil {
		return s
	}
	s := &Switch{Declaration: d}
	p.switches[d.Name] = s
	p.put(s)
	return s
}

// Switch finds a switch; nil, which is normal service, where none has that name, or there is no panel.
func (p *Panel) Switch(name string) *Switch {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.switches[name]
}

// Check is nil for a value that a switch takes, else ErrUnknown or ErrValue, which name the input.
func (p *Panel) Check(name, value string) error {
	s := p.Switch(name)
	if s == nil {
		return fmt.Errorf("%w: %.80q (vitrine switch list has all)", ErrUnknown, name)
	}
	_, err := s.Parse(value)
	return err
}

// On reports whether an on/off switch gives normal service; one that is not declared does.
func (p *Panel) On(name string) bool { return p.Switch(name).On() }

// Changed has f called after each change of a value. f must not call the panel's own methods that change it.
func (p *Panel) Changed(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = append(p.changed, f)
}

// Apply takes a setting, and reports whether it did: it refuses one of a revision that is not later than that in place. A setting of
// an unknown switch is held, since the catalog may declare the switch later. A value that can't be parsed has no effect.
func (p *Panel) Apply(s Setting) (taken bool) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	old, ok := p.settings[s.Name][s.Scope]
	if ok && (s.Revision < old.Revision || s.Revision == old.Revision && s.Revision > 0) {
		return false
	}
	if p.settings[s.Name] == nil {
		p.settings[s.Name] = map[string]Setting{}
	}
	p.settings[s.Name][s.Scope] = s
	p.refresh(s.Name)
	return true
}

// Drop removes a setting that was deleted at a revision, unless it was set again later.
func (p *Panel) Drop(name, scope string, revision uint64) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	if old, ok := p.settings[name][scope]; ok && old.Revision <= revision {
		delete(p.settings[name], scope)
		p.refresh(name)
	}
}

// Restart takes notice that revisions begin again, since the bucket that counts them was lost. Settings in force stay until they are
// set again.
func (p *Panel) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, byScope := range p.settings {
		for scope, s := range byScope {
			s.Revision = 0
			byScope[scope] = s
		}
	}
}

// Throw puts a rule's value in force for a time, in this process only, and only where nobody has set the switch. The next throw of
// the same switch replaces it.
func (p *Panel) Throw(name, value, reason string, hold time.Duration) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	at := p.now().UTC()
	until := at.Add(hold)
	p.thrown[name] = Setting{Name: name, Scope: "node:" + p.who.Node, Value: value, Author: AutomatonAuthor, Reason: reason, At: at, Until: &until}
	p.refresh(name)
}

// Release withdraws all that rules have thrown.
func (p *Panel) Release() {
	p.mu.Lock()
	defer p.unlockAndNotify()
	clear(p.thrown)
	p.putAll()
}

// Free reports whether rules may move a switch: nobody has set it, in any scope that names the process.
func (p *Panel) Free(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.switches[name]
	if s == nil {
		return false
	}
	_, _, set := p.set(s.Declaration)
	return !set
}

// Settings are all settings but the withdrawn ones, sorted by name and scope.
func (p *Panel) Settings() (all []Setting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.settings)) {
		for _, scope := range slices.Sorted(maps.Keys(p.settings[name])) {
			if s := p.settings[name][scope]; !s.Withdrawn() {
				all = append(all, s)
			}
		}
	}
	return all
}

// Value is a switch with the value in force. By is the setting that puts it in force; nil for the default.
type Value struct {
	Declaration
	Value string   `json:"value"`
	By    *Setting `json:"by,omitempty"`
}

// Values are all switches, sorted by name.
func (p *Panel) Values() (all []Value) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.switches)) {
		d := p.switches[name].Declaration
		v := Value{Declaration: d, Value: d.Default}
		if value, by, ok := p.inForce(d); ok {
			v.Value, v.By = value, &by
		}
		all = append(all, v)
	}
	return all
}

// Moved are the switches that are not at their default.
func (p *Panel) Moved() (moved []Value) {
	if p == nil {
		return nil
	}
	for _, v := range p.Values() {
		if v.Value != v.Default {
			moved = append(moved, v)
		}
	}
	return moved
}

// InForce is a switch's value in this process, and the setting that puts it in force: nil for the default. An unknown switch has
// the value "".
func (p *Panel) InForce(name string) (value string, by *Setting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.switches[name]
	if s == nil {
		return "", nil
	}
	if value, by, ok := p.inForce(s.Declaration); ok {
		return value, &by
	}
	return s.Default, nil
}

// inForce finds what is in force for a switch: what somebody has set, else what a rule has thrown. It is called with mu held.
func (p *Panel) inForce(d Declaration) (value string, by Setting, ok bool) {
	if value, by, ok = p.set(d); ok {
		return value, by, true
	}
	by, ok = p.thrown[d.Name]
	if value = by.ValueAt(p.now()); !ok || value == "" {
		return "", Setting{}, false
	}
	return value, by, true
}

// set finds the narrowest setting with a value that the switch takes. It is called with mu held.
func (p *Panel) set(d Declaration) (value string, by Setting, ok bool) {
	now := p.now()
	for _, scope := range p.who.scopes() {
		s, ok := p.settings[d.Name][scope]
		if !ok {
			continue
		}
		value := s.ValueAt(now)
		if _, err := d.Parse(value); err == nil {
			return value, s, true
		}
	}
	return "", Setting{}, false
}

// refresh puts the value in force into a switch, and sets the timer. It is called with mu held.
func (p *Panel) refresh(name string) {
	if s := p.switches[name]; s != nil {
		p.put(s)
	}
	p.setTimer()
}

// putAll puts the values in force into all switches, sets the timer, and reports whether any has changed. It
// is called with mu held.
func (p *Panel) putAll() (changed bool) {
	for _, s := range p.switches {
		before := s.n.Load()
		p.put(s)
		changed = changed || s.n.Load() != before
	}
	p.setTimer()
	return changed
}

func (p *Panel) put(s *Switch) {
	value := s.Default
	if set, _, ok := p.inForce(s.Declaration); ok {
		value = set
	}
	n, err := s.Parse(value)
	if err != nil {
		panic("switches: the default of " + s.Name + ": " + err.Error())
	}
	s.n.Store(n)
}

// setTimer has the panel look again when the next setting ends, or before. It is called with mu held.
func (p *Panel) setTimer() {
	if p.timer != nil {
		p.timer.Stop()
	}
	next, ok := p.nextEnd()
	if !ok || p.closed {
		return
	}
	p.timer = time.AfterFunc(max(0, min(next.Sub(p.now()), lookEvery)), p.Look)
}

// nextEnd is when the next setting or throw ends. It is called with mu held.
func (p *Panel) nextEnd() (next time.Time, ok bool) {
	now := p.now()
	look := func(s Setting) {
		if s.Until != nil && s.Until.After(now) && (!ok || s.Until.Before(next)) {
			next, ok = *s.Until, true
		}
	}
	for _, byScope := range p.settings {
		for _, s := range byScope {
			look(s)
		}
	}
	for _, s := range p.thrown {
		look(s)
	}
	return next, ok
}

func (p *Panel) unlockAndNotify() {
	changed := slices.Clone(p.changed)
	p.mu.Unlock()
	for _, f := range changed {
		f()
	}
}
