package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/long"
	"vitrine/internal/mirror"
	"vitrine/internal/redistest"
)

// TestLeftoversAreRemovedEverywhere pushes a catalog that lacks a dimension and a blob, lists the leftovers and
// removes them. Removal must be refused until everything is built for the new catalog. After that it must remove them
// from Redis and from the server's own file. The short form ends with the refusal.
func TestLeftoversAreRemovedEverywhere(t *testing.T) {
	t.Parallel()
	r := redistest.Single(t)
	s, v := filledShop(t, 30, "--redis", r.URL)
	v.converged(s)
	v.mirrored()
	without := strings.NewReplacer("price: { from: shop, get: \"/prices/{id}\" }", "", "offer: { of: [price] }", "", "overlay: [offer]", "",
		"live: [offer]", "", "live:\n  offer: { blob: offer }", "").Replace(shopCatalog)
	v.push(catalogFor(t, without, s.URL))
	leftovers := func(more ...string) (code int, out, errs string) {
		return vitrine(t, append([]string{"catalog", "leftovers", "--admin", v.Admin, "--dir", v.Dir, "--nats", v.NATS}, more...)...)
	}
	_, out, errs := leftovers("--json")
	for _, want := range []string{`{"kind":"sku","what":"record","name":"price","count":30,"goes":`, `{"kind":"sku","what":"blob","name":"offer","count":30,"goes":`} {
		if !strings.Contains(out, want) {
			t.Errorf("left over: %s%s; want %s", out, errs, want)
		}
	}
	code, _, errs := leftovers("--remove")
	if code != 1 || !strings.Contains(errs, "pages may still need it") || strings.Contains(errs, "is removed") {
		t.Fatalf("code %d: %s", code, errs)
	}
	if !long.Full() {
		return
	}
	eventually(t, func() string {
		if code, _, errs = leftovers("--remove"); code != 0 {
			return errs
		}
		return ""
	})
	if !strings.Contains(errs, "removed 30 records, 30 blobs, 0 keys of lists") {
		t.Error(errs)
	}
	if _, out, errs := leftovers(); out != "nothing is left over from earlier catalogs\n" {
		t.Error(out, errs)
	}
	if blobs := blobNames(t, openRedis(t, r.URL)); blobs["offer"] != 0 || blobs["item"] != 30 {
		t.Errorf("in Redis: %v", blobs)
	}
	v.sweptFromMirror(30)
}

// sweptFromMirror waits until n blobs are removed from a server's own file, ends the process, and counts the blobs in
// the file.
func (r *running) sweptFromMirror(n int) {
	r.t.Helper()
	eventually(r.t, func() string {
		if _, _, metrics := fetch(r.t, r.Admin+"/metrics"); !strings.Contains(string(metrics), fmt.Sprintf("\nvitrine_mirror_swept_total{what=\"removed\"} %d\n", n)) {
			return "the server's own file is not swept"
		}
		return ""
	})
	r.stop()
	own := mirror.Open(r.t.Context(), r.Dir, quiet())
	defer own.Release()
	if blobs := blobNames(r.t, own); blobs["offer"] != 0 || blobs["item"] != n {
		r.t.Errorf("in %s: %v", filepath.Join(r.Dir, "mirror.db"), blobs)
	}
}

// blobNames returns the number of blobs in a store by name.
func blobNames(t testing.TB, store mirror.Source) map[string]int {
	t.Helper()
	names := map[string]int{}
	for cursor := ""; ; {
		keys, next, err := store.ScanBlobs(t.Context(), cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			names[key.Blob]++
		}
		if cursor = next; cursor == "" {
			return names
		}
	}
}
