package chaos_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/mirror"
)

// settle waits until nothing is wrong any more.
func settle(t *testing.T, what string, wrong func() []string) {
	t.Helper()
	began := time.Now()
	for ; ; time.Sleep(300 * time.Millisecond) {
		found := wrong()
		if len(found) == 0 {
			t.Logf("%s: all was right %.1f s later", what, time.Since(began).Seconds())
			return
		}
		if time.Since(began) > healsIn {
			t.Errorf("%s: %d are wrong after %s:\n%s", what, len(found), healsIn, strings.Join(found[:min(len(found), 40)], "\n"))
			return
		}
	}
}

// rest waits until the room shows and holds what it has to when nothing happens.
func (r *soakRoom) rest() {
	settle(r.t, r.room+", pages as browsers get them", r.wrongHTML)
	settle(r.t, r.room+", sitemaps", r.wrongSitemaps)
	settle(r.t, r.room+", processes", r.wrongProcesses)
	settle(r.t, r.room+", keys", r.wrongKeys)
}

// wrongHTML names the pages that differ from the shop, or are marked stale though nothing is away.
func (r *soakRoom) wrongHTML() (wrong []string) {
	for name, base := range r.pages() {
		for i := range r.editor.products {
			if w := r.htmlDiffers(base, oddID(i)); w != "" {
				wrong = append(wrong, fmt.Sprintf("page of %s at %s: %s", oddID(i), name, w))
			}
		}
	}
	return wrong
}

func (r *soakRoom) htmlDiffers(base, id string) string {
	p, ok := r.shop.get(id)
	if !ok {
		return ""
	}
	status, header, body, err := fetch(base + itemPath(id))
	b, _ := r.shop.brand(p.Brand)
	shown := []string{
		fmt.Sprintf(`content="%s · %s"`, p.Title, b.Title),
		fmt.Sprintf(`"product:price:amount" content="%d"`, p.Price),
	}
	switch {
	case err != nil:
		return err.Error()
	case p.Gone && (status == http.StatusGone || status == http.StatusNotFound):
		return ""
	case p.Gone || status != http.StatusOK:
		return fmt.Sprintf("status %d, and in the shop it is deleted: %t", status, p.Gone)
	case header.Get("X-Vitrine-Stale") != "":
		return "marked stale: " + header.Get("X-Vitrine-Stale")
	}
	for _, text := range shown {
		if !strings.Contains(body, text) {
			_, head, _ := strings.Cut(body, "<title>")
			return fmt.Sprintf("lacks %s: %.1000s", text, head)
		}
	}
	return ""
}

// fetch reads a page as a browser does.
func fetch(url string) (status int, header http.Header, body string, err error) {
	answer, err := soakClient.Get(url)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(read), err
}

var sitemapLocation = regexp.MustCompile(`<loc>([^<]*)</loc>`)

// wrongSitemaps names products that a server's sitemap lacks, or has though they are deleted.
func (r *soakRoom) wrongSitemaps() (wrong []string) {
	want := map[string]bool{}
	for _, id := range r.shop.ids() {
		if p, _ := r.shop.get(id); !p.Gone {
			want[origin+"/item/"+id+".html"] = true
		}
	}
	for name, base := range r.pages() {
		status, _, body, err := fetch(base + "/sitemap-1-of-1.xml")
		if err != nil || status != http.StatusOK {
			wrong = append(wrong, fmt.Sprintf("sitemap of %s: status %d, %v: %.300s", name, status, err, body))
			continue
		}
		listed := map[string]bool{}
		for _, found := range sitemapLocation.FindAllStringSubmatch(body, -1) {
			location, err := url.PathUnescape(html.UnescapeString(found[1]))
			if err != nil || !want[location] || listed[location] {
				wrong = append(wrong, fmt.Sprintf("sitemap of %s: %s is not in the shop, or listed twice", name, found[1]))
			}
			listed[location] = true
		}
		for location := range want {
			if !listed[location] {
				wrong = append(wrong, fmt.Sprintf("sitemap of %s lacks %s", name, location))
			}
		}
	}
	return wrong
}

