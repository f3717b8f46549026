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
		err = errors.Join(err, goleak.Find())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
