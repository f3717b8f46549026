package bench

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/load"
	"vitrine/internal/plan"
	"vitrine/switches"
)

// Costs measures what changes and pages cost each part of a system, at several sizes: every role, NATS and Redis are processes of their own.
type Costs struct {
	SKUs    []int   // sizes
	Rate    float64 // pages a second
	Program string  // path of this program
}

// Measure runs a system of each size, and removes all that it created when it ends.
func (c Costs) Measure(ctx context.Context, host Host) (m plan.Measurement, err error) {
	m = plan.Measurement{At: time.Now().UTC().Truncate(time.Second), Machine: machine()}
	for _, n := range c.SKUs {
		host.Log.Info("measuring", "skus", n)
		run, err := c.run(ctx, host, n)
		if err != nil {
			return m, fmt.Errorf("%d SKUs: %w", n, err)
		}
		m.Runs = append(m.Runs, run)
	}
	return m, nil
}

// machine names the processor and its cores.
func machine() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, _ := strings.Cut(string(info), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(fmt.Sprintf("%s, %d cores", strings.Trim(line, "\t :"), runtime.NumCPU()))
}

// system is a running system whose parts are processes.
type system struct {
	*bench
	program                       string // path of this program
	nats, heterog, syncer, detail *child
	redis                         redisServer
	children                      []*child
	addrs                         []string // how roles reach NATS and Redis
	redisEmpty                    float64  // bytes
}

// newSystem makes a system that is not started yet. remove ends its processes and removes what it has stored.
func newSystem(ctx context.Context, host Host, program string, skus int) (s *system, within context.Context, remove func(), err error) {
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return nil, nil, nil, err
	}
	within, stop := context.WithCancel(ctx)
	s = &system{program: program, bench: newBench(&Pipeline{SKUs: skus, Batch: 50, Dir: dir}, host)}
	return s, within, func() {
		end(stop, s.children)
		os.RemoveAll(dir)
	}, nil
}

func (c Costs) run(ctx context.Context, host Host, skus int) (run plan.Run, err error) {
	s, ctx, remove, err := newSystem(ctx, host, c.Program, skus)
	if err != nil {
		return run, err
	}
	defer remove()
	if err := s.startServers(ctx); err != nil {
		return run, err
	}
	s.heterog, _, err = s.role(ctx, "heterog", "heterog", "admin")
	if err != nil {
		return run, err
	}
	s.syncer, _, err = s.role(ctx, "syncer", "syncer", "admin")
	if err != nil {
		return run, err
	}
	s.detail, s.pages, err = s.role(ctx, "detail", "detail", "pages", "--http", "127.0.0.1:0")
	if err != nil {
		return run, err
	}
	return c.measure(ctx, s)
}

// startServers starts the upstream, NATS and Redis, and pushes the catalog.
func (s *system) startServers(ctx context.Context) (err error) {
	if _, err := s.serveShop(ctx); err != nil {
		return err
	}
	var nats string
	s.nats, nats, err = s.launch(ctx, "NATS", "nats", s.program, "bench", "nats", "--dir", filepath.Join(s.Dir, "nats"))
	if err != nil {
		return err
	}
	s.redis, err = startRedis(ctx, s.host, s.Dir)
	if s.redis.child != nil {
		s.children = append(s.children, s.redis.child)
	}
	if err != nil {
		return err
	}
	usage, err := s.redis.store.Usage(ctx)
	if err != nil {
		return err
	}
	s.redisEmpty = usage.Memory
	s.addrs = []string{"--nats", nats, "--redis", s.redis.url}
	if err := s.dial(ctx, nats); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, s.program, "catalog", "push", filepath.Join(s.Dir, "shop.yaml"), "--nats", nats).CombinedOutput(); err != nil {
		return fmt.Errorf("push the catalog: %w: %s", err, item.Clip(string(out), 600))
	}
	return nil
}

func (s *system) launch(ctx context.Context, name, says, program string, args ...string) (*child, string, error) {
	p, addr, err := spawn(ctx, name, says, program, args...)
	if err == nil {
		s.children = append(s.children, p)
	}
	return p, addr, err
}

// role starts a role as its users would, with a folder of the given name.
func (s *system) role(ctx context.Context, role, folder, says string, more ...string) (*child, string, error) {
	args := slices.Concat([]string{role, "--dir", filepath.Join(s.Dir, folder), "--admin", "127.0.0.1:0"}, s.addrs, more)
	return s.launch(ctx, role, says, s.program, args...)
}

// redisServer is a redis-server of a bench, which saves nothing.
type redisServer struct {
	*child
	url   string
	store *rediskv.Store
}

// startRedis starts a redis-server and waits until it answers. It ends with ctx.
func startRedis(ctx context.Context, host Host, dir string) (r redisServer, err error) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		return r, fmt.Errorf("%w: %w: install redis-server", item.ErrUnavailable, err)
	}
	port, err := freePort()
	if err != nil {
		return r, err
	}
	r.url = "redis://127.0.0.1:" + port
	r.child, _, err = spawn(ctx, "Redis", "port", "sh", "-c", `echo port "$2"; exec "$1" --port "$2" --save "" --dir "$3"`, "sh", server, port, dir)
	if err != nil {
		return r, err
	}
	r.store, err = rediskv.Open(ctx, rediskv.Config{URL: r.url, Log: host.Log})
	if err != nil {
		return r, err
	}
	context.AfterFunc(ctx, func() { r.store.Close() })
	return r, until(ctx, func() (bool, error) {
		_, err := r.store.Usage(ctx)
		return err == nil, nil // it is still starting
	})
}

