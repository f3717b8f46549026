package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/internal/audit"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/switches"
)

// Audited is what audit --json prints.
type Audited struct {
	Checked  int     `json:"checked"` // records compared with their upstreams
	Stale    int     `json:"stale"`   // of these, those that differ from their upstream's answer
	Repaired int     `json:"repaired"`
	Bound    float64 `json:"bound"` // upper bound, at 95% confidence, of the share of records that are stale or whose upstream is silent
	Entities int     `json:"entities"`
	Dirty    int     `json:"dirty"`    // entities whose blobs or relations lag behind
	Blobs    int     `json:"blobs"`    // that differ from the fold of their records
	Reshaped int     `json:"reshaped"` // records that were made for another catalog
	Referred int     `json:"referred"` // entities that records refer to and that have no records
	Back     int     `json:"back"`     // stale records whose upstream went back to an older version
	Waiting  int     `json:"waiting"`  // records that differ, and for which a change waits or is in work
	Silent   int     `json:"silent"`   // records whose upstream gave no answer, or one that is refused
	Seconds  float64 `json:"seconds"`
}

// audit answers /audit. It announces repairs, as any publisher may, and changes nothing itself.
func (a *admin) audit(w http.ResponseWriter, r *http.Request) {
	sample, err := strconv.Atoi(r.FormValue("sample"))
	if err != nil || sample < 0 {
		http.Error(w, "sample is no number of records", http.StatusBadRequest)
		return
	}
	out, err := a.node.auditOnce(r.Context(), sample, r.FormValue("dry") == "true")
	writeJSON(w, out, err)
}

func (n *process) auditOnce(ctx context.Context, sample int, dry bool) (out Audited, err error) {
	if n.catalog.Catalog() == nil || n.records == nil {
		return out, fmt.Errorf("%w: no catalog, or no store of records, here", item.ErrUnavailable)
	}
	began := time.Now()
	cfg := n.auditConfig()
	cfg.DryRun = dry
	metered := cfg.Repaired
	cfg.Repaired = func(cause string, k int) {
		out.Repaired += k
		metered(cause, k)
	}
	s := audit.New(cfg)
	found, err := s.Compare(ctx)
	if err != nil {
		return out, err
	}
	out.Entities = found.Entities
	out.Dirty = found.Dirty
	out.Blobs = found.Blobs
	out.Reshaped = found.Reshaped
	out.Referred = found.Referred
	sampled, err := s.Sample(ctx, sample)
	out.Checked = sampled.Checked
	out.Stale = sampled.Stale
	out.Back = sampled.Back
	out.Waiting = sampled.Waiting
	out.Silent = sampled.Silent
	out.Bound = sampled.Bound()
	out.Seconds = time.Since(began).Seconds()
	return out, err
}

func (n *process) auditConfig() audit.Config {
	return audit.Config{
		Catalog: n.catalog.Catalog, Records: n.records, Blobs: n.blobs, Upstream: n.upstream, Bus: n.bus, Log: n.log,
		Agreed: func() bool {
			agreed, err := n.agreement.Agreed(n.ctx)
			return err == nil && agreed
		},
		Pace:     n.switches.Must(switches.SweepPace).Percent,
		Repaired: func(cause string, k int) { n.audits.repairs.WithLabelValues(cause).Add(float64(k)) },
	}
}

// audits are the auditors' metrics.
type audits struct {
	repairs *prometheus.CounterVec
	checked *prometheus.CounterVec
	read    *prometheus.CounterVec
	refused *prometheus.CounterVec

	leftovers *prometheus.CounterVec
}

func newAudits(r prometheus.Registerer) audits {
	a := audits{
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_audit_repairs_total", Help: "Repairs that were announced, by what was found: dirty, blob, shape, referred, sample."}, []string{"cause"}),
		checked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_audit_checked_total", Help: "Records compared with their upstreams, by outcome: same, waiting, stale, back, silent."}, []string{"outcome"}),
		read:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_audit_read_back_total", Help: "Changes looked for at a detail server some time after they came, by age and whether they were there."}, []string{"age", "right"}),
	}
	a.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vitrine_list_ids_refused_total", Help: "Ids in the lists of upstreams that can't be an entity's and were left out, by kind."}, []string{"kind"})
	a.leftovers = newLeftoversCounter()
	r.MustRegister(a.repairs, a.checked, a.read, a.refused, a.leftovers)
	return a
}

func (a audits) sampled(s audit.Sampled) {
	for outcome, n := range map[string]int{"same": s.Checked - s.Stale - s.Waiting, "waiting": s.Waiting, "stale": s.Stale - s.Back, "back": s.Back, "silent": s.Silent} {
		a.checked.WithLabelValues(outcome).Add(float64(n))
	}
}

func (n *process) sampler(s *audit.Sweeper) *audit.Sampler {
	return audit.NewSampler(audit.SamplerConfig{
		Sweeper: s, Notes: n.bus.Bucket(MarksBucket), Changes: n.bus, Log: n.log, OnSampled: n.audits.sampled,
		Pace: n.switches.Must(switches.SweepPace).Percent,
	})
}

// readBack samples changes and checks them at this process's pages.
func (n *process) readBack() *audit.ReadBack {
	client := &http.Client{Timeout: 2 * time.Second}
	n.onClose(func() error { client.CloseIdleConnections(); return nil })
	return audit.NewReadBack(audit.ReadBackConfig{
		Catalog: n.catalog.Catalog, Records: n.records, Changes: n.bus, Log: n.log,
		Read: func(age time.Duration, right bool) {
			n.audits.read.WithLabelValues(age.String(), strconv.FormatBool(right)).Inc()
		},
		Served: func(ctx context.Context, e item.Entity, blob string) (audit.Served, error) {
			return served(ctx, client, n.pages, e, blob)
		},
	})
}

// served asks the detail server at the address pages for its gen of a blob.
func served(ctx context.Context, client *http.Client, pages string, e item.Entity, blob string) (audit.Served, error) {
	u := pages + catalog.BlobsPath + e.Kind + "/" + blob + "?ids=" + item.Escape(e.ID)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return audit.Served{}, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return audit.Served{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return audit.Served{}, fmt.Errorf("%w: %s answers %s", item.ErrUnknown, u, answer.Status)
	}
	var body struct {
		Items map[string]struct{ Gen uint64 }
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return audit.Served{}, err
	}
	found, ok := body.Items[e.ID]
	return audit.Served{There: ok, Gen: found.Gen}, nil
}
