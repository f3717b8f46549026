package control

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/pause"
)

// endWithin bounds the wait for nginx's workers of the previous file: a slow visitor keeps one alive without limit.
const endWithin = time.Second

// workers are worker processes of nginx.
type workers struct {
	byID   map[int]process
	unseen error // why they are unknown
}

// seeWorkers lists the workers of each nginx on this machine.
func seeWorkers() workers {
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return workers{unseen: err}
	}
	w := workers{byID: map[int]process{}}
	for _, folder := range folders {
		pid, err := strconv.Atoi(folder.Name())
		if err != nil {
			continue // not a process
		}
		p, err := readProcess(pid)
		if err != nil || p.name != "nginx" || p.ended {
			continue // it may have ended since it was listed
		}
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(title, []byte("worker process")) { // not a manager of the cache
			p.retiring = bytes.Contains(title, []byte("is shutting down"))
			w.byID[pid] = p
		}
	}
	return w
}

// awaitOld returns when no worker of the previous file is left, or after endWithin with those that are. before are the
// workers from before the reload, of any nginx; worker is the process id of one that uses the new file: only its
// siblings count.
func awaitOld(ctx context.Context, worker int, before workers) workers {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	known, err := readProcess(worker)
	switch {
	case before.unseen != nil:
		return before
	case err != nil:
		return workers{unseen: fmt.Errorf("process %d is not here: is nginx in another container? %w", worker, err)}
	case known.name != "nginx":
		return workers{unseen: fmt.Errorf("process %d is %s: is nginx in another container?", worker, known.name)}
	}
	for {
		now := seeWorkers()
		maps.DeleteFunc(now.byID, func(pid int, p process) bool {
			old := p.started == before.byID[pid].started || p.retiring // a retiring worker may have been started with the previous file after before was listed
			return p.parent != known.parent || !old
		})
		if now.unseen != nil || len(now.byID) == 0 {
			return now
		}
		if pause.For(ctx, confirmPause) != nil {
			return now
		}
	}
}

// note says how many of the workers remain; it is empty if none does.
func (w workers) note() string {
	if w.unseen != nil {
		return fmt.Sprintf("whether nginx's workers of before have ended can't be seen from here: %v", w.unseen)
	}
	left := 0
	for pid, was := range w.byID {
		p, err := readProcess(pid)
		if err == nil && !p.ended && p.started == was.started {
			left++
		}
	}
	if left == 0 {
		return ""
	}
	return fmt.Sprintf("%d workers of nginx go by the file before, for requests and connections that they have had for longer", left)
}

// process is a process as Linux reports it.
type process struct {
	name     string
	ended    bool // nobody has collected its exit status
	parent   int
	started  uint64 // distinguishes it from a later process with the same id
	retiring bool   // a worker of nginx that accepts no more connections
}

// readProcess reads /proc/PID/stat; see proc_pid_stat(5).
func readProcess(pid int) (p process, err error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	_, rest, _ := strings.Cut(string(body), "(")
	end := strings.LastIndex(rest, ")")
	fields := strings.Fields(rest[end+1:])
	if end < 0 || len(fields) < 20 {
		return p, fmt.Errorf("/proc/%d/stat: %.80q", pid, body)
	}
	p.name = rest[:end]
	p.ended = fields[0] == "Z"
	p.parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return p, err
	}
	p.started, err = strconv.ParseUint(fields[19], 10, 64)
	return p, err
}
