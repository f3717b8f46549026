package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redact"
)

// floor does what a loop over all articles can't do without, and nothing else: the same number of publishes, fetches,
// acknowledgements and store writes, of the same sizes, in full batches. Nothing is read of the store, compared, decoded,
// picked, merged or retried.
//
//	publish a change ─▶ fetch ─▶ ask the upstream for a batch ─▶ write records and states ─▶ publish a fold ─▶ ack
//	                    fetch ─▶ write blobs ─▶ publish an announcement ─▶ write states ─▶ ack
//	                    fetch the announcement [─▶ write the blob into the server's own file]
type floor struct {
	bench     *bench
	publisher bus.Bare
	stages    bus.Bare
	store     bareStore
	mirror    bareStore // nil where the store itself is the file
	closers   []func()
}

// bareStore is a store that only writes.
type bareStore interface {
	PutRecords(ctx context.Context, keys []kv.RecordKey) error
	PutBlobs(ctx context.Context, keys []kv.BlobKey) error
	MarkBuilt(ctx context.Context, entities []item.Entity) error
	Close(ctx context.Context) error
}

// Multiple is how much the loop costs, in multiples of its floor. Both run in turn, some times: it is the median of them.
type Multiple struct {
	CPU  float64 `json:"cpu"`
	Wall float64 `json:"wall"`
}

// rounds of the loop and its floor, in turn.
const rounds = 3

// against changes all articles, and runs the floor, in turn.
func (b *bench) against(ctx context.Context, r *PipelineResult) error {
	f, err := b.openFloor(ctx)
	if err != nil {
		return fmt.Errorf("open the floor: %w", err)
	}
	defer f.close()
	if _, err := f.all(ctx); err != nil { // the file and the streams are laid out then, as the loop's are
		return fmt.Errorf("warm the floor: %w", err)
	}
	type round struct{ loop, floor Phase }
	var done []round
	for range rounds {
		floor, err := f.all(ctx)
		if err != nil {
			return fmt.Errorf("run the floor: %w", err)
		}
		loop, err := b.all(ctx, item.Normal)
		if err != nil {
			return err
		}
		done = append(done, round{loop, floor})
		r.Rounds = append(r.Rounds, Multiple{loop.CPU / floor.CPU, loop.Seconds / floor.Seconds})
	}
	slices.SortFunc(done, func(a, b round) int { return cmp.Compare(a.loop.CPU/a.floor.CPU, b.loop.CPU/b.floor.CPU) })
	r.Change = done[rounds/2].loop
	r.Floor = done[rounds/2].floor
	r.Multiple.CPU = median(r.Rounds, func(m Multiple) float64 { return m.CPU })
	r.Multiple.Wall = median(r.Rounds, func(m Multiple) float64 { return m.Wall })
	return nil
}

// median is that of a number of each round.
func median[T any](rounds []T, of func(T) float64) float64 {
	values := make([]float64, len(rounds))
	for i, m := range rounds {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// openFloor opens a NATS and a store beside those of the loop, whose articles are there.
func (b *bench) openFloor(ctx context.Context) (f *floor, err error) {
	f = &floor{bench: b}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	dir := filepath.Join(b.Dir, "floor")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return f, err
	}
	f.closers = append(f.closers, func() { os.RemoveAll(dir) })
	server, err := bus.Embed(ctx, bus.EmbedConfig{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Log: b.host.Log})
	if err != nil {
		return f, err
	}
	f.closers = append(f.closers, server.Shutdown)
	publisher, err := f.dial(ctx, bus.Config{URL: server.URL(), Name: "floor", Log: b.host.Log})
	if err != nil {
		return f, err
	}
	stages, err := f.dial(ctx, bus.Config{URL: server.URL(), Server: server, Name: "floor", Log: b.host.Log})
	if err != nil {
		return f, err
	}
	if err := stages.Ensure(ctx); err != nil {
		return f, err
	}
	f.publisher = publisher.Bare()
	f.stages = stages.Bare()
	return f, f.openStores(ctx, dir)
}

func (f *floor) dial(ctx context.Context, cfg bus.Config) (*bus.Conn, error) {
	conn, err := bus.Dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, conn.Close)
	return conn, nil
}

func (f *floor) openStores(ctx context.Context, dir string) (err error) {
	if f.bench.Redis == "" {
		f.store, err = f.openCopy(ctx, dir, "store.db")
		return err
	}
	first := change(item.Normal, 0).Entity
	f.store, err = rediskv.OpenBare(ctx, rediskv.Config{URL: f.bench.Redis, Log: f.bench.host.Log}, recordOf(first), blobOf(first))
	if err != nil {
		return err
	}
	f.closeStore(f.store)
	f.mirror, err = f.openCopy(ctx, dir, "mirror.db")
	return err
}

