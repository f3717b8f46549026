package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"vitrine/internal/redact"
)

// How a process is held to a share of a core.
const (
	byCgroup  = "a CPU quota of its cgroup"
	bySignals = "SIGSTOP and SIGCONT, by the CPU time that it has used"
)

// cpuGroups is where version 1 of Linux's cgroups has its quotas of CPU time.
const cpuGroups = "/sys/fs/cgroup/cpu"

// throttlePeriod is in what time a process may use its share. A short one keeps latencies close to those of a slower core.
const throttlePeriod = 20 * time.Millisecond

// throttle holds a process to a share of a core until free is called.
func throttle(c *child, share float64) (how string, free func(), err error) {
	free, err = Quota(c.cmd.Process.Pid, share)
	if err == nil {
		return byCgroup, free, nil
	}
	free, err = throttleBySignals(c, share)
	return bySignals, free, err
}

// Quota holds a process to a share of a core, by a cgroup of its own, until free is called. It fails where no such cgroup can be made.
func Quota(pid int, share float64) (free func(), err error) {
	group := filepath.Join(cpuGroups, fmt.Sprintf("vitrine-%d", pid))
	if err := os.Mkdir(group, 0o755); err != nil {
		return nil, fmt.Errorf("hold a process to a share of a core, which needs root and cgroups of version 1: %w", err)
	}
	for _, setting := range [][2]string{
		{"cpu.cfs_period_us", strconv.FormatInt(throttlePeriod.Microseconds(), 10)},
		{"cpu.cfs_quota_us", strconv.Itoa(int(share * float64(throttlePeriod.Microseconds())))},
		{"cgroup.procs", strconv.Itoa(pid)},
	} {
		if err := os.WriteFile(filepath.Join(group, setting[0]), []byte(setting[1]), 0o644); err != nil {
			os.Remove(group)
			return nil, fmt.Errorf("hold a process to a share of a core: %w", err)
		}
	}
	return func() {
		os.WriteFile(filepath.Join(cpuGroups, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644) // fails if it has ended
		os.Remove(group)
	}, nil
}

// throttleBySignals stops the process while it has used more than its share. What it leaves in one period it may use in the next one,
// and no later.
func throttleBySignals(c *child, share float64) (free func(), err error) {
	used, err := c.used()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(ended)
		tick := time.NewTicker(throttlePeriod / 10)
		defer tick.Stop()
		defer c.cmd.Process.Signal(syscall.SIGCONT)
		may, last := used, time.Now() // how much it may have used by then
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				used, err := c.used()
				if err != nil {
					return // it has ended
				}
				may += time.Duration(share * float64(now.Sub(last)))
				may = min(may, used+time.Duration(share*float64(throttlePeriod)))
				last = now
				signal := syscall.SIGCONT
				if used > may {
					signal = syscall.SIGSTOP
				}
				c.cmd.Process.Signal(signal)
			}
		}
	}()
	return func() { cancel(); <-ended }, nil
}
