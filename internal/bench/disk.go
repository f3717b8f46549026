package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/load"
	"vitrine/internal/redact"
	"vitrine/switches"
)

// Disk measures a shop whose store is larger than the memory that `vitrine up` may use, against the same with all of the store in
// memory, for different numbers of files.
type Disk struct {
	SKUs    int
	Text    int   // bytes of text in each article, beside some 300 others
	Memory  int   // MiB for all that a limited up uses, the kernel's copies of its files included; 0 for no limited one
	Shards  []int // numbers of files
	Changes int   // articles, chosen at random, that are changed after all are loaded
	Single  int   // changes that are timed one by one
	Pages   int   // requests of each workload
	Rate    float64
	Reads   int    // single reads of records, and of blobs
	Program string // path of this program
}

// DiskResult is what bench disk prints.
type DiskResult struct {
	SKUs   int       `json:"skus"`
	Memory int       `json:"memory_mib"`
	Runs   []DiskRun `json:"runs"`
}

// DiskRun is one system. Times are in milliseconds.
type DiskRun struct {
	Files    int          `json:"files"`
	Limited  bool         `json:"limited"`
	Size     float64      `json:"store_bytes"`
	Load     float64      `json:"loaded_per_second"`  // SKUs, from an empty folder
	Changes  float64      `json:"changes_per_second"` // of articles all over the store
	Visible  quantiles    `json:"change_to_page"`
	Cold     load.Latency `json:"page_from_store"` // memory of blobs and pages off
	FromDisk float64      `json:"disk_bytes_per_page"`
	Mixed    load.Latency `json:"page_zipf"` // some pages more often than others, memory on
	Sweep    float64      `json:"sweep_seconds"`
	Restart  float64      `json:"restart_seconds"` // until it answers with a page
	StoreReads
}

// Run measures, and removes all that it created when it ends.
func (d Disk) Run(ctx context.Context, host Host) (r DiskResult, err error) {
	r = DiskResult{SKUs: d.SKUs, Memory: d.Memory}
	for _, files := range d.Shards {
		for _, limited := range []bool{false, true} {
			if limited && d.Memory == 0 {
				continue
			}
			one, err := d.run(ctx, host, files, limited)
			if err != nil {
				return r, fmt.Errorf("%d files, limited memory %t: %w", files, limited, err)
			}
			r.Runs = append(r.Runs, one)
		}
	}
	return r, nil
}

// diskSystem is an up of its own process, whose upstream is in this one.
type diskSystem struct {
	*bench
	Disk
	files  int
	memory *confinement // nil if it is not limited
	up     *child
}

