package control

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxInstances limits the processes of one role in a folder.
const maxInstances = 1000

// instance distinguishes a process from others of its role in the same folder, which must not have the same name when
// their acknowledgements are awaited. A lock holds it for as long as the process lives.
type instance struct {
	suffix string   // of the names of the process and its file: "" for the first
	lock   *os.File // nil if none is needed, or none can be had
}

// successive lists the roles with one process in a folder: another one that is started there takes over.
func successive() []string { return []string{"detail", "up"} }

// claimInstance takes the first free place. A process that takes over gets the place, and the name, of its predecessor.
func claimInstance(role, dir string, log *slog.Logger) instance {
	if slices.Contains(successive(), role) {
		return instance{}
	}
	for n := 1; n <= maxInstances; n++ {
		p := instance{}
		if n > 1 {
			p.suffix = fmt.Sprintf("-%d", n)
		}
		lock, err := tryLock(filepath.Join(dir, "switches-"+role+p.suffix+".lock"))
		switch {
		case err == nil:
			p.lock = lock
			return p
		case !errors.Is(err, syscall.EWOULDBLOCK):
			log.Warn("another process of this role in the same --dir would have the same name: whether there is one is not known", "error", err)
			return instance{}
		}
	}
	return instance{}
}

// tryLock locks a file for as long as it is open.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// leave releases the place.
func (p instance) leave() {
	if p.lock != nil {
		_ = p.lock.Close() // nothing was written
	}
}

// nodeName is the name of a process: host, role, a hash of the state folder's path, and the place in it. It stays the
// same over restarts. A process on another machine may have the same name, but has another id.
func nodeName(role, dir string, p instance) string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	mark := fnv.New32a()
	mark.Write([]byte(dir))
	return strings.ReplaceAll(host, ".", "-") + "-" + role + "-" + hex.EncodeToString(mark.Sum(nil)) + p.suffix
}
