package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/upstream"
)

// TestOnlyAnAnswerOfTheAskedForFormDeletes proves that under absent: gone an id is deleted only if it is missing from
// a proper batch. An error envelope with status 200 lacks all ids, and says nothing about them.
func TestOnlyAnAnswerOfTheAskedForFormDeletes(t *testing.T) {
	const gone, refused = upstream.Gone, upstream.Status(0)
	for body, want := range map[string]upstream.Status{
		`[]`:                                     gone,
		`{}`:                                     gone,
		`[{"sku":"2","a":1}]`:                    gone,
		`[null,{"sku":2}]`:                       gone,
		`{"2":{"a":1}}`:                          gone,
		`{"1":null,"2":{"a":1}}`:                 gone,
		`{"error":"overloaded"}`:                 refused,
		`{"error":null,"items":[]}`:              refused,
		`{"status":500,"message":"try later"}`:   refused,
		`{"2":{"a":1},"error":"shard 1 failed"}`: refused,
		`[{"error":"overloaded"}]`:               refused,
		`[{"sku":"2"},{"error":"shard 1"}]`:      refused,
		`["maintenance"]`:                        refused,
		`"maintenance"`:                          refused,
	} {
		t.Run(body, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
			a := client(t).Fetch(t.Context(), dimension(t, address, batch+", absent: gone"), asks("1", "2"))[0]
			if a.Status != want || want == refused && !errors.Is(a.Err, item.ErrRefused) {
				t.Errorf("status %d, error %v; want status %d", a.Status, a.Err, want)
			}
		})
	}
}

// TestAQueryThatFailed proves that GraphQL's way of failing, status 200 with errors and null, counts as a failure.
func TestAQueryThatFailed(t *testing.T) {
	const post = `post: { path: /q, json: { query: "q", id: "{id}" } }, gone: '.data.p == null'`
	for body, silent := range map[string]bool{
		`{"errors":[{"message":"down"}]}`:                             true,
		`{"errors":[{"message":"down"}],"data":null}`:                 true,
		`{"errors":[{"message":"down"}],"data":{"p":null}}`:           true,
		`{"errors":[{"message":"old field"}],"data":{"p":{"t":"A"}}}`: false,
		`{"errors":[],"data":{"p":null}}`:                             false,
		`{"data":{"p":null}}`:                                         false,
		`{"errors":["too heavy"],"title":"a record of somebody's"}`:   false,
	} {
		t.Run(body, func(t *testing.T) {
			address := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
			a := client(t).Fetch(t.Context(), dimension(t, address, post), asks("1"))[0]
			if errors.Is(a.Err, item.ErrUnavailable) != silent || !silent && a.Err != nil {
				t.Errorf("error %v, want silence: %t", a.Err, silent)
			}
		})
	}
}

// TestErrorsBesideDataDeleteNothing proves that null beside an error deletes nothing: GraphQL returns it both for
// what it could not resolve and for what does not exist.
func TestErrorsBesideDataDeleteNothing(t *testing.T) {
	const post = `post: { path: /q, json: { id: "{id}" } }, gone: '.data.p == null'`
	const posts = `post: { path: /q, json: { ids: "{ids}" } }, items: .data.ps, absent: gone`
	for _, c := range []struct {
		keys, body string
		gone       bool
	}{
		{post, `{"errors":[{"message":"p failed"}],"data":{"p":null,"shop":{"name":"A"}}}`, false},
		{post, `{"data":{"p":null,"shop":{"name":"A"}}}`, true},
		{posts, `{"errors":[{"message":"p failed"}],"data":{"ps":[null,{"id":"2"}]}}`, false},
		{posts, `{"data":{"ps":[null,{"id":"2"}]}}`, true},
	} {
		t.Run(c.body, func(t *testing.T) {
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.body) }), c.keys)
			v, _, err := client(t).Fetch(t.Context(), d, asks("1", "2"))[0].Value(d, kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}}})
			if (err == nil && v.Existence == kv.Gone) != c.gone || !c.gone && !errors.Is(err, item.ErrUnavailable) {
				t.Errorf("life %v, error %v", v.Existence, err)
			}
		})
	}
}

