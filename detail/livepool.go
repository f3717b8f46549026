package detail

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/ristretto/v2"

	"vitrine/detail/admission"
	"vitrine/internal/catalog"
	"vitrine/internal/redact"
	"vitrine/switches"
)

const (
	liveBytes    = 32 << 20 // memory for answers that are fresh, or the last known
	liveOverhead = 160      // bytes of an answer besides its key and data
)

// livePool asks upstreams for live parts. Each question is asked once at a time, and a bounded number of questions in all.
type livePool struct {
	asker  LiveAsker // may be nil
	cache  *ristretto.Cache[string, *liveValue]
	budget chan struct{}
	back   *switches.Switch // off: nobody is asked

	mu     sync.Mutex // guards calls and closed
	calls  map[string]*liveCall
	closed bool
	wait   sync.WaitGroup
}

// liveValue is an upstream's answer.
type liveValue struct {
	key  string
	data json.RawMessage
	at   time.Time
}

// liveCall is a question that is being asked. Its value may be read once done is closed; it is nil where the call failed.
type liveCall struct {
	done  chan struct{}
	value *liveValue
}

func newLivePool(c Live, back *switches.Switch) (*livePool, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[string, *liveValue]{
		NumCounters: liveBytes / 512 * 10, MaxCost: liveBytes, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of live parts: %w", err)
	}
	return &livePool{
		asker:  c.Asker,
		cache:  cache,
		budget: make(chan struct{}, c.Calls),
		back:   back,
		calls:  map[string]*liveCall{},
	}, nil
}

// liveKey is the key of a question. Values are quoted, so that none reads like two.
func liveKey(l *catalog.Live, kind, id string, params map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %q %q", l.Name, kind, l.Get, id)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fmt.Fprintf(&b, " %s=%q", name, params[name])
	}
	return b.String()
}

// last is the cached answer to a question; nil for none, or one older than the part's keep.
func (p *livePool) last(key string, l *catalog.Live) *liveValue {
	a, ok := p.cache.Get(key)
	if !ok || a.key != key || time.Since(a.at) > max(l.Keep, l.Fresh) {
		return nil
	}
	return a
}

// ask gives what the upstream says, or nil where it fails, takes longer than the part's deadline, or may not be asked. The
// deadline includes the wait for the visitor's share. A call that is under way for the key is joined. It is no
// singleflight.Group since a visitor who waits for a share must not hold up another who asks the same.
//
// The call is detached from the visitor who began it: others wait for it, too.
func (p *livePool) ask(ctx context.Context, v *admission.Visitor, key string, l *catalog.Live, id string, params map[string]string) *liveValue {
	ctx, cancel := context.WithTimeout(ctx, l.Deadline)
	defer cancel()
	call := p.underWay(key)
	if call == nil {
		release, ok := v.Acquire(ctx, l.From, l.Pool)
		if !ok {
			return nil
		}
		call = p.join(ctx, key, l, id, params, release)
		if call == nil {
			return nil
		}
	}
	select {
	case <-call.done:
		return call.value
	case <-ctx.Done():
		return nil
	}
}

// underWay is the call that is under way for a key, or nil.
func (p *livePool) underWay(key string) *liveCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[key]
}

// join gives the call for a key, which it begins where there is none; nil where too many calls are under way. It calls
// release when the visitor's call is over, or was not needed.
func (p *livePool) join(ctx context.Context, key string, l *catalog.Live, id string, params map[string]string, release func()) *liveCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	call := p.calls[key]
	if call == nil && p.asker != nil && !p.closed && p.back.On() {
		select {
		case p.budget <- struct{}{}:
			call = &liveCall{done: make(chan struct{})}
			p.calls[key] = call
			p.wait.Go(func() {
				defer redact.Crash()
				defer release()
				p.run(context.WithoutCancel(ctx), call, key, l, id, params)
			})
			return call
		default:
		}
	}
	release()
	return call
}

// run asks the upstream, and caches its answer.
func (p *livePool) run(ctx context.Context, call *liveCall, key string, l *catalog.Live, id string, params map[string]string) {
	defer func() { <-p.budget }()
	ctx, cancel := context.WithTimeout(ctx, l.Deadline)
	defer cancel()
	data, err := p.asker.Live(ctx, l, id, params)
	if err == nil && json.Valid(data) {
		call.value = &liveValue{key: key, data: data, at: time.Now()}
		p.cache.SetWithTTL(key, call.value, int64(len(key)+len(data)+liveOverhead), max(l.Keep, l.Fresh))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, key)
	close(call.done)
}

func (a *liveValue) as(state string) livePart {
	at := a.at.UTC()
	return livePart{State: state, At: &at, Data: a.data}
}

func (p *livePool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wait.Wait()
	p.cache.Close()
}
