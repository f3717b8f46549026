package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"

	"vitrine/internal/freeaddr"
	"vitrine/internal/testlog"
)

// autoscaler is the script of deploy/autoscale. What it orders is done by the test.
type autoscaler struct {
	log  *testlog.Buffer
	list string // file with nginx's list of servers; "" for none
}

// scaled is a process that an autoscaler may start and stop.
type scaled struct {
	name, admin, pages string
	start, stop        func()
}

// startAutoscaler starts the script for processes of a role, and stops it when the test ends. settings are lines of its configuration.
// reload is what it does to nginx; nil means that there is none.
func startAutoscaler(t *testing.T, role string, processes []scaled, list string, reload func() error, settings ...string) *autoscaler {
	t.Helper()
	dir := t.TempDir()
	orders := http.NewServeMux()
	var lines []string
	for _, p := range processes {
		lines = append(lines, fmt.Sprintln(p.name, p.admin, p.pages))
		orders.HandleFunc("/start/"+p.name, func(http.ResponseWriter, *http.Request) { p.start() })
		orders.HandleFunc("/stop/"+p.name, func(http.ResponseWriter, *http.Request) { p.stop() })
	}
	orders.HandleFunc("/reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := reload(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	server := httptest.NewServer(orders)
	t.Cleanup(server.Close)
	servers, config := filepath.Join(dir, "servers"), filepath.Join(dir, "config")
	write(t, servers, "# name, admin, pages\n"+strings.Join(lines, ""))
	order := func(what string) string { return `'curl -sf ` + server.URL + what + `'` }
	settings = append([]string{"ROLE=" + role, "SERVERS=" + servers, "LIST=" + list, "START=" + order(`/start/"$1"`), "STOP=" + order(`/stop/"$1"`), "RELOAD=" + order("/reload")}, settings...)
	write(t, config, strings.Join(settings, "\n")+"\n")
	a := &autoscaler{log: &testlog.Buffer{}, list: list}
	cmd := exec.Command("../../deploy/autoscale/vitrine-autoscale", config)
	cmd.Stdout, cmd.Stderr = a.log, a.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Logf("autoscaler:\n%s", a.log)
		}
	})
	return a
}

// listed are the addresses to which nginx sends visitors.
func (a *autoscaler) listed() (addresses []string) {
	text, _ := os.ReadFile(a.list) // it may not be there yet
	for line := range strings.Lines(string(text)) {
		addresses = append(addresses, strings.Fields(line)[1])
	}
	return addresses
}

// pretender answers an autoscaler as a process does.
type pretender struct {
	scaled
	t *testing.T

	mu      sync.Mutex // guards all below
	server  *http.Server
	status  int    // of /readyz
	metrics string // "" is no answer
	asked   int    // for its metrics
}

func newPretender(t *testing.T, name string) *pretender {
	p := &pretender{t: t, status: http.StatusOK, metrics: loadIs("detail", 0.5)}
	p.scaled = scaled{name: name, admin: freeaddr.Of(t), pages: "10.0.0.1:" + name, start: p.begin, stop: p.end}
	t.Cleanup(p.end)
	return p
}

func loadIs(role string, load float64) string {
	return fmt.Sprintf("vitrine_load_ratio{role=%q} %g\nvitrine_load_ratio{role=\"other\"} 7\n", role, load)
}

func (p *pretender) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return
	}
	l, err := net.Listen("tcp", p.admin)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.server = &http.Server{Handler: p}
	go p.server.Serve(l)
}

func (p *pretender) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		p.server.Close()
	}
	p.server = nil
}

func (p *pretender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status, metrics := p.status, p.metrics
	if r.URL.Path == "/metrics" {
		p.asked++
	}
	p.mu.Unlock()
	switch {
	case metrics == "":
		<-r.Context().Done()
	case r.URL.Path == "/readyz":
		w.WriteHeader(status)
	default:
		fmt.Fprint(w, metrics)
	}
}

