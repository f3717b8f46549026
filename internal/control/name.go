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

// mostPlaces bounds the processes of one role that may share a folder.
const mostPlaces = 1000

// place is what tells a process from others of its role that were started in the same folder: two of one name would be one
// to whoever waits for their acknowledgements. It is held by a lock for as long as the process lives.
type place struct {
	suffix string   // of the names of the process and its file: "" for the first
	lock   *os.File // nil where it needs none, or none can be had
}

// successive are the roles of which one process is in a folder: another one that is started there takes over.
func successive() []string { return []string{"detail", "up"} }

// takeNamesake finds the first place that is free. Who takes over has the place, and the name, of the one before.
func takeNamesake(role, dir string, log *slog.Logger) place {
	if slices.Contains(successive(), role) {
		return place{}
	}
	for n := 1; n <= mostPlaces; n++ {
		p := place{}
		if n > 1 {
			p.suffix = fmt.Sprintf("-%d", n)
		}
		lock, err := tryLock(filepath.Join(dir, "switches-"+role+p.suffix+".lock"))
		switch {
		case err == nil:
			p.lock = lock
			return p
		case !errors.Is(err, syscall.EWOULDBLOCK):
			log.Warn("another process of this role in the same --dir would have the same name: it can't be told", "error", err)
			return place{}
		}
	}
	return place{}
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

// leave lets the next process have the place.
func (p place) leave() {
	if p.lock != nil {
		_ = p.lock.Close() // nothing was written
	}
}

// nodeName is the same after a restart, and may be that of another machine's process, which has another id: host, role, a mark of the state folder, and the place in it.
func nodeName(role, dir string, p place) string {
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
