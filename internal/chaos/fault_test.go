package chaos_test

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// injector carries out a round's events on its system.
type injector struct {
	*system
	stores  []sync.Mutex // so that one fault at a time hits a node of Redis
	past    string       // a copy of NATS's files; "" before there is one
	restore func()       // puts an older state of Redis back; nil before there is one

	olderFile string // of the store, of which older is a copy
	older     []byte // nil before there is one
}

func newInjector(y *system) *injector {
	in := &injector{system: y, stores: make([]sync.Mutex, len(y.redis))}
	if len(y.redis) == 1 {
		in.restore = y.redis[0].Snapshot()
	}
	return in
}

func (in *injector) carryOut(e event) {
	switch e.fault {
	case "process killed", "process stopped", "process hangs":
		in.hurtProcess(e)
	case "catalog pushed":
		in.mu.Lock()
		defer in.mu.Unlock()
		in.writeCatalog()
		in.push()
	case "NATS away", "files of NATS removed", "NATS rolled back":
		in.mu.Lock()
		defer in.mu.Unlock()
		in.hurtNATS(e)
	case "Redis flushed", "Redis hangs", "Redis away", "Redis rolled back":
		in.hurtRedis(e)
	case "file of the store removed", "file of the store rolled back":
		in.hurtStore(e)
	default:
		heal := in.upstreams[e.target%len(in.upstreams)].hurt(in.t, e.fault, "")
		time.Sleep(e.lasts)
		heal()
	}
}

func (in *injector) hurtProcess(e event) {
	p := in.processes[e.target%len(in.processes)]
	if !p.take() {
		return
	}
	defer p.giveBack()
	if e.fault == "process hangs" {
		p.signal(syscall.SIGSTOP)
		time.Sleep(e.lasts)
		p.signal(syscall.SIGCONT)
		return
	}
	s := syscall.SIGKILL
	if e.fault == "process stopped" {
		s = syscall.SIGTERM
	}
	p.end(s)
	time.Sleep(e.lasts)
	in.revive(p)
}

// revive starts a process again until it keeps running, since a server that it needs may be away.
func (in *injector) revive(p *process) {
	for range 60 {
		if p.start(in.t, in.binary) {
			return
		}
		time.Sleep(time.Second)
	}
	in.t.Errorf("%s does not start again for a minute", p.name)
}

// hurtNATS stops the process that NATS runs in, changes its files as the fault says, and starts it again.
func (in *injector) hurtNATS(e event) {
	stop, start := in.stopNATS, in.startNATS
	if p := in.processes[0]; in.nats == nil {
		for !p.take() {
			time.Sleep(100 * time.Millisecond)
		}
		defer p.giveBack()
		stop = func() { p.end(syscall.SIGTERM) }
		start = func() { in.revive(p) }
	}
	stop()
	time.Sleep(e.lasts)
	in.changeFiles(e.fault)
	start()
	if in.nats != nil && e.fault != "NATS away" {
		in.push() // as an operator does after NATS has lost its files
	}
}

// changeFiles removes or rolls back the files of a stopped NATS. Otherwise it may keep a copy of them for a later
// rollback.
func (in *injector) changeFiles(fault string) {
	dir := in.natsDir()
	switch {
	case fault == "files of NATS removed":
		in.must(os.RemoveAll(dir))
	case fault == "NATS rolled back" && in.past != "":
		in.must(os.RemoveAll(dir))
		in.must(os.CopyFS(dir, os.DirFS(in.past)))
	default:
		in.past = in.t.TempDir() + "/nats"
		in.must(os.CopyFS(in.past, os.DirFS(dir)))
	}
}

// hurtStore ends the process that has bbolt, removes one file of its store or replaces it by an older copy, and starts the process
// again. The first rollback only makes the copy.
func (in *injector) hurtStore(e event) {
	p := in.processes[0]
	for !p.take() {
		time.Sleep(100 * time.Millisecond)
	}
	defer p.giveBack()
	p.end(syscall.SIGTERM)
	files, err := filepath.Glob(filepath.Join(in.dir, p.name, "store*.db"))
	in.must(err)
	file := files[e.target%len(files)]
	switch {
	case e.fault == "file of the store removed":
		in.must(os.Remove(file))
	case in.older != nil:
		in.must(os.WriteFile(in.olderFile, in.older, 0o600))
		in.older = nil
	default:
		in.olderFile = file
		in.older, err = os.ReadFile(file)
		in.must(err)
	}
	in.revive(p)
}

func (in *injector) must(err error) {
	if err != nil {
		in.t.Error(err)
	}
}

func (in *injector) hurtRedis(e event) {
	i := e.target % len(in.redis)
	in.stores[i].Lock()
	defer in.stores[i].Unlock()
	server := in.redis[i]
	switch e.fault {
	case "Redis flushed":
		server.Flush()
	case "Redis hangs":
		server.Pause()
		time.Sleep(e.lasts)
		server.Resume()
	case "Redis away":
		server.Stop()
		time.Sleep(e.lasts)
		server.Start()
	case "Redis rolled back":
		in.restore()
		in.restore = server.Snapshot()
	}
}
