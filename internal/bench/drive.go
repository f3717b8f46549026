package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/item"
	"vitrine/internal/metrics"
	"vitrine/internal/node"
	"vitrine/internal/pause"
	"vitrine/internal/redact"
)

// article is the ith one.
func article(i int) item.Entity { return item.Entity{Kind: "sku", ID: strconv.Itoa(firstID + i)} }

func change(lane item.Lane, i int) item.Change {
	return item.Change{Lane: lane, Entity: article(i), Dimension: "product"}
}

// all changes every article, and times how long it takes until nothing of an article is left to do. Its CPU and its calls
// include those of the second looks that come seconds later; all queues are empty when it returns.
func (b *bench) all(ctx context.Context, lane item.Lane) (Phase, error) {
	counted := b.count()
	seconds, err := b.changeAll(ctx, lane)
	if err != nil {
		return Phase{}, err
	}
	if err := b.settle(ctx); err != nil {
		return Phase{}, err
	}
	return b.phase(b.SKUs, seconds, counted), nil
}

// besideOthers is all where the queues are not empty when the articles are done, since they hold other work.
func (b *bench) besideOthers(ctx context.Context, lane item.Lane) (Phase, error) {
	counted := b.count()
	seconds, err := b.changeAll(ctx, lane)
	return b.phase(b.SKUs, seconds, counted), err
}

// changeAll changes every article and waits until nothing of an article is left to do.
func (b *bench) changeAll(ctx context.Context, lane item.Lane) (seconds float64, err error) {
	every := make([]int, b.SKUs)
	for i := range every {
		every[i] = i
	}
	return b.changeThese(ctx, lane, every)
}

// changeThese changes some articles and waits until nothing of any article is left to do.
func (b *bench) changeThese(ctx context.Context, lane item.Lane, articles []int) (seconds float64, err error) {
	changes := make([]item.Change, len(articles))
	for n, i := range articles {
		b.shop.versions[i].Add(1)
		changes[n] = change(lane, i)
	}
	began := time.Now()
	if err := b.bus.PublishChanges(ctx, changes, bus.PublishOptions{}); err != nil {
		return 0, err
	}
	err = b.articlesDone(ctx)
	return time.Since(began).Seconds(), err
}

// counts are what a phase is the difference of.
type counts struct {
	cpu   time.Duration
	calls int64
}

func (b *bench) count() counts { return counts{cpu: metrics.CPUTime(), calls: b.shop.calls.Load()} }

// phase is what so many changes took since the counts were as they were then.
func (b *bench) phase(changes int, seconds float64, then counts) Phase {
	n, now := float64(changes), b.count()
	return Phase{
		Seconds: seconds, PerSecond: n / seconds,
		CPU: float64((now.cpu - then.cpu).Microseconds()) / n, Calls: float64(now.calls-then.calls) / n,
	}
}

// settle waits until all queues are empty.
func (b *bench) settle(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		left, err := b.bus.Left(ctx)
		return left == 0, err
	})
}

// articlesDone waits until nothing of an article is left to do, whatever waits for others.
func (b *bench) articlesDone(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		unfinished, err := b.bus.Unfinished(ctx, "sku")
		return !unfinished, err
	})
}

// lookAgain is how many looks in a row may find NATS unavailable, as on a machine that is too busy to answer in time.
const lookAgain = 10

func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond) // each look asks NATS several questions, which count as the loop's
	defer tick.Stop()
	for failed := 0; ; {
		ok, err := done()
		switch {
		case err == nil && ok:
			return nil
		case err == nil:
			failed = 0
		case failed == lookAgain || !errors.Is(err, item.ErrUnavailable):
			return err
		default:
			failed++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// singles changes articles one after the other in the high lane and waits for each until its page shows it. It ends
// after Single changes, or once ended is closed, whichever is later; a nil ended is closed from the start.
func (b *bench) singles(ctx context.Context, ended <-chan struct{}) (quantiles, error) {
	var times []time.Duration
	for i := 0; ; i++ {
		if len(times) >= b.Single && isClosed(ended) {
			return quantilesOf(times), nil
		}
		n := i * 7919 % b.SKUs
		version := b.shop.versions[n].Add(1)
		began := time.Now()
		if err := b.alone.PublishChanges(ctx, []item.Change{change(item.High, n)}, bus.PublishOptions{}); err != nil {
			return quantiles{}, err
		}
		if err := b.awaitPage(ctx, n, version); err != nil {
			return quantiles{}, fmt.Errorf("wait for a page: %w", err)
		}
		times = append(times, time.Since(began))
	}
}

// awaitPage requests an article's page until it shows a version. gojq sorts members, so "title" follows "rev".
func (b *bench) awaitPage(ctx context.Context, i int, version int64) error {
	url := fmt.Sprintf("%s/item/%d.json", b.pages, firstID+i)
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		body, err := b.get(ctx, url)
		if err != nil {
			return err
		}
		_, rest, _ := bytes.Cut(body, []byte(`"rev":`))
		digits, _, _ := bytes.Cut(rest, []byte(","))
		if shown, err := strconv.ParseInt(string(digits), 10, 64); err == nil && shown >= version {
			return nil // or a later one, written by the concurrent refresh
		}
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
	}
}

func (b *bench) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// beside times single changes while a refresh of everything runs.
func (b *bench) beside(ctx context.Context, r *PipelineResult) error {
	first, timed := make(chan struct{}), make(chan struct{})
	refreshes := make(chan error, 1)
	go func() {
		defer redact.Crash()
		phase, err := b.all(ctx, item.Refresh)
		r.Refresh = phase
		close(first)
		for err == nil && !isClosed(timed) { // a small shop is through before enough changes were timed
			_, err = b.all(ctx, item.Refresh)
		}
		refreshes <- err
	}()
	under, err := b.singles(ctx, first)
	close(timed)
	if err := errors.Join(err, <-refreshes); err != nil {
		return err
	}
	r.UnderLoad = under
	r.HighP99 = under.P99 / r.AtRest.P99
	return b.settle(ctx)
}

// isClosed reports whether a channel that nothing is sent through is closed, or nil.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return c == nil
	}
}

