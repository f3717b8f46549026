package detail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vitrine/detail"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/poll"
)

// liveUpstream answers live parts with "NAME ID AREA", or fails.
type liveUpstream struct {
	mu    sync.Mutex // guards all below
	down  bool
	asked []string
}

func (o *liveUpstream) Live(_ context.Context, l *catalog.Live, id string, params map[string]string) (json.RawMessage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, l.Name+" "+id)
	if o.down {
		return nil, fmt.Errorf("%w: time-out", item.ErrUnavailable)
	}
	return json.Marshal(strings.TrimSpace(l.Name + " " + id + " " + params["area"]))
}

func (o *liveUpstream) fail(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

type liveShown struct {
	Sku     string
	Parts   map[string]liveShownPart
	Items   map[string]struct{ Parts map[string]liveShownPart }
	Missing []string
}

type liveShownPart struct {
	State string
	At    *time.Time
	Data  any

	Refused []string
}

func (s *shop) live(t *testing.T, path string, fields ...string) (response, liveShown) {
	t.Helper()
	got := s.get(t, path, fields...)
	var shown liveShown
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatalf("error %v, %+v; want no error", err, got)
	}
	return got, shown
}

func states(parts map[string]liveShownPart) map[string]string {
	m := map[string]string{}
	for name, p := range parts {
		m[name] = p.State
	}
	return m
}

