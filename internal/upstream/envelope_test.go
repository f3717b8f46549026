package upstream_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestOnlyAnAnswerOfTheAskedForFormDeletes: under absent: gone an id that is missing from a batch is gone. An error in
// an envelope, with status 200, lacks all of them and says nothing.
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

// TestAQueryThatFailed: GraphQL says its 503 with status 200, and null for what it could not resolve.
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

// TestALoginThatExpiredIsSilence: it says nothing about the entity, and is over once the login is renewed.
func TestALoginThatExpiredIsSilence(t *testing.T) {
	for _, code := range []int{401, 403, 407, 408, 425, 429, 500, 503} {
		address := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		for _, keys := range []string{single, batch} {
			a := client(t).Fetch(t.Context(), dimension(t, address, keys), asks("1"))[0]
			if !errors.Is(a.Err, item.ErrUnavailable) {
				t.Errorf("%d: %v", code, a.Err)
			}
		}
	}
}
