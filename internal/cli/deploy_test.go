package cli_test

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// manifest is what this test reads of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector map[string]any // of a Service; with matchLabels, of all others
		Ports    []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels, Annotations map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	Grace      int `yaml:"terminationGracePeriodSeconds"`
	Containers []container
	Volumes    []struct {
		Name      string
		EmptyDir  map[string]string     `yaml:"emptyDir"`
		ConfigMap struct{ Name string } `yaml:"configMap"`
	}
}

type container struct {
	Args  []string
	Env   []struct{ Name string }
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Readiness probe `yaml:"readinessProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Mounts    []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

// TestKubernetesFitsTheProgram holds deploy/kubernetes to the program: commands, flags, keys of the room's file, ports, the paths of
// probes, folders that are written, and the Deployments that the autoscalers are for.
func TestKubernetesFitsTheProgram(t *testing.T) {
	t.Parallel()
	known := newKnown(t)
	all := manifests(t, "vitrine.yaml")
	room := map[string]any{}
	if err := yaml.Unmarshal([]byte(all["ConfigMap vitrine-room"].Data["room.yaml"]), &room); err != nil {
		t.Fatal(err)
	}
	for key := range room {
		if !slices.Contains(known.flags, key) {
			t.Errorf("room.yaml has %s, which is no flag", key)
		}
	}
	for name, scaler := range manifests(t, "autoscale.yaml") {
		if deployment := "Deployment " + scaler.Metadata.Name; scaler.Kind == "HorizontalPodAutoscaler" && all[deployment].Kind == "" {
			t.Errorf("%s is for no Deployment", name)
		}
	}
	for name, d := range all {
		if d.Kind != "Deployment" {
			continue
		}
		faults := d.faults(known, room)
		if d.Metadata.Name == "vitrine-detail" {
			faults = append(faults, all["Service vitrine"].leadsTo(d)...)
		}
		for _, fault := range faults {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// TestUnitsFitTheProgram holds the commands and flags of deploy/systemd to the program. Each unit is started again however often it has failed.
func TestUnitsFitTheProgram(t *testing.T) {
	t.Parallel()
	known := newKnown(t)
	for _, role := range []string{"detail", "heterog", "syncer"} {
		unit := string(readFile(t, filepath.Join(root, "deploy/systemd/vitrine-"+role+"@.service")))
		started := firstGroups(regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/vitrine (.*)$`), unit)
		if len(started) != 1 || !strings.HasPrefix(started[0], role+" ") {
			t.Errorf("the unit of %s starts %q", role, started)
			continue
		}
		if what, name := known.commandFault(strings.Fields(started[0])); what != "" {
			t.Errorf("the unit of %s has the %s %s: there is none", role, what, name)
		}
		for _, line := range []string{"StartLimitIntervalSec=0", "Restart=always", "EnvironmentFile=-/etc/vitrine/" + role + ".env", "StateDirectory=vitrine/" + role + "%i"} {
			if !strings.Contains(unit, "\n"+line+"\n") {
				t.Errorf("the unit of %s lacks %s", role, line)
			}
		}
	}
}

func manifests(t *testing.T, file string) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	documents := yaml.NewDecoder(strings.NewReader(string(readFile(t, filepath.Join(root, "deploy/kubernetes", file)))))
	for {
		var m manifest
		switch err := documents.Decode(&m); {
		case err == io.EOF:
			return all
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		case m.Kind != "":
			all[m.Kind+" "+m.Metadata.Name] = m
		}
	}
}

// faults says what a Deployment has that the program has not, or the other way round.
func (m manifest) faults(known *known, room map[string]any) (faults []string) {
	miss := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	pod := m.Spec.Template.Spec
	if pod.Grace < 20 {
		miss("a role may take 20 s to end, and has %d", pod.Grace)
	}
	for _, c := range pod.Containers {
		if what, name := known.commandFault(c.Args); what != "" {
			miss("the %s %s: there is none", what, name)
		}
		for _, e := range c.Env {
			flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(e.Name, "VITRINE_")), "_", "-")
			if strings.HasPrefix(e.Name, "VITRINE_") && !slices.Contains(known.flags, flag) {
				miss("the environment has %s, and there is no flag --%s", e.Name, flag)
			}
		}
		ports := map[string]string{}
		for _, p := range c.Ports {
			ports[p.Name] = fmt.Sprint(":", p.Port)
		}
		if ports["admin"] != room["admin"] || ports["pages"] != "" && ports["pages"] != room["http"] {
			miss("the ports are %v, and the room's file has %v and %v", ports, room["admin"], room["http"])
		}
		notes := m.Spec.Template.Metadata.Annotations
		if ":"+notes["prometheus.io/port"] != ports["admin"] || notes["prometheus.io/path"] != "/metrics" {
			miss("Prometheus is sent to %v", notes)
		}
		if c.Readiness.Get.Path != "/readyz" || c.Liveness.Get.Path != "/healthz" || c.Readiness.Get.Port != "admin" || c.Liveness.Get.Port != "admin" {
			miss("the probes ask for %v and %v", c.Readiness, c.Liveness)
		}
		if config := c.Args[slices.Index(c.Args, "--config")+1]; c.volumeAt(filepath.Dir(config), pod) != "configMap vitrine-room" || filepath.Base(config) != "room.yaml" {
			miss("--config is %s", config)
		}
		if dir := fmt.Sprint(room["dir"]); c.volumeAt(dir, pod) != "emptyDir" {
			miss("the folder %s can't be written", dir)
		}
	}
	return faults
}

// volumeAt says what is mounted at a path.
func (c container) volumeAt(path string, pod podSpec) string {
	for _, m := range c.Mounts {
		for _, v := range pod.Volumes {
			switch {
			case m.Path != path || m.Name != v.Name:
			case v.EmptyDir != nil:
				return "emptyDir"
			default:
				return "configMap " + v.ConfigMap.Name
			}
		}
	}
	return ""
}

// leadsTo says what keeps a Service from the pods of a Deployment.
func (m manifest) leadsTo(d manifest) (faults []string) {
	labels := d.Spec.Template.Metadata.Labels
	for key, value := range m.Spec.Selector {
		if labels[key] != value {
			faults = append(faults, fmt.Sprintf("the Service looks for %s=%v, and the pods have %v", key, value, labels))
		}
	}
	for _, p := range m.Spec.Ports {
		if p.TargetPort != "pages" {
			faults = append(faults, "the Service leads to the port "+p.TargetPort)
		}
	}
	if len(m.Spec.Ports) == 0 {
		faults = append(faults, "there is no Service")
	}
	return faults
}