func (d Disk) run(ctx context.Context, host Host, files int, limited bool) (r DiskRun, err error) {
	dir, err := os.MkdirTemp("", "vitrine-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &diskSystem{Disk: d, files: files, bench: newBench(&Pipeline{SKUs: d.SKUs, Batch: 50, Single: d.Single, Dir: dir}, host)}
	s.shop.text = d.Text
	if limited {
		group, failed := confine(int64(d.Memory) << 20)
		if failed != nil {
			return r, failed
		}
		defer func() { err = errors.Join(err, group.remove()) }() // the up has ended by then
		s.memory = &group
	}
	if _, err := s.serveShop(ctx); err != nil {
		return r, err
	}
	r = DiskRun{Files: files, Limited: limited}
	host.Log.Info("filling", "files", files, "limited", limited)
	err = s.withUp(ctx, func(ctx context.Context) error { return s.measure(ctx, &r) })
	if err != nil {
		return r, err
	}
	began := time.Now()
	err = s.withUp(ctx, func(ctx context.Context) error {
		err := s.awaitFirst(ctx)
		r.Restart = time.Since(began).Seconds()
		return err
	})
	if err != nil {
		return r, err
	}
	r.StoreReads, err = s.readStore(ctx)
	return r, err
}

// command is the command line of this program with arguments. Its heap is kept to half of the memory, limited or not.
func (s *diskSystem) command(args ...string) []string {
	all := append([]string{s.Program}, args...)
	if s.Memory > 0 {
		all = append([]string{"env", "GOMEMLIMIT=" + strconv.Itoa(s.Memory/2) + "MiB"}, all...)
	}
	if s.memory != nil {
		all = s.memory.within(all)
	}
	return all
}

// cacheMemory is what an up keeps of blobs, and of pages, in its own memory.
const cacheMemory = "8" // MiB

// withUp runs f beside an up, and ends it.
func (s *diskSystem) withUp(ctx context.Context, f func(context.Context) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var addr [2]string
	for i := range addr {
		port, err := freePort()
		if err != nil {
			return err
		}
		addr[i] = "127.0.0.1:" + port
	}
	s.pages = "http://" + addr[0]
	s.admin = "http://" + addr[1]
	args := s.command("up", "--dir", s.Dir, "--catalog", filepath.Join(s.Dir, "shop.yaml"), "--store-shards", strconv.Itoa(s.files),
		"--http", addr[0], "--admin", addr[1], "--nats", "127.0.0.1:0", "--blob-memory", cacheMemory, "--page-memory", cacheMemory)
	up, nats, err := spawn(ctx, "vitrine up", "nats", args[0], args[1:]...)
	if err != nil {
		return err
	}
	defer end(func() { fail(nil) }, []*child{up})
	s.up = up
	go watchEnd(ctx, up, fail)
	err = s.dial(ctx, nats)
	if err == nil {
		err = f(ctx)
	}
	return cmp.Or(context.Cause(ctx), err)
}

// watchEnd calls fail if a process ends before ctx does.
func watchEnd(ctx context.Context, c *child, fail context.CancelCauseFunc) {
	defer redact.Crash()
	select {
	case <-ctx.Done():
	case <-c.done:
		fail(fmt.Errorf("%w: %s ended: %s; one that was killed may need more --memory: %s", item.ErrUnavailable, c.name, c.cmd.ProcessState, item.Clip(c.errs.String(), 600)))
	}
}

func (s *diskSystem) measure(ctx context.Context, r *DiskRun) error {
	seconds, err := s.changeAll(ctx, item.Normal)
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return err
	}
	r.Load = float64(s.SKUs) / seconds
	s.host.Log.Info("changing articles here and there")
	seconds, err = s.changeThese(ctx, item.Normal, rand.New(rand.NewPCG(1, 1)).Perm(s.SKUs)[:s.Changes])
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return err
	}
	r.Changes = float64(s.Changes) / seconds
	s.host.Log.Info("timing single changes")
	r.Visible, err = s.singles(ctx, nil)
	if err != nil {
		return err
	}
	if err := s.visit(ctx, r); err != nil {
		return err
	}
	s.host.Log.Info("sweeping")
	r.Sweep, err = s.sweep(ctx)
	if err != nil {
		return err
	}
	r.Size, err = s.storeSize()
	return err
}

// visit requests pages, first without the memory for blobs and pages.
func (s *diskSystem) visit(ctx context.Context, r *DiskRun) (err error) {
	s.host.Log.Info("requesting pages")
	if err := s.flip(ctx, switches.ReadLocal, "off"); err != nil {
		return err
	}
	before, err := s.up.diskReads()
	if err != nil {
		return err
	}
	r.Cold, err = s.pagesOf(ctx, "uniform")
	if err != nil {
		return err
	}
	after, err := s.up.diskReads()
	if err != nil {
		return err
	}
	r.FromDisk = (after - before) / float64(s.Pages)
	if err := s.flip(ctx, switches.ReadLocal, "on"); err != nil {
		return err
	}
	r.Mixed, err = s.pagesOf(ctx, "zipf")
	return err
}

func (s *diskSystem) pagesOf(ctx context.Context, workload string) (load.Latency, error) {
	r, err := s.requestAll(ctx, workload, s.Rate, s.Pages)
	return r.Latency, err
}

// storeSize is the size of the store's files, in bytes.
func (s *diskSystem) storeSize() (size float64, err error) {
	files, err := filepath.Glob(filepath.Join(s.Dir, "store*.db"))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		size += float64(info.Size())
	}
	return size, err
}

// diskReads is how many bytes a process has had read from disks so far.
func (c *child) diskReads() (float64, error) {
	counts, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(counts), "\nread_bytes: ")
	if !ok {
		return 0, errors.New("/proc has no read_bytes")
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(line, 64)
}
