// Package testmain runs the tests of a package that share servers.
package testmain

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Run runs the tests of a package, ends what they share by stop, checks for leaked goroutines, and exits. TestMain calls it.
func Run(m *testing.M, stop func() error) {
	code := m.Run()
	err := stop()
	if code == 0 {
		// A dial attempt of go-redis sleeps for a second before it sees that its pool is closed.
		err = errors.Join(err, goleak.Find(goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
