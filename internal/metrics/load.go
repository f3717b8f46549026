package metrics

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/pause"
)

// The load is that of the last loadReadings readings.
const (
	loadEvery    = 500 * time.Millisecond
	loadReadings = 10
)

// Load exports how much of what a process can do in a role is in use. It is the signal for more and for fewer processes of the role, so it
// does not rise where more of them would be of no use.
type Load struct {
	used   func() float64
	cpu    func() time.Duration // that the process has used
	waited func() time.Duration // that its threads have waited for a processor
	now    func() time.Time

	mu       sync.Mutex // guards readings
	readings []reading  // the oldest first
}

type reading struct {
	at     time.Time
	cpu    time.Duration
	waited time.Duration
	used   float64
}

// NewLoad registers the metric; Run reads. used is the share that is in use of all that the role has, processors excepted.
func NewLoad(r prometheus.Registerer, role string, used func() float64) *Load {
	l := &Load{used: used, cpu: CPUTime, waited: func() time.Duration { return waited(tasksOfSelf) }, now: time.Now}
	prometheus.WrapRegistererWith(prometheus.Labels{"role": role}, r).MustRegister(
		gauge("load_ratio", "How much of what this process can do in a role is in use; for the autoscaler.", l.ratio))
	return l
}

// Run reads until ctx ends.
func (l *Load) Run(ctx context.Context) error {
	l.read()
	pause.Every(ctx, loadEvery, l.read)
	return nil
}

func (l *Load) read() {
	one := reading{l.now(), l.cpu(), l.waited(), l.used()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readings = append(l.readings, one)
	if len(l.readings) > loadReadings {
		l.readings = l.readings[1:]
	}
}

// ratio is the share of the processors or of all else that is in use, whichever is greater, on average.
func (l *Load) ratio() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.readings) == 0 {
		return 0
	}
	used := 0.0
	for _, one := range l.readings {
		used += one.used
	}
	used /= float64(len(l.readings))
	return max(used, busy(l.readings[0], l.readings[len(l.readings)-1]))
}

// busy is the share of the processors that were in use between two readings, or that threads were waiting for: where other programs take the
// processors, a process that is overloaded uses few. A thread that waits occupies one of GOMAXPROCS, however little its cgroup is given.
func busy(first, last reading) float64 {
	passed := last.at.Sub(first.at).Seconds()
	if passed <= 0 {
		return 0
	}
	cpu := (last.cpu - first.cpu).Seconds() / passed
	wanted := cpu + max(0, last.waited-first.waited).Seconds()/passed
	return max(cpu/Processors(), min(1, wanted/float64(runtime.GOMAXPROCS(0))))
}

// CPUTime is the CPU time that this process has used, user and system.
func CPUTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
