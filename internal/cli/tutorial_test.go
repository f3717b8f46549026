package cli_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
)

// TestTutorial follows docs/tutorial.md with the files and lines that stand in it, on other ports.
func TestTutorial(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, block := range regexp.MustCompile("(?s)```\\w+ (\\S+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		write(t, filepath.Join(dir, block[1]), block[2])
	}
	var lines []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, block[1])
	}
	if len(lines) != 5 {
		t.Fatalf("the tutorial has %d changes of the catalog", len(lines))
	}
	catalogFile, rows := filepath.Join(dir, "shop.yaml"), filepath.Join(dir, "articles.jsonl")
	v := up(t, filepath.Join(dir, "vitrine-data"), "--catalog", catalogFile, "--serve", "articles="+rows+":sku")

	v.refreshAll()
	v.waitFor("L1", `"price":{"amount":"49.90"}`)
	v.waitFor("T1", `"state":"out"`)
	edit(t, rows, `"cents":4990`, `"cents":3990`)
	v.waitFor("L1", `"price":{"amount":"39.90"}`)

	edit(t, rows, `"family":"L",`, `"family":"L","family_ids":["L1","L2"],`)
	edit(t, rows, `"family":"L","maker"`, `"family":"L","family_ids":["L1","L2"],"maker"`)
	product := regexp.MustCompile(`(?m)^        pick: '\{title: .*\n`)
	page := regexp.MustCompile(`(?m)^  item: \{ path.*\n`)
	replace(t, catalogFile, product, lines[0]+lines[1])
	replace(t, catalogFile, page, lines[2])
	v.push(catalogFile)
	v.waitFor("L1", `"siblings":[{"sku":"L1"`)
	v.waitPage("L1", `<a href="/item/L2.html" data-id="L2">Black</a>`)
	v.waitPage("L1", "Made with care since 1984")

	prices := priceSystem(t, filepath.Join(dir, "prices", "main.go"), v.NATS)
	replace(t, catalogFile, regexp.MustCompile(`(?m)^  articles: .*\n`), "$0"+strings.ReplaceAll(lines[3], "127.0.0.1:9000", prices))
	replace(t, catalogFile, regexp.MustCompile(`(?m)^      price: .*\n`), lines[4])
	v.push(catalogFile)
	v.waitFor("L1", `"price":{"amount":"49.90"}`)
	answer, err := http.Post("http://"+prices+"/prices/L1?amount=12.50", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	v.waitFor("L1", `"price":{"amount":"12.50"}`)
}

// priceSystem builds the tutorial's upstream and starts it on a free port.
func priceSystem(t *testing.T, source, nats string) (address string) {
	t.Helper()
	address = freeaddr.Of(t)
	edit(t, source, "127.0.0.1:9000", address)
	edit(t, source, "127.0.0.1:4222", strings.TrimPrefix(nats, "nats://"))
	binary := filepath.Join(t.TempDir(), "prices")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, binary)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); command.Wait() })
	eventually(t, func() string {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err.Error()
		}
		conn.Close()
		return ""
	})
	return address
}

func (r *running) push(file string) {
	r.t.Helper()
	if code, _, stderr := vitrine(r.t, "catalog", "push", file, "--nats", r.NATS, "--wait", "1m"); code != 0 {
		r.t.Fatal(stderr)
	}
}

// waitFor waits until an item's JSON twin holds a text. waitPage waits for the page.
func (r *running) waitFor(id, text string) { r.t.Helper(); r.waitAt("/item/"+id+".json", text) }

func (r *running) waitPage(id, text string) { r.t.Helper(); r.waitAt("/item/"+id+".html", text) }

func (r *running) waitAt(path, text string) {
	r.t.Helper()
	eventually(r.t, func() string {
		if status, _, body := fetch(r.t, r.Pages+path); status != http.StatusOK || !strings.Contains(string(body), text) {
			return path + " has no " + text + ": " + string(body)
		}
		return ""
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit replaces the first occurrence of a text in a file. replace takes a pattern.
func edit(t *testing.T, path, old, by string) {
	t.Helper()
	replace(t, path, regexp.MustCompile(regexp.QuoteMeta(old)), strings.ReplaceAll(by, "$", "$$"))
}

func replace(t *testing.T, path string, old *regexp.Regexp, by string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := old.FindSubmatchIndex(text)
	if at == nil {
		t.Fatalf("%s has no %s", path, old)
	}
	out := append([]byte{}, text[:at[0]]...)
	out = append(out, old.Expand(nil, []byte(by), text, at)...)
	write(t, path, string(append(out, text[at[1]:]...)))
}
