package cli

import (
	"errors"
	"slices"

	"vitrine/internal/bench"
)

type benchSizesCommand struct {
	SKUs   []int         `name:"skus" help:"Sizes of the shops, ascending." default:"10000,100000,1000000" placeholder:"N"`
	Single int           `help:"Changes to time one by one." default:"200"`
	Pages  int           `help:"Requests for pages that are not in memory." default:"5000"`
	Rate   float64       `help:"Requests per second." default:"200"`
	Stores []bench.Store `name:"store" help:"What the shops are kept in." default:"bbolt,redis" enum:"bbolt,redis"`
	Bolt   []int         `help:"Sizes of detail servers' own files that pages are made from, in blobs." default:"100000,1000000,10000000" placeholder:"N"`
	JSON   bool          `name:"json" help:"Print JSON."`
}

func (benchSizesCommand) Help() string {
	return `Examples:
  vitrine bench sizes
  vitrine bench sizes --skus 10000,100000 --bolt 100000
  vitrine bench sizes --store redis

It starts everything in this process, and an upstream over HTTP, once with bbolt as the store and once with a redis-server that it starts. Over
Redis the server's own file is copied anew in the end, by 5,000 blobs a second at most. The files of --bolt are filled beforehand, and their pages made while no other tier is asked; ten million blobs take some
5 GB of disk. The output is tables for docs/performance.md.`
}

// Run is vitrine bench sizes.
func (c *benchSizesCommand) Run(e *env) error {
	if len(c.SKUs) == 0 || slices.Min(c.SKUs) < 200 || !slices.IsSorted(c.SKUs) || c.Single < 1 || c.Pages < 1 || c.Rate <= 0 {
		return usagef("--skus must be 200 or more, and ascending; --single, --pages and --rate must be positive")
	}
	r, err := bench.Sizes{SKUs: c.SKUs, Single: c.Single, Pages: c.Pages, Rate: c.Rate, Stores: c.Stores, Bolt: c.Bolt}.Run(e.ctx, e.benchHost())
	return errors.Join(r.Print(e.stdout, c.JSON), err)
}