// wrongProcesses compares what each process of the room says of itself with the others: the switches, the catalog and the templates
// that it has applied, and who has the leases. Guests that could not tell NATS that they leave are expected for a day.
func (r *soakRoom) wrongProcesses() (wrong []string) {
	conn, err := bus.Dial(r.t.Context(), bus.Config{URL: r.natsURL(), Log: quiet()})
	if err != nil {
		return []string{err.Error()}
	}
	defer conn.Close()
	members, err := control.Members(r.t.Context(), conn)
	if err != nil {
		return []string{err.Error()}
	}
	there, applied := 0, map[string]string{}
	r.expected = 0
	for _, m := range members {
		if !m.Present {
			r.expected++
			continue
		}
		there++
		if notes := m.Notes(); len(notes) > 0 || m.Writing != nil && m.Writing.Behind || m.Rendering != nil && m.Rendering.Broken != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %q, writing with %+v, rendering with %+v", m.Node, notes, m.Writing, m.Rendering))
		}
		for bucket, a := range m.Applied {
			said := fmt.Sprintf("%s = %s, revision %d, %s", a.Key, a.Value, a.Revision, a.Error)
			if other, ok := applied[bucket]; ok && other != said || a.Error != "" {
				wrong = append(wrong, fmt.Sprintf("%s of %s: %s, and of another %s", bucket, m.Node, said, other))
			}
			applied[bucket] = said
		}
	}
	if there != len(r.processes) {
		wrong = append(wrong, fmt.Sprintf("%d processes are there, of %d", there, len(r.processes)))
	}
	return append(wrong, r.wrongLeases()...)
}

// wrongLeases names the leases that no process has, or more than one.
func (r *soakRoom) wrongLeases() (wrong []string) {
	held := map[string]float64{}
	for _, p := range r.processes {
		figures, err := p.metrics()
		if err != nil {
			return []string{fmt.Sprintf("metrics of %s: %v", p.name, err)}
		}
		for _, role := range []string{"heterog", "syncer"} {
			held[role] += figures[`vitrine_lease_held{lease="`+role+`"}`]
		}
	}
	for role, n := range held {
		if n != 1 {
			wrong = append(wrong, fmt.Sprintf("%g processes have the lease %s", n, role))
		}
	}
	return wrong
}

// mirrorsRest ends the servers of the room, and compares what each has in its own file with the records in the store. One whose file
// lacks something is started again, and looked at later.
func (r *soakRoom) mirrorsRest() {
	cat, left := readCatalog(r.t, r.catalog), r.details()
	settle(r.t, r.room+", files of the servers", func() (wrong []string) {
		left = slices.DeleteFunc(left, func(p *process) bool {
			found := r.mirrorDiffers(p, cat)
			wrong = append(wrong, found...)
			return len(found) == 0
		})
		return wrong
	})
}

// mirrorDiffers ends a server, and compares its own file with the records in the store. If they differ, the server is started again.
func (r *soakRoom) mirrorDiffers(p *process, cat *catalog.Catalog) (wrong []string) {
	p.end(syscall.SIGTERM)
	store, err := rediskv.Open(r.t.Context(), rediskv.Config{URL: r.url, Log: quiet()})
	if err != nil {
		return []string{err.Error()}
	}
	defer store.Close()
	file, err := boltkv.Open(r.t.Context(), filepath.Join(r.dir, p.name, mirror.FileName), boltkv.Options{Log: quiet()})
	if err != nil {
		return []string{err.Error()}
	}
	for _, w := range r.shop.differences(r.t.Context(), cat, recordsAndBlobs{store, file}) {
		wrong = append(wrong, p.name+": "+w)
	}
	if err := file.Close(); err != nil {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) > 0 {
		r.injector.revive(p)
		p.awaitReady(r.t)
	}
	return wrong
}

// recordsAndBlobs are the records of one store, and the blobs of another.
type recordsAndBlobs struct {
	kv.RecordReader
	kv.BlobGetter
}
