package boltkv_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
	"vitrine/internal/long"
	"vitrine/internal/smalldisk"
)

// TestAFullDisk proves that a store whose disk is full is read as before, refuses writes with what the disk says, keeps all that it
// has acknowledged, and takes writes again once there is room.
func TestAFullDisk(t *testing.T) {
	long.Only(t)
	dir := smalldisk.Mount(t, "32m")
	s := open(t, filepath.Join(dir, "store.db"), boltkv.Options{})
	body := fmt.Sprintf("%q", strings.Repeat("v", 20_000))
	write := func(id string) error {
		_, err := s.PutRecords(t.Context(), []kv.Put{{RecordKey: key(id), Value: alive(body)}})
		return err
	}
	n := 0
	for ; n < 50; n++ {
		if err := write(fillID(n)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		free := smalldisk.Fill(t, dir)
		var err error
		for err == nil { // free pages within the file are used first
			err = write(fillID(n))
			if err == nil {
				n++
			}
		}
		if !errors.Is(err, item.ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a write was refused with %v", err)
		}
		for i := range n {
			if got := read(t, s, fillID(i)); got.Existence != kv.Alive || string(got.Body) != body {
				t.Fatalf("%s, which was acknowledged, is %+v", fillID(i), got.Header)
			}
		}
		free()
		if err := write(fillID(n)); err != nil {
			t.Errorf("there is room, and a write is refused: %v", err)
		}
		n++
	}
}
