package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runs are what a system would measure whose every quantity costs fixed, and each for each unit.
func runs(fixed, each float64, sizes ...float64) []Run {
	var all []Run
	for _, n := range sizes {
		r := Run{Did: map[Driver]float64{Changes: 2 * n, SKUs: n, MemoryPages: 3 * n, StorePages: n}, Measured: map[Quantity]float64{}}
		for q, d := range drivers() {
			r.Measured[q] = fixed + each*r.Did[d]
		}
		all = append(all, r)
	}
	return all
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b), 1e-9) }

func TestFit(t *testing.T) {
	costs, err := Fit(runs(5, 0.25, 100, 700, 3000))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quantities() {
		if c := costs[q]; !near(c.Fixed, 5) || !near(c.Each, 0.25) {
			t.Errorf("%s: %+v, want 5 and 0.25 for each", q, c)
		}
	}
	for _, d := range costs.Deviations(runs(5, 0.25, 20_000)[0]) {
		if math.Abs(d.Share) > 1e-6 {
			t.Errorf("a larger run of the same costs: %+v", d)
		}
	}
	for _, d := range costs.Deviations(runs(5*1.25, 0.25*1.25, 500)[0]) {
		if !near(d.Share, -0.2) {
			t.Errorf("a run that took a quarter more: %+v, want an error of -0.2", d)
		}
	}
	if _, err := Fit(runs(5, 1, 100, 100)); !errors.Is(err, errSame) {
		t.Errorf("runs of one size: %v, want a refusal", err)
	}
}

// TestNoCostIsNegative proves that noise makes no part of a cost negative, with which a large shop would need less than a small one.
func TestNoCostIsNegative(t *testing.T) {
	for _, measured := range [][]float64{{30, 20, 10}, {1, 20, 300}, {0, 0, 0}, {0, 0.01, 0.02}} {
		noisy := runs(1, 1, 100, 200, 300)
		for i := range noisy {
			noisy[i].Measured[NATSCPU] = measured[i]
		}
		costs, err := Fit(noisy)
		if c := costs[NATSCPU]; err != nil || c.Fixed < 0 || c.Each < 0 {
			t.Errorf("%v: %+v, %v", measured, c, err)
		}
	}
}

func TestCalibrationError(t *testing.T) {
	odd := runs(0, 1, 100, 200, 400, 800)
	odd[1].Measured[Messages] *= 2
	worst, err := CalibrationError(odd)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range worst {
		isOdd := d.Quantity == string(Messages) || d.Quantity == "messages"
		if off := math.Abs(d.Share) > 0.3; off != isOdd {
			t.Errorf("%+v, where only messages are odd", d)
		}
	}
	if worst, err := CalibrationError(odd[:2]); worst != nil || err != nil {
		t.Errorf("of two runs: %v, %v", worst, err)
	}
}

// shop and machines are a plan's with round numbers.
func shop() Shop {
	return Shop{SKUs: 1e6, Dimensions: 1, Changes: 1000, Views: 10_000, Memory: 0.5}
}

func machines() Machines {
	return Machines{Cores: 10, RAM: 1 << 30, Busy: 0.5, RedisRAM: 0.5, Replicas: 1, NATSNodes: 3, Rooms: 1}
}

// unitCosts are a millisecond of CPU, a KiB and one message of everything.
func unitCosts() Costs {
	costs := Costs{}
	for q, d := range drivers() {
		costs[q] = Cost{Each: 1e-3}
		if d == SKUs {
			costs[q] = Cost{Each: 1024}
		}
	}
	return costs
}

