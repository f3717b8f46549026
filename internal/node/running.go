package node

import (
	"errors"
	"fmt"
	"path/filepath"

	"vitrine/internal/durable"
)

// markRunning leaves a mark in the state folder while the embedded NATS and the store work there. It is removed last,
// when all that they wrote is on the disk. n.running.Lost reports to the next start that the machine crashed: then NATS may
// have lost the last second of what it had acknowledged.
func (n *process) markRunning() error {
	mark, err := durable.OpenMark(filepath.Join(n.dir, "running"))
	if err != nil {
		return err
	}
	n.running = mark
	n.onClose(func() error {
		if err := durable.SyncTree(n.dir); err != nil {
			return err
		}
		return mark.Close()
	})
	return nil
}

// lockFolder prevents a second vitrine up in the state folder, which would open NATS's files a second time.
func (n *process) lockFolder() error {
	unlock, err := durable.Lock(filepath.Join(n.dir, "lock"))
	if errors.Is(err, durable.ErrLocked) {
		return fmt.Errorf("another vitrine up works in %s (%w): stop it, or give another --dir", n.dir, err)
	}
	if err != nil {
		return fmt.Errorf("lock the state folder of --dir: %w", err)
	}
	n.onClose(unlock)
	return nil
}