// stuck is half as many changes of the upstream that hangs as there are articles.
func (b *bench) stuck(from int) []item.Change {
	stuck := make([]item.Change, max(1, b.SKUs/2))
	for i := range stuck {
		stuck[i] = item.Change{Lane: item.Normal, Entity: item.Entity{Kind: "part", ID: strconv.Itoa(from + i)}, Dimension: "stock"}
	}
	return stuck
}

// behindHung queues changes of an upstream that hangs, then all others behind them, and times the others. Then it measures what it
// takes to park as many more. Then the upstream recovers, and the parked changes are handled.
func (b *bench) behindHung(ctx context.Context, r *PipelineResult) (err error) {
	without, err := b.besideOthers(ctx, item.Normal)
	if err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	b.shop.hung.Store(true)
	if err := b.alone.PublishChanges(ctx, b.stuck(firstID), bus.PublishOptions{}); err != nil {
		return err
	}
	r.Hanging, err = b.besideOthers(ctx, item.Normal)
	if err != nil {
		return err
	}
	r.HangingShare = r.Hanging.PerSecond / without.PerSecond
	r.Parking, err = b.parking(ctx)
	if err != nil {
		return err
	}
	b.shop.hung.Store(false)
	began := time.Now()
	err = b.settle(ctx)
	r.Caught = time.Since(began).Seconds()
	return err
}

// parking changes more of what the upstream that hangs has, until nothing of it is left in the lane: it is parked, but for what was tried.
func (b *bench) parking(ctx context.Context) (Phase, error) {
	stuck := b.stuck(2 * firstID)
	counted, began := b.count(), time.Now()
	if err := b.alone.PublishChanges(ctx, stuck, bus.PublishOptions{}); err != nil {
		return Phase{}, err
	}
	err := until(ctx, func() (bool, error) {
		depths, err := b.bus.Depths(ctx)
		return err == nil && depths[bus.Changes].Lanes[item.Normal] == bus.Lane{}, err
	})
	return b.phase(len(stuck), time.Since(began).Seconds(), counted), err
}

// oneKey changes an article 1,000 times while it is in work, and counts the calls.
func (b *bench) oneKey(ctx context.Context) (int64, error) {
	b.shop.answer.Store(max(b.shop.answer.Load(), int64(200*time.Millisecond)))
	before := b.shop.calls.Load()
	for range 1000 {
		b.shop.versions[0].Add(1)
		if err := b.bus.PublishChanges(ctx, []item.Change{change(item.Normal, 0)}, bus.PublishOptions{}); err != nil {
			return 0, err
		}
	}
	err := b.settle(ctx)
	return b.shop.calls.Load() - before, err
}

// sweep looks at every entity and compares every blob with its records.
func (b *bench) sweep(ctx context.Context) (seconds float64, err error) {
	var out node.Audited
	token, err := node.ReadToken(filepath.Join(b.Dir, node.TokenFile))
	if err != nil {
		return 0, err
	}
	if err := node.Call(ctx, http.MethodPost, b.admin, "/audit?sample=0", token, nil, &out); err != nil {
		return 0, err
	}
	if out.Dirty+out.Blobs > 0 {
		return 0, fmt.Errorf("%d entities dirty, %d blobs wrong", out.Dirty, out.Blobs)
	}
	return out.Seconds, nil
}

// compare reads every blob through the public listener and counts those that differ from the upstream.
func (b *bench) compare(ctx context.Context) (wrong int, err error) {
	for first := 0; first < b.SKUs; first += 100 {
		ids := make([]string, min(100, b.SKUs-first))
		for i := range ids {
			ids[i] = strconv.Itoa(firstID + first + i)
		}
		body, err := b.get(ctx, b.pages+"/blobs/sku/item?ids="+strings.Join(ids, ","))
		if err != nil {
			return 0, err
		}
		var answer struct {
			Items map[string]struct {
				Data struct{ Product struct{ Rev int64 } }
			}
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return 0, err
		}
		for i, id := range ids {
			if answer.Items[id].Data.Product.Rev != b.shop.versions[first+i].Load() {
				wrong++
			}
		}
	}
	return wrong, nil
}