func TestPlan(t *testing.T) {
	p, err := unitCosts().For(shop(), machines(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Part{
		"heterog": {Machines: 2, Cores: 1, Busy: 0.05},      // one does it, and one to spare
		"syncer":  {Machines: 2, Cores: 1, Busy: 0.05},      // likewise
		"nats":    {Machines: 3, Cores: 3, Busy: 0.1},       // each server has each message
		"redis":   {Machines: 24, Cores: 7, Busy: 7. / 240}, // a master uses one core, half of it: 12 for 1 core of changes and 5 of pages
		"detail":  {Machines: 4, Cores: 14, Busy: 0.35},     // 10 cores for pages, where 1 of each server's 5 follows the changes
	}
	for _, part := range p.Parts {
		w := want[part.Name]
		if part.Machines != w.Machines || !near(part.Cores, w.Cores) || !near(part.Busy, w.Busy) {
			t.Errorf("%s: %+v, want %+v", part.Name, part, w)
		}
	}
	if p.Shards != 12 || !near(p.RedisMemory, 1e6*1024) || !near(p.Messages, 1) || p.Machines != 35 {
		t.Errorf("%+v", p)
	}
}

// TestMemoryOfProcesses proves that a process is given the memory that it had in the largest run, or in one of the shop's own size.
func TestMemoryOfProcesses(t *testing.T) {
	for skus, want := range map[float64]float64{1e6: 2 * 1024 * 3000, 500: 2 * 1024 * 500} {
		s := shop()
		s.SKUs = skus
		p, err := unitCosts().For(s, machines(), runs(1, 1, 100, 3000))
		if err != nil || p.Parts[0].Memory != want {
			t.Errorf("%.0f SKUs: %+v, %v, want %.0f bytes", skus, p.Parts[0], err, want)
		}
	}
}

// TestWhatNATSKeeps proves that what waits is bounded by the shop, that HISTORY is bounded by its size, and that an outage is made up for at the
// pace of the slowest stage.
func TestWhatNATSKeeps(t *testing.T) {
	costs := unitCosts()
	costs[NATSCPU] = Cost{Each: 5e-3} // 10 cores do 2,000 changes a second
	s := shop()
	p, err := costs.For(s, machines(), nil)
	if err != nil {
		t.Fatal(err)
	}
	history := 1000 * p.History * HistoryBytes
	if !near(history, HistoryMost) || !near(*p.Parts[2].Disk, 3*(HistoryMost+1e6*WaitingBytes)) || p.Parts[0].Disk == nil || *p.Parts[0].Disk != 0 {
		t.Errorf("HISTORY has %.0f s, and the disks of NATS %.0f bytes", p.History, *p.Parts[2].Disk)
	}
	if got := p.Losses[3].Effect; !strings.Contains(got, "at most 1 M changes wait in NATS, 114 MiB") || !strings.Contains(got, "17 min later") {
		t.Errorf("after an hour: %s", got)
	}
	s.Changes = 1
	p, err = costs.For(s, machines(), nil)
	if err != nil || p.History != HistoryAge || !strings.Contains(p.Losses[3].Effect, "at most 3.6 k changes") {
		t.Errorf("of one change a second: %.0f s, %s, %v", p.History, p.Losses[3].Effect, err)
	}
}

// TestWhatIsNotKnown proves that what was not measured is no zero.
func TestWhatIsNotKnown(t *testing.T) {
	costs := unitCosts()
	costs[DetailDisk] = Cost{Fixed: 1 << 24}
	p, err := costs.For(shop(), machines(), nil)
	if err != nil || p.Parts[4].Disk != nil || p.Parts[3].Disk != nil {
		t.Fatalf("%+v, %v", p.Parts, err)
	}
	var out, asJSON bytes.Buffer
	if err := errors.Join(p.Print(&out, false), p.Print(&asJSON, true)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), " ?\n") || !strings.Contains(asJSON.String(), `"disk":null`) {
		t.Errorf("%s%s", &out, &asJSON)
	}
}

// TestCachesFill proves that the memory of a detail server grows with the shop until its caches are full.
func TestCachesFill(t *testing.T) {
	s, measured := shop(), runs(1, 1, 100, 3000)
	for skus, want := range map[float64]float64{500: 1024 * 500, 100_000: 1024 * 100_000, 1e9: 2 * caches} {
		s.SKUs = skus
		p, err := unitCosts().For(s, machines(), measured)
		if err != nil || p.Parts[4].Memory != want*p.Parts[4].Machines {
			t.Errorf("%.0f SKUs: %+v, %v, want %.0f bytes each", skus, p.Parts[4], err, want)
		}
	}
}

// TestTwoNATSServers proves that two are no cluster that can lose one.
func TestTwoNATSServers(t *testing.T) {
	m := machines()
	m.NATSNodes = 2
	p, err := unitCosts().For(shop(), m, nil)
	if err != nil || !strings.Contains(p.Parts[2].Note, "have one, or three") || p.Losses[4].Of != "one of the two NATS servers" {
		t.Errorf("%+v, %+v, %v", p.Parts[2], p.Losses, err)
	}
}

// TestPlanGrows proves that more to do never needs less, and that what is given in place of measured costs is used.
func TestPlanGrows(t *testing.T) {
	base, err := unitCosts().For(shop(), machines(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Shop, *Machines){
		"SKUs": func(s *Shop, _ *Machines) { s.SKUs *= 100 }, "changes": func(s *Shop, _ *Machines) { s.Changes *= 100 },
		"views": func(s *Shop, _ *Machines) { s.Views *= 100 }, "no memory": func(s *Shop, _ *Machines) { s.Memory = 0; s.Views *= 10 },
		"bytes in Redis": func(s *Shop, _ *Machines) { s.RedisBytes = 100 << 10 }, "rooms": func(_ *Shop, m *Machines) { m.Rooms = 2 },
		"smaller machines": func(_ *Shop, m *Machines) { m.Cores = 2 }, "dimensions": func(s *Shop, _ *Machines) { s.Dimensions = 100 },
	} {
		s, m := shop(), machines()
		change(&s, &m)
		p, err := unitCosts().For(s, m, nil)
		if err != nil || p.Machines <= base.Machines {
			t.Errorf("%s: %.0f machines, %v; %.0f without", name, p.Machines, err, base.Machines)
		}
	}
	s := shop()
	s.Changes = 1e5
	p, err := unitCosts().For(s, machines(), nil)
	if err != nil || !strings.Contains(p.Parts[4].Note, "--disk reads") || !strings.Contains(p.Parts[2].Note, "20 shops") {
		t.Errorf("more changes than a server or a NATS can follow: %+v, %v", p.Parts, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	for name, change := range map[string]func(*Shop, *Machines){
		"skus is 0, and not between 1 and 1e+12": func(s *Shop, _ *Machines) { s.SKUs = 0 }, "views": func(s *Shop, _ *Machines) { s.Views = math.Inf(1) },
		"memory-hits is 80, and not between 0 and 1: a share, 0.8 for 80%": func(s *Shop, _ *Machines) { s.Memory = 80 }, "busy": func(_ *Shop, m *Machines) { m.Busy = 0 },
		"rooms": func(_ *Shop, m *Machines) { m.Rooms = math.NaN() }, "replicas is 0.5, and no whole number": func(_ *Shop, m *Machines) { m.Replicas = 0.5 },
		"ram is 0.001, and not between 0.25 and 1.048576e+06 GiB": func(_ *Shop, m *Machines) { m.RAM = 0.001 * (1 << 30) },
	} {
		s, m := shop(), machines()
		change(&s, &m)
		if _, err := unitCosts().For(s, m, nil); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	good := Measurement{Machine: "test", Runs: runs(1, 1, 100, 200)}
	lacks := Measurement{Runs: runs(1, 1, 100, 200)}
	delete(lacks.Runs[1].Measured, PageBytes)
	idle := Measurement{Runs: runs(1, 1, 100, 200)}
	idle.Runs[0].Did[Changes] = 0
	huge := Measurement{Runs: runs(1, 1, 100, 200)}
	huge.Runs[1].Measured[NATSCPU] = 1e308
	for name, tt := range map[string]struct {
		m    any
		want string // of the error; "" is none
	}{
		"good": {good, ""}, "no JSON": {"x", "not a measurement"}, "one run": {Measurement{Runs: good.Runs[:1]}, "two"}, "empty": {struct{}{}, "0 runs"},
		"a missing quantity": {lacks, "run 2: page_bytes is missing"}, "nothing done": {idle, "changes is 0"},
		"more than can be": {huge, "run 2: nats_cpu_seconds is 1e+308"},
	} {
		text, err := json.Marshal(tt.m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "costs.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Read(path)
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path):
			t.Errorf("%s: %v, want %q and the file's name", name, err, tt.want)
		}
	}
}

// TestReference proves that what is built in plans the largest shop of the documentation, and says how far that is from what was measured.
func TestReference(t *testing.T) {
	m, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	costs, err := Fit(m.Runs)
	if err != nil {
		t.Fatal(err)
	}
	p, err := costs.For(Shop{SKUs: 1e9, Dimensions: 6, Changes: 50_000, Views: 1e6, Front: 0.9, Memory: 0.8},
		Machines{Cores: 32, RAM: 256 << 30, Busy: 0.5, RedisRAM: 0.5, Replicas: 1, NATSNodes: 3, Rooms: 3}, m.Runs)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"machines in 3 rooms", "a room: the 2 others", "measure again"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