func (p *pretender) answer(status int, metrics string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.metrics = status, metrics
}

func (p *pretender) runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server != nil
}

// pretend makes so many processes, of which the first two run.
func pretend(t *testing.T, n int) (all []*pretender, processes []scaled) {
	for i := range n {
		p := newPretender(t, fmt.Sprint(i+1))
		if i < 2 {
			p.begin()
		}
		all = append(all, p)
		processes = append(processes, p.scaled)
	}
	return all, processes
}

// visits waits until visitors go to exactly these processes.
func (a *autoscaler) visits(t *testing.T, all []*pretender, names ...int) {
	t.Helper()
	var want []string
	for _, name := range names {
		want = append(want, all[name-1].pages)
	}
	eventually(t, func() string {
		if got := a.listed(); !slices.Equal(got, want) {
			return fmt.Sprintf("visitors go to %v, want %v", got, want)
		}
		return ""
	})
}

var quickly = []string{"EVERY=0.1", "UP_AFTER=2", "DOWN_AFTER=2", "DRAIN=0", "PATIENCE=5"}

// TestTheAutoscalerFollowsTheLoad proves that servers are started by the load, get visitors once they are ready, and get none any more
// before they are stopped; and that a reload that fails is tried again.
func TestTheAutoscalerFollowsTheLoad(t *testing.T) {
	t.Parallel()
	all, processes := pretend(t, 4)
	list := filepath.Join(t.TempDir(), "servers.conf")
	reloads := 0
	a := &autoscaler{list: list}
	for i, p := range all {
		p.stop = func() {
			if slices.Contains(a.listed(), p.pages) {
				t.Errorf("%s is stopped while visitors go there", p.name)
			}
			p.end()
		}
		processes[i] = p.scaled
	}
	startAutoscaler(t, "detail", processes, list, func() error {
		reloads++
		if reloads == 1 {
			return fmt.Errorf("nginx is not there yet")
		}
		return nil
	}, quickly...)
	a.visits(t, all, 1, 2)
	all[2].answer(http.StatusServiceUnavailable, "starting")
	for _, p := range []*pretender{all[0], all[1], all[3]} {
		p.answer(http.StatusOK, loadIs("detail", 1)) // two at 1 call for four at 0.6
	}
	a.visits(t, all, 1, 2, 4)
	if !all[2].runs() {
		t.Error("3 was not started")
	}
	all[2].answer(http.StatusOK, loadIs("detail", 1))
	a.visits(t, all, 1, 2, 3, 4)
	for _, p := range all {
		p.answer(http.StatusOK, loadIs("detail", 0.2))
	}
	a.visits(t, all, 1, 2)
	eventually(t, func() string {
		if all[2].runs() || all[3].runs() {
			return "3 and 4 still run"
		}
		return ""
	})
	if !all[0].runs() || !all[1].runs() {
		t.Error("fewer run than the least")
	}
}

// TestTheAutoscalerJudgesWhatItHears proves that a server that is slow keeps its visitors, that one which says no or is gone loses them
// and is started again, that another stands in for what does not come up, and that no answer makes the list empty.
func TestTheAutoscalerJudgesWhatItHears(t *testing.T) {
	t.Parallel()
	all, processes := pretend(t, 4)
	processes[1].start = func() {} // it does not come up again
	a := startAutoscaler(t, "detail", processes, filepath.Join(t.TempDir(), "servers.conf"), func() error { return nil }, quickly...)
	a.visits(t, all, 1, 2)
	all[0].answer(http.StatusOK, "")
	all[1].end()
	a.visits(t, all, 1, 3)
	all[0].answer(http.StatusServiceUnavailable, "leaving")
	a.visits(t, all, 3)
	all[2].answer(http.StatusServiceUnavailable, "leaving")
	all[0].answer(http.StatusOK, loadIs("detail", 0.5))
	a.visits(t, all, 1)
	all[0].answer(http.StatusServiceUnavailable, "leaving")
	all[1].begin()
	all[1].answer(http.StatusOK, loadIs("detail", 0.5))
	a.visits(t, all, 2) // none was ready for a while, and 1 stayed
}

