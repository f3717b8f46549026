package chaos_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soak is what runs in a soak.
type soak struct {
	t     *testing.T
	rooms []*soakRoom
	cable sync.Mutex

	growth *growth // of the full form

	mu     sync.Mutex // guards all below, and is held while something is pushed
	pushes int
	dealt  map[string]int // how often each fault was
}

func (s *soak) carryOut(e event) {
	if s.carriedOut(s.room(e.where), e) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dealt[e.fault]++
	}
}

// room is a room by its name.
func (s *soak) room(name string) *soakRoom { return s.rooms[slices.Index(roomNames, name)] }

// carriedOut carries out an event. It reports false for one that had to give way to another.
func (s *soak) carriedOut(r *soakRoom, e event) bool {
	switch {
	case e.fault == "rooms cut off":
		s.cable.Lock()
		defer s.cable.Unlock()
		r.cut()
		time.Sleep(e.lasts)
		r.healCables()
	case e.fault == "room's upstreams away":
		for _, u := range r.upstreams {
			defer u.hurt(s.t, "upstream hangs", r.room)()
		}
		time.Sleep(e.lasts)
	case e.fault == "room lost":
		r.redisHurt.Lock()
		defer r.redisHurt.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lose(e.lasts)
	case e.fault == "process added":
		return r.visitedBy(e)
	case strings.HasPrefix(e.fault, "process "):
		return r.hurtOne(e)
	case strings.HasSuffix(e.fault, " pushed"):
		s.push(r, e)
	case strings.Contains(e.fault, "Redis") || strings.Contains(e.fault, "sentinel"):
		r.redisHurt.Lock()
		defer r.redisHurt.Unlock()
		r.hurtStore(e)
	case strings.Contains(e.fault, "NATS"):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hurtBrokers(e)
	default:
		heal := r.upstreams[e.target%len(r.upstreams)].hurt(s.t, e.fault, r.room)
		time.Sleep(e.lasts)
		heal()
	}
	return true
}

// hurtOne hurts a process, of those that serve pages one at a time, and has it serve again when it says that it is ready.
func (r *soakRoom) hurtOne(e event) bool {
	p := r.processes[e.target%len(r.processes)]
	if p.args[0] == "detail" {
		if len(r.details()) == 1 || !r.doors.hurting.TryLock() {
			return false
		}
		defer r.doors.hurting.Unlock()
	}
	if !p.take() {
		return false
	}
	defer p.giveBack()
	if e.fault == "process hangs" {
		p.signal(syscall.SIGSTOP)
		time.Sleep(e.lasts)
		p.signal(syscall.SIGCONT)
		return true
	}
	how := syscall.SIGKILL
	if e.fault == "process stopped" {
		how = syscall.SIGTERM
	}
	p.end(how)
	r.changeFolder(p, e.fault)
	time.Sleep(e.lasts)
	r.injector.revive(p)
	p.awaitReady(r.t)
	return true
}

// changeFolder removes the folder of a process that has ended, or puts an older copy in its place, as an operator may who restores a
// machine. Otherwise it may keep a copy for later.
func (r *soakRoom) changeFolder(p *process, fault string) {
	folder := filepath.Join(r.dir, p.name)
	copied := func(from, to string) {
		if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
			r.t.Errorf("copy %s: %v: %s", from, err, out)
		}
	}
	switch {
	case fault == "process loses its folder":
		r.injector.must(os.RemoveAll(folder))
	case fault == "process gets an older folder" && p.past != "":
		r.injector.must(os.RemoveAll(folder))
		copied(p.past, folder)
		p.past = ""
	case p.past == "":
		p.past = filepath.Join(r.t.TempDir(), p.name)
		copied(folder, p.past)
	}
}

// visitedBy has a process join the room for a while. Visitors are sent to it from when it is ready until just before it is stopped.
func (r *soakRoom) visitedBy(e event) bool {
	p := r.guest([]string{"heterog", "syncer", "detail"}[e.target%3])
	r.injector.revive(p)
	p.awaitReady(r.t)
	if p.args[0] == "detail" {
		r.doors.open(p)
	}
	time.Sleep(e.lasts)
	r.doors.shut(p)
	p.take() // a visitor may have chosen it just before
	p.end(syscall.SIGTERM)
	return true
}

// lose ends all that runs in the room, and starts it again some time later. Only guests stay, with nothing left beside them.
func (r *soakRoom) lose(away time.Duration) {
	r.doors.hurting.Lock()
	defer r.doors.hurting.Unlock()
	for _, p := range r.processes {
		for !p.take() {
			time.Sleep(100 * time.Millisecond)
		}
		defer p.giveBack()
	}
	for _, p := range r.processes {
		p.end(syscall.SIGKILL)
	}
	r.stopBackends()
	time.Sleep(away)
	r.startBackends()
	for _, p := range r.processes {
		r.injector.revive(p)
		p.awaitReady(r.t)
	}
}

// awaitReady waits until the process says that it is ready, as a load balancer does.
func (p *process) awaitReady(t *testing.T) {
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get(p.address("admin") + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Since(began) > healsIn {
			t.Errorf("%s is not ready after %s", p.name, healsIn)
			return
		}
	}
}

// push pushes something in a room. It reaches the other one by itself.
func (s *soak) push(r *soakRoom, e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes++
	at := []string{"--nats", r.natsURL(), "--wait", "1s"}
	switch e.fault {
	case "catalog pushed":
		s.room(east).writeCatalog()
		r.push()
	case "switch pushed":
		r.until("revision", append([]string{"switch", "set", "ttl.factor", fmt.Sprint(100 + s.pushes)}, at...)...)
	case "templates pushed":
		dir := filepath.Join(r.t.TempDir(), "templates")
		if out, err := r.command("template", "eject", "item.html", "--to", dir); err != nil {
			s.t.Errorf("template eject: %v: %s", err, out)
			return
		}
		s.mark(filepath.Join(dir, "item.html"))
		r.until("as revision", append([]string{"template", "push", dir, "--force"}, at...)...)
	}
}

// mark has a template show the number of the push.
func (s *soak) mark(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Error(err)
		return
	}
	foot := `{{template "foot.html" .}}`
	marked := strings.Replace(string(text), foot, fmt.Sprintf("<p>Templates of push %d.</p>\n%s", s.pushes, foot), 1)
	if err := os.WriteFile(file, []byte(marked), 0o644); err != nil {
		s.t.Error(err)
	}
}

// until repeats a command for as long as NATS is away. done is in its output when it was done, if only in some of the processes.
func (r *soakRoom) until(done string, args ...string) {
	var out []byte
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(300 * time.Millisecond) {
		out, err = r.command(args...)
		if err == nil || strings.Contains(string(out), done) {
			return
		}
	}
	r.t.Errorf("%s was not done for a minute: %v: %s", strings.Join(args[:2], " "), err, out)
}
