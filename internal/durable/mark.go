package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Mark is a file that exists in a folder while a process works there, and names the boot of the machine. If one is
// found at the start, the previous process did not end cleanly:
//
//	of this boot     it was killed. What it had written is all there, on the disk or in the system's memory
//	of another boot  the machine went down under it. What had not reached the disk is lost
//
// The mark of another boot stays until Settle, through further crashes, too: what was lost must have been restored
// before the loss is forgotten. A Mark is safe for concurrent use.
type Mark struct {
	path string
	boot string

	mu   sync.Mutex // guards the fields below
	lost bool
}

// OpenMark looks for a mark at path and leaves this process's own mark there.
func OpenMark(path string) (*Mark, error) { return openMark(path, BootID()) }

// openMark is OpenMark with a given boot; an unknown one, "", equals no other.
func openMark(path, boot string) (*Mark, error) {
	m := &Mark{path: path, boot: boot}
	found, err := os.ReadFile(path)
	switch {
	case err == nil && (boot == "" || strings.TrimSpace(string(found)) != boot):
		m.lost = true
		return m, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the mark of a running process: %w", err)
	}
	return m, m.write()
}

// Lost reports whether the machine crashed while a process worked in the folder, and Settle has not been called since.
func (m *Mark) Lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// Settle records that what may have been lost is restored.
func (m *Mark) Settle() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.lost {
		return nil
	}
	if err := m.write(); err != nil {
		return err
	}
	m.lost = false
	return nil
}

// Close removes the mark, when a process ends with everything on the disk. A loss that is not settled stays.
func (m *Mark) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost {
		return nil
	}
	if err := os.Remove(m.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the mark of a running process: %w", err)
	}
	return SyncFolder(filepath.Dir(m.path))
}

func (m *Mark) write() error {
	if err := WriteFile(m.path, []byte(m.boot+"\n")); err != nil {
		return fmt.Errorf("leave the mark of a running process: %w", err)
	}
	return nil
}

// BootID identifies the time since the machine was started; "" if it is unknown: then every unclean end counts as a
// loss.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
