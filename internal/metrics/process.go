package metrics

import "github.com/prometheus/client_golang/prometheus"

// Process is the source of the metrics of every process. All fields are required.
type Process struct {
	Connected func() bool   // to NATS
	Stores    func() bool   // NATS stored what was published last
	Switches  func() uint64 // revision up to which the switches are in force
	Catalog   func() uint64 // revision of the catalog in force; 0 for none
}

// Register registers the metrics.
func (p Process) Register(r prometheus.Registerer) {
	r.MustRegister(
		gauge("nats_connected", "1 while the connection to NATS stands.", func() float64 { return number(p.Connected()) }),
		gauge("nats_stores", "0 after a publish of this process that NATS refused or did not answer, else 1.", func() float64 { return number(p.Stores()) }),
		gauge("switches_revision", "Revision up to which pushed switches are in force here.", func() float64 { return float64(p.Switches()) }),
		gauge("catalog_revision", "Revision of the catalog in force here, 0 for none.", func() float64 { return float64(p.Catalog()) }),
	)
}
