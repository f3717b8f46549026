package load

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Config configures a run.
type Config struct {
	Addr        string             // host:port
	Next        Workload           // what to ask for
	Rate        float64            // requests due per second; 0 is a closed loop, as fast as the connections allow
	For         time.Duration      // of the run
	Connections int                // greatest number of concurrent requests. Defaults to 64
	Encoding    string             // Accept-Encoding; "" for none
	Fields      func(n int) string // further header fields for the nth connection's requests, each ended by CRLF; nil for none
	Timeout     time.Duration      // of one request. Defaults to 10 s
	Again       bool               // as browsers do, send a request again on a new connection if the server has just closed the one that was kept
	Recorded    []Request          // sent at their own times, in place of Next and Rate
	Speed       float64            // of Recorded: 2 is twice as fast. Defaults to 1
	Progress    func(done float64, sent int64)
}

// Result of a run. Latencies count from when a request was due.
type Result struct {
	Seconds   float64          `json:"seconds"`
	Sent      int64            `json:"sent"`
	Rate      float64          `json:"answers_per_second"`
	Good      float64          `json:"good_per_second"` // with status 200 or 304
	Bytes     int64            `json:"bytes"`
	Failed    int64            `json:"failed"`          // no answer
	Unsent    int64            `json:"unsent"`          // due, but not sent before the end, since all connections were busy
	Status    map[int]int64    `json:"status"`          // answers by status
	Source    map[string]int64 `json:"source"`          // answers by X-Vitrine-Source
	Stale     int64            `json:"stale"`           // answers marked stale
	Again     int64            `json:"again,omitempty"` // requests that were sent again, by Config.Again
	Latency   Latency          `json:"latency_ms"`      // of all answers
	GoodTimes Latency          `json:"good_latency_ms"`
	Errors    map[string]int64 `json:"errors,omitempty"`
}

// Latency holds quantiles in milliseconds.
type Latency struct {
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	P9999 float64 `json:"p99_99"`
	Max   float64 `json:"max"`
}

// due is a request and the time at which it is due; the zero time is at once.
type due struct {
	Request
	at time.Time
}

// Run sends requests until the time is over or ctx ends. It fails on an invalid Config, and with the error of ctx when
// that has ended.
func Run(ctx context.Context, c Config) (Result, error) {
	c.Connections, c.Timeout, c.Speed = cmp.Or(c.Connections, 64), cmp.Or(c.Timeout, 10*time.Second), cmp.Or(c.Speed, 1)
	if c.Addr == "" || c.Next == nil && len(c.Recorded) == 0 || c.For <= 0 && len(c.Recorded) == 0 {
		return Result{}, errors.New("load: an address, requests and a time are needed")
	}
	workers := make([]*worker, c.Connections)
	queue := make(chan due, c.Connections)
	var wait sync.WaitGroup
	for i := range workers {
		workers[i] = newWorker(c, i)
		wait.Go(func() { workers[i].run(queue) })
	}
	began := time.Now()
	sent, unsent := schedule(ctx, c, began, queue)
	close(queue)
	wait.Wait()
	return collect(workers, time.Since(began), sent, unsent), ctx.Err()
}

// schedule hands out requests as they become due. If all connections are busy it waits for one, and the latency
// includes the delay.
func schedule(ctx context.Context, c Config, began time.Time, queue chan<- due) (sent, unsent int64) {
	at := func(i int64) (d due, ok bool) {
		if c.Recorded != nil {
			if i >= int64(len(c.Recorded)) {
				return d, false
			}
			r := c.Recorded[i]
			return due{r, began.Add(time.Duration(float64(r.At) / c.Speed))}, true
		}
		var since time.Duration
		if c.Rate > 0 {
			since = time.Duration(float64(i) / c.Rate * float64(time.Second))
		} else {
			since = time.Since(began)
		}
		d.Request = c.Next(float64(since) / float64(c.For))
		if c.Rate > 0 {
			d.at = began.Add(since)
		}
		return d, since < c.For
	}
	var reported time.Time
	for i := int64(0); ; i++ {
		d, ok := at(i)
		if !ok || c.For > 0 && time.Since(began) > c.For+time.Second {
			return i, max(0, int64(c.Rate*c.For.Seconds())-i)
		}
		if wait := time.Until(d.at); wait > 0 {
			time.Sleep(wait)
		}
		select {
		case queue <- d:
		case <-ctx.Done():
			return i, 0
		}
		if c.Progress != nil && time.Since(reported) > time.Second {
			reported = time.Now()
			c.Progress(min(1, reported.Sub(began).Seconds()/max(c.For.Seconds(), 1)), i)
		}
	}
}

// worker is one connection and its measurements.
type worker struct {
	client client
	fields string
	result Result
	all    *hdrhistogram.Histogram // µs
	good   *hdrhistogram.Histogram
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
}

func newWorker(c Config, n int) *worker {
	w := &worker{client: client{addr: c.Addr, timeout: c.Timeout, again: c.Again}, all: newHistogram(), good: newHistogram()}
	w.result = Result{Status: map[int]int64{}, Source: map[string]int64{}, Errors: map[string]int64{}}
	if c.Encoding != "" {
		w.fields = "Accept-Encoding: " + c.Encoding + "\r\n"
	}
	if c.Fields != nil {
		w.fields += c.Fields(n)
	}
	return w
}

func (w *worker) run(queue <-chan due) {
	defer w.client.close()
	for d := range queue {
		if d.at.IsZero() {
			d.at = time.Now()
		}
		got, again, err := w.client.get(d.Request, w.fields)
		if again {
			w.result.Again++
		}
		if err != nil {
			w.result.Failed++
			w.result.Errors[class(err)]++
			continue
		}
		took := time.Since(d.at).Microseconds()
		_ = w.all.RecordValue(took) // a latency over a minute is out of range, and a time-out
		if got.status == 200 || got.status == 304 {
			_ = w.good.RecordValue(took)
		}
		w.result.Status[got.status]++
		w.result.Bytes += int64(got.bytes)
		if got.source != "" {
			w.result.Source[got.source]++
		}
		if got.stale {
			w.result.Stale++
		}
	}
}

// class is an error without the addresses that differ from case to case.
func class(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

func collect(workers []*worker, took time.Duration, sent, unsent int64) Result {
	sum := newWorker(Config{}, 0)
	r := &sum.result
	r.Seconds = took.Seconds()
	r.Sent = sent
	r.Unsent = unsent
	for _, w := range workers {
		sum.all.Merge(w.all)
		sum.good.Merge(w.good)
		r.Failed += w.result.Failed
		r.Bytes += w.result.Bytes
		r.Stale += w.result.Stale
		r.Again += w.result.Again
		for k, n := range w.result.Status {
			r.Status[k] += n
		}
		for k, n := range w.result.Source {
			r.Source[k] += n
		}
		for k, n := range w.result.Errors {
			r.Errors[k] += n
		}
	}
	r.Rate = float64(sum.all.TotalCount()) / r.Seconds
	r.Good = float64(sum.good.TotalCount()) / r.Seconds
	r.Latency, r.GoodTimes = latencyOf(sum.all), latencyOf(sum.good)
	return *r
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Latency{at(50), at(90), at(99), at(99.9), at(99.99), float64(h.Max()) / 1000}
}
