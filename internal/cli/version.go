package cli

import (
	"encoding/json"
	"fmt"

	"vitrine/internal/node"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (versionCommand) Help() string {
	return `Examples:
  vitrine version
  vitrine version --json`
}

// Run is vitrine version.
func (c *versionCommand) Run(e *env) error {
	b := node.ReadBuild()
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(b)
	}
	text := "vitrine " + b.Version
	if b.Revision != "" {
		text += " " + b.Revision + " of " + b.Time
	}
	if b.Modified {
		text += ", with changes"
	}
	_, err := fmt.Fprintf(e.stdout, "%s (%s)\n", text, b.Go)
	return err
}
