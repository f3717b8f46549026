package control_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/control"
	"vitrine/internal/freeaddr"
	"vitrine/switches"
)

const nginxConf = `
pid %[1]s/nginx.pid; worker_processes 2; daemon off; user root;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
    include %[1]s/switches.conf;
    server {
        listen %[2]s;
        location /slow { proxy_pass %[3]s; }
        location / { if ($vitrine_shed) { return 503; } return 200; }
    }
}
`

// TestTheFrontWaitsForOldWorkers proves that once a switch is acknowledged, a real nginx serves every new connection
// by it, and that an old worker kept alive by a slow response is reported.
func TestTheFrontWaitsForOldWorkers(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	defer slow.Close()
	dir, address := t.TempDir(), freeaddr.Of(t)
	conf := fmt.Sprintf(nginxConf, dir, address, slow.URL)
	if os.Geteuid() != 0 {
		conf = strings.Replace(conf, "user root;", "", 1)
	}
	panel := switches.NewPanel(switches.Identity{Node: "n", Role: "front"})
	defer panel.Close()
	program := []string{"/usr/sbin/nginx", "-c", dir + "/nginx.conf", "-p", dir, "-e", dir + "/error.log"}
	f := control.NewFront(control.FrontConfig{
		Panel: panel, Log: slog.New(slog.DiscardHandler), Out: dir + "/switches.conf", Confirm: freeaddr.Of(t), Reload: append(program, "-s", "reload"),
	})
	for file, text := range map[string]string{"nginx.conf": conf, "switches.conf": "map $uri $vitrine_shed { default 0; }\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	nginx := exec.Command(program[0], program[1:]...)
	if err := nginx.Start(); err != nil {
		t.Fatalf("%v: make deps installs nginx", err)
	}
	defer nginx.Wait()
	defer nginx.Process.Signal(os.Interrupt)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (int, error) {
		answer, err := client.Get("http://" + address + path)
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode, err
	}
	s := system{T: t}
	s.eventually("nginx answers", func() bool { _, err := get("/"); return err == nil })
	run(t, f.Run)
	revision := uint64(0)
	set := func(value string) (note string) {
		revision++
		panel.Apply(switches.Setting{Name: switches.RouteLive, Scope: switches.All, Value: value, Revision: revision})
		told := make(chan string, 100)
		f.Obey(func(note string, err error) {
			if err == nil {
				told <- note
			}
		})
		return <-told
	}
	for range 5 {
		for _, c := range []struct {
			value string
			want  int
		}{{"off", 503}, {"on", 200}} { // in this order, since a worker with "on" has to take the slow request below
			if note := set(c.value); note != "" {
				t.Errorf("the setting is acknowledged with the note %q, want none", note)
			}
			for range 10 {
				if status, err := get("/live/1"); err != nil || status != c.want {
					t.Errorf("with %s: status %d, error %v; want status %d", c.value, status, err, c.want)
				}
			}
		}
	}
	ended := make(chan error, 1)
	go func() { _, err := get("/slow"); ended <- err }()
	<-arrived
	if note := set("off"); !strings.Contains(note, "1 workers of nginx go by the file before") {
		t.Errorf("note %q", note)
	}
	if note := set("off"); !strings.Contains(note, "1 workers of nginx go by the file before") {
		t.Errorf("asked again, with nothing changed: note %q", note)
	}
	if status, err := get("/live/1"); err != nil || status != 503 {
		t.Errorf("beside the old worker: %d %v", status, err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.eventually("the old worker has ended, and is told no longer", func() bool { return set("off") == "" })
}
