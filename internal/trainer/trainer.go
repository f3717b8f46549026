// Package trainer creates the dictionaries with which the stores compress documents, from the documents themselves.
// Nothing else depends on it: a store without a dictionary is only larger.
package trainer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/pause"
)

const (
	trainFirst   = time.Minute // after the start
	trainEvery   = 24 * time.Hour
	trainScanned = 50_000 // entities scanned for a sample
	trainSample  = 3_000  // documents
	trainLeast   = 1_000  // fewer documents make no dictionary
	trainGain    = 0.9    // greatest size of documents with a new dictionary, relative to the present one
)

// Config configures an Agent. Every field is required.
type Config struct {
	Catalog func() *catalog.Catalog // nil before the first one is in force
	Records Records                 // gets no dictionary unless it is a kv.Dictionaries
	Blobs   Blobs                   // the same; may be the same store
	Log     *slog.Logger
}

// Records is what the agent needs of a records store.
type Records interface {
	kv.RecordReader
	kv.Scanner
}

// Blobs is what the agent needs of a blobs store.
type Blobs interface {
	kv.BlobGetter
	kv.BlobScanner
}

// Agent trains a dictionary for each store if that makes its documents smaller. One process of a room is enough; two that train at once
// add two dictionaries, which is harmless.
type Agent struct{ cfg Config }

// New makes an agent; Run drives it.
func New(cfg Config) *Agent { return &Agent{cfg} }

// Run checks once a day, until ctx ends, whether a new dictionary would make the stores smaller.
func (a *Agent) Run(ctx context.Context) error {
	for wait := trainFirst; pause.For(ctx, wait) == nil; wait = trainEvery {
		for _, t := range a.trainers() {
			if err := t.train(ctx); err != nil && ctx.Err() == nil {
				a.cfg.Log.Warn("no dictionary was made", "store", t.name, "error", err)
			}
		}
	}
	return nil
}

// trainer trains for one store.
type trainer struct {
	name   string
	store  kv.Dictionaries
	sample func(ctx context.Context, n int) ([][]byte, error)
	log    *slog.Logger
}

// trainers lists one trainer for each store.
func (a *Agent) trainers() (all []*trainer) {
	records, ok1 := a.cfg.Records.(kv.Dictionaries)
	blobs, ok2 := a.cfg.Blobs.(kv.Dictionaries)
	if ok1 {
		all = append(all, &trainer{name: "records", store: records, sample: a.sampleRecords, log: a.cfg.Log})
	}
	if ok2 && blobs != records {
		all = append(all, &trainer{name: "blobs", store: blobs, sample: a.sampleBlobs, log: a.cfg.Log})
	}
	return all
}

// train trains a dictionary on half of a sample, and adds it if the other half becomes enough smaller.
func (t *trainer) train(ctx context.Context) error {
	have, err := t.store.Dictionaries(ctx) // another process may have added one
	if err != nil || len(have) >= kv.MaxDictionaries {
		return err
	}
	documents, err := t.sample(ctx, trainSample)
	if err != nil || len(documents) < trainLeast {
		return err
	}
	rand.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
	learn, check := documents[:len(documents)/2], documents[len(documents)/2:]
	made, err := kv.Train(learn, t.store.Codec().NewDictionaryID(rand.Uint64()))
	if err != nil || made == nil {
		return err
	}
	next := &kv.Codec{}
	if err := next.Use([][]byte{made}); err != nil {
		return err
	}
	before, after := 0, 0
	for _, d := range check {
		before += t.store.Codec().Size(d)
		after += next.Size(d)
	}
	if float64(after) > trainGain*float64(before) {
		return nil
	}
	if err := t.store.AddDictionary(ctx, made); err != nil {
		return err
	}
	t.log.Info("a dictionary was made", "store", t.name, "documents", len(learn), "bytes_before", before/len(check), "bytes_after", after/len(check))
	return nil
}

// sampleRecords takes up to most records from all over the store.
func (a *Agent) sampleRecords(ctx context.Context, most int) ([][]byte, error) {
	cat := a.cfg.Catalog()
	if cat == nil {
		return nil, errors.New("no catalog is in force")
	}
	entities, err := walk(ctx, a.cfg.Records.ScanEntities, most)
	if err != nil {
		return nil, err
	}
	var documents [][]byte
	for len(entities) > 0 && len(documents) < most {
		batch := entities[:min(len(entities), 200)]
		entities = entities[len(batch):]
		more, err := a.documentsOf(ctx, batch)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	return documents, nil
}

// documentsOf gives the records of entities and, if they are in the same store, their blobs.
func (a *Agent) documentsOf(ctx context.Context, entities []item.Entity) (documents [][]byte, err error) {
	var records []kv.RecordKey
	var blobs []kv.BlobKey
	for _, e := range entities {
		kind := a.cfg.Catalog().Kinds[e.Kind]
		if kind == nil {
			continue
		}
		for _, d := range kind.Dimensions {
			records = append(records, kv.RecordKey{Entity: e, Dimension: d.Name})
		}
		for _, b := range kind.Blobs {
			blobs = append(blobs, kv.BlobKey{Entity: e, Blob: b.Name})
		}
	}
	read, err := a.cfg.Records.Records(ctx, records)
	if err != nil {
		return nil, err
	}
	for _, r := range read {
		documents = appendDocument(documents, r.Value)
	}
	if any(a.cfg.Blobs) != any(a.cfg.Records) {
		return documents, nil
	}
	more, err := a.blobDocuments(ctx, blobs)
	return append(documents, more...), err
}

func (a *Agent) sampleBlobs(ctx context.Context, most int) ([][]byte, error) {
	keys, err := walk(ctx, a.cfg.Blobs.ScanBlobs, most)
	if err != nil {
		return nil, err
	}
	return a.blobDocuments(ctx, keys)
}

func (a *Agent) blobDocuments(ctx context.Context, keys []kv.BlobKey) (documents [][]byte, err error) {
	read, err := a.cfg.Blobs.Blobs(ctx, keys)
	for _, b := range read {
		documents = appendDocument(documents, b.Value)
	}
	return documents, err
}

func appendDocument(documents [][]byte, v kv.Value) [][]byte {
	if v.Existence != kv.Alive {
		return documents
	}
	return append(documents, kv.Document(v))
}

// walk draws up to n of the first trainScanned items of a scan, each with the same chance.
func walk[T any](ctx context.Context, scan func(context.Context, string, int) ([]T, string, error), n int) (sample []T, err error) {
	seen := 0
	for cursor := ""; ; {
		var some []T
		some, cursor, err = scan(ctx, cursor, 1000)
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			seen++
			if len(sample) < n {
				sample = append(sample, one)
			} else if i := rand.IntN(seen); i < n {
				sample[i] = one
			}
		}
		if cursor == "" || seen >= trainScanned {
			return sample, nil
		}
	}
}
