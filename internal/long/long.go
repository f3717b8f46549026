// Package long lets a test have a short form, for make test, and a full one, for make test-long.
package long

import (
	"os"
	"testing"
)

// Variable is the environment variable that, when not empty, runs tests in their full form.
const Variable = "VITRINE_TEST_LONG"

// Full reports whether tests run in their full form.
func Full() bool { return os.Getenv(Variable) != "" }

// Pick returns full if tests run in their full form, and brief otherwise.
func Pick[T any](brief, full T) T {
	if Full() {
		return full
	}
	return brief
}

// Only skips a test that has no short form, and says how to run it.
func Only(t testing.TB) {
	t.Helper()
	if !Full() {
		t.Skip("has no short form: make test-long runs it")
	}
}
