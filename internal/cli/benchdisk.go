package cli

import (
	"encoding/json"
	"errors"
	"os"
	"slices"

	"vitrine/internal/bench"
	"vitrine/internal/kv/boltkv"
)

type benchDiskCommand struct {
	SKUs    int     `name:"skus" help:"Distinct articles." default:"40000"`
	Text    int     `help:"Bytes of text in each article, which hardly compresses." default:"16000"`
	Memory  int     `help:"MiB for everything in a limited process, the kernel's copies of its files included; 0: only without a limit." default:"256" placeholder:"MIB"`
	Shards  []int   `name:"store-shards" help:"Numbers of files of the store, each measured." default:"1,4" placeholder:"N"`
	Changes int     `help:"Articles to change, all over the store." default:"8000"`
	Single  int     `help:"Changes to time one by one." default:"200"`
	Pages   int     `help:"Requests for pages, with and without memory." default:"4000"`
	Rate    float64 `help:"Requests per second." default:"200"`
	Reads   int     `help:"Single reads of records, and of blobs." default:"20000"`
	JSON    bool    `name:"json" help:"Print JSON."`
}

func (benchDiskCommand) Help() string {
	return `Examples:
  vitrine bench disk
  vitrine bench disk --skus 20000 --memory 0 --store-shards 1,2,4

For each number of files it runs vitrine up twice, with bbolt as the store: with all the memory that there is, and in a control group
that has a fifth of what the store takes, where every file's pages in memory count. It needs Linux, and root for the second. It takes
some 2 GB of disk and ten minutes. The output is a table for docs/performance.md.`
}

// Run is vitrine bench disk.
func (c *benchDiskCommand) Run(e *env) error {
	if c.SKUs < 200 || c.Changes < 1 || c.Changes > c.SKUs || min(c.Single, c.Pages, c.Reads) < 1 || c.Rate <= 0 || min(c.Text, c.Memory) < 0 {
		return usagef("--skus must be 200 or more, --changes, --single, --pages, --reads and --rate positive, and --changes at most --skus")
	}
	if len(c.Shards) == 0 || slices.Min(c.Shards) < 1 || slices.Max(c.Shards) > boltkv.MaxShards {
		return usagef("--store-shards must be between 1 and %d", boltkv.MaxShards)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	d := bench.Disk{SKUs: c.SKUs, Text: c.Text, Memory: c.Memory, Shards: c.Shards, Changes: c.Changes, Single: c.Single, Pages: c.Pages, Rate: c.Rate, Reads: c.Reads, Program: program}
	r, err := d.Run(e.ctx, e.benchHost())
	if len(r.Runs) > 0 { // also of a run that did not come to its end
		err = errors.Join(err, r.Print(e.stdout, c.JSON))
	}
	return err
}

type benchReadsCommand struct {
	Dir    string `help:"Folder of the store." required:"" placeholder:"DIR"`
	Shards int    `name:"store-shards" help:"Files of the store." default:"1"`
	SKUs   int    `name:"skus" help:"Articles in it." required:""`
	Reads  int    `help:"Reads of records, and of blobs." required:""`
}

// Run is vitrine bench reads.
func (c *benchReadsCommand) Run(e *env) error {
	r, err := bench.ReadStore(e.ctx, e.benchHost(), c.Dir, c.Shards, c.SKUs, c.Reads)
	if err != nil {
		return err
	}
	return json.NewEncoder(e.stdout).Encode(r)
}
