package kvtest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// The interfaces of kv under other names. Embedded under its own name, kv.Records would hide its method Records.
type (
	Store     = kv.Records
	BlobStore = kv.Blobs
)

// Records is a records store under test, with functions that change it from outside. All are required but ReplaceList.
type Records struct {
	Store
	// Corrupt replaces the bytes stored under a key, written as by kv.RecordKey.String, by those that mutate returns for them.
	Corrupt func(t *testing.T, key string, mutate func([]byte) []byte)
	// Replace replaces what is stored under a key by something that is no stored value at all.
	Replace func(t *testing.T, key string)
	// ReplaceList does the same to the part of a list that e belongs to. It is nil if the store does not hold a list as a value.
	ReplaceList func(t *testing.T, of kv.Relation, e item.Entity)
	// Wrecks holds functions that damage an entity's state, each in another way, by name.
	Wrecks map[string]func(t *testing.T, e item.Entity)
	// Pass makes everything that expires older by d.
	Pass func(t *testing.T, d time.Duration)
	// Keys returns the number of keys in the store.
	Keys func(t *testing.T) int
	// Flush removes all data, and returns the store to use from then on, which may be another one.
	Flush func(t *testing.T) kv.Records
}

// Blobs is a blobs store under test. Corrupt and Replace are as in Records, with keys written as by kv.BlobKey.String.
type Blobs struct {
	BlobStore
	Corrupt func(t *testing.T, key string, mutate func([]byte) []byte)
	Replace func(t *testing.T, key string)
}

// ids returns valid ids that are unusual, or at the limits of the grammar.
func ids() []string {
	return []string{
		"100012", "MH01-XS-Black", "12049.1", "...", "a/b", "../etc", "a b", " ", "商品一号", "a:b", ":", "{x}", "}{", "{}", "1}00", "*", ">",
		"=2E", "%2F", "a|b", "a#b", `"'\`, "é", "\u00a0", strings.Repeat("x", item.MaxID), strings.Repeat("品", item.MaxID/3),
	}
}

func sku(id string) item.Entity { return item.Entity{Kind: "sku", ID: id} }

func record(id, dimension string) kv.RecordKey {
	return kv.RecordKey{Entity: sku(id), Dimension: dimension}
}

func blob(id, name string) kv.BlobKey { return kv.BlobKey{Entity: sku(id), Blob: name} }

// value returns a value as a stage would store it. It was fetched now, because the time for which a tombstone is kept begins then.
func value(life kv.Existence, body string) kv.Value {
	now := time.UnixMilli(time.Now().UnixMilli())
	v := kv.Value{Header: kv.Header{
		Existence: life, Version: "00000000001790000000", Fetched: now, Event: now.Add(-time.Second), Source: 4711, Shape: 0xabcdef,
	}}
	if body != "" {
		v.Body = []byte(body)
	}
	return v
}

func refs(name string, ids ...string) kv.Refs { return kv.Refs{name: {IDs: ids, List: len(ids) > 1}} }

// large returns JSON of about n bytes that hardly compresses.
func large(n int) string {
	b, r := make([]byte, n*3/4), rand.New(rand.NewPCG(7, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return `"` + base64.StdEncoding.EncodeToString(b) + `"`
}

// put writes one record, and fails the test unless it is stored.
func put(t *testing.T, s kv.Records, p kv.Put) kv.PutResult {
	t.Helper()
	r := puts(t, s, p)[0]
	if r.Outcome != kv.Applied && r.Outcome != kv.Same {
		t.Fatalf("put %s over stamp %d: outcome %d, stamp %d", p.RecordKey, p.Expect, r.Outcome, r.Stamp)
	}
	return r
}

func puts(t *testing.T, s kv.Records, all ...kv.Put) []kv.PutResult {
	t.Helper()
	results, err := s.PutRecords(t.Context(), all)
	if err != nil || len(results) != len(all) {
		t.Fatalf("put of %d records: %d results, error %v", len(all), len(results), err)
	}
	return results
}

func read(t *testing.T, s kv.RecordReader, keys ...kv.RecordKey) []kv.Record {
	t.Helper()
	records, err := s.Records(t.Context(), keys)
	if err != nil || len(records) != len(keys) {
		t.Fatalf("read of %d records: %d, error %v", len(keys), len(records), err)
	}
	return records
}

func state(t *testing.T, s kv.StateReader, e item.Entity) kv.State {
	t.Helper()
	states, err := s.States(t.Context(), []item.Entity{e})
	if err != nil || len(states) != 1 {
		t.Fatalf("state of %s: %d states, error %v", e, len(states), err)
	}
	return states[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func numbered(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%06d", i*7919%1_000_000))
	}
	return ids
}
