package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/internal/load"
)

// refusing is a server that answers requests with a status until it has answered so many.
func refusing(t *testing.T, status int, many int64) (request func(rate float64, pages int) (load.Result, error), rates *[]float64) {
	var seen atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if seen.Add(1) <= many {
			w.WriteHeader(status)
			return
		}
		w.Write([]byte("a page"))
	}))
	t.Cleanup(server.Close)
	next, err := load.New("uniform", []string{"/"}, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	rates = new([]float64)
	return func(rate float64, pages int) (load.Result, error) {
		*rates = append(*rates, rate)
		return load.Run(t.Context(), load.Config{
			Addr: server.Listener.Addr().String(), Next: next, Rate: rate, For: time.Duration(float64(pages) / rate * float64(time.Second)),
		})
	}, rates
}

// TestRequestUntil proves that pages which a busy server refuses are requested again at half the rate, and that a server which goes on
// refusing is an error that says what it answered.
func TestRequestUntil(t *testing.T) {
	request, rates := refusing(t, http.StatusTooManyRequests, 35)
	answers, bytes, err := requestUntil(2000, 100, request)
	if err != nil || answers != 100 || bytes < 600 || len(*rates) != 2 || (*rates)[1] != 1000 {
		t.Error(answers, bytes, err, *rates)
	}
	request, _ = refusing(t, http.StatusServiceUnavailable, 1000)
	answers, _, err = requestUntil(20_000, 10, request)
	if err == nil || answers != 0 || !strings.Contains(err.Error(), "with status 503") || !strings.Contains(err.Error(), "--rate") {
		t.Error(answers, err)
	}
}
