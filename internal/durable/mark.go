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

// Mark is a file that stands in a folder while a process works there, and names the boot of the machine that the
// process runs in. One that is found at the start says that the process before did not end cleanly:
//
//	of this boot     it was killed. What it had written is all there, on the disk or in the system's memory
//	of another boot  the machine went down under it. What had not reached the disk is lost
//
// The mark of another boot stays until Settled, through further crashes too: whatever makes good what was lost
// must have been done before it is forgotten. A Mark is safe for concurrent use.
type Mark struct {
	path string
	boot string

	mu   sync.Mutex // guards all below
	lost bool
}

// OpenMark looks for a mark at path and leaves this process's own there.
func OpenMark(path string) (*Mark, error) { return openMark(path, BootID()) }

// openMark is OpenMark in a boot of a given name; an unknown one, "", is never the same as another.
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

// Lost reports whether the machine went down under a process that worked in the folder, and nobody has made good
// since what may be lost.
func (m *Mark) Lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// Settle says that what may have been lost is made good.
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

// Close removes the mark, at the end of a process that has everything on the disk. A loss that is not settled stays.
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

// BootID is the machine's name for the time since it was started, "" where it has none: then every unclean stop
// counts as a loss.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
