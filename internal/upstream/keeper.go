package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// token is what an upstream's calls carry.
type token struct {
	text string
	life time.Duration // 0: until it is refused
}

const (
	leastLife   = time.Second            // of a token, whatever its endpoint says
	longestLife = 30 * 24 * time.Hour    // the same
	margin      = 2 * time.Minute        // before a token expires, at most a fifth of its life
	leastPause  = 500 * time.Millisecond // after a renewal that helped nothing, doubling to mostPause
	mostPause   = 30 * time.Second
	remembered  = 4 // tokens that are masked in what is shown
)

// keeper keeps the token of one upstream. It is renewed by one goroutine at a time, for all that wait for it, in time before
// it expires and when the upstream refuses it.
//
//	no token ──renewal──▶ held ──little of its life is left──▶ held, renewal running ──▶ held
//	                       └──401──▶ held, refused ──renewal──▶ held
//
// A renewal that fails is tried again, with growing pauses, when the next call needs it. So is one whose token is refused
// like the one before: then the upstream refuses us, and its token endpoint must not suffer for it.
type keeper struct {
	upstream string
	spec     string // of the catalog; another one has another keeper
	timeout  time.Duration
	direct   bool // renew costs nothing, and is asked each time
	renew    func(context.Context) (token, error)
	log      *slog.Logger
	renewals *sync.WaitGroup // of the client

	mu       sync.Mutex // guards all below
	held     token
	since    time.Time // when held came
	refused  bool      // held was, by the upstream
	useless  int       // renewals in a row that failed, or whose token was refused
	next     time.Time // no renewal before
	err      error     // of the last renewal; nil for one that succeeded
	running  *renewal
	recently []string // tokens, the newest last
	closed   bool
}

// renewal is one on its way. err is valid once done is closed.
type renewal struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

// current gives the token to send, and waits for a renewal if there is none that may be valid. Errors wrap
// item.ErrUnavailable.
func (k *keeper) current(ctx context.Context) (string, error) {
	if k.direct {
		t, err := k.renew(ctx)
		k.remember(t.text)
		return t.text, err
	}
	k.mu.Lock()
	now := time.Now()
	usable := k.held.text != "" && (k.held.life == 0 || now.Before(k.since.Add(k.held.life)))
	late := k.held.life > 0 && now.After(k.since.Add(k.held.life-min(k.held.life/5, margin)))
	if !usable || late || k.refused {
		k.begin(ctx, now)
	}
	text, refused, running, err := k.held.text, k.refused, k.running, k.err
	wait := k.next.Sub(now)
	k.mu.Unlock()
	switch {
	case usable && (!refused || running == nil):
		return text, nil
	case running != nil:
		return k.await(ctx, running)
	case err == nil:
		err = fmt.Errorf("%w: the token of %s was refused as soon as it came", item.ErrUnavailable, k.upstream)
	}
	return "", fmt.Errorf("%w; it is asked for again in %s", err, wait.Round(time.Millisecond))
}

// await waits for a renewal, and gives its token.
func (k *keeper) await(ctx context.Context, r *renewal) (string, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: while waiting for the token of %s: %w", item.ErrUnavailable, k.upstream, ctx.Err())
	}
	if r.err != nil {
		return "", r.err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held.text, nil
}

// replace gives the token that takes the place of one that the upstream refused; "" if there is no other.
func (k *keeper) replace(ctx context.Context, refused string) (string, error) {
	if k.direct {
		text, err := k.current(ctx)
		if text == refused {
			text = ""
		}
		return text, err
	}
	k.mu.Lock()
	now := time.Now()
	if refused == k.held.text && !k.refused {
		k.refused = true
		k.useless++
		if k.useless > 1 { // it came because the one before was refused
			k.next = now.Add(pauseAfter(k.useless - 1))
		}
	}
	if k.refused {
		k.begin(ctx, now)
	}
	text, running, err := k.held.text, k.running, k.err
	k.mu.Unlock()
	switch {
	case text != refused:
		return text, nil
	case running != nil:
		return k.await(ctx, running)
	}
	return "", err
}

// accept notes that the upstream took a token.
func (k *keeper) accept(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if text == k.held.text && !k.refused {
		k.useless = 0
	}
}

// begin begins a renewal, unless one is on its way or it is too early for one. The caller that begins it may leave before
// its end: others wait for it, too. It needs mu.
func (k *keeper) begin(ctx context.Context, now time.Time) {
	if k.running != nil || k.closed || now.Before(k.next) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.timeout)
	r := &renewal{done: make(chan struct{}), cancel: cancel}
	k.running = r
	k.renewals.Go(func() {
		defer redact.Crash()
		defer cancel()
		t, err := k.renew(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
			err = fmt.Errorf("%w (within %s)", err, k.timeout)
		}
		k.end(r, t, err)
	})
}

// end notes what a renewal gave.
func (k *keeper) end(r *renewal, t token, err error) {
	k.remember(t.text)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(r.done)
	k.running = nil
	failedBefore := k.err != nil
	k.err = err
	r.err = err
	if err != nil {
		k.useless++
		k.next = time.Now().Add(pauseAfter(k.useless))
		if !failedBefore && !k.closed {
			k.log.Warn("the token of an upstream can't be renewed", "upstream", k.upstream, "error", err)
		}
		return
	}
	if failedBefore {
		k.log.Info("the token of an upstream is renewed again", "upstream", k.upstream)
		k.useless = 0
	}
	k.held = t
	k.since = time.Now()
	k.refused = false
}

// pauseAfter is the pause after so many renewals that helped nothing.
func pauseAfter(n int) time.Duration {
	pause := min(leastPause<<min(n, 10), mostPause)
	return pause - time.Duration(rand.Int64N(int64(pause)/4))
}

func (k *keeper) remember(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if text == "" || slices.Contains(k.recently, text) {
		return
	}
	k.recently = append(k.recently, text)
	k.recently = k.recently[max(0, len(k.recently)-remembered):]
}

// given lists the tokens of late.
func (k *keeper) given() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.recently)
}

// close lets nothing begin any more, and ends the renewal that is on its way soon.
func (k *keeper) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	if k.running != nil {
		k.running.cancel()
	}
}