// TestFailsSaysNotNow proves that the catalog's fails replaces the check for GraphQL's errors, and applies to answers
// of any status.
func TestFailsSaysNotNow(t *testing.T) {
	const notFound = `{"errors":[{"code":"NOT_FOUND"}],"data":{"p":null}}`
	const rpc, query = `, fails: '.error != null'`, `, fails: '[.errors[]?.code] - ["NOT_FOUND"] | any'`
	const post = `post: { path: /q, json: { id: "{id}" } }, gone: '.data.p == null'` + query
	const notNow, gone, refused = "not now", "gone", "refused"
	for _, c := range []struct {
		keys   string
		status int
		body   string
		want   string
	}{
		{single + rpc, 200, `{"error":"overloaded"}`, notNow},
		{single + rpc, 400, `{"error":"overloaded"}`, notNow},
		{single + rpc, 404, `{"error":"no route"}`, notNow},
		{single + rpc, 404, `{"error":null}`, gone},
		{single + rpc, 404, `not found`, gone},
		{single + rpc, 400, `<html>`, refused},
		{single + rpc, 200, `<html>`, refused},
		{batch + ", absent: gone" + rpc, 200, `{"error":"overloaded"}`, notNow},
		{post, 200, notFound, gone},
		{post, 200, `{"errors":[{"code":"THROTTLED"}],"data":{"p":null}}`, notNow},
	} {
		t.Run(c.want+" "+c.body, func(t *testing.T) {
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status); io.WriteString(w, c.body) }), c.keys)
			v, _, err := client(t).Fetch(t.Context(), d, asks("1"))[0].Value(d, kv.Record{Value: kv.Value{Header: kv.Header{Existence: kv.Alive}}})
			got := map[bool]string{true: gone, false: "alive"}[v.Existence == kv.Gone]
			switch {
			case errors.Is(err, item.ErrUnavailable):
				got = notNow
			case errors.Is(err, item.ErrRefused):
				got = refused
			}
			if got != c.want {
				t.Errorf("%s, want %s: %v", got, c.want, err)
			}
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("answered %d: %s", c.status, c.body)) {
				t.Errorf("the upstream's own words are missing: %v", err)
			}
		})
	}
}

// TestItemsOfABatch proves that the items of a batch may be anywhere in the answer, as an array or by id.
func TestItemsOfABatch(t *testing.T) {
	const keys = `post: { path: /q, json: { ids: "{ids}" } }, absent: gone, id_field: sku, items: `
	const gone, refused = upstream.Gone, upstream.Status(0)
	for _, c := range []struct {
		items, body string
		want        upstream.Status
	}{
		{".data.ps", `{"data":{"ps":[{"sku":"1"},{"sku":"2"}]}}`, upstream.OK},
		{"[.data.ps.edges[].node]", `{"data":{"ps":{"edges":[{"node":{"sku":1}}]}}}`, upstream.OK},
		{".result", `{"result":{"1":{"a":1}}}`, upstream.OK},
		{".result", `{"result":{}}`, gone},
		{".result", `{"error":{"message":"overloaded"}}`, refused},
		{".result", `{"result":null,"error":null}`, refused},
		{"[.items[]]", `{"error":"overloaded"}`, refused},
	} {
		t.Run(c.body, func(t *testing.T) {
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, c.body) }), keys+"'"+c.items+"'")
			a := client(t).Fetch(t.Context(), d, asks("1", "2"))[0]
			if a.Status != c.want || c.want == refused && !errors.Is(a.Err, item.ErrRefused) {
				t.Errorf("status %d, error %v; want status %d", a.Status, a.Err, c.want)
			}
		})
	}
}

// TestARefusalQuotesTheUpstream proves that an error quotes three hundred bytes of the upstream's answer, on one
// line, without secrets.
func TestARefusalQuotesTheUpstream(t *testing.T) {
	d := dimension(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		fmt.Fprintf(w, "unknown field\n  priceV3 \x1b[2J for %s %s", r.Header.Get("Token"), strings.Repeat("x", 400))
	}), single)
	d.From.Headers["Token"] = "env:TOKEN"
	secrets, err := upstream.NewSecrets([]string{"TOKEN=" + d.From.URL}, func(string) (string, bool) { return "s3cret-s3cret", true })
	if err != nil {
		t.Fatal(err)
	}
	c := upstream.New(upstream.Config{Secrets: secrets})
	defer c.Close()
	err = c.Fetch(t.Context(), d, asks("1"))[0].Err
	if err == nil || !strings.Contains(err.Error(), `answered 400: unknown field priceV3 \x1b[2J for *** xxx`) ||
		strings.Contains(err.Error(), strings.Repeat("x", 300)) {
		t.Error(err)
	}
}

// TestALoginThatExpiredIsSilence proves that an expired login says nothing about the entity, and that requests
// succeed once it is renewed.
func TestALoginThatExpiredIsSilence(t *testing.T) {
	for _, code := range []int{401, 403, 407, 408, 425, 429, 500, 503} {
		address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		for _, keys := range []string{single, batch} {
			a := client(t).Fetch(t.Context(), dimension(t, address, keys), asks("1"))[0]
			if !errors.Is(a.Err, item.ErrUnavailable) {
				t.Errorf("an answer with status %d: error %v, want item.ErrUnavailable", code, a.Err)
			}
		}
	}
}
