package switches

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"vitrine/internal/redact"
)

// Panel holds the switches of a process. It is safe for concurrent use.
type Panel struct {
	who Identity
	now func() time.Time

	mu       sync.Mutex // guards all below
	switches map[string]*Switch
	settings map[string]map[string]Setting // name → scope → the newest
	thrown   map[string]Setting            // what rules have thrown, by name; in force if no setting is
	onChange []func()
	timer    *time.Timer // for the end of the next setting
	closed   bool
}

// updateEvery is how often a panel checks whether a setting has ended, while one is going to end. It does not wait for that end alone,
// since the clock of the store may be corrected meanwhile.
const updateEvery = time.Second

// NewPanel makes a Panel with the switches of Declared, each at its default. The caller closes it.
func NewPanel(who Identity) *Panel {
	p := &Panel{who: who, now: time.Now, switches: map[string]*Switch{}, settings: map[string]map[string]Setting{}, thrown: map[string]Setting{}}
	for _, d := range Declared() {
		p.Declare(d)
	}
	return p
}

// Who returns the identity of the panel's process.
func (p *Panel) Who() Identity { return p.who }

// SetClock makes the panel use the clock of the store that settings are pushed to, in place of this machine's.
func (p *Panel) SetClock(now func() time.Time) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	p.now = now
	p.putAll()
}

// Update puts in force what applies at the present time: a setting may have ended, or a corrected clock may say that it has not.
func (p *Panel) Update() {
	p.mu.Lock()
	if p.putAll() {
		p.unlockAndNotify()
		return
	}
	p.mu.Unlock()
}

// Close stops the panel's timer. Settings do not end by themselves any more.
func (p *Panel) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

// Declare adds a switch and returns it, or returns the one that has that name already. A setting that came before the declaration is put
// in force. Declare panics if the declaration does not take its own default. For a nil Panel it returns nil.
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

// Must finds a switch that the code relies on. It panics where none has that name, so that a misspelt name ends the process at its
// start, and is not taken for normal service. Of a nil panel it gives nil.
func (p *Panel) Must(name string) *Switch {
	s := p.Switch(name)
	if s == nil && p != nil {
		panic("switches: nobody has declared " + name)
	}
	return s
}

// Switch returns a switch by a name that people or a catalog give. It returns nil, which stands for normal service, if there is none or
// the Panel is nil.
func (p *Panel) Switch(name string) *Switch {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.switches[name]
}

// Check returns nil if a switch takes a value, else ErrUnknown or ErrValue; the error names the input.
func (p *Panel) Check(name, value string) error {
	s := p.Switch(name)
	if s == nil {
		return fmt.Errorf("%w: %.80q (vitrine switch list has all)", ErrUnknown, name)
	}
	_, err := s.Parse(value)
	return err
}

// On reports whether an on/off switch that a catalog declares gives normal service; one that is not declared yet does. Code that
// relies on a switch takes it from Must.
func (p *Panel) On(name string) bool { return p.Switch(name).On() }

// OnChange makes the panel call f after each change of what is set or thrown. f must not call methods that change the panel.
func (p *Panel) OnChange(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onChange = append(p.onChange, f)
}

// Apply takes a setting, and reports whether it did. It refuses a revision that is not later than that of the setting in place. The
// setting of an unknown switch is kept, since the catalog may declare the switch later. A value that the switch does not take
// has no effect.
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

// Drop removes a setting that was deleted at a revision, unless it has a later revision.
func (p *Panel) Drop(name, scope string, revision uint64) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	if old, ok := p.settings[name][scope]; ok && old.Revision <= revision {
		delete(p.settings[name], scope)
		p.refresh(name)
	}
}

// Restart notes that revisions begin again, since the bucket that counts them was lost. Settings stay in force until they are replaced.
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

