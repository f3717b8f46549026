package control

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// endWithin bounds the wait for the workers of nginx that go by the file before: with a slow visitor, one stays for as long as he does.
const endWithin = time.Second

// awaitOld returns when no worker of nginx is left that was started at or before a time, or after endWithin: then note says what is left.
// worker is the process id of any worker.
func awaitOld(ctx context.Context, worker int, before uint64) (note string) {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for {
		left, err := oldWorkers(worker, before)
		switch {
		case err != nil:
			return fmt.Sprintf("whether nginx's workers of before have ended can't be seen from here: %v", err)
		case left == 0:
			return ""
		}
		select {
		case <-time.After(confirmPause):
		case <-ctx.Done():
			return fmt.Sprintf("%d workers of nginx go by the file before, for requests and connections that they have had for longer", left)
		}
	}
}

// oldWorkers counts the workers of the same nginx that were started at or before a time.
func oldWorkers(worker int, before uint64) (n int, err error) {
	known, err := readProcess(worker)
	if err != nil || known.name != "nginx" {
		return 0, fmt.Errorf("process %d is no nginx: is it in another container? %w", worker, err)
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		p, err := readProcess(pid)
		if err != nil || p.parent != known.parent || p.started > before || p.ended {
			continue // one may have ended since it was listed
		}
		title, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err == nil && bytes.Contains(title, []byte("worker process")) { // and not a manager of the cache
			n++
		}
	}
	return n, nil
}

// process is a process as Linux tells it. Times are in hundredths of a second since the machine was started.
type process struct {
	name    string
	ended   bool // nobody has asked how
	parent  int
	started uint64
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

// sinceBoot is now, in hundredths of a second since the machine was started. It is 0 where that is not known: nothing is older.
func sinceBoot() uint64 {
	body, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	seconds, _, _ := strings.Cut(string(body), " ")
	up, err := strconv.ParseUint(strings.Replace(seconds, ".", "", 1), 10, 64) // it has two decimals
	if err != nil {
		return 0
	}
	return up
}
