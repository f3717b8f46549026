package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"vitrine/internal/pause"
)

// shop is the upstream: every article has a version, which is its content.
type shop struct {
	answer   atomic.Int64 // ns that a call takes
	versions []atomic.Int64
	calls    atomic.Int64
	hung     atomic.Bool
	text     int // bytes of text that each article has besides
}

// firstID is the first id.
const firstID = 1_000_000

const shopCatalog = `version: 1
site: { name: Bench, lang: en, currency: EUR }
upstreams:
  goods: { url: "%[1]s", timeout: 10s, concurrency: 16 }
  stuck: { url: "%[1]s/stuck", timeout: 1s, concurrency: 16 }
entities:
  sku:
    dimensions:
      product: { from: goods, get: "/goods/{id}", batch: "/goods?ids={ids}", batch_max: %[2]d, pick: '{title, brief, images, options, brand, rev%[3]s}', version: rev, require: [title] }
    blobs: { item: { of: [product] } }
  part:
    dimensions: { stock: { from: stuck, get: "/{id}", batch: "/?ids={ids}", batch_max: %[2]d } }
    blobs: { card: { of: [stock] } }
pages:
  item: { path: "/item/{sku}.html", blob: item, template: item.html }
`

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, stuck := strings.CutPrefix(r.URL.Path, "/stuck/"); stuck {
		s.serveStuck(w, r, path)
		return
	}
	s.calls.Add(1)
	if answer := time.Duration(s.answer.Load()); answer > 0 && pause.For(r.Context(), answer) != nil {
		return
	}
	var buf bytes.Buffer
	if ids := r.URL.Query().Get("ids"); ids != "" {
		buf.WriteByte('[')
		for i, id := range strings.Split(ids, ",") {
			if i > 0 {
				buf.WriteByte(',')
			}
			s.write(&buf, id)
		}
		buf.WriteByte(']')
	} else {
		s.write(&buf, strings.TrimPrefix(r.URL.Path, "/goods/"))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(buf.Len()))
	buf.WriteTo(w)
}

// serveStuck is the other upstream, which hangs while hung is set.
func (s *shop) serveStuck(w http.ResponseWriter, r *http.Request, id string) {
	if s.hung.Load() {
		<-r.Context().Done()
		return
	}
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	if id != "" {
		fmt.Fprintf(w, `{"id":%q,"pieces":1}`, id)
		return
	}
	for i, id := range ids {
		ids[i] = fmt.Sprintf(`{"id":%q,"pieces":1}`, id)
	}
	fmt.Fprintf(w, "[%s]", strings.Join(ids, ","))
}

func (s *shop) write(b *bytes.Buffer, id string) {
	i, err := strconv.Atoi(id)
	i -= firstID
	if err != nil || i < 0 || i >= len(s.versions) {
		b.WriteString("null")
		return
	}
	v := s.versions[i].Load()
	fmt.Fprintf(b, `{"id":"%s","rev":%d,"title":"Article %s, edition %d","brief":"A thing that is sold in a shop, in its %d. version",`+
		`"images":["/img/%s-1.jpg","/img/%s-2.jpg"],"options":[{"name":"Colour","value":"Red"},{"name":"Size","value":"M"}],`+
		`"brand":"ACME","warehouse":{"row":%d,"shelf":"left"}`, id, v, id, v, v, id, id, v%97)
	if s.text > 0 {
		writeText(b, s.text, rand.NewPCG(uint64(i), uint64(v)))
	}
	b.WriteByte('}')
}

// writeText writes a member of n random letters, of which a compressor saves a fourth.
func writeText(b *bytes.Buffer, n int, random *rand.PCG) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b.WriteString(`,"text":"`)
	for left := n; left > 0; {
		for bits, k := random.Uint64(), 0; k < 10 && left > 0; k++ {
			b.WriteByte(letters[bits%64])
			bits /= 64
			left--
		}
	}
	b.WriteByte('"')
}
