package redact

import (
	"fmt"
	"os"
	"runtime/debug"
)

// crashed is the exit code of a Go program that panics.
const crashed = 2

// Crash is deferred at the top of each goroutine. A panic that nobody recovers ends the process, and Go prints its
// value as it is, for instance an invalid address with its password. Crash prints the same without passwords, and ends
// the process.
func Crash() {
	reason := recover()
	if reason == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "panic: %s\n\n%s", Text(fmt.Sprint(reason)), Text(string(debug.Stack())))
	os.Exit(crashed)
}

// Guard wraps f for a goroutine of its own: it defers Crash.
func Guard(f func() error) func() error {
	return func() error {
		defer Crash()
		return f()
	}
}
