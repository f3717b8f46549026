package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"vitrine/detail/admission"
	"vitrine/internal/catalog"
	"vitrine/internal/durable"
	"vitrine/internal/pause"
	"vitrine/switches"
)

const (
	reloadWithin = 5 * time.Second
	confirmPause = 20 * time.Millisecond
	confirmTimes = 3 // in a row, since workers that are about to end still answer for a moment
	retryFirst   = time.Second
	retryMost    = 15 * time.Second
	maxWaiting   = 1000 // acknowledgements while nginx can't be reloaded; the newest are kept
)

// FrontConfig configures a Front. Every field is required.
type FrontConfig struct {
	Panel   *switches.Panel
	Log     *slog.Logger
	Out     string   // the file that nginx includes
	Confirm string   // address on which nginx reports which switches it follows
	Reload  []string // command that has nginx read the file
}

// Front has an nginx follow the switches: it writes a file, reloads, and checks that nginx uses it.
type Front struct {
	cfg    FrontConfig
	wake   chan struct{} // holds a mark when a switch may have changed
	obeyed string        // the mark of the file that nginx uses, as far as known
	old    workers       // those that still used the previous file then

	mu      sync.Mutex // guards waiting
	waiting []func(note string, err error)
}

// NewFront makes a front; Run drives it.
func NewFront(cfg FrontConfig) *Front { return &Front{cfg: cfg, wake: make(chan struct{}, 1)} }

// Obey calls done when nginx follows the switches as they are now, with a note on what does not yet. Before that it
// calls done with an error each time that nginx could not be made to follow them.
func (f *Front) Obey(done func(note string, err error)) {
	f.mu.Lock()
	f.waiting = append(f.waiting, done)
	f.waiting = f.waiting[max(0, len(f.waiting)-maxWaiting):]
	f.mu.Unlock()
	f.Wake()
}

// Wake has the switches checked: one may have changed.
func (f *Front) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run renders whenever a switch has changed, and again while that fails, until ctx ends.
func (f *Front) Run(ctx context.Context) error {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for wait := retryFirst; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-retry.C:
		}
		f.mu.Lock()
		waiting := f.waiting
		f.waiting = nil
		f.mu.Unlock()
		note, err := f.render(ctx)
		if err != nil {
			f.mu.Lock()
			f.waiting = append(waiting, f.waiting...) // those that came meanwhile are answered, too
			waiting = slices.Clone(f.waiting)
			f.mu.Unlock()
		}
		for _, done := range waiting {
			done(note, err)
		}
		if err == nil || ctx.Err() != nil {
			wait = retryFirst
			continue
		}
		f.cfg.Log.Error("nginx does not obey the switches; trying again", "error", err, "in", wait.String())
		retry.Reset(wait)
		wait = min(2*wait, retryMost)
	}
}

// render writes the file and has nginx read it, unless nginx already uses it, and waits for the workers of the previous
// file. The note says how many remain.
func (f *Front) render(ctx context.Context) (note string, err error) {
	body, mark := f.file()
	old, err := os.ReadFile(f.cfg.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the file for nginx can't be read: %w", err)
	}
	if bytes.Equal(old, body) && f.obeyed == mark {
		return f.old.note(), nil
	}
	if !bytes.Equal(old, body) {
		if err := durable.WriteFile(f.cfg.Out, body); err != nil {
			return "", fmt.Errorf("the file for nginx can't be written: %w", err)
		}
	}
	f.obeyed = ""
	before := seeWorkers()
	ctx, cancel := context.WithTimeout(ctx, reloadWithin)
	defer cancel()
	if out, err := exec.CommandContext(ctx, f.cfg.Reload[0], f.cfg.Reload[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("nginx was not reloaded: %s: %w: %.300s", strings.Join(f.cfg.Reload, " "), err, bytes.TrimSpace(out))
	}
	worker, err := f.confirmed(ctx, mark)
	if err != nil {
		return "", err
	}
	f.old = awaitOld(ctx, worker, before)
	f.obeyed = mark
	note = f.old.note()
	f.cfg.Log.Info("nginx obeys", "file", f.cfg.Out, "mark", mark, "note", note)
	return note, nil
}

// confirmed returns when nginx uses the file with a mark, and the process id of a worker that does.
func (f *Front) confirmed(ctx context.Context, mark string) (worker int, err error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for said, times := "", 0; times < confirmTimes; {
		answer, pid, err := f.ask(ctx, client)
		switch {
		case err != nil:
			said = err.Error()
			times = 0
		case answer == mark:
			times++
			worker = pid
			continue
		default:
			said = "it answers by " + answer
			times = 0
		}
		if pause.For(ctx, confirmPause) != nil {
			return 0, fmt.Errorf("nginx was told to reload, and goes on as before (its error log says why): http://%s/: %.200s, not %s", f.cfg.Confirm, said, mark)
		}
	}
	return worker, nil
}

// ask gives the mark of the file that a worker uses, and its process id.
func (f *Front) ask(ctx context.Context, client *http.Client) (mark string, worker int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.cfg.Confirm+"/", nil)
	if err != nil {
		return "", 0, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 100))
	if err != nil {
		return "", 0, err
	}
	mark, pid, ok := strings.Cut(string(body), " ")
	worker, err = strconv.Atoi(pid)
	if !ok || err != nil {
		return fmt.Sprintf("%q", body), 0, nil // of an earlier format of the file
	}
	return mark, worker, nil
}

// file is what nginx includes: which requests it answers itself, and the mark that it reports.
func (f *Front) file() (body []byte, mark string) {
	var b bytes.Buffer
	b.WriteString("# Written by vitrine switch agent: which requests nginx answers with 503 itself.\nmap $uri $vitrine_route {\n    default 0;\n")
	for _, route := range []struct{ name, pattern string }{
		{switches.RouteLive, strings.TrimSuffix(catalog.LivePath, "/") + "(/|$)"}, {switches.RouteBlobs, catalog.BlobsPath}, {switches.RouteRelations, catalog.RelationsPath},
	} {
		if !f.cfg.Panel.Must(route.name).On() {
			fmt.Fprintf(&b, "    \"~^(/[^?]*)?%s\" 1;\n", route.pattern)
		}
	}
	b.WriteString("}\nmap $http_user_agent $vitrine_crawler {\n    default 0;\n")
	if !f.cfg.Panel.Must(switches.Crawlers).On() {
		fmt.Fprintf(&b, "    \"~*%s\" 1;\n", admission.CrawlerPattern())
	}
	b.WriteString("}\nmap \"$vitrine_route$vitrine_crawler\" $vitrine_shed {\n    default 1;\n    \"00\"    0;\n}\n")
	sum := fnv.New64a()
	sum.Write(b.Bytes())
	mark = fmt.Sprintf("%016x", sum.Sum64())
	fmt.Fprintf(&b, "server {\n    listen %s;\n    access_log off;\n    location / {\n        return 200 \"%s $pid\";\n    }\n}\n", f.cfg.Confirm, mark)
	return b.Bytes(), mark
}
