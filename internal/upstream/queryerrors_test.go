package upstream_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// TestErrorsBesideDataSpoilNoRecord proves that a null that one of GraphQL's errors explains is not stored as if there were no value: the
// entity waits. An error without a path may explain any null. Nulls that no error explains, and errors in what the record does not have, are
// nothing to wait for.
func TestErrorsBesideDataSpoilNoRecord(t *testing.T) {
	const one = `post: { path: /q, json: { id: "{id}" } }, pick: '.data.p | {t, x: .x.y}', require: [t]`
	const several = `post: { path: /q, json: { ids: "{ids}" } }, id_field: id, items: '[.data.ps.edges[].node | values | .id |= ltrimstr("gid/")]', absent: gone, pick: '{t, x: .x.y}'`
	const notNow = "not now"
	deep := strings.Repeat(`0,`, 100_000)
	for _, c := range []struct{ keys, body, first, second string }{
		{one, `{"errors":[{"path":["p","x","y"]}],"data":{"p":{"t":"A","x":{"y":null}}}}`, notNow, notNow},
		{one, `{"errors":[{"path":["p","x","y"]}],"data":{"p":{"t":"A","x":null}}}`, notNow, notNow}, // x must not be without y
		{one, `{"errors":[{"path":["p","t"]}],"data":{"p":{"t":null,"x":{"y":1}}}}`, notNow, notNow},
		{one, `{"errors":[{"message":"no path"}],"data":{"p":{"t":null,"x":{"y":1}}}}`, notNow, notNow}, // it is required
		{one, `{"errors":[{"path":["p","x","y"]}],"data":{"p":{"t":"A","x":{"y":1}}}}`, `{"t":"A","x":1}`, `{"t":"A","x":1}`},
		{one, `{"errors":[{"path":["p","rating"]}],"data":{"p":{"t":"A","x":{"y":null},"rating":null}}}`, `{"t":"A","x":null}`, `{"t":"A","x":null}`},
		{one, `{"errors":[{"message":"no path"}],"data":{"p":{"t":"A","x":null}}}`, notNow, notNow},
		{one, `{"errors":[{"path":["p","t"]},{"path":[]}],"data":{"p":{"t":"A","x":null}}}`, notNow, notNow},
		{one, `{"errors":[{"path":null},7],"data":{"p":{"t":"A","x":{"y":null}}}}`, notNow, notNow},
		{one, `{"errors":"no path","data":{"p":{"t":"A","x":null}}}`, notNow, notNow},
		{one, `{"errors":{"path":["p","t"]},"data":{"p":{"t":"A","x":null}}}`, notNow, notNow},
		{one, `{"errors":[{"message":"deprecated"}],"data":{"p":{"t":"A","x":{"y":1},"rating":null},"shop":null}}`, `{"t":"A","x":1}`, `{"t":"A","x":1}`},
		{one, `{"errors":[{"message":"no path"}],"data":{"p":{"t":"A","x":{"y":1},"deep":` + strings.Repeat(`[`, 60) + `null` + strings.Repeat(`]`, 60) + `}}}`, `{"t":"A","x":1}`, `{"t":"A","x":1}`},
		{one, `{"errors":[{"path":["p","x"` + strings.Repeat(`,"x"`, 100) + `]},{"path":[` + deep + `0]},{"path":7},{"path":null},7],"data":{"p":{"t":"A","x":{"y":2}}}}`, `{"t":"A","x":2}`, `{"t":"A","x":2}`},
		{one, `{"errors":"Throttled"}`, notNow, notNow},
		{one, `{"errors":{"code":7},"data":null}`, notNow, notNow},
		{one, `{"errors":"","data":{"p":{"t":"A"}}}`, `{"t":"A","x":null}`, `{"t":"A","x":null}`},
		{several, `{"errors":[{"path":["ps","edges",0,"node","x","y"]}],"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":"A","x":{"y":null}}},{"node":{"id":"gid/2","t":"B","x":{"y":null}}}]}}}`, notNow, `{"t":"B","x":null}`},
		{several, `{"errors":[{"path":["ps","edges",1,"node","id"]}],"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":"A"}},{"node":null}]}}}`, `{"t":"A","x":null}`, notNow},
		{several, `{"errors":[{"path":["ps","edges",1,"node","x","y"]},{"path":["ps","edges",0,"node","rating"]}],"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":"A","rating":null}},{"node":{"id":"gid/2","t":"B","x":null}}]}}}`, `{"t":"A","x":null}`, notNow},
		{several, `{"errors":[{"path":["ps","edges",0,"node","t"]},{"path":["ps","edges",0,"node","pictures",0,"url"]}],"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":null,"pictures":[{"url":null}]}},{"node":{"id":"gid/2","t":"B"}}]}}}`, notNow, `{"t":"B","x":null}`},
		{several, `{"errors":[{"message":"no path"}],"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":"A","x":{"y":1}}},{"node":{"id":"gid/2","t":"B","x":null}}],"next":null}}}`, `{"t":"A","x":1}`, notNow},
		{several, `{"errors":[{"message":"no path"}],"data":{"ps":{"edges":[{"node":null},{"node":{"id":"gid/2","t":"B","x":{"y":2}}}],"next":null}}}`, notNow, `{"t":"B","x":2}`},
		{several, `{"errors":[{"message":"no path"}],"data":{"ps":{"edges":[null,{"node":{"id":"gid/2","t":"B","x":{"y":2}}}],"next":null}}}`, notNow, `{"t":"B","x":2}`},
		{several, `{"errors":[{"path":["ps"]}],"data":{"ps":null,"shop":{"name":"S"}}}`, notNow, notNow},
		{several, `{"data":{"ps":{"edges":[{"node":{"id":"gid/1","t":"A"}}]}}}`, `{"t":"A","x":null}`, "gone"},
	} {
		t.Run(c.body[:min(len(c.body), 120)], func(t *testing.T) {
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.body) }), c.keys)
			for i, a := range client(t).Fetch(t.Context(), d, asks("1", "2")) {
				v, _, err := a.Value(d, kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}}})
				got := string(v.Body)
				switch {
				case errors.Is(err, item.ErrUnavailable):
					got = notNow
				case err != nil:
					got = err.Error()
				case v.Existence == kv.Gone:
					got = "gone"
				}
				if want := []string{c.first, c.second}[i]; got != want {
					t.Errorf("entity %d: %s, want %s (%v)", i+1, got, want, err)
				}
			}
		})
	}
}
