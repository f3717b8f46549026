package poller

import (
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// since is what {since} stands for: the position, before which a mark that is a time lies by the poll's overlap. The
// clocks of two systems differ, and an upstream may show a change some time after the time that it gives it.
func since(p *catalog.Poll, position string) (string, error) {
	if t, ok := timeOf(position); ok {
		position = quote(t.Add(-p.Overlap))
	}
	if p.Since == nil || position == "" {
		return position, nil
	}
	out, err := shape.Run(p.Since, []byte(position))
	if err != nil {
		return "", err
	}
	return markOf(out)
}

// later returns the greater one of two marks; of marks that can't be compared, and of those where there is none, the
// second. A time after now is now: one article that claims to be from the future must not hide all others.
func later(a, b string, now time.Time) string {
	if t, ok := timeOf(b); ok && t.After(now) {
		b = quote(now)
	}
	ta, aIsTime := timeOf(a)
	tb, bIsTime := timeOf(b)
	na, aIsNumber := new(big.Rat).SetString(a)
	nb, bIsNumber := new(big.Rat).SetString(b)
	switch {
	case b == "":
		return a
	case aIsTime && bIsTime && ta.After(tb), aIsNumber && bIsNumber && na.Cmp(nb) > 0:
		return a
	}
	return b
}

// timeOf reads the JSON of a mark that is a time of RFC 3339.
func timeOf(mark string) (time.Time, bool) {
	var text string
	if json.Unmarshal([]byte(mark), &text) != nil {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// quote writes a time as a mark, in whole seconds, which every upstream reads.
func quote(t time.Time) string {
	return `"` + t.UTC().Truncate(time.Second).Format(time.RFC3339) + `"`
}

// markOf checks what a poll's mark or since gives: a text, a number, or nothing. Errors wrap item.ErrRefused.
func markOf(out []byte) (string, error) {
	var text string
	switch {
	case len(out) == 0 || string(out) == "null" || string(out) == `""`:
		return "", nil
	case json.Unmarshal(out, &text) == nil:
		return string(out), nil
	}
	if _, isNumber := new(big.Rat).SetString(string(out)); !isNumber || len(out) > 40 {
		return "", fmt.Errorf("%w: %.40q is neither a text nor a number", item.ErrRefused, out)
	}
	return string(out), nil
}
