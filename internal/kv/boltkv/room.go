package boltkv

import (
	"fmt"
	"syscall"
)

// room is the number of free bytes on a folder's disk.
func room(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask how much room %s has: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
