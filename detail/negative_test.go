package detail_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"vitrine/detail"
)

// TestNegativeValuesAreCounted proves that the theme shows a page without a negative price, and that the metric
// reports it.
func TestNegativeValuesAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := open(t, func(c *detail.Config) { c.Registry = registry })
	s.redis.Put("sku:1", "item", 1, `{"product":{"title":"Lamp"},"price":{"amount":-5.10,"list":"9"},"stock":{"state":"in","quantity":-3}}`)
	if got := s.get(t, "/item/1.html").body; strings.Contains(got, "5.10") || strings.Contains(got, "Pieces: ") {
		t.Errorf("/item/1.html: %+v; want a body without 5.10, a body without Pieces:", got)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "vitrine_detail_negative_values_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	if want := map[string]float64{"price.amount": 1, "stock.quantity": 1}; !maps.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}
