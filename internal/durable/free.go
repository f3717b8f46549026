package durable

import (
	"fmt"
	"syscall"
)

// Free is the number of free bytes on a folder's disk.
func Free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("ask how much room %s has: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
