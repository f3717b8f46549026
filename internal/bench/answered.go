package bench

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/load"
)

// requestSome requests pages so many times, at the times at which they are due.
func (b *bench) requestSome(ctx context.Context, workload string, paths []string, rate float64, pages int) (load.Result, error) {
	return b.request(ctx, workload, paths, load.Config{Rate: rate, For: time.Duration(float64(pages) / rate * float64(time.Second)), Connections: 64, Encoding: "gzip"})
}

// requestAll requests so many pages. It fails if one is not answered with a page, since the times would not be those of pages.
func (b *bench) requestAll(ctx context.Context, workload string, rate float64, pages int) (load.Result, error) {
	r, err := b.requestSome(ctx, workload, b.paths(mostPaths), rate, pages)
	if err == nil && r.Status[http.StatusOK] < int64(pages) {
		err = unanswered(r, rate)
	}
	return r, err
}

// requestTries is how often those requests are sent that were not answered with a page.
const requestTries = 6

// requestUntil requests pages until so many were answered: what a server refuses, since its machine has too much to do, is requested again at
// half the rate. It fails if some are refused in the end.
func requestUntil(rate float64, pages int, request func(rate float64, pages int) (load.Result, error)) (answers, bytes float64, err error) {
	for try := 1; ; try++ {
		r, err := request(rate, pages-int(answers))
		if err != nil {
			return answers, bytes, err
		}
		answers += float64(r.Status[http.StatusOK])
		bytes += float64(r.Bytes)
		switch {
		case int(answers) >= pages:
			return answers, bytes, nil
		case try == requestTries:
			return answers, bytes, unanswered(r, rate)
		}
		rate /= 2
	}
}

// unanswered is the error where requests at a rate were not answered with pages.
func unanswered(r load.Result, rate float64) error {
	var what []string
	for _, status := range slices.Sorted(maps.Keys(r.Status)) {
		if status != http.StatusOK {
			what = append(what, fmt.Sprintf("%d with status %d", r.Status[status], status))
		}
	}
	for _, class := range slices.Sorted(maps.Keys(r.Errors)) {
		what = append(what, fmt.Sprintf("%d not at all: %s", r.Errors[class], class))
	}
	if r.Unsent > 0 {
		what = append(what, fmt.Sprintf("%d were not sent in time", r.Unsent))
	}
	return fmt.Errorf("%w: of %d requests at %.4g/s %d were answered with a page (%s): free the machine of other work, or give a lower --rate",
		item.ErrUnavailable, r.Sent+r.Unsent, rate, r.Status[http.StatusOK], strings.Join(what, ", "))
}
