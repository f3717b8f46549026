package boltkv_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/long"
)

// fillID and fillBody are the ids and bodies in the files of these tests. Each body names its id.
func fillID(i int) string { return fmt.Sprintf("%05d", i) }
func fillBody(i int) string {
	return fmt.Sprintf(`{"sku":%q,"text":%q}`, fillID(i), strings.Repeat("x", i%300))
}

// filled returns the path of a closed file with n records, n blobs, and a value longer than a page.
func filled(t testing.TB, n int) string {
	t.Helper()
	path := file(t)
	s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var puts []kv.Put
	var blobs []kv.BlobPut
	for i := range n {
		puts = append(puts, kv.Put{RecordKey: key(fillID(i)), Value: alive(fillBody(i))})
		v := alive(fillBody(i))
		v.Stamp = 1
		blobs = append(blobs, kv.BlobPut{BlobKey: kv.BlobKey{Entity: key(fillID(i)).Entity, Blob: "item"}, Value: v})
	}
	puts = append(puts, kv.Put{RecordKey: key("large"), Value: alive(string(noise(100_000)))})
	if _, err := s.PutRecords(t.Context(), puts); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutBlobs(t.Context(), blobs); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	trim(t, path)
	return path
}

// trim cuts off the free space that bbolt keeps for growth, so that damage hits pages in use.
func trim(t testing.TB, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var used int64
	err = db.View(func(tx *bbolt.Tx) error {
		used = tx.Size()
		return nil
	})
	if err := errors.Join(err, db.Close(), os.Truncate(path, used)); err != nil {
		t.Fatal(err)
	}
}

func noise(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(3, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// survey opens a damaged copy of a file. The store must work, and must serve nothing that was not stored. It returns
// how many records were found, and whether the file was set aside.
func survey(t testing.TB, damaged []byte, n int) (found int, aside string) {
	t.Helper()
	path := file(t)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, boltkv.Options{NoSync: true, OnQuarantine: func(at string) { aside = at }})
	var records []kv.RecordKey
	var blobs []kv.BlobKey
	for i := range n {
		records = append(records, key(fillID(i)))
		blobs = append(blobs, kv.BlobKey{Entity: records[i].Entity, Blob: "item"})
	}
	r, err := s.Records(t.Context(), records)
	b, err2 := s.Blobs(t.Context(), blobs)
	if err := errors.Join(err, err2); err != nil {
		t.Fatalf("read: %v", err)
	}
	for i := range n {
		for _, v := range []kv.Value{r[i].Value, b[i].Value} {
			if v.Existence != kv.Absent && string(v.Body) != fillBody(i) {
				t.Errorf("%s was served as %q", fillID(i), v.Body)
			}
		}
		if r[i].Existence == kv.Alive {
			found++
		}
	}
	put(t, s, "new", `1`)
	if got := read(t, s, "new"); string(got.Body) != `1` {
		t.Errorf("a new record is read as %q", got.Body)
	}
	if aside == "" {
		return found, ""
	}
	if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, damaged) {
		t.Errorf("what was set aside is not what was there: %d bytes of %d, error %v", len(kept), len(damaged), err)
	}
	if found > 0 {
		t.Errorf("a new file has %d old records", found)
	}
	return found, aside
}

