package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

// confinement is a control group of Linux whose processes have only so much memory together, the pages of files that the kernel keeps
// in memory for them included.
type confinement struct{ dir string }

const controlGroups = "/sys/fs/cgroup"

// confine makes a control group. Its memory is in bytes.
func confine(memory int64) (c confinement, err error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return c, fmt.Errorf("%w: limit memory: %w; this bench needs Linux", item.ErrUnavailable, err)
	}
	name, files := "vitrine-bench-"+strconv.Itoa(os.Getpid()), map[string]int64{"memory.max": memory, "memory.swap.max": 0}
	c.dir = filepath.Join(controlGroups, name)
	for line := range strings.Lines(string(groups)) {
		if _, own, ok := strings.Cut(strings.TrimSpace(line), ":memory:"); ok { // version 1
			c.dir = filepath.Join(controlGroups, "memory", own, name)
			files = map[string]int64{"memory.limit_in_bytes": memory, "memory.swappiness": 0}
		}
	}
	err = os.Mkdir(c.dir, 0o755)
	if err != nil {
		return c, fmt.Errorf("%w: limit memory: %w; run this bench as root, where control groups of memory may be made, or with --memory 0", item.ErrUnavailable, err)
	}
	for file, n := range files {
		limited := os.WriteFile(filepath.Join(c.dir, file), strconv.AppendInt(nil, n, 10), 0o644)
		if file != "memory.swap.max" || !errors.Is(limited, os.ErrNotExist) { // a kernel without swap has no such file
			err = errors.Join(err, limited)
		}
	}
	if err != nil {
		return c, errors.Join(fmt.Errorf("%w: limit memory: %w", item.ErrUnavailable, err), c.remove())
	}
	return c, nil
}

// within gives the command line that runs another one in the group from its first page on.
func (c confinement) within(command []string) []string {
	return append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(c.dir, "cgroup.procs")}, command...)
}

// remove removes the group, whose processes have ended.
func (c confinement) remove() error { return os.Remove(c.dir) }
