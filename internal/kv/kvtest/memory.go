package kvtest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Memory is a blobs store in memory, with the meta values of a mirror. It can be made to fail, to hang, and to have damaged blobs. Its
// methods are safe for concurrent use. Change its fields with Set.
type Memory struct {
	mu      sync.Mutex // guards all fields below
	Stored  map[kv.BlobKey]kv.Value
	Metas   map[string][]byte
	Damaged map[kv.BlobKey]bool // blobs that are read as damaged
	Err     error               // with which reads, writes and scans fail; nil for none
	Hang    chan struct{}       // reads wait until it is closed, unless it is nil
	Entered chan struct{}       // each read sends to it, unless it is nil
	batches int
	scans   int
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{Stored: map[kv.BlobKey]kv.Value{}, Metas: map[string][]byte{}, Damaged: map[kv.BlobKey]bool{}}
}

func (m *Memory) Blobs(_ context.Context, keys []kv.BlobKey) ([]kv.Blob, error) {
	m.mu.Lock()
	out := make([]kv.Blob, len(keys))
	for i, k := range keys {
		out[i] = kv.Blob{Value: m.Stored[k], Damaged: m.Damaged[k]}
		if m.Damaged[k] {
			out[i].Value = kv.Value{}
		}
	}
	m.batches++
	err, hang, entered := m.Err, m.Hang, m.Entered
	m.mu.Unlock()
	if entered != nil {
		entered <- struct{}{}
	}
	if hang != nil {
		<-hang
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (m *Memory) PutBlobs(_ context.Context, puts []kv.BlobPut) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Err != nil {
		return nil, m.Err
	}
	stored := make([]bool, len(puts))
	for i, p := range puts {
		if m.Stored[p.BlobKey].Stamp < p.Value.Stamp {
			m.Stored[p.BlobKey], stored[i] = p.Value, true
		}
	}
	return stored, nil
}

func (m *Memory) ScanBlobs(_ context.Context, cursor string, limit int) ([]kv.BlobKey, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scans++
	var keys []kv.BlobKey
	for k := range m.Stored {
		if k.String() > cursor {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b kv.BlobKey) int { return cmp.Compare(a.String(), b.String()) })
	if len(keys) <= limit {
		return keys, "", m.Err
	}
	return keys[:limit], keys[limit-1].String(), m.Err
}

func (m *Memory) Meta(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Metas[name], nil
}

func (m *Memory) SetMeta(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Metas[name] = slices.Clone(value)
	return nil
}

// Set calls f with the fields locked. f must not call methods of the Memory.
func (m *Memory) Set(f func(*Memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

// Scanned returns the number of calls of ScanBlobs so far.
func (m *Memory) Scanned() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.scans
}

// Reads returns the number of calls of Blobs so far.
func (m *Memory) Reads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.batches
}

// Put stores a blob of an entity, written KIND:ID. A ref is written name=id,id for a list, or name:id for a single id. It panics if the
// entity is invalid.
func (m *Memory) Put(entity, blob string, gen uint64, body string, refs ...string) {
	e, err := item.ParseEntity(entity)
	if err != nil {
		panic(err)
	}
	v := kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: gen, Source: 7, Fetched: time.Unix(1_700_000_000, 0)}, Body: []byte(body), Refs: kv.Refs{}}
	for _, r := range refs {
		if name, ids, ok := strings.Cut(r, "="); ok {
			v.Refs[name] = kv.Ref{IDs: strings.Split(ids, ","), List: true}
		} else if name, id, ok := strings.Cut(r, ":"); ok {
			v.Refs[name] = kv.Ref{IDs: []string{id}}
		}
	}
	m.Set(func(m *Memory) { m.Stored[kv.BlobKey{Entity: e, Blob: blob}] = v })
}

// Bury stores a tombstone of a blob, without a body; life is kv.Gone or kv.Unknown. It panics if the entity is invalid.
func (m *Memory) Bury(entity, blob string, gen uint64, life kv.Existence) {
	m.putHeader(entity, blob, kv.Header{Existence: life, Stamp: gen, Fetched: time.Unix(1_700_000_000, 0)})
}

// PutRootless stores a blob in the form in which it is folded while its root record is missing. It panics if the entity is invalid.
func (m *Memory) PutRootless(entity, blob string, gen uint64) {
	m.putHeader(entity, blob, kv.Header{Existence: kv.Unknown, Stamp: gen})
}

func (m *Memory) putHeader(entity, blob string, h kv.Header) {
	e, err := item.ParseEntity(entity)
	if err != nil {
		panic(err)
	}
	m.Set(func(m *Memory) { m.Stored[kv.BlobKey{Entity: e, Blob: blob}] = kv.Value{Header: h} })
}

// Count returns the number of stored blobs.
func (m *Memory) Count() (n int) {
	m.Set(func(m *Memory) { n = len(m.Stored) })
	return n
}
