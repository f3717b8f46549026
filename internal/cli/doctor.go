package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/doctor"
)

type doctorCommand struct {
	roomFlags
	replicaFlag
	roomsFlag
	Catalog string `help:"Catalog file to use in place of the catalog in force." placeholder:"FILE" type:"existingfile"`
	JSON    bool   `name:"json" help:"Print one JSON object per line."`
	triedFlag
}

func (doctorCommand) Help() string {
	return `Examples:
  vitrine doctor
  vitrine doctor --config room.yaml --catalog shop.yaml
  vitrine doctor --id sku:100012`
}

// Run is vitrine doctor: it tries everything and fails when something is not as it should be.
func (d *doctorCommand) Run(e *env) error {
	entities, err := d.entities()
	if err != nil {
		return err
	}
	rooms, err := d.addresses()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	healthy := doctor.Run(ctx, doctor.Config{
		Dir: d.Dir, NATS: d.NATS, Access: d.access(), Records: d.recordsURL(), Blobs: d.blobsURL(), Replica: d.BlobsRead, Catalog: d.Catalog,
		Room: d.Room, Rooms: rooms,
		Templates: d.folder(), Entities: entities, Secrets: d.Secret, Log: e.log, Report: func(f doctor.Finding) { d.print(e, f) },
	})
	if !healthy {
		return errReported
	}
	return nil
}

// folder is that of the templates beside the catalog's file.
func (d *doctorCommand) folder() string {
	if d.Catalog == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(d.Catalog), "templates")
}

func (d *doctorCommand) print(e *env, f doctor.Finding) {
	if d.JSON {
		json.NewEncoder(e.stdout).Encode(f)
		return
	}
	fmt.Fprintf(e.stdout, "%s  %-10s %s\n", markOf(f.OK, f.Warning), f.What, strings.ReplaceAll(f.Text, "\n", "\n      "))
}
