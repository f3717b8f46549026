package kvtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Dictionary is a store that keeps dictionaries, as one process sees it.
type Dictionary interface {
	kv.Blobs
	kv.Records
	kv.Dictionaries
}

// Articles returns n JSON documents that resemble each other, as those of a shop do. They depend on seed alone.
func Articles(n int, seed uint64) (all [][]byte) {
	random := rand.New(rand.NewPCG(seed, 2))
	word := func() string {
		return strings.Fields("oak steel cotton blue green large small round soft hard outdoor winter summer travel kitchen garden")[random.IntN(16)]
	}
	for range n {
		all = append(all, fmt.Appendf(nil, `{"title":"%s %s lamp","brand":"Acme %s","attributes":[{"name":"material","value":"%s"},{"name":"colour","value":"%s"}],"images":["https://img.example/%d.jpg"],"price":{"amount":"%d.99","currency":"EUR"}}`,
			word(), word(), word(), word(), word(), random.IntN(1e9), random.IntN(500)))
	}
	return all
}

// TooManyDictionaries tests that a store takes no more than kv.MaxDictionaries dictionaries, from all processes together, and that a process
// which opens it then can read it. open returns the store as a process that starts now sees it; it may return the same one each time.
func TooManyDictionaries(t *testing.T, open func() Dictionary) {
	processes := []Dictionary{open(), open()}
	body := string(Articles(1, 1)[0])
	made, err := kv.Train(Articles(200, 1), 1<<20)
	must(t, err)
	var group sync.WaitGroup
	var kept atomic.Int32
	for i := range kv.MaxDictionaries + 8 {
		s := processes[i%2]
		group.Go(func() {
			switch err := s.AddDictionary(t.Context(), renumbered(made, uint32(1<<20+i))); {
			case err == nil:
				kept.Add(1)
			case !errors.Is(err, item.ErrRefused):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if kept.Load() != kv.MaxDictionaries {
		t.Errorf("%d dictionaries were kept", kept.Load())
	}
	put(t, processes[0], kv.Put{RecordKey: record("many", "product"), Value: value(kv.Alive, body)})
	later := open()
	list, err := later.Dictionaries(t.Context())
	if err != nil || len(list) != kv.MaxDictionaries {
		t.Errorf("%d dictionaries, error %v", len(list), err)
	}
	if got := read(t, later, record("many", "product"))[0]; string(got.Body) != body {
		t.Errorf("who comes later reads %+v", got)
	}
}

// renumbered returns a dictionary with another id, which stands after the magic number. To train another one would take far longer.
func renumbered(dictionary []byte, id uint32) []byte {
	d := bytes.Clone(dictionary)
	binary.LittleEndian.PutUint32(d[4:], id)
	return d
}

// LostDictionaries tests that what a running process writes into a flushed store can be read by processes that start later. open returns
// the store as a process that starts now sees it. flush removes all data without the knowledge of running processes.
func LostDictionaries(t *testing.T, open func() Dictionary, flush func()) {
	running := open()
	for round := range 2 {
		made, err := kv.Train(Articles(400, uint64(round)), running.Codec().NewDictionaryID(rand.Uint64()))
		must(t, err)
		must(t, running.AddDictionary(t.Context(), made))
	}
	body := string(Articles(1, 9)[0])
	v := value(kv.Alive, body)
	v.Stamp = 1
	for name, write := range map[string]func(){
		"record": func() { put(t, running, kv.Put{RecordKey: record("1", "product"), Value: v}) },
		"blob":   func() { putBlobs(t, running, kv.BlobPut{BlobKey: blob("1", "item"), Value: v}) },
	} {
		t.Run(name, func(t *testing.T) {
			flush()
			write()
			later := open()
			records, blobs := read(t, later, record("1", "product")), readBlobs(t, later, blob("1", "item"))
			if records[0].Damaged || blobs[0].Damaged || string(records[0].Body)+string(blobs[0].Body) != body {
				t.Errorf("who comes later reads %+v, %+v", records[0], blobs[0])
			}
		})
	}
}

// ExerciseDictionaries tests that values can be read whichever dictionary they were written with, and whichever process wrote them. one and
// other are the same store as two processes see it; they may be identical.
func ExerciseDictionaries(t *testing.T, one, other Dictionary) {
	ctx := t.Context()
	stored := map[kv.BlobKey]string{}
	write := func(s Dictionary, round int) {
		t.Helper()
		for i, body := range Articles(20, uint64(round)) {
			key := blob(fmt.Sprintf("d%d-%d", round, i), "item")
			v := value(kv.Alive, string(body))
			v.Stamp, v.Refs = uint64(round), refs("brand", "9")
			if _, err := s.PutBlobs(ctx, []kv.BlobPut{{BlobKey: key, Value: v}}); err != nil {
				t.Fatal(err)
			}
			put(t, s, kv.Put{RecordKey: kv.RecordKey{Entity: key.Entity, Dimension: "product"}, Value: value(kv.Alive, string(body))})
			stored[key] = string(body)
		}
	}
	check := func(who string, s Dictionary) {
		t.Helper()
		for key, body := range stored {
			blobs, err := s.Blobs(ctx, []kv.BlobKey{key})
			if err != nil || string(blobs[0].Body) != body || len(blobs[0].Refs) != 1 {
				t.Fatalf("%s, blob %s: %v %+v", who, key, err, blobs)
			}
			records, err := s.Records(ctx, []kv.RecordKey{{Entity: key.Entity, Dimension: "product"}})
			if err != nil || string(records[0].Body) != body {
				t.Fatalf("%s, record %s: %v %+v", who, key, err, records)
			}
		}
	}
	write(one, 1)
	for round := range 2 {
		made, err := kv.Train(Articles(400, uint64(100+round)), one.Codec().NewDictionaryID(rand.Uint64()))
		if err != nil || made == nil {
			t.Fatal(err)
		}
		if err := one.AddDictionary(ctx, made); err != nil {
			t.Fatal(err)
		}
		write(one, 10+round)
		write(other, 20+round) // it may use the new dictionary or not
		check("who made the dictionary", one)
		check("who did not", other)
		list, err := other.Dictionaries(ctx)
		if err != nil || len(list) != round+1 {
			t.Fatal(len(list), err)
		}
	}
	if err := one.AddDictionary(ctx, []byte("no dictionary")); err == nil {
		t.Error("anything passes for a dictionary")
	}
	check("after a refused one", one)
}
