package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/long"
)

// ailment is one way in which a GraphQL shop is out, and for how long.
type ailment struct {
	name  string
	lasts time.Duration
	hurt  hurtful
}

func ailments() []ailment {
	return []ailment{
		{"its token is refused", long.Pick(1500*time.Millisecond, 5*time.Minute), func(w http.ResponseWriter, _ *http.Request, _ []map[string]any) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}`)
		}},
		{"it says 503", long.Pick(1500*time.Millisecond, 2*time.Minute), func(w http.ResponseWriter, _ *http.Request, _ []map[string]any) {
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
		}},
		{"it hangs", long.Pick(1500*time.Millisecond, 2*time.Minute), func(_ http.ResponseWriter, r *http.Request, _ []map[string]any) {
			<-r.Context().Done()
		}},
		{"it answers error envelopes", long.Pick(3*time.Second, 2*time.Minute), newEnvelopes()},
	}
}

// newEnvelopes answers 200 with GraphQL's errors, in all forms that they have, one after the other: without data, with null, with a text in
// place of a list, and beside data in which some is left out, null as a whole, or has null in the fields that failed.
func newEnvelopes() hurtful {
	var turn atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request, nodes []map[string]any) {
		failed := func(path ...any) map[string]any {
			return map[string]any{"message": "shard 2 does not answer", "path": path, "extensions": map[string]any{"code": "INTERNAL_SERVER_ERROR"}}
		}
		errors := func(list ...any) map[string]any { return map[string]any{"errors": list} }
		answer := errors(failed())
		switch turn.Add(1) % 7 {
		case 0:
			answer["data"] = nil
		case 1:
			answer["data"] = map[string]any{"nodes": nil}
		case 2:
			answer = map[string]any{"errors": "Throttled"}
		case 3:
			answer["data"] = map[string]any{"nodes": []any{}}
		case 4: // the first is null
			if len(nodes) > 0 {
				nodes[0] = nil
			}
			answer = errors(failed("nodes", 0))
			answer["data"] = map[string]any{"nodes": nodes}
		case 5: // each has null in what pages show
			var all []any
			for i, n := range nodes {
				if n != nil {
					n["title"], n["amount"] = nil, nil
					all = append(all, failed("nodes", i, "title"), failed("nodes", i, "amount"))
				}
			}
			if all != nil {
				answer = errors(all...)
			}
			answer["data"] = map[string]any{"nodes": nodes}
		}
		writeAnswer(w, answer)
	}
}

// TestAGraphQLShopThatIsOut takes a GraphQL shop out in four ways, one after the other, while its articles change and visitors look. Nobody may
// see anything but 200, with a price that the shop had; and after the last outage every page must be right, without a command, a dead letter or
// a deletion that waits. The full form has 1,000 changes in eleven minutes.
func TestAGraphQLShopThatIsOut(t *testing.T) {
	t.Parallel()
	s := newGraphQLShop(t, long.Pick(40, 400))
	v := up(t, t.TempDir(), "--catalog", catalogFor(t, graphQLCatalog, s.URL, long.Pick("1s", "2s")))
	v.refreshAll()
	eventually(t, func() string { return v.graphQLDiffers(s) })
	conn := v.dial()
	visits := v.visit(s)
	ids, changes := s.ids(), long.Pick(80, 1000)
	all, every := ailments(), time.Duration(0)
	for _, a := range all {
		every += a.lasts / time.Duration(changes)
	}
	i := 0
	for _, a := range all {
		s.hurt.Store(&a.hurt)
		before := s.calls.Load()
		for n := 1 + int(a.lasts/every); n > 0; n-- {
			id := ids[i*7%len(ids)]
			s.raise(id)
			publish(t, conn, item.Change{Lane: item.Lanes()[i%2], Entity: item.Entity{Kind: "sku", ID: id}, Dimension: item.All})
			<-time.After(every)
			i++
		}
		eventually(t, func() string {
			if s.calls.Load() == before {
				return "nobody asked while " + a.name
			}
			return ""
		})
		t.Logf("%s for %s: %d calls", a.name, a.lasts, s.calls.Load()-before)
	}
	s.hurt.Store(nil)
	began := time.Now()
	eventually(t, func() string { return v.graphQLDiffers(s) })
	took := time.Since(began)
	t.Logf("%d changes; right %.1f s after the last outage", i, took.Seconds())
	if long.Full() && took > time.Minute {
		t.Errorf("it took %s", took)
	}
	visits.end(t)
	v.needsNobody(t)
	s.remove(ids[0])
	publish(t, conn, item.Change{Lane: item.High, Entity: item.Entity{Kind: "sku", ID: ids[0]}, Dimension: item.All})
	eventually(t, func() string {
		if status, _, _ := fetch(t, v.Pages+"/item/"+ids[0]+".json"); status != http.StatusGone {
			return fmt.Sprintf("%s was removed, and answers %d", ids[0], status)
		}
		return ""
	})
}

// needsNobody fails the test if there is a dead letter or a deletion that waits for somebody, or if the log has an error.
func (r *running) needsNobody(t *testing.T) {
	t.Helper()
	for _, command := range [][]string{{"queue", "failed"}, {"queue", "deletions"}} {
		code, out, stderr := vitrine(t, append(command, "--nats", r.NATS, "--json")...)
		if code != 0 || strings.TrimSpace(out) != "" {
			t.Errorf("vitrine %s, code %d: %s%s", strings.Join(command, " "), code, out, stderr)
		}
	}
	for line := range strings.Lines(r.log()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("the log says: %s", line)
		}
	}
}

// graphQLDiffers says how a page differs from what the shop has, or "" if none does.
func (r *running) graphQLDiffers(s *graphQLShop) string {
	r.t.Helper()
	for _, id := range s.ids() {
		n := s.number(id)
		if status, shown := r.shown(id); status != http.StatusOK || shown != (numbers{n, n}) {
			return fmt.Sprintf("%s: status %d, %+v, want %d", id, status, shown, n)
		}
	}
	return ""
}

// numbers are those that a page shows of a variant, 0 for none.
type numbers struct{ title, price int }

func (r *running) shown(id string) (status int, n numbers) {
	status, _, body := fetch(r.t, r.Pages+"/item/"+id+".json")
	var page struct {
		Product struct{ Title string }
		Price   struct{ Amount int }
	}
	if json.Unmarshal(body, &page) == nil {
		fmt.Sscanf(page.Product.Title, "Number %d", &n.title)
		n.price = page.Price.Amount
	}
	return status, n
}

// visits are visitors who look at all pages in turns.
type visits struct {
	stop  chan struct{}
	ended sync.WaitGroup
	count int
	wrong []string
}

// visit starts them. Whatever they see must have been so at some time since now.
func (r *running) visit(s *graphQLShop) *visits {
	v := &visits{stop: make(chan struct{})}
	least := map[string]int{}
	for _, id := range s.ids() {
		least[id] = s.number(id)
	}
	v.ended.Go(func() {
		tick := time.NewTicker(long.Pick(50*time.Millisecond, 20*time.Millisecond))
		defer tick.Stop()
		for ids := s.ids(); ; v.count++ {
			select {
			case <-v.stop:
				return
			case <-tick.C:
			}
			id := ids[v.count%len(ids)]
			if wrong := r.glance(s, id, v.count/len(ids)%3, least[id]); wrong != "" && len(v.wrong) < 20 {
				v.wrong = append(v.wrong, wrong)
			}
		}
	})
	return v
}

// end stops the visitors, and fails the test for what was wrong.
func (v *visits) end(t *testing.T) {
	t.Helper()
	close(v.stop)
	v.ended.Wait()
	t.Logf("%d visits", v.count)
	if v.count == 0 {
		t.Error("nobody looked")
	}
	for _, wrong := range v.wrong {
		t.Error(wrong)
	}
}

// glance visits a page, its twin for machines or its live parts, and says what is wrong, or "".
func (r *running) glance(s *graphQLShop, id string, form, least int) string {
	wrongly := func(n int) bool { return n < least || n > s.number(id) }
	var status int
	var body []byte
	switch form {
	case 0:
		status, _, body = fetch(r.t, r.Pages+"/item/"+id+".html")
	case 1:
		var n numbers
		status, n = r.shown(id)
		if wrongly(n.title) || wrongly(n.price) {
			return fmt.Sprintf("the page of %s shows %+v, of %d to %d", id, n, least, s.number(id))
		}
	default:
		status, _, body = fetch(r.t, r.Pages+"/live/"+id)
		var live struct {
			Parts struct {
				Offer struct {
					Data struct{ Price struct{ Amount int } }
				}
				Delivery struct{ Data *struct{ N int } }
			}
		}
		err := json.Unmarshal(body, &live)
		if n := live.Parts.Delivery.Data; err != nil || wrongly(live.Parts.Offer.Data.Price.Amount) || n != nil && wrongly(n.N) {
			return fmt.Sprintf("live parts of %s, of %d to %d: %v: %s", id, least, s.number(id), err, body)
		}
	}
	if status != http.StatusOK {
		return fmt.Sprintf("%s, form %d: status %d: %.200s", id, form, status, body)
	}
	return ""
}
