package app

import (
	"path/filepath"

	"vitrine/internal/durable"
)

// markRunning leaves a mark in the state folder for as long as the embedded NATS and the store work there. It is
// removed last, when all that they wrote is on the disk. n.running.Lost tells the next start that the machine went
// down under this one: then NATS may have lost the last second of what it acked.
func (n *node) markRunning() error {
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
