package durable

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMark runs several processes in one folder, one after the other, and checks what each learns about the one
// before.
func TestMark(t *testing.T) {
	type life struct {
		boot          string
		lost          bool // reported at its start
		settle, close bool // what it does before it ends
	}
	tests := map[string][]life{
		"a clean stop loses nothing":          {{boot: "1", close: true}, {boot: "2"}},
		"a killed process loses nothing":      {{boot: "1"}, {boot: "1"}},
		"a machine that went down may":        {{boot: "1"}, {boot: "2", lost: true}},
		"a loss stays over a clean stop":      {{boot: "1"}, {boot: "2", lost: true, close: true}, {boot: "2", lost: true}},
		"a loss stays over a crash":           {{boot: "1"}, {boot: "2", lost: true}, {boot: "2", lost: true}},
		"a loss is settled once":              {{boot: "1"}, {boot: "2", lost: true, settle: true}, {boot: "2"}},
		"a settled loss, and a clean stop":    {{boot: "1"}, {boot: "2", lost: true, settle: true, close: true}, {boot: "3"}},
		"without a boot id every crash may":   {{boot: ""}, {boot: "", lost: true}},
		"without a boot id a clean stop does": {{boot: "", close: true}, {boot: ""}},
	}
	for name, lives := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "running")
			for i, l := range lives {
				m, err := openMark(path, l.boot)
				if err != nil {
					t.Fatal(err)
				}
				if m.Lost() != l.lost {
					t.Errorf("life %d: lost %t, want %t", i, m.Lost(), l.lost)
				}
				if l.settle {
					if err := m.Settle(); err != nil || m.Lost() {
						t.Errorf("life %d: settled, and lost %t: %v", i, m.Lost(), err)
					}
				}
				if l.close {
					if err := m.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "position.json")
	for _, body := range []string{"a longer one", "short", ""} {
		if err := WriteFile(path, []byte(body)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != body {
			t.Errorf("%q, %v; want %q", got, err, body)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v: something is left behind", entries, err)
	}
	if err := WriteFile(filepath.Join(dir, "missing", "x"), nil); err == nil {
		t.Error("a folder that is not there gives no error")
	}
	if err := SyncTree(dir); err != nil {
		t.Error(err)
	}
	if err := SyncTree(filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a tree that is not there: %v", err)
	}
}
