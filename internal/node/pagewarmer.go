package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/internal/control"
	"vitrine/internal/item"
	"vitrine/internal/pause"
)

const (
	pagesSubject = "ask.pages"            // servers of pages answer with what they have in memory
	pagesMost    = 20_000                 // pages in one answer
	pagesTotal   = 200_000                // of ten answers; of more, each counts with its share
	pagesBytes   = 512 << 10              // of one answer; NATS takes no more than 1 MiB by default
	pagesEvery   = time.Second            // an answer serves all who ask within that time
	codingsMost  = 4                      // of one page
	peersMost    = 1000                   // answers that are read
	peersWithin  = 2 * time.Second        // for the first answer
	peersPause   = 300 * time.Millisecond // after an answer, for another
	askWithin    = 5 * time.Second        // for all answers, if they keep coming
	warmWithin   = 20 * time.Second       // for all of it, where the pages can be made
	failWithin   = time.Minute            // for those whose parts can't be had
	failEvery    = time.Second            // between attempts to make these
)

// pageWarmer makes the pages that visitors request of the other servers, before this one reports that it is ready. A server that was added
// has no page in memory: with a share of the visitors it would make all of that share at once, while they wait. One that joins while the
// store has just been emptied can't make them yet, and the visitors are better served by those that have them.
//
// The pages are made after announcements are followed. Before, a gap would have all of them made anew.
type pageWarmer struct {
	bus       *bus.Conn
	catalog   *control.Follower
	server    *detail.Server
	log       *slog.Logger
	warm      atomic.Bool
	once      sync.Once
	following chan struct{} // closed once announcements are followed
}

func newPageWarmer(n *process, server *detail.Server) *pageWarmer {
	return &pageWarmer{bus: n.bus, catalog: n.catalog, server: server, log: n.log, following: make(chan struct{})}
}

// followed notes that announcements are followed.
func (w *pageWarmer) followed() { w.once.Do(func() { close(w.following) }) }

// check is nil once the pages are made, or never will be.
func (w *pageWarmer) check() error {
	if w.warm.Load() {
		return nil
	}
	return fmt.Errorf("%w: starting: makes the pages that visitors request of the other servers", item.ErrUnavailable)
}

// Run makes the pages, and then tells servers that ask which pages this one has, until ctx ends.
func (w *pageWarmer) Run(ctx context.Context) error {
	w.makePages(ctx)
	w.warm.Store(true)
	stop, err := w.bus.Respond(ctx, pagesSubject, w.answers(ctx))
	if err != nil {
		w.log.Warn("servers that are added won't learn which pages this one has", "error", err)
		stop = func() {}
	}
	<-ctx.Done()
	stop()
	return nil
}

// makePages asks the other servers for their pages, and makes them. Without NATS there is nobody to ask.
func (w *pageWarmer) makePages(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, failWithin)
	defer cancel()
	if !w.bus.Connected() || w.catalog.Wait(ctx) != nil {
		return
	}
	select {
	case <-w.following:
	case <-ctx.Done():
		return
	}
	began := time.Now()
	pages := mergePages(askPeers(ctx, w.bus, w.log))
	short, stop := context.WithTimeout(ctx, warmWithin)
	defer stop()
	made, failing := w.server.Keep(short, pages)
	for len(failing) > 0 && pause.For(ctx, failEvery) == nil {
		w.log.Info("pages that other servers have can't be made yet", "pages", len(failing))
		var more int
		more, failing = w.server.Keep(ctx, failing)
		made += more
	}
	if len(pages) > 0 {
		w.log.Info("pages are warm", "pages", made, "of", len(pages), "not_made", len(failing), "took", time.Since(began).Round(time.Millisecond))
	}
}

// askPeers asks the other servers which pages they have. It reads a bounded number of answers within a bounded time, whoever answers.
func askPeers(ctx context.Context, peers requester, log *slog.Logger) (lists [][]detail.KeptPage) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	patience := time.AfterFunc(peersWithin, cancel)
	defer patience.Stop()
	err := peers.Request(ctx, pagesSubject, func(body []byte) (done bool) {
		lists = append(lists, parsePages(body, min(pagesMost, pagesTotal/(len(lists)+1))))
		patience.Reset(peersPause)
		return len(lists) == peersMost
	})
	if err != nil && ctx.Err() == nil {
		log.Debug("no other server says which pages it has", "error", err)
	}
	return lists
}

// requester asks on a subject of NATS, and passes on each answer until one is the last.
type requester interface {
	Request(ctx context.Context, subject string, f func(body []byte) (done bool)) error
}

// answers gives the answer to servers that ask.
func (w *pageWarmer) answers(ctx context.Context) func() []byte {
	var last []byte
	var at time.Time
	return func() []byte {
		if time.Since(at) > pagesEvery {
			last = formatPages(w.server.KeptPages(ctx, pagesMost))
			at = time.Now()
		}
		return last
	}
}

// mergePages merges lists, the first of each first. Of a page that several list, the first counts.
func mergePages(lists [][]detail.KeptPage) (pages []detail.KeptPage) {
	seen := map[string]bool{}
	longest := 0
	for _, list := range lists {
		longest = max(longest, len(list))
	}
	for i := range longest {
		for _, list := range lists {
			if i < len(list) && !seen[list[i].Path] {
				seen[list[i].Path] = true
				pages = append(pages, list[i])
			}
		}
	}
	return pages
}

// formatPages writes pages as text, one per line: its codings, separated by commas, and its path. It leaves out what would be too long.
func formatPages(pages []detail.KeptPage) []byte {
	var b bytes.Buffer
	for _, page := range pages {
		line := strings.Join(page.Codings, ",") + " " + page.Path + "\n"
		if b.Len()+len(line) > pagesBytes {
			break
		}
		b.WriteString(line)
	}
	return b.Bytes()
}

// parsePages reads the first of what formatPages wrote, and nothing that it would not have written.
func parsePages(text []byte, most int) (pages []detail.KeptPage) {
	for line := range bytes.Lines(text[:min(len(text), pagesBytes)]) {
		if len(pages) == most {
			break
		}
		codings, path, ok := strings.Cut(string(bytes.TrimSuffix(line, []byte("\n"))), " ")
		if ok && strings.HasPrefix(path, "/") && strings.Count(codings, ",") < codingsMost {
			pages = append(pages, detail.KeptPage{Path: path, Codings: strings.Split(codings, ",")})
		}
	}
	return pages
}
