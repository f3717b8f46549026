package metrics

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tasksOfSelf has a folder for each thread of this process.
const tasksOfSelf = "/proc/self/task"

// waited is how long the threads of a process were ready to run while they had no processor: others had it, or the quota of their cgroup was
// used up. It is 0 where the kernel does not say so. A thread that ends takes its time along.
func waited(tasks string) (sum time.Duration) {
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0
	}
	for _, thread := range threads {
		fields := strings.Fields(firstLine(filepath.Join(tasks, thread.Name(), "schedstat")))
		if len(fields) != 3 {
			continue
		}
		if ns, err := strconv.ParseInt(fields[1], 10, 64); err == nil && ns > 0 {
			sum += time.Duration(ns)
		}
	}
	return sum
}
