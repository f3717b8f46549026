package control

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/durable"
)

// savedCatalog is the content of the file.
type savedCatalog struct {
	Source   string            `json:"source"`
	Revision uint64            `json:"revision"`
	Pushed   time.Time         `json:"pushed,omitzero"`
	Serve    map[string]string `json:"serve,omitempty"`
}

// Keep has the catalog in force kept in a file, and takes what is there until NATS says something newer.
func (f *Follower) Keep(file string) {
	var k savedCatalog
	body, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(body, &k)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		f.log.Warn("the catalog that was in force can't be read", "file", file, "error", err)
	default:
		f.mu.Lock()
		f.serve = k.Serve
		f.mu.Unlock()
		if err := f.apply(bus.Entry{Key: CatalogKey, Value: []byte(k.Source), Revision: k.Revision, Pushed: k.Pushed}); err != nil {
			f.log.Warn("the catalog that was in force is not taken", "file", file, "error", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file = file
}

// save stores the catalog in force. It needs mu.
func (f *Follower) save() {
	if f.file == "" {
		return
	}
	body, err := json.Marshal(savedCatalog{string(f.source.Value), f.source.Revision, f.source.Pushed, f.serve})
	if err == nil {
		err = durable.WriteFile(f.file, body)
	}
	if err != nil {
		f.log.Warn("the catalog in force can't be kept on disk", "error", err)
	}
}

// recall finds, for a process that starts, the catalog that was replaced a short while ago.
func (f *Follower) recall(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	history, err := f.bucket.History(ctx, CatalogKey)
	if err != nil || len(history) == 0 {
		return // nothing was pushed yet, or the one in force has to do
	}
	serve, err := f.bucket.Get(ctx, ServeKey)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		_ = json.Unmarshal(serve.Value, &f.serve) // the watch reads it, too, and reports errors
	}
	head, err := f.parse(history[len(history)-1])
	if err != nil {
		return
	}
	for i := len(history) - 2; i >= 0; i-- {
		since := history[i+1].Created
		if time.Since(since) > PreviousFor {
			return
		}
		if was, err := f.parse(history[i]); err == nil && was.Shapes != head.Shapes {
			f.previous.CompareAndSwap(nil, &replaced{was, since.Add(PreviousFor)})
			f.gone.note(was, head, since.Add(PreviousFor))
		}
	}
}