// TestTheAutoscalerOfWorkers proves that workers are started without an nginx, that those whom somebody has started are kept, and that what a
// process says is taken for a number or not at all.
func TestTheAutoscalerOfWorkers(t *testing.T) {
	t.Parallel()
	all, processes := pretend(t, 4)
	file := filepath.Join(t.TempDir(), "run")
	for i, p := range all {
		p.answer(http.StatusOK, loadIs("syncer", 0.5))
		if i == 1 {
			p.answer(http.StatusOK, `vitrine_load_ratio{role="syncer"} system("touch${IFS}`+file+`")`+"\n")
		}
	}
	all[2].begin()
	a := startAutoscaler(t, "syncer", processes, "", nil, quickly...)
	eventually(t, func() string {
		all[1].mu.Lock()
		defer all[1].mu.Unlock()
		if all[1].asked < 2 {
			return "2 is not asked"
		}
		return ""
	})
	all[0].answer(http.StatusOK, loadIs("syncer", 2)) // 2 and 0.5 call for five; there are four
	all[1].answer(http.StatusOK, loadIs("syncer", 0.5))
	eventually(t, func() string {
		if !all[3].runs() {
			return "4 does not run: " + a.log.String()
		}
		return ""
	})
	if _, err := os.Stat(file); err == nil {
		t.Error("what a process said was run")
	}
}

// TestTheAutoscalersAgree proves that deploy/kubernetes has the signal and the target of deploy/autoscale, for each role, and that each role has
// its files.
func TestTheAutoscalersAgree(t *testing.T) {
	t.Parallel()
	script := string(readFile(t, "../../deploy/autoscale/vitrine-autoscale"))
	if !strings.Contains(script, `"${TARGET:=0.6}"`) || !strings.Contains(script, "vitrine_load_ratio{") {
		t.Error("the script has another target, or another signal")
	}
	type autoscaler struct {
		Kind string
		Spec struct {
			ScaleTargetRef struct{ Name string } `yaml:"scaleTargetRef"`
			Metrics        []struct {
				Pods struct {
					Metric struct{ Name string }
					Target struct {
						AverageValue string `yaml:"averageValue"`
					}
				}
			}
		}
	}
	var targets []string
	documents := yaml.NewDecoder(strings.NewReader(string(readFile(t, "../../deploy/kubernetes/autoscale.yaml"))))
	for {
		var one autoscaler
		err := documents.Decode(&one)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if one.Kind != "HorizontalPodAutoscaler" {
			continue
		}
		targets = append(targets, one.Spec.ScaleTargetRef.Name)
		for _, m := range one.Spec.Metrics {
			if m.Pods.Metric.Name != "vitrine_load_ratio" || m.Pods.Target.AverageValue != "600m" {
				t.Errorf("%s goes by %+v", one.Spec.ScaleTargetRef.Name, m)
			}
		}
	}
	if want := []string{"vitrine-detail", "vitrine-heterog", "vitrine-syncer"}; !slices.Equal(targets, want) {
		t.Errorf("there are autoscalers of %v, want %v", targets, want)
	}
	for _, role := range []string{"detail", "heterog", "syncer"} {
		config := string(readFile(t, "../../deploy/autoscale/"+role+".conf"))
		unit := string(readFile(t, "../../deploy/systemd/vitrine-"+role+"@.service"))
		admin := regexp.MustCompile(`--admin \$\{ADDRESS\}(:\d+)%i`).FindStringSubmatch(unit)
		if !strings.Contains(config, "ROLE="+role+"\n") || admin == nil || !strings.Contains(string(readFile(t, "../../deploy/autoscale/"+role+".servers")), "\n1 127.0.0.1"+admin[1]+"1") {
			t.Errorf("the files of %s don't belong together", role)
		}
	}
}