// openCopy copies a file of the loop, which is at rest, and opens the copy. A copy that a mark of a store came into the way of
// is made again.
func (f *floor) openCopy(ctx context.Context, dir, name string) (store bareStore, err error) {
	path := filepath.Join(dir, name)
	for range 5 {
		err = copyFile(path, filepath.Join(f.bench.Dir, name))
		if err != nil {
			return nil, err
		}
		store, err = boltkv.OpenBare(ctx, path, boltkv.Options{Log: f.bench.host.Log})
		if err == nil {
			f.closeStore(store)
			return store, nil
		}
	}
	return nil, err
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (f *floor) closeStore(s bareStore) {
	f.closers = append(f.closers, func() {
		if err := s.Close(context.Background()); err != nil {
			f.bench.host.Log.Warn("close the floor's store", "error", err)
		}
	})
}

func (f *floor) close() {
	for _, c := range slices.Backward(f.closers) {
		c()
	}
}

// foldBatch is how many entities the syncer folds together, and places how many batches of it, and of changes, are in work.
const (
	foldBatch = 64
	places    = 16
)

// all does it for each article.
func (f *floor) all(ctx context.Context) (Phase, error) {
	changes := make([]item.Change, f.bench.SKUs)
	for i := range changes {
		changes[i] = change(item.Normal, i)
	}
	body, err := json.Marshal(map[string]uint64{"item": uint64(time.Now().UnixMicro())})
	if err != nil {
		return Phase{}, err
	}
	counted, began := f.bench.count(), time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, stage := range []struct {
		queue  bus.BareQueue
		handle func(context.Context, []item.Entity) error
	}{
		{bus.BareQueue{Stream: bus.Blobs, Subject: "blob.>", Batch: 512, Parallel: 1}, f.copyBlobs},
		{bus.BareQueue{Stream: bus.Syncs, Subject: "sync.normal.>", Acked: true, Batch: foldBatch, Parallel: places},
			func(ctx context.Context, e []item.Entity) error { return f.fold(ctx, e, body) }},
		{bus.BareQueue{Stream: bus.Changes, Subject: "change.normal.>", Acked: true, Batch: f.bench.Batch, Parallel: places}, f.fetch},
	} {
		queue, err := f.stages.Open(ctx, stage.queue)
		if err != nil {
			return Phase{}, err
		}
		group.Go(redact.Guard(func() error {
			return queue.Consume(ctx, len(changes), func(ctx context.Context, subjects []string) error { return stage.handle(ctx, named(subjects)) })
		}))
	}
	group.Go(redact.Guard(func() error { return f.publisher.PublishChanges(ctx, changes) }))
	if err := group.Wait(); err != nil {
		return Phase{}, err
	}
	return f.bench.phase(len(changes), time.Since(began).Seconds(), counted), nil
}

// named gives the articles that subjects end with.
func named(subjects []string) []item.Entity {
	entities := make([]item.Entity, len(subjects))
	for i, s := range subjects {
		entities[i] = item.Entity{Kind: "sku", ID: s[strings.LastIndexByte(s, '.')+1:]}
	}
	return entities
}

func (f *floor) fetch(ctx context.Context, entities []item.Entity) error {
	ids := make([]string, len(entities))
	keys := make([]kv.RecordKey, len(entities))
	for i, e := range entities {
		ids[i] = e.ID
		keys[i] = recordOf(e)
	}
	if _, err := f.bench.get(ctx, "http://"+f.bench.address+"/goods?ids="+strings.Join(ids, ",")); err != nil {
		return err
	}
	if err := f.store.PutRecords(ctx, keys); err != nil {
		return err
	}
	return f.stages.PublishSyncs(ctx, item.Normal, entities)
}

func (f *floor) fold(ctx context.Context, entities []item.Entity, gens []byte) error {
	if err := f.store.PutBlobs(ctx, blobsOf(entities)); err != nil {
		return err
	}
	if err := f.stages.Announce(ctx, entities, gens); err != nil {
		return err
	}
	return f.store.MarkBuilt(ctx, entities)
}

func (f *floor) copyBlobs(ctx context.Context, entities []item.Entity) error {
	if f.mirror == nil {
		return nil
	}
	return f.mirror.PutBlobs(ctx, blobsOf(entities))
}

func recordOf(e item.Entity) kv.RecordKey { return kv.RecordKey{Entity: e, Dimension: "product"} }

func blobOf(e item.Entity) kv.BlobKey { return kv.BlobKey{Entity: e, Blob: "item"} }

func blobsOf(entities []item.Entity) []kv.BlobKey {
	keys := make([]kv.BlobKey, len(entities))
	for i, e := range entities {
		keys[i] = blobOf(e)
	}
	return keys
}
