package cli

import (
	"slices"

	"vitrine/internal/bench"
)

type benchSizesCommand struct {
	SKUs   []int   `name:"skus" help:"Sizes of the shops, ascending." default:"10000,100000,1000000" placeholder:"N"`
	Single int     `help:"Changes to time one by one." default:"200"`
	Pages  int     `help:"Requests for pages that are not in memory." default:"5000"`
	Rate   float64 `help:"Requests per second." default:"200"`
	Bolt   []int   `help:"Sizes of the bbolt files whose single reads are timed, in blobs." default:"100000,1000000,10000000" placeholder:"N"`
	JSON   bool    `name:"json" help:"Print JSON."`
}

func (benchSizesCommand) Help() string {
	return `Examples:
  vitrine bench sizes
  vitrine bench sizes --skus 10000,100000 --bolt 100000

It starts everything in this process, with bbolt as the store, and an upstream over HTTP. Ten million blobs take some 5 GB of disk.
The output is a table for docs/performance.md.`
}

// Run is vitrine bench sizes.
func (c *benchSizesCommand) Run(e *env) error {
	if len(c.SKUs) == 0 || slices.Min(c.SKUs) < 200 || !slices.IsSorted(c.SKUs) || c.Single < 1 || c.Pages < 1 || c.Rate <= 0 {
		return usagef("--skus must be 200 or more, and ascending; --single, --pages and --rate must be positive")
	}
	r, err := bench.Sizes{SKUs: c.SKUs, Single: c.Single, Pages: c.Pages, Rate: c.Rate, Bolt: c.Bolt}.Run(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	return r.Print(e.stdout, c.JSON)
}
