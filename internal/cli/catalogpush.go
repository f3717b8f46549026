package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/redact"
)

type catalogPush struct {
	natsFlag
	templatesFlag
	waitFlag
	roomsFlag
	File string `arg:"" help:"The catalog." type:"existingfile"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run is vitrine catalog push.
func (c *catalogPush) Run(e *env) error {
	s, err := c.push(e)
	if s.Revision > 0 && !c.JSON {
		printSpread(e, c.File+" is", s)
	}
	return finishCatalog(e, s, 0, c.JSON, err)
}

func (c *catalogPush) push(e *env) (s control.Spread, err error) {
	if err := c.checkPush(c.waitFlag); err != nil {
		return s, err
	}
	src, err := os.ReadFile(c.File)
	if err != nil {
		return s, err
	}
	cat, err := catalog.Parse(src, c.File, catalog.Options{})
	if err != nil {
		return s, err
	}
	return pushedCatalog(c.natsFlag).push(e, func(conn *bus.Conn) (control.Spread, error) {
		if err := c.checkNames(e, conn, c.File, cat); err != nil {
			return s, err
		}
		return c.spread(e, conn, src, c.Wait)
	})
}

// spread puts a catalog in force in all rooms.
func (f roomsFlag) spread(e *env, conn *bus.Conn, src []byte, wait time.Duration) (s control.Spread, err error) {
	rooms, err := f.openRooms(e, conn)
	if err != nil {
		return s, err
	}
	defer rooms.Close()
	s, err = control.SpreadCatalog(e.ctx, conn, src, wait)
	if err == nil {
		s.Rooms = rooms.Carry(e.ctx, control.CarryCatalog(src, s.Revision, wait))
	}
	return s, err
}

type catalogRollback struct {
	natsFlag
	waitFlag
	roomsFlag
	Revision uint64 `arg:"" optional:"" help:"The revision. Defaults to the one before the revision in force."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Run is vitrine catalog rollback.
func (c *catalogRollback) Run(e *env) error {
	s, from, err := c.rollback(e)
	if s.Revision > 0 && !c.JSON {
		printSpread(e, fmt.Sprintf("revision %d is again", from), s)
	}
	return finishCatalog(e, s, from, c.JSON, err)
}

func (c *catalogRollback) rollback(e *env) (s control.Spread, from uint64, err error) {
	if err := c.checkPush(c.waitFlag); err != nil {
		return s, 0, err
	}
	conn, err := c.dial(e, "catalog rollback")
	if err != nil {
		return s, 0, err
	}
	defer conn.Close()
	h, err := pushedCatalog(c.natsFlag).earlier(e, conn, c.Revision)
	if err != nil {
		return s, 0, err
	}
	s, err = c.spread(e, conn, h.Value, c.Wait)
	return s, h.Revision, err
}

// pushedOut is the output of catalog push and rollback with --json.
type pushedOut struct {
	OK         bool                  `json:"ok"` // in force on every process that is present
	Revision   uint64                `json:"revision,omitempty"`
	RolledBack uint64                `json:"rolled_back,omitempty"` // the revision that was in force before
	Processes  []control.Holder      `json:"processes,omitempty"`
	Unsure     string                `json:"unsure,omitempty"` // why further processes may lack it
	Rooms      []control.RoomOutcome `json:"rooms,omitempty"`  // the other rooms of the shop
	Error      string                `json:"error,omitempty"`
}

// finishCatalog prints the result of a push for --json, and gives the command's error.
func finishCatalog(e *env, s control.Spread, from uint64, asJSON bool, err error) error {
	ok := err == nil && s.Everywhere()
	if usage := (usageError{}); asJSON && !errors.As(err, &usage) {
		out := pushedOut{OK: ok, Revision: s.Revision, RolledBack: from, Processes: s.Holders, Unsure: s.Unsure, Rooms: s.Rooms}
		if err != nil {
			out.Error = redact.Shown(err.Error())
		}
		if err := json.NewEncoder(e.stdout).Encode(out); err != nil {
			return err
		}
		err = nil
	}
	if err == nil && !ok {
		return errReported
	}
	return err
}
