package metrics

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Processors is how many processors this process may use: GOMAXPROCS, or what its cgroup is given where that is less. The runtime sets
// GOMAXPROCS by the cgroup too, but to 2 at least, and to whole ones.
func Processors() float64 {
	all := float64(runtime.GOMAXPROCS(0))
	if given := quota("/sys/fs/cgroup", "/proc/self/cgroup"); given > 0 {
		return min(all, given)
	}
	return all
}

// quota is how many processors the cgroup of a process is given; 0 where it has no limit of its own. Within a container the cgroup is the
// root of the file system.
func quota(root, self string) float64 {
	text, err := os.ReadFile(self)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		for _, path := range []string{fields[2], "/"} {
			given := 0.0
			switch {
			case fields[1] == "": // version 2
				dir := filepath.Join(root, path)
				given = share(strings.Fields(firstLine(filepath.Join(dir, "cpu.max"))))
			case strings.Contains(","+fields[1]+",", ",cpu,"):
				dir := filepath.Join(root, "cpu", path)
				given = share([]string{firstLine(filepath.Join(dir, "cpu.cfs_quota_us")), firstLine(filepath.Join(dir, "cpu.cfs_period_us"))})
			}
			if given > 0 {
				return given
			}
		}
	}
	return 0
}

// share divides a quota by its period; 0 for none.
func share(of []string) float64 {
	if len(of) != 2 {
		return 0
	}
	time, err := strconv.ParseFloat(of[0], 64)
	period, failed := strconv.ParseFloat(of[1], 64)
	if err != nil || failed != nil || time <= 0 || period <= 0 {
		return 0
	}
	return time / period
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}
