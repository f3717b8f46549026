package boltkv

import (
	"encoding/binary"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// The format of bbolt's pages, in the machine's byte order. A page has id 8, flags 2, count 2, overflow 4, and then
// count elements. Of a branch: pos 4, ksize 4, child 8. Of a leaf: flags 4, pos 4, ksize 4, vsize 4. The key begins pos
// bytes after the element's beginning, and the value follows the key. A bucket's value has root 8 and sequence 8; if
// root is 0 its only page follows.
// pos bytes after the element's beginning, and the value after the key. A bucket's value: root 8, sequence 8;
// where root is 0 its only page follows.
const (
	pageHead, elementSize, bucketHead = 16, 16, 16

	branch, leaf = 1, 2 // flags of a page
	bucketFlag   = 1    // of a leaf's element
)

// run is a page with its overflow pages.
type run struct {
	file  io.ReaderAt
	id    uint64
	start uint64 // in the file
	size  uint64 // bytes, of all its pages
	flags uint16
	count int
	head  []byte // the first page
}

// readRun reads the page at id.
func readRun(file io.ReaderAt, id, pageSize uint64) (run, error) {
	r := run{file: file, id: id, start: id * pageSize, head: make([]byte, pageSize)}
	if _, err := file.ReadAt(r.head, int64(r.start)); err != nil {
		return r, damaged("page %d: %v", id, err)
	}
	r.size = (uint64(binary.NativeEndian.Uint32(r.head[12:])) + 1) * pageSize
	r.flags, r.count = binary.NativeEndian.Uint16(r.head[8:]), int(binary.NativeEndian.Uint16(r.head[10:]))
	if binary.NativeEndian.Uint64(r.head) != id || r.flags != branch && r.flags != leaf {
		return r, damaged("page %d has a head that makes no sense", id)
	}
	return r, nil
}

// inlineRun is the page inside a small bucket's value.
func inlineRun(b []byte) (run, error) {
	r := run{size: uint64(len(b)), head: b}
	if len(b) < pageHead || binary.NativeEndian.Uint16(b[8:]) != leaf {
		return r, damaged("a bucket has no leaf")
	}
	r.flags, r.count = leaf, int(binary.NativeEndian.Uint16(b[10:]))
	return r, nil
}

// key is the i-th element's key. If there is no error, the element's value is within bounds, too.
func (r run) key(i int) ([]byte, error) {
	if uint64(i+1)*elementSize+pageHead > uint64(len(r.head)) {
		return nil, damaged("page %d has too many elements", r.id)
	}
	at, ksize, vsize := r.position(i)
	if ksize == 0 || ksize > bbolt.MaxKeySize || at+ksize+vsize > r.size {
		return nil, damaged("page %d: element %d is out of bounds", r.id, i)
	}
	return r.bytes(at, ksize)
}

func (r run) value(i int) ([]byte, error) {
	at, ksize, vsize := r.position(i)
	return r.bytes(at+ksize, vsize)
}

func (r run) child(i int) uint64        { return binary.NativeEndian.Uint64(r.element(i)[8:]) }
func (r run) elementFlags(i int) uint32 { return binary.NativeEndian.Uint32(r.element(i)) }

func (r run) element(i int) []byte { return r.head[pageHead+i*elementSize:][:elementSize] }

// position is where the i-th key begins in the run, and the lengths of key and value.
func (r run) position(i int) (at, ksize, vsize uint64) {
	e, begin := r.element(i), uint64(pageHead+i*elementSize)
	word := func(at int) uint64 { return uint64(binary.NativeEndian.Uint32(e[at:])) }
	if r.flags == branch {
		return begin + word(0), word(4), 0
	}
	return begin + word(4), word(8), word(12)
}

// bytes reads n bytes of the run, which must be within its bounds; from memory if they are in the first page.
func (r run) bytes(at, n uint64) ([]byte, error) {
	if at+n <= uint64(len(r.head)) {
		return r.head[at : at+n], nil
	}
	b := make([]byte, n)
	if got, err := r.file.ReadAt(b, int64(r.start+at)); got < len(b) {
		return nil, damaged("page %d: %v", r.id, err)
	}
	return b, nil
}

func damaged(format string, args ...any) error {
	return &damageError{fmt.Sprintf(format, args...)}
}
