package boltkv_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"strings"
	"testing"

	"vitrine/internal/kv/boltkv"
)

// page is a page of a file in bbolt's layout: id 8 bytes, flags 2, count 2, overflow 4, then 16 bytes an element.
type page []byte

const (
	branchPage = 1
	leafPage   = 2
)

func (p page) id() uint64         { return binary.NativeEndian.Uint64(p) }
func (p page) flags() uint16      { return binary.NativeEndian.Uint16(p[8:]) }
func (p page) count() int         { return int(binary.NativeEndian.Uint16(p[10:])) }
func (p page) element(i int) page { return p[16+16*i:] }

func (p page) put16(at int, n uint16) { binary.NativeEndian.PutUint16(p[at:], n) }
func (p page) put32(at int, n uint32) { binary.NativeEndian.PutUint32(p[at:], n) }
func (p page) put64(at int, n uint64) { binary.NativeEndian.PutUint64(p[at:], n) }

// key returns the key of element i.
func (p page) key(i int) []byte {
	e := p.element(i)
	if p.flags() == branchPage {
		return e[binary.NativeEndian.Uint32(e):]
	}
	return e[binary.NativeEndian.Uint32(e[4:]):]
}

// TestInspect damages pages of a tree in one way at a time. The log must name that damage.
func TestInspect(t *testing.T) {
	whole, err := os.ReadFile(filled(t, 800))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name  string
		flags uint16
		patch func(p page)
		says  string
	}{
		{"a key after the next one", leafPage, func(p page) { p.key(0)[0] = 0xff }, "keys in disorder"},
		{"a key twice", leafPage, func(p page) { copy(p.element(1), twin(p)) }, "keys in disorder"},
		{"a last key beyond the page's end", leafPage, func(p page) { p.key(p.count() - 1)[0] = 0xff }, "keys in disorder"},
		{"a first key before the page's begin", leafPage, func(p page) { p.key(0)[0] = 0 }, "keys in disorder"},
		{"a key of no length", leafPage, func(p page) { p.element(1).put32(8, 0) }, "element 1 is out of bounds"},
		{"a key too long", leafPage, func(p page) { p.element(1).put32(8, 1<<15+1) }, "element 1 is out of bounds"},
		{"a value too long", leafPage, func(p page) { p.element(1).put32(12, 1<<30) }, "element 1 is out of bounds"},
		{"a key elsewhere", leafPage, func(p page) { p.element(1).put32(4, 1<<31) }, "element 1 is out of bounds"},
		{"too many elements", leafPage, func(p page) { p.put16(10, 1<<16-1) }, "element"},
		{"another page's id", leafPage, func(p page) { p.put64(0, p.id()+1) }, "head that makes no sense"},
		{"a page of another kind", leafPage, func(p page) { p.put16(8, 0x10) }, "head that makes no sense"},
		{"more pages than there are", leafPage, func(p page) { p.put32(12, 1<<20) }, "overflows the file"},
		{"pages that are others'", leafPage, func(p page) { p.put32(12, 1) }, "referred to twice"},
		{"a bucket among values", leafPage, func(p page) { p.element(0).put32(0, 1) }, "element of flags 0x1"},
		{"a branch to a meta", branchPage, func(p page) { p.element(0).put64(8, 1) }, "page 1 is out of bounds"},
		{"a branch beyond the end", branchPage, func(p page) { p.element(0).put64(8, 1<<60) }, "is out of bounds"},
		{"a branch to itself", branchPage, func(p page) { p.element(0).put64(8, p.id()) }, "referred to twice"},
		{"a branch without elements", branchPage, func(p page) { p.put16(10, 0) }, "leads nowhere"},
		{"a branch's key out of order", branchPage, func(p page) { p.key(0)[0] = 0xff }, "keys in disorder"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(whole)
			patch(b, c.flags, c.patch)
			if log := opening(t, b); !strings.Contains(log, c.says) {
				t.Errorf("the log does not say %q: %s", c.says, log)
			}
		})
	}
	t.Run("a file cut by a page", func(t *testing.T) {
		if log := opening(t, whole[:len(whole)-os.Getpagesize()]); !strings.Contains(log, "less than the") {
			t.Errorf("the log says: %s", log)
		}
	})
	t.Run("a whole file", func(t *testing.T) {
		if log := opening(t, whole); log != "" {
			t.Errorf("the log says: %s", log)
		}
	})
}

// twin returns the first element as it would stand in the place of the second: 16 bytes further on, so that its key
// is 16 bytes nearer.
func twin(p page) []byte {
	e := bytes.Clone(p.element(0)[:16])
	page(e).put32(4, binary.NativeEndian.Uint32(e[4:])-16)
	return e
}

// patch damages every page of a kind, except the one that lists the buckets.
func patch(b []byte, flags uint16, do func(p page)) {
	size := os.Getpagesize()
	for at := 2 * size; at < len(b); at += size {
		if p := page(b[at : at+size]); p.flags() == flags && p.count() >= 2 && !bytes.Contains(p, []byte("meta")) {
			do(p)
		}
	}
}

// opening returns what the log says when a file is opened.
func opening(t *testing.T, b []byte) string {
	t.Helper()
	path, log := file(t), &bytes.Buffer{}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: slog.New(slog.NewTextHandler(log, nil)), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return log.String()
}
