package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"vitrine/internal/node"
)

type auditCommand struct {
	Sample int  `help:"Number of records to compare with their upstreams; 0 for none." default:"1000"`
	DryRun bool `help:"Only count; repair nothing."`
	adminFlag
	tokenFlags
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `help:"Give up waiting after this time." default:"30m"`
}

// Help is more of vitrine audit --help.
func (auditCommand) Help() string {
	return `Examples:
  vitrine audit
  vitrine audit --sample 20000 --dry-run --json

It checks every entity for blobs that lag behind or differ from their records, and compares a sample of
records with their upstreams. What is wrong is announced in the refresh lane.`
}

// Run is vitrine audit.
func (a *auditCommand) Run(e *env) error {
	if a.Sample < 0 {
		return usagef("--sample must not be negative")
	}
	ctx, cancel := context.WithTimeout(e.ctx, a.Timeout)
	defer cancel()
	var out node.Audited
	q := url.Values{"sample": {strconv.Itoa(a.Sample)}, "dry": {strconv.FormatBool(a.DryRun)}}
	token, err := a.token()
	if err != nil {
		return err
	}
	if err := orderAdmin(ctx, a.Admin, token, "/audit?"+q.Encode(), &out); err != nil {
		return err
	}
	if a.JSON {
		err = json.NewEncoder(e.stdout).Encode(out)
	} else {
		_, err = fmt.Fprintf(e.stdout, "%d entities: %d dirty, %d blobs differ from their records, %d records were made for another catalog, %d entities that they refer to are missing\n%d records compared with their upstreams: %d stale (%d went back), %d more with a change that waits\n%d records whose upstream is silent, or answers what is refused\nat most %.3f%% of all records are stale, or their upstream does not answer, with 95%% confidence\n%d repairs announced, in %.1f s\n",
			out.Entities, out.Dirty, out.Blobs, out.Reshaped, out.Referred, out.Checked, out.Stale, out.Back, out.Waiting, out.Silent, 100*out.Bound, out.Repaired, out.Seconds)
	}
	if err == nil && out.Stale+out.Dirty+out.Blobs+out.Reshaped+out.Referred > out.Repaired {
		return errReported // something stale is left
	}
	return err
}