// withRedis calls f beside a redis-server, and ends it.
func withRedis(ctx context.Context, host Host, dir string, f func(context.Context, redisServer) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	redis, err := startRedis(ctx, host, dir)
	if redis.child != nil {
		defer end(stop, []*child{redis.child})
	}
	if err != nil {
		return err
	}
	return f(ctx, redis)
}

// freePort is a port that nobody listens on at this moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// What is requested to measure pages from memory: few pages, often and in a short time, before they expire there.
const (
	warmPaths = 2000
	warmRate  = 8 // times the rate of the bench
)

// measure fills the shop, changes every article once, and requests two pages for each article from memory, and one from Redis.
func (c Costs) measure(ctx context.Context, s *system) (run plan.Run, err error) {
	run = plan.Run{Did: map[plan.Driver]float64{}, Measured: map[plan.Quantity]float64{}}
	n := float64(s.SKUs)
	run.Did[plan.SKUs] = n
	if err := s.costOfChanges(ctx, &run); err != nil {
		return run, err
	}
	size, err := sizeOf(filepath.Join(s.Dir, "detail"))
	if err != nil {
		return run, err
	}
	run.Measured[plan.DetailDisk] = size
	warm, err := c.visitWarm(ctx, s)
	if err != nil {
		return run, err
	}
	run.Did[plan.MemoryPages] = warm.answers
	run.Measured[plan.MemoryPageCPU] = warm.detail
	run.Measured[plan.PageBytes] = warm.bytes
	for _, name := range []string{switches.ReadLocal, switches.ReadBolt} {
		if err := s.flip(ctx, name, "off"); err != nil {
			return run, err
		}
	}
	cold, err := s.visit(ctx, "zipf", s.paths(mostPaths), c.Rate, s.SKUs)
	if err != nil {
		return run, err
	}
	run.Did[plan.StorePages] = cold.answers
	run.Measured[plan.StorePageCPU] = cold.detail
	run.Measured[plan.StorePageLoad] = cold.redis
	for q, p := range map[plan.Quantity]*child{plan.HeterogMemory: s.heterog, plan.SyncerMemory: s.syncer, plan.NATSMemory: s.nats, plan.DetailMemory: s.detail} {
		run.Measured[q] = p.peak()
	}
	return run, nil
}

// visitWarm requests two pages for each article from memory. First visitors come to all of the shop, and fill the caches, whose memory counts; then to
// each of the pages that are measured.
func (c Costs) visitWarm(ctx context.Context, s *system) (v visited, err error) {
	if _, err := s.visit(ctx, "zipf", s.paths(mostPaths), c.Rate, s.SKUs); err != nil {
		return v, err
	}
	paths := s.paths(warmPaths)
	if _, err := s.visit(ctx, "uniform", paths, 2*c.Rate, 6*len(paths)); err != nil {
		return v, err
	}
	return s.visit(ctx, "zipf", paths, warmRate*c.Rate, 2*s.SKUs)
}

// costOfChanges fills the shop, and changes every article once.
func (s *system) costOfChanges(ctx context.Context, run *plan.Run) error {
	before, err := s.state(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := s.all(ctx, item.Normal); err != nil {
			return err
		}
	}
	after, err := s.state(ctx)
	if err != nil {
		return err
	}
	run.Did[plan.Changes] = float64(2 * s.SKUs)
	for q, value := range after {
		run.Measured[q] = value - before[q]
	}
	usage, err := s.redis.store.Usage(ctx)
	run.Measured[plan.RedisMemory] = usage.Memory - s.redisEmpty
	return err
}

// state is what the drivers of changes have driven so far.
func (s *system) state(ctx context.Context) (map[plan.Quantity]float64, error) {
	found := map[plan.Quantity]float64{}
	for q, p := range map[plan.Quantity]*child{plan.HeterogCPU: s.heterog, plan.SyncerCPU: s.syncer, plan.NATSCPU: s.nats, plan.RedisCPU: s.redis.child, plan.MirrorCPU: s.detail} {
		used, err := p.used()
		if err != nil {
			return nil, err
		}
		found[q] = used.Seconds()
	}
	usage, err := s.redis.store.Usage(ctx)
	if err != nil {
		return nil, err
	}
	found[plan.Commands] = usage.Commands
	traffic, err := s.nats.ask()
	if err != nil {
		return nil, err
	}
	found[plan.Messages] = traffic.Messages
	found[plan.MessageBytes] = traffic.Bytes
	return found, nil
}

// visited is what requests for pages took.
type visited struct {
	answers float64
	bytes   float64
	detail  float64 // CPU seconds
	redis   float64 // CPU seconds
}

// visit requests pages in an open loop, as a workload says, until so many were answered.
func (s *system) visit(ctx context.Context, workload string, paths []string, rate float64, count int) (v visited, err error) {
	before := v
	before.detail, before.redis, err = s.reading()
	if err != nil {
		return v, err
	}
	v.answers, v.bytes, err = requestUntil(rate, count, func(rate float64, pages int) (load.Result, error) {
		return s.requestSome(ctx, workload, paths, rate, pages)
	})
	if err != nil {
		return v, err
	}
	v.detail, v.redis, err = s.reading()
	v.detail -= before.detail
	v.redis -= before.redis
	return v, err
}

// reading is the CPU time of what answers requests for pages.
func (s *system) reading() (detail, redis float64, err error) {
	ofDetail, err := s.detail.used()
	if err != nil {
		return 0, 0, err
	}
	ofRedis, err := s.redis.used()
	return ofDetail.Seconds(), ofRedis.Seconds(), err
}

// sizeOf is the size of all files in a folder, in bytes.
func sizeOf(dir string) (bytes float64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += float64(info.Size())
		}
		return err
	})
	return bytes, err
}