func TestLive(t *testing.T) {
	with := func(o *liveUpstream, change ...func(*catalog.Live)) func(*detail.Config) {
		return func(c *detail.Config) {
			c.Live.Asker = o
			for _, f := range change {
				for _, l := range c.Catalog().Pages[0].Live {
					f(l)
				}
			}
		}
	}
	t.Run("one", func(t *testing.T) {
		s := open(t, with(&liveUpstream{}))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5.10}}`)
		got, shown := s.live(t, "/live/1?area=1-72&other=%zz")
		want := map[string]string{"offer": "fresh", "delivery": "fresh", "hint": "fresh", "ad": "fresh"}
		if diff := cmp.Diff(want, states(shown.Parts)); diff != "" || shown.Sku != "1" {
			t.Errorf("the live parts differ: %s\n%s", diff, got.body)
		}
		if shown.Parts["delivery"].Data != "delivery 1 1-72" || shown.Parts["delivery"].At == nil || !strings.Contains(got.body, `5.10`) {
			t.Errorf("the live parts lack what their upstream or blob says: %s", got.body)
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("header %v; want Cache-Control: no-store", got.header)
		}
	})
	t.Run("a value that a part refuses", func(t *testing.T) {
		o := &liveUpstream{}
		s := open(t, with(o))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.redis.Put("sku:1", "offer", 1, `{"price":{"amount":5.10}}`)
		got, shown := s.live(t, "/live/1?area=x")
		want := map[string]string{"offer": "fresh", "delivery": "hidden", "hint": "fresh", "ad": "fresh"}
		if diff := cmp.Diff(want, states(shown.Parts)); diff != "" {
			t.Errorf("the live parts differ: %s\nstatus %d: %s", diff, got.status, got.body)
		}
		if diff := cmp.Diff([]string{"area"}, shown.Parts["delivery"].Refused); diff != "" {
			t.Errorf("the refused parameters differ: %s\n%s", diff, got.body)
		}
		if slices.Contains(o.asked, "delivery 1") {
			t.Error("the upstream was asked all the same")
		}
	})
	t.Run("many", func(t *testing.T) {
		s := open(t, with(&liveUpstream{}))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.redis.Put("sku:a,b", "item", 1, lamp)
		s.redis.Bury("sku:gone", "item", 1, kv.Gone)
		_, shown := s.live(t, "/live?ids=1,a%2Cb,9,1,gone")
		if diff := cmp.Diff([]string{"9", "gone"}, shown.Missing); diff != "" || len(shown.Items) != 2 {
			t.Errorf("the missing ids differ: %s\n%+v", diff, shown)
		}
		if diff := cmp.Diff(map[string]string{"offer": "hidden", "delivery": "fresh", "hint": "fresh", "ad": "fresh"}, states(shown.Items["a,b"].Parts)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("fallbacks of a part never asked", func(t *testing.T) {
		o := &liveUpstream{down: true}
		s := open(t, with(o))
		s.redis.Put("sku:1", "item", 1, lamp)
		_, shown := s.live(t, "/live/1")
		if diff := cmp.Diff(map[string]string{"offer": "hidden", "delivery": "hidden", "hint": "last", "ad": "hidden"}, states(shown.Parts)); diff != "" {
			t.Error(diff)
		}
		if hint := shown.Parts["hint"]; hint.At != nil || hint.Data == nil {
			t.Errorf("the catalog's value has no time: %v", hint)
		}
	})
	t.Run("the last answer, with its own time", func(t *testing.T) {
		o := &liveUpstream{}
		s := open(t, with(o, func(l *catalog.Live) { l.Fresh = time.Nanosecond }))
		s.redis.Put("sku:1", "item", 1, lamp)
		_, before := s.live(t, "/live/1")
		o.fail(true)
		poll.Until(t, "the last answer is there", func() bool {
			_, shown := s.live(t, "/live/1")
			last := shown.Parts["delivery"]
			return last.State == "last" && last.At.Equal(*before.Parts["delivery"].At) && shown.Parts["ad"].State == "hidden"
		})
	})
	t.Run("an answer older than keep is hidden", func(t *testing.T) {
		o := &liveUpstream{}
		s := open(t, with(o, func(l *catalog.Live) { l.Fresh, l.Keep = time.Nanosecond, time.Nanosecond }))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.live(t, "/live/1")
		o.fail(true)
		if _, shown := s.live(t, "/live/1"); shown.Parts["delivery"].State != "hidden" {
			t.Errorf("the live part delivery is not hidden: %+v", shown)
		}
	})
	t.Run("within fresh the upstream is left alone", func(t *testing.T) {
		o := &liveUpstream{}
		s := open(t, with(o))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.live(t, "/live/1")
		o.fail(true)
		poll.Until(t, "the answer is kept", func() bool {
			_, shown := s.live(t, "/live/1")
			return shown.Parts["delivery"].State == "fresh"
		})
	})
	t.Run("a blob from a later tier is not fresh", func(t *testing.T) {
		s := open(t, with(&liveUpstream{}))
		s.redis.Set(func(m *kvtest.Memory) { m.Err = errDown })
		s.bolt.Put("sku:1", "item", 1, lamp)
		s.bolt.Put("sku:1", "offer", 1, `{"price":1}`)
		if _, shown := s.live(t, "/live/1"); shown.Parts["offer"].State != "last" {
			t.Errorf("the live part offer is not the last one: %+v", shown)
		}
	})
	t.Run("refuses", func(t *testing.T) {
		s := open(t, with(&liveUpstream{}))
		s.redis.Put("sku:1", "item", 1, lamp)
		s.redis.Bury("sku:2", "item", 1, kv.Gone)
		for path, want := range map[string]int{
			"/live/9": 404, "/live/2": 410, "/live/..": 400, "/live/1?area=%zz": 400, "/live/1?area=1&area=2": 400,
			"/live": 400, "/live?ids=": 400, "/live?ids=1,,2": 400, "/live?ids=" + strings.Join(numbers(101), ","): 400, "/live/1/2": 404,
			"/live?ids=" + strings.Join(numbers(100), ","): 200, "/live?ids=%zz": 400,
		} {
			if got := s.get(t, path); got.status != want {
				t.Errorf("%.40s: %d, want %d", path, got.status, want)
			}
		}
	})
}

func numbers(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprint(i+1))
	}
	return ids
}
