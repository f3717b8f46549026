package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vitrine/internal/bench"
	"vitrine/internal/bus"
	"vitrine/internal/durable"
	"vitrine/internal/plan"
	"vitrine/internal/redact"
)

type benchCostsCommand struct {
	SKUs  []int   `name:"skus" help:"Sizes of the shops to measure: three at least, to know how good the costs are." default:"2000,6000,18000" placeholder:"N"`
	Check []int   `help:"Sizes to measure as well and to compare with what the others predict of them." placeholder:"N"`
	Rate  float64 `help:"Pages requested per second." default:"500"`
	Out   string  `help:"File for what was measured, for vitrine plan --costs." placeholder:"FILE"`
	JSON  bool    `name:"json" help:"Print JSON."`
}

func (benchCostsCommand) Help() string {
	return `Examples:
  vitrine bench costs --out costs.json
  vitrine bench costs --skus 2000,6000,18000 --check 12000
  vitrine plan --costs costs.json --skus 1000000 --changes 500 --views 2000

It runs redis-server, NATS, heterog, syncer and detail as processes of their own, for one size after the other: it fills a shop, changes
every article, and requests pages from memory and from Redis. Measure on a machine that does nothing else.`
}

// costsResult is what vitrine bench costs prints as JSON.
type costsResult struct {
	plan.Measurement
	Calibration []plan.Deviation   `json:"calibration"` // of each quantity, the prediction of one run from the others that is furthest off
	Checks      [][]plan.Deviation `json:"checks"`      // by position in --check
}

// Run is vitrine bench costs.
func (c *benchCostsCommand) Run(e *env) error {
	if err := c.check(); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var r costsResult
	r.Measurement, err = bench.Costs{SKUs: c.SKUs, Rate: c.Rate, Program: program}.Measure(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	if err := c.write(r.Measurement); err != nil {
		return err
	}
	costs, err := plan.Fit(r.Runs)
	if err != nil {
		return err
	}
	r.Calibration, err = plan.CalibrationError(r.Runs)
	if err != nil {
		return err
	}
	checks, err := bench.Costs{SKUs: c.Check, Rate: c.Rate, Program: program}.Measure(e.ctx, e.benchHost())
	if err != nil {
		return err
	}
	for _, run := range checks.Runs {
		r.Checks = append(r.Checks, costs.Deviations(run))
	}
	return c.print(e, r)
}

// check refuses before anything is measured what would fail afterwards.
func (c *benchCostsCommand) check() error {
	for _, n := range slices.Concat(c.SKUs, c.Check) {
		if n < 200 || n > 10_000_000 {
			return usagef("--skus and --check must be 200 to 10000000, and %d is not", n)
		}
	}
	sizes := slices.Compact(slices.Sorted(slices.Values(c.SKUs)))
	switch {
	case len(sizes) < 2 || len(sizes) < len(c.SKUs):
		return usagef("--skus needs two sizes or more, each of them once")
	case !(c.Rate > 0 && c.Rate <= 1e6): // nor NaN
		return usagef("--rate must be more than 0, and 1000000 at most")
	case c.Out == "":
		return nil
	}
	if info, err := os.Stat(c.Out); err == nil && info.IsDir() {
		return usagef("--out %s is a folder", c.Out)
	}
	probe, err := os.CreateTemp(filepath.Dir(c.Out), ".vitrine-costs-*")
	if err != nil {
		return usagef("--out %s can't be written: %w", c.Out, err)
	}
	probe.Close()
	return os.Remove(probe.Name())
}

func (c *benchCostsCommand) write(m plan.Measurement) error {
	if c.Out == "" {
		return nil
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(c.Out, append(text, '\n'))
}

func (c *benchCostsCommand) print(e *env, r costsResult) error {
	if c.JSON {
		return json.NewEncoder(e.stdout).Encode(r)
	}
	fmt.Fprintf(e.stdout, "%s\n\n", r.Machine)
	if r.Calibration == nil {
		fmt.Fprintln(e.stdout, "The error is not known: that needs three sizes.")
	} else {
		plan.PrintDeviations(e.stdout, "Each run predicted from the others; the furthest off", r.Calibration)
	}
	for i, check := range r.Checks {
		plan.PrintDeviations(e.stdout, fmt.Sprintf("\n%d SKUs, predicted from the runs of %v", c.Check[i], c.SKUs), check)
	}
	if c.Out != "" {
		fmt.Fprintf(e.stdout, "\nvitrine plan --costs %s\n", c.Out)
	}
	return nil
}

type benchNATSCommand struct {
	Dir string `help:"Folder for the streams." required:"" placeholder:"DIR"`
}

// Run is vitrine bench nats. It ends with its context or its input.
func (c *benchNATSCommand) Run(e *env) error {
	server, err := bus.Embed(e.ctx, bus.EmbedConfig{Dir: c.Dir, Addr: "127.0.0.1:0", Log: e.log})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintf(e.stdout, "nats %s\n", server.URL())
	asked := make(chan struct{})
	go func() {
		defer redact.Crash()
		defer close(asked)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			asked <- struct{}{}
		}
	}()
	for {
		select {
		case <-e.ctx.Done():
			return nil
		case _, ok := <-asked:
			if !ok {
				return nil
			}
		}
		traffic, err := server.Traffic()
		if err != nil {
			return err
		}
		text, err := json.Marshal(traffic)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "nats %s\n", text)
	}
}
