//go:build failpoint

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// armed is the point that kills, left how often it is still passed.
var (
	armed Point
	left  atomic.Int64
)

func init() {
	name, times, _ := strings.Cut(os.Getenv("VITRINE_FAILPOINT"), ":")
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	armed = Point(name)
	left.Store(n)
}

// Hit is a moment at which a crash matters.
func Hit(p Point) {
	if p == armed && left.Add(-1) == 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it has come
	}
}
