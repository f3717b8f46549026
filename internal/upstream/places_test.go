package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPlacesAreNeverExceeded proves that nobody gets a place while all are held. A request whose context has ended is
// turned away each time when no place is free. If a single one were free, a few tries would find it. The limit comes
// from the catalog in force, so another catalog changes it.
func TestPlacesAreNeverExceeded(t *testing.T) {
	const tries = 50
	c := client(t)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, places := range []int{4, 2, 7} {
		t.Run(fmt.Sprint(places), func(t *testing.T) {
			here, gate := make(chan struct{}), make(chan struct{})
			d := dimension(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				here <- struct{}{}
				<-gate
				io.WriteString(w, "{}")
			}), single)
			d.From.Concurrency = places
			ids := make([]string, places)
			for i := range ids {
				ids[i] = fmt.Sprint(i)
			}
			done := make(chan error)
			go func() {
				for _, a := range c.Fetch(t.Context(), d, asks(ids...)) {
					done <- a.Err
				}
			}()
			for range places {
				<-here
			}
			for range tries {
				if a := c.Fetch(ended, d, asks("late"))[0]; a.Err == nil || !strings.Contains(a.Err.Error(), "calls are taken") {
					t.Errorf("a place was free beside %d calls: %v", places, a.Err)
					break
				}
			}
			close(gate)
			for range places {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}
