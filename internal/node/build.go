package node

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Build says what a program was built from.
type Build struct {
	Version  string `json:"version"`  // of the module; (devel) if built from a working folder
	Revision string `json:"revision"` // of the source; "" if it was in no repository
	Modified bool   `json:"modified"` // the source had uncommitted changes
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
}

// ReadBuild reads what the compiler recorded in the program.
func ReadBuild() (b Build) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	b.Go = info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}

// buildInfo is the metric that shows which version runs where.
func buildInfo() prometheus.Collector {
	b := ReadBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "vitrine_build_info", Help: "1, with the program's version, the revision of its source, and Go's version.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.Go},
	}, func() float64 { return 1 })
}
