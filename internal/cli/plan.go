package cli

import (
	"encoding/json"
	"fmt"

	"vitrine/internal/plan"
	"vitrine/internal/redact"
)

type planCommand struct {
	Costs string `help:"What vitrine bench costs measured; built in is a measurement of one machine." type:"existingfile" placeholder:"FILE"`

	SKUs       float64 `name:"skus" help:"SKUs of the shop." default:"100000" group:"The shop, in its busiest hour"`
	Dimensions float64 `help:"Dimensions of a SKU." default:"6" group:"The shop, in its busiest hour"`
	Changes    float64 `help:"Changes per second, each of one dimension of one SKU." default:"100" group:"The shop, in its busiest hour"`
	Views      float64 `help:"Pages requested per second." default:"1000" group:"The shop, in its busiest hour"`
	FrontHits  float64 `help:"Share of the views that nginx or a CDN answers from its cache." default:"0" group:"The shop, in its busiest hour"`
	MemoryHits float64 `help:"Share of the others that a detail server answers from its memory." default:"0.8" group:"The shop, in its busiest hour"`
	PageBytes  float64 `help:"Bytes of a page on the wire; as measured by default." group:"The shop, in its busiest hour"`
	RedisBytes float64 `help:"Bytes that Redis needs for a SKU; as measured by default, in proportion to the dimensions." group:"The shop, in its busiest hour"`

	Cores    float64 `help:"Cores of a machine." default:"8" group:"The machines"`
	RAM      float64 `name:"ram" help:"Memory of a machine, GiB." default:"32" group:"The machines"`
	Busy     float64 `help:"Share of the cores that may be busy." default:"0.5" group:"The machines"`
	RedisRAM float64 `name:"redis-ram" help:"Share of a machine's memory that Redis may fill with data." default:"0.5" group:"The machines"`
	Replicas float64 `help:"Replicas of each Redis master." default:"1" group:"The machines"`
	NATS     float64 `name:"nats-servers" help:"Servers of the NATS cluster." default:"3" group:"The machines"`
	Rooms    float64 `help:"Rooms. Each handles all changes, and without any one of them the others serve all views." default:"1" env:"VITRINE_PLAN_ROOMS" group:"The machines"`

	Error bool `help:"Print the costs and how well each run is predicted from the others, in place of a plan."`
	JSON  bool `name:"json" help:"Print JSON."`
}

func (planCommand) Help() string {
	return `Examples:
  vitrine plan --skus 1000000 --changes 500 --views 2000
  vitrine plan --skus 1e9 --changes 50000 --views 1e6 --front-hits 0.9 --rooms 3 --cores 32 --ram 256
  vitrine bench costs --out costs.json && vitrine plan --costs costs.json --error

It multiplies the shop by what changes and pages cost each part on the machine of the measurement, counts machines such that each part
can lose one, and says what each loss does. It prints what it does not know.`
}

// planErrors is what vitrine plan --error prints as JSON.
type planErrors struct {
	Machine     string           `json:"machine"`
	Costs       plan.Costs       `json:"costs"`
	Calibration []plan.Deviation `json:"calibration"`
}

// Run is vitrine plan.
func (c *planCommand) Run(e *env) error {
	m, err := plan.Reference()
	if c.Costs != "" {
		m, err = plan.Read(c.Costs)
	}
	if err != nil {
		return err
	}
	costs, err := plan.Fit(m.Runs)
	if err != nil {
		return err
	}
	if c.Error {
		return c.printErrors(e, m, costs)
	}
	const gib = 1 << 30
	p, err := costs.For(
		plan.Shop{SKUs: c.SKUs, Dimensions: c.Dimensions, Changes: c.Changes, Views: c.Views, Front: c.FrontHits, Memory: c.MemoryHits, PageBytes: c.PageBytes, RedisBytes: c.RedisBytes},
		plan.Machines{Cores: c.Cores, RAM: c.RAM * gib, Busy: c.Busy, RedisRAM: c.RedisRAM, Replicas: c.Replicas, NATSNodes: c.NATS, Rooms: c.Rooms}, m.Runs)
	if err != nil {
		return usageError{err}
	}
	if !c.JSON {
		fmt.Fprintf(e.stdout, "Costs as measured on %s, %s.\n", m.At.Format("2 Jan 2006"), redact.Shown(m.Machine))
	}
	return p.Print(e.stdout, c.JSON)
}

func (c *planCommand) printErrors(e *env, m plan.Measurement, costs plan.Costs) error {
	deviations, err := plan.CalibrationError(m.Runs)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(planErrors{m.Machine, costs, deviations})
	}
	fmt.Fprintf(e.stdout, "%s, %d runs\n\n", redact.Shown(m.Machine), len(m.Runs))
	costs.Print(e.stdout)
	if len(m.Runs) < 3 {
		_, err := fmt.Fprintln(e.stdout, "\nThe error is not known: that needs three runs.")
		return err
	}
	plan.PrintDeviations(e.stdout, "\nEach run predicted from the others; the furthest off", deviations)
	return nil
}
