package upstream_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestATokenRefusedByGraphQL proves that an answer which refuses the token has it renewed and the call made again, also if its
// status is 200. One that no renewal helps is an outage. What says nothing about the token renews none.
func TestATokenRefusedByGraphQL(t *testing.T) {
	const apollo, forbidden = `{"errors":[{"message":"log in","extensions":{"code":"UNAUTHENTICATED"}}],"data":null}`, `{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}],"data":{"p":null}}`
	const jq = `, refused: '[.errors[]?.extensions.code] | any(. == "FORBIDDEN")'`
	for name, c := range map[string]struct {
		keys, refusal string
		status        int
		renewals      int // at least, of a token that is never taken; 1 for an answer that does not refuse it
	}{
		"UNAUTHENTICATED":                {"", apollo, 200, 2},
		"what the catalog finds":         {jq, forbidden, 200, 2},
		"refused with another status":    {jq, forbidden, 400, 2},
		"a 401 beside refused":           {jq, `{}`, 401, 2},
		"another code":                   {"", forbidden, 200, 1},
		"what the catalog does not find": {jq, apollo, 200, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			count := filepath.Join(dir, "count")
			script := filepath.Join(dir, "token")
			if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\necho x >> %s\necho canary-$(wc -l < %[1]s | tr -d ' ')\n", count), 0o700); err != nil {
				t.Fatal(err)
			}
			valid := "canary-2"
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer "+valid {
					io.WriteString(w, `{"data":{"p":{"title":"A"}}}`)
					return
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.refusal)
			}))
			t.Cleanup(server.Close)
			client, d, _ := withToken(t, server.URL, fmt.Sprintf("{ command: %q%s }", script, c.keys), "command:"+script)
			d.Get = ""
			d.Post = &catalog.Post{Path: "/q", JSON: []byte(`{"id":"{id}"}`)}
			a := client.Fetch(t.Context(), d, asks("1"))[0]
			if renewed := a.Err == nil && a.Status == upstream.OK; renewed != (c.renewals > 1) {
				t.Errorf("it answers %+v", a)
			}
			valid = "canary-none"
			if err := client.Fetch(t.Context(), d, asks("1"))[0].Err; !errors.Is(err, item.ErrUnavailable) {
				t.Errorf("a token that is never taken: %v", err)
			}
			client.Close()
			printed, err := os.ReadFile(count)
			if n := len(printed) / 2; err != nil || n < c.renewals || c.renewals == 1 && n != 1 {
				t.Errorf("%d renewals, %v", n, err)
			}
		})
	}
}
