package metrics

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/bus"
	"vitrine/internal/item"
)

// TestTheLoadIsWhatIsMostInUse proves that the load is that of the processors or of all else, whichever is greater, of the last seconds.
func TestTheLoadIsWhatIsMostInUse(t *testing.T) {
	var now time.Time
	var cpu, wait time.Duration
	used, starved := 0.2, 0.0
	l := NewLoad(prometheus.NewRegistry(), "detail", func() float64 { return used })
	l.now = func() time.Time { return now }
	l.cpu = func() time.Duration { return cpu }
	l.waited = func() time.Duration { return wait }
	pass := func(share float64) {
		for range loadReadings {
			l.read()
			now = now.Add(loadEvery)
			cpu += time.Duration(share * Processors() * float64(loadEvery))
			wait += time.Duration(starved * float64(runtime.GOMAXPROCS(0)) * float64(loadEvery))
		}
	}
	near := func(what string, want float64) {
		t.Helper()
		if got := l.ratio(); got < want-0.01 || got > want+0.01 {
			t.Errorf("%s: the load is %g, want %g", what, got, want)
		}
	}
	near("before the first reading", 0)
	l.read()
	near("after the first reading", 0.2)
	pass(0.8)
	pass(0.8)
	near("busy processors", 0.8)
	pass(0.1)
	pass(0.1)
	near("idle again", 0.2)
	starved = 0.7
	pass(0)
	pass(0)
	near("others have the processors", 0.7)
	starved = 40
	pass(0.1)
	pass(0.1)
	near("many threads wait", 1)
	starved, wait = 0, 0
	pass(0.1)
	near("threads have ended", 0.2)
	used = 1
	pass(0.1)
	near("all its bounds are reached", 1)
}

// TestThreadsWaitForAProcessor proves that the times of all threads are added up, and that what can't be read counts as none.
func TestThreadsWaitForAProcessor(t *testing.T) {
	tasks := t.TempDir()
	for thread, text := range map[string]string{"1": "500 1000000 3\n", "22": "0 2000000 1\n", "3": "", "4": "1 many 1\n", "5": "1 -7 1\n"} {
		if err := os.MkdirAll(filepath.Join(tasks, thread), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(tasks, thread, "schedstat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := waited(tasks); got != 3*time.Millisecond {
		t.Errorf("the threads have waited %v, want 3ms", got)
	}
	if got := waited(filepath.Join(tasks, "none")); got != 0 {
		t.Errorf("without threads: %v", got)
	}
	if _, err := os.Stat(filepath.Join(tasksOfSelf, strconv.Itoa(os.Getpid()), "schedstat")); err == nil && waited(tasksOfSelf) == 0 {
		t.Error("no thread of this process has ever waited")
	}
}

// TestTheQuotaOfAContainer proves that the processors of a cgroup of either version are known, whether it is seen from within or not.
func TestTheQuotaOfAContainer(t *testing.T) {
	for name, c := range map[string]struct {
		self  string
		files map[string]string
		want  float64
	}{
		"version 2, seen from within":   {"0::/\n", map[string]string{"cpu.max": "50000 100000\n"}, 0.5},
		"version 2, a group of its own": {"0::/a/b\n", map[string]string{"a/b/cpu.max": "150000 100000\n"}, 1.5},
		"version 2, a path of the host": {"0::/kubepods/x\n", map[string]string{"cpu.max": "200000 100000\n"}, 2},
		"version 2, no limit":           {"0::/\n", map[string]string{"cpu.max": "max 100000\n"}, 0},
		"version 1":                     {"5:memory:/m\n1:cpu,cpuacct:/a\n", map[string]string{"cpu/a/cpu.cfs_quota_us": "2000\n", "cpu/a/cpu.cfs_period_us": "10000\n"}, 0.2},
		"version 1, no limit":           {"1:cpu:/\n", map[string]string{"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0},
		"nonsense":                      {"cpu\n0::/\n", map[string]string{"cpu.max": "many\n"}, 0},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		self := filepath.Join(root, "self")
		if err := os.WriteFile(self, []byte(c.self), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := quota(root, self); got != c.want {
			t.Errorf("%s: %g processors, want %g", name, got, c.want)
		}
	}
	if got := quota(t.TempDir(), "nowhere"); got != 0 {
		t.Errorf("without cgroups: %g", got)
	}
}

// TestTheBacklogIsTimeToTheEnd proves that a backlog is how long what waits in the lanes high and normal will take, and that what waits for a
// sick upstream, for a switch, or in the lane refresh is none.
func TestTheBacklogIsTimeToTheEnd(t *testing.T) {
	depth := func(normal, refresh, handed uint64) bus.Depth {
		return bus.Depth{
			Lanes:  map[item.Lane]bus.Lane{item.Normal: {Waiting: normal}, item.Refresh: {Waiting: refresh}},
			Handed: map[item.Lane]uint64{item.Normal: handed, item.Refresh: handed},
		}
	}
	parked := bus.Depth{Lanes: map[item.Lane]bus.Lane{item.Normal: {Waiting: 100_000}}, Handed: map[item.Lane]uint64{}}
	for name, c := range map[string]struct {
		before, now bus.Depth
		want        float64
	}{
		"5 s at 100 a second":            {depth(0, 0, 1000), depth(500, 0, 1500), 0.5},
		"hours":                          {depth(0, 0, 1000), depth(1e6, 0, 1500), 2},
		"nothing":                        {depth(0, 0, 1000), depth(0, 0, 1500), 0},
		"a refresh":                      {depth(0, 0, 1000), depth(0, 1e6, 1500), 0},
		"nothing is handed out":          {depth(900, 0, 1500), depth(1000, 0, 1500), 0},
		"the consumer was made anew":     {depth(900, 0, 1500), depth(1000, 0, 10), 0},
		"nobody has looked at it before": {bus.Depth{}, depth(1000, 0, 1500), 0},
	} {
		q := NewQueues(prometheus.NewRegistry(), nil)
		began := time.Now()
		q.look(map[string]bus.Depth{bus.Changes: c.before, bus.Parked: parked}, began)
		q.look(map[string]bus.Depth{bus.Changes: c.now, bus.Parked: parked}, began.Add(5*time.Second))
		if got := q.Backlog(bus.Changes); got != c.want {
			t.Errorf("%s: the backlog is %g, want %g", name, got, c.want)
		}
		q.look(nil, began.Add(10*time.Second)) // NATS is away
		if got := q.Backlog(bus.Changes); got != 0 {
			t.Errorf("%s, NATS away: the backlog is %g", name, got)
		}
	}
}
