package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"vitrine/internal/doctor"
)

type doctorCommand struct {
	roomFlags
	Catalog string `help:"Catalog file to use in place of the catalog in force." placeholder:"FILE" type:"existingfile"`
	JSON    bool   `name:"json" help:"Print one JSON object per line."`
}

func (doctorCommand) Help() string {
	return `Examples:
  vitrine doctor
  vitrine doctor --config room.yaml --catalog shop.yaml`
}

// Run is vitrine doctor: it tries everything and fails when something is not as it should be.
func (d *doctorCommand) Run(e *env) error {
	ctx, cancel := context.WithTimeout(e.ctx, 30*time.Second)
	defer cancel()
	healthy := doctor.Run(ctx, doctor.Config{
		Dir: d.Dir, NATS: d.NATS, Control: d.Control, Records: d.recordsURL(), Blobs: d.blobsURL(), Catalog: d.Catalog,
		Secrets: d.Secret, Log: e.log, Report: func(f doctor.Finding) { d.print(e, f) },
	})
	if !healthy {
		return errReported
	}
	return nil
}

func (d *doctorCommand) print(e *env, f doctor.Finding) {
	if d.JSON {
		json.NewEncoder(e.stdout).Encode(f)
		return
	}
	mark := "ok  "
	switch {
	case !f.OK:
		mark = "FAIL"
	case f.Warning:
		mark = "warn"
	}
	fmt.Fprintf(e.stdout, "%s  %-10s %s\n", mark, f.What, strings.ReplaceAll(f.Text, "\n", "\n      "))
}
