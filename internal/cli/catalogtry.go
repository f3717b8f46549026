package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/redact"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

// triedFlag names entities to try.
type triedFlag struct {
	IDs []string `name:"id" help:"An entity to try, besides the first ones of each list; for kinds without a list. Repeatable." placeholder:"KIND:ID"`
}

func (f triedFlag) entities() (all []item.Entity, err error) {
	for _, text := range f.IDs {
		e, err := item.ParseEntity(text)
		if err != nil {
			return nil, usagef("--id %q: %v", text, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// try asks the catalog's upstreams, and prints each finding as it comes. sound is false if one is a mistake.
func (c *catalogCheck) try(e *env, cat *catalog.Catalog) (found []trial.Finding, sound bool, err error) {
	entities, err := c.entities()
	if err != nil {
		return nil, false, err
	}
	set, err := templates.LoadFolder(cmp.Or(c.Templates, filepath.Join(filepath.Dir(c.File), "templates")))
	if err != nil {
		return nil, false, err
	}
	secrets, err := c.secrets()
	if err != nil {
		return nil, false, err
	}
	secrets.Trust(cat) // a file that the operator names
	client := upstream.New(upstream.Config{Log: e.log, Secrets: secrets})
	defer client.Close()
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	sound = trial.Run(ctx, trial.Config{Catalog: cat, File: c.File, Client: client, Templates: set, Entities: entities, Report: func(f trial.Finding) {
		f.Text = redact.Shown(f.Text)
		found = append(found, f)
		if !c.JSON {
			fmt.Fprintf(e.stdout, "%s  %-16s %s\n", markOf(!f.Failed, f.Warning), f.What, strings.ReplaceAll(f.Text, "\n", "\n      "))
		}
	}})
	return found, sound, nil
}

// markOf is the word in front of a finding.
func markOf(ok, warning bool) string {
	switch {
	case !ok:
		return "FAIL"
	case warning:
		return "warn"
	}
	return "ok  "
}
