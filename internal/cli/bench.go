package cli

import (
	"time"

	"vitrine/internal/bench"
)

type benchCommand struct {
	Pipeline benchPipelineCommand `cmd:"" help:"Measure the whole loop: publisher, NATS, upstream, workers, store, pages."`
	Pages    benchPagesCommand    `cmd:"" help:"Measure page requests: workloads, with and without memory, batches, sizes of bbolt."`
	Switches benchSwitchesCommand `cmd:"" help:"Measure how fast switches reach many processes."`
	Sizes    benchSizesCommand    `cmd:"" help:"Measure shops of different sizes: what grows with the shop, and what does not."`
	Disk     benchDiskCommand     `cmd:"" help:"Measure a store that is larger than memory, in one file and in several."`
	Costs    benchCostsCommand    `cmd:"" help:"Measure what changes and pages cost each part, for vitrine plan."`
	Workers  benchWorkersCommand  `cmd:"" help:"Measure how much more work several processes of a role do than one."`
	NATS     benchNATSCommand     `cmd:"" name:"nats" hidden:"" help:"Run a NATS server for bench costs, which writes a line to it for each line of its traffic."`
	Reads    benchReadsCommand    `cmd:"" hidden:"" help:"Time single reads of a store for bench disk."`
}

type benchPipelineCommand struct {
	SKUs   int           `name:"skus" help:"Distinct articles." default:"200000"`
	Batch  int           `help:"Ids in one call of the upstream." default:"50"`
	Single int           `help:"Changes to time one by one." default:"1000"`
	Answer time.Duration `help:"How long the upstream takes to answer."`
	Redis  string        `help:"Redis in place of bbolt; it must be empty, and is filled." placeholder:"URL"`
	Dir    string        `help:"Folder for the state; a temporary one by default." placeholder:"DIR"`
	CPU    string        `name:"cpuprofile" help:"Write a CPU profile of the whole process, for go tool pprof." placeholder:"FILE"`
	JSON   bool          `name:"json" help:"Print JSON."`
}

func (benchPipelineCommand) Help() string {
	return `Examples:
  vitrine bench pipeline
  vitrine bench pipeline --skus 20000 --redis redis://127.0.0.1:6379/9

It starts everything in this process, an upstream over HTTP included, and changes the content of every
article. The CPU time is that of the whole process. In the end it reads every blob and compares it.

Beside it runs its floor: the same publishes, fetches, acknowledgements, calls of the upstream and writes of the
store, of the same sizes, and nothing else. Seconds depend on the machine and on what else runs there; how many
times its floor the loop costs does so much less.`
}

// benchHost is what a bench needs of the command line.
func (e *env) benchHost() bench.Host {
	return bench.Host{Log: e.log, SetLevel: e.setLevel, Progress: progressTo(e.stderr)}
}

// Run is vitrine bench pipeline.
func (p *benchPipelineCommand) Run(e *env) error {
	if p.SKUs < 1 || p.Batch < 1 || p.Single < 1 {
		return usagef("--skus, --batch and --single must be positive")
	}
	b := bench.Pipeline{SKUs: p.SKUs, Batch: p.Batch, Single: p.Single, Answer: p.Answer, Redis: p.Redis, Dir: p.Dir, CPU: p.CPU}
	r, err := b.Run(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	return r.Print(e.stdout, p.JSON)
}

type benchPagesCommand struct {
	SKUs        int           `name:"skus" help:"Distinct articles." default:"50000"`
	Rate        float64       `help:"Requests per second of each workload." default:"3000"`
	For         time.Duration `help:"How long each workload runs." default:"6s"`
	Connections int           `help:"Greatest number of concurrent requests." default:"64"`
	Redis       string        `help:"Redis in place of bbolt; it must be empty, and is filled." placeholder:"URL"`
	Slow        int           `help:"Visitors that send and read a few bytes at a time while others are timed." default:"2000"`
	Bolt        []int         `help:"Sizes of the bbolt files whose single reads are timed, in blobs." default:"100000,1000000" placeholder:"N"`
	Dir         string        `help:"Folder for the state; a temporary one by default." placeholder:"DIR"`
	CPU         string        `name:"cpuprofile" help:"Write a CPU profile of the whole process, for go tool pprof." placeholder:"FILE"`
	JSON        bool          `name:"json" help:"Print JSON."`
}

func (benchPagesCommand) Help() string {
	return `Examples:
  vitrine bench pages
  vitrine bench pages --redis redis://127.0.0.1:6379/9 --bolt 100000,1000000,10000000

Server and visitors share this process and its cores: compare its lines with each other, not with those of other machines.
The output is a table for docs/performance.md.`
}

// Run is vitrine bench pages.
func (p *benchPagesCommand) Run(e *env) error {
	if p.SKUs < 200 || p.Rate <= 0 || p.For <= 0 || p.Connections < 1 {
		return usagef("--rate, --for and --connections must be positive, --skus at least 200")
	}
	b := bench.Pages{
		SKUs: p.SKUs, Rate: p.Rate, For: p.For, Connections: p.Connections, Redis: p.Redis, Slow: p.Slow, Bolt: p.Bolt, Dir: p.Dir, CPU: p.CPU,
	}
	r, err := b.Run(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	return r.Print(e.stdout, p.JSON)
}

type benchSwitchesCommand struct {
	Nodes int  `help:"Processes, each with a connection of its own." default:"200"`
	Sets  int  `help:"Settings to time." default:"100"`
	Hang  int  `help:"Processes that hang at the end." default:"10"`
	Cut   int  `help:"Processes that are cut off at the end." default:"5"`
	JSON  bool `name:"json" help:"Print JSON."`
}

// Run is vitrine bench switches.
func (c *benchSwitchesCommand) Run(e *env) error {
	if c.Nodes < 1 || c.Sets < 1 || min(c.Hang, c.Cut) < 0 || c.Hang+c.Cut > c.Nodes {
		return usagef("--nodes and --sets must be positive, --hang and --cut together at most --nodes")
	}
	b := bench.Switches{Nodes: c.Nodes, Sets: c.Sets, Hang: c.Hang, Cut: c.Cut}
	r, err := b.Run(e.ctx, e.log)
	if err != nil {
		return err
	}
	return r.Print(e.stdout, c.JSON)
}