// Throw puts a rule's value in force for a time, in this process only. While somebody's setting is in force for the switch, the throw
// has no effect. The next throw of the switch replaces this one.
func (p *Panel) Throw(name, value, reason string, hold time.Duration) {
	p.mu.Lock()
	defer p.unlockAndNotify()
	at := p.now().UTC()
	until := at.Add(hold)
	p.thrown[name] = Setting{Name: name, Scope: "node:" + p.who.Node, Value: value, Author: AutomatonAuthor, Reason: reason, At: at, Until: &until}
	p.refresh(name)
}

// Release takes back all that rules have thrown.
func (p *Panel) Release() {
	p.mu.Lock()
	defer p.unlockAndNotify()
	clear(p.thrown)
	p.putAll()
}

// Free reports whether rules may throw a switch: it is declared, and nobody has set it in a scope that contains the process.
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

// Settings returns all settings but the withdrawn ones, sorted by name and scope.
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

// Value is a switch with its value in force. By is the setting, or the throw, that puts it in force; nil for the default.
type Value struct {
	Declaration
	Value string   `json:"value"`
	By    *Setting `json:"by,omitempty"`
}

// Values returns all switches, sorted by name.
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

// NotAtDefault returns the switches whose value in force is not their default, sorted by name. For a nil Panel it returns nil.
func (p *Panel) NotAtDefault() (values []Value) {
	if p == nil {
		return nil
	}
	for _, v := range p.Values() {
		if v.Value != v.Default {
			values = append(values, v)
		}
	}
	return values
}

// InForce returns a switch's value in force, and the setting or the throw that puts it in force, nil for the default. For an unknown
// switch it returns "".
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

// inForce finds what is in force for a switch: what somebody has set, else what a rule has thrown. The caller holds mu.
func (p *Panel) inForce(d Declaration) (value string, by Setting, ok bool) {
	value, by, ok = p.set(d)
	if ok {
		return value, by, true
	}
	by, ok = p.thrown[d.Name]
	value = by.ValueAt(p.now())
	if !ok || value == "" {
		return "", Setting{}, false
	}
	return value, by, true
}

// set finds the setting of the narrowest scope with a value that the switch takes. The caller holds mu.
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

// refresh puts the value in force into a switch, and sets the timer. The caller holds mu.
func (p *Panel) refresh(name string) {
	if s := p.switches[name]; s != nil {
		p.put(s)
	}
	p.setTimer()
}

// putAll puts the values in force into all switches, sets the timer, and reports whether any value has changed. The caller holds mu.
func (p *Panel) putAll() (changed bool) {
	for _, s := range p.switches {
		before := s.n.Load()
		p.put(s)
		changed = changed || s.n.Load() != before
	}
	p.setTimer()
	return changed
}

// put puts the value in force into a switch. The caller holds mu.
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

// setTimer schedules the next Update, if a setting is going to end. The caller holds mu.
func (p *Panel) setTimer() {
	if p.timer != nil {
		p.timer.Stop()
	}
	next, ok := p.nextEnd()
	if !ok || p.closed {
		return
	}
	p.timer = time.AfterFunc(max(0, min(next.Sub(p.now()), updateEvery)), func() {
		defer redact.Crash()
		p.Update()
	})
}

// nextEnd returns when the next setting or throw ends. The caller holds mu.
func (p *Panel) nextEnd() (next time.Time, ok bool) {
	now := p.now()
	consider := func(s Setting) {
		if s.Until != nil && s.Until.After(now) && (!ok || s.Until.Before(next)) {
			next, ok = *s.Until, true
		}
	}
	for _, byScope := range p.settings {
		for _, s := range byScope {
			consider(s)
		}
	}
	for _, s := range p.thrown {
		consider(s)
	}
	return next, ok
}

// unlockAndNotify releases mu, and calls who wants to know of changes.
func (p *Panel) unlockAndNotify() {
	onChange := slices.Clone(p.onChange)
	p.mu.Unlock()
	for _, f := range onChange {
		f()
	}
}
