package redact_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"vitrine/internal/redact"
)

// crashing is the environment variable that makes the test binary panic.
const crashing = "REDACT_TEST_CRASH"

// TestCrash proves that a panic in a goroutine ends the program with Go's usual output, but without the password.
func TestCrash(t *testing.T) {
	if os.Getenv(crashing) != "" {
		go func() {
			defer redact.Crash()
			panicking()
		}()
		select {}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashing+"=1")
	out, err := cmd.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v", err)
	}
	text := string(out)
	for _, want := range []string{"panic: dial redis://app:***@h:1: refused", "panicking", "crash_test.go:"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("it tells the password: %s", text)
	}
}

func panicking() { panic(errors.New("dial redis://app:canary@h:1: refused")) }
