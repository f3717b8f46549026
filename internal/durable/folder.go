package durable

import (
	"fmt"
	"os"
	"syscall"
)

// FolderID identifies a folder among all of this machine while it runs, whatever path it is seen under: containers may see different
// folders at one path. It returns "" if the folder can't be looked at.
func FolderID(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d-%d", stat.Dev, stat.Ino)
}