func TestDamagedFile(t *testing.T) {
	const n = 800
	whole, err := os.ReadFile(filled(t, n))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	aside := map[string]func(b []byte) []byte{
		"empty":                   func(b []byte) []byte { return nil },
		"one byte":                func(b []byte) []byte { return b[:1] },
		"cut in half":             func(b []byte) []byte { return b[:len(b)/2] },
		"cut to its metas":        func(b []byte) []byte { return b[:2*page] },
		"cut to one page":         func(b []byte) []byte { return b[:page] },
		"zeroed":                  func(b []byte) []byte { clear(b); return b },
		"both metas zeroed":       func(b []byte) []byte { clear(b[:2*page]); return b },
		"all but metas zeroed":    func(b []byte) []byte { clear(b[2*page:]); return b },
		"noise":                   func(b []byte) []byte { return noise(len(b)) },
		"a text":                  func(b []byte) []byte { return bytes.Repeat([]byte("not a store\n"), 4000) },
		"branches without leaves": func(b []byte) []byte { return branchless(b, page) },
		"two buckets in one tree": func(b []byte) []byte { return shared(b, page) },
		"pages written elsewhere": func(b []byte) []byte { return misplaced(b, page) },
		"a file of somebody else": func([]byte) []byte { return foreign(t) },
	}
	for name, damage := range aside {
		t.Run(name+" is set aside", func(t *testing.T) {
			if _, at := survey(t, damage(bytes.Clone(whole)), n); at == "" {
				t.Error("it was not")
			}
		})
	}
	t.Run("whole is kept", func(t *testing.T) {
		if found, at := survey(t, whole, n); found != n || at != "" {
			t.Errorf("%d records, set aside as %q", found, at)
		}
	})
	t.Run("one meta zeroed is kept, or set aside, by what the other says", func(t *testing.T) {
		for i := range 2 {
			b := bytes.Clone(whole)
			clear(b[i*page : (i+1)*page])
			survey(t, b, n)
		}
	})
	for _, flips := range []int{1, 5, 200} {
		t.Run(fmt.Sprintf("%d flipped bytes never serve what was not stored", flips), func(t *testing.T) {
			keptSome := false
			for seed := range long.Pick(8, 40) {
				b, r := bytes.Clone(whole), rand.New(rand.NewPCG(uint64(seed), uint64(flips)))
				for range flips {
					b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
				}
				found, _ := survey(t, b, n)
				keptSome = keptSome || found > 0
			}
			if flips == 1 && !keptSome {
				t.Error("each single flip cost the whole file")
			}
		})
	}
	t.Run("a zeroed page never serves what was not stored", func(t *testing.T) {
		for at := 2 * page; at+page <= len(whole); at += long.Pick(29, 7) * page {
			b := bytes.Clone(whole)
			clear(b[at : at+page])
			survey(t, b, n)
		}
	})
}

// branchless removes the elements of every branch page.
func branchless(b []byte, page int) []byte {
	for at := 2 * page; at < len(b); at += page {
		if flags, count := b[at+8:at+10], b[at+10:at+12]; binary.NativeEndian.Uint16(flags) == 1 {
			clear(count)
		}
	}
	return b
}

// shared makes the buckets of blobs and records share one tree. In the page of the buckets, each root follows its
// bucket's name.
func shared(b []byte, page int) []byte {
	for at := 2 * page; at < len(b); at += page {
		p := b[at : at+page]
		blobs, records := bytes.Index(p, []byte("blob")), bytes.Index(p, []byte("rec"))
		if blobs > 0 && records > 0 && bytes.Contains(p, []byte("meta")) {
			copy(p[blobs+4:blobs+12], p[records+3:records+11])
		}
	}
	return b
}

// misplaced copies each page over the next one.
func misplaced(b []byte, page int) []byte {
	for at := 3 * page; at+2*page <= len(b); at += 2 * page {
		copy(b[at+page:at+2*page], b[at:at+page])
	}
	return b
}

// foreign is a sound bbolt file with other buckets.
func foreign(t *testing.T) []byte {
	path := file(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("somebody's"))
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCutWhileOpen truncates a file while a store has it mapped. A read then causes a memory fault, not an error.
func TestCutWhileOpen(t *testing.T) {
	const n = 3000
	for name, size := range map[string]func(whole int64) int64{
		"to a quarter": func(whole int64) int64 { return whole / 4 },
		"to its metas": func(int64) int64 { return int64(2 * os.Getpagesize()) },
		"to nothing":   func(int64) int64 { return 0 },
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, n)
			s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet()})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, size(s.Size())); err != nil {
				t.Fatal(err)
			}
			failed := 0
			for i := range n {
				r, err := s.Records(t.Context(), []kv.RecordKey{key(fillID(i))})
				if err != nil {
					failed++
					if !errors.Is(err, item.ErrUnavailable) {
						t.Fatalf("error %v is not ErrUnavailable", err)
					}
				} else if r[0].Existence == kv.Alive && string(r[0].Body) != fillBody(i) {
					t.Errorf("%s was served as %q", fillID(i), r[0].Body)
				}
			}
			if failed == 0 {
				t.Error("no read failed")
			}
			for i := range 3 { // a write may find room again; it must return and not end the process
				_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key(fillID(i)), Value: alive(`1`)}})
				if err != nil && !errors.Is(err, item.ErrUnavailable) {
					t.Errorf("write: %v", err)
				}
			}
			if err := s.Close(); err != nil && !errors.Is(err, item.ErrUnavailable) {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// FuzzDamage overwrites bytes anywhere in a small file. Neither Open nor any later call may panic.
func FuzzDamage(f *testing.F) {
	whole, err := os.ReadFile(filled(f, 60))
	if err != nil {
		f.Fatal(err)
	}
	page := os.Getpagesize()
	for at := 0; at < len(whole) && at < 24*page; at += page {
		f.Add(uint32(at+8), []byte{2, 0, 0xff, 0xff})
		f.Add(uint32(at+16), []byte{0xff, 0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		survey(t, b, 60)
	})
}
