package cli

import (
	"fmt"
	"os"
	"slices"

	"vitrine/internal/bench"
)

type benchWorkersCommand struct {
	Role    string  `help:"The role to add processes of: heterog or syncer." enum:"heterog,syncer" default:"heterog"`
	SKUs    int     `name:"skus" help:"Distinct articles, each of which changes once for each number of processes." default:"3000"`
	Workers []int   `help:"Numbers of processes, rising." default:"1,2,4" placeholder:"N"`
	Share   float64 `help:"Share of a core that each of them may use." default:"0.1"`
	Rounds  int     `help:"Rounds of which the median is printed." default:"3"`
	JSON    bool    `name:"json" help:"Print JSON."`
}

func (benchWorkersCommand) Help() string {
	return `Examples:
  vitrine bench workers
  vitrine bench workers --role syncer
  vitrine bench workers --workers 1,2 --share 0.2 --rounds 5

How much more work do two processes do than one, if a core is free for each? So that this can be asked on a machine of two cores, on
which NATS, Redis, an upstream and the other roles need some as well, each process of the role is held to the same share of a
core, and the rest of the machine stays free for the others. It is held by a CPU quota of its cgroup where that may be set (as root, with
cgroups of version 1), and otherwise stopped and continued by signals. In each round the same articles change for each number of processes.

"share used" is how much of their shares the workers have used: near 100% they were the limit. "machine busy" is the share of
all cores that was busy: near 100% no core was free, and the ratio says nothing.`
}

// Run is vitrine bench workers.
func (c *benchWorkersCommand) Run(e *env) error {
	if c.SKUs < 1 || c.Rounds < 1 || c.Share < 0.05 || c.Share > 1 {
		return usagef("--skus and --rounds must be positive, --share between 0.05 and 1")
	}
	if len(c.Workers) == 0 || c.Workers[0] < 1 || !slices.IsSorted(c.Workers) || len(slices.Compact(slices.Clone(c.Workers))) < len(c.Workers) {
		return usagef("--workers must be rising numbers of processes, as 1,2,4")
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	b := bench.Workers{Role: c.Role, SKUs: c.SKUs, Counts: c.Workers, Share: c.Share, Rounds: c.Rounds, Program: program}
	r, err := b.Run(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	return r.Print(e.stdout, c.JSON)
}
