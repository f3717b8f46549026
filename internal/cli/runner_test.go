package cli_test

import (
	"context"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"vitrine/internal/cli"
	"vitrine/internal/long"
)

// runner runs vitrine until it ends or ctx is cancelled, and returns its exit code, as cli.Run does.
type runner func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// runnerOf returns how a test runs its roles and benchmarks. In the full form they run in the tests' own process, under
// the race detector and goleak. In the short form only the roles of watchedTests do. All others run as processes of the
// plain program, as in a deployment, which takes a fraction of the CPU. Other commands always run in the tests' process.
func runnerOf(t testing.TB) runner {
	t.Helper()
	test, _, _ := strings.Cut(t.Name(), "/")
	if _, benchmark := t.(*testing.B); benchmark || long.Full() || slices.Contains(watchedTests(), test) {
		return cli.Run
	}
	binary := built(t)
	return func(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
		return runProcess(ctx, binary, args, stdout, stderr)
	}
}

// watchedTests names the tests whose roles run under the race detector in the short form too. Between them they run
// each role under load and through the loss of its servers, and use what operators push: catalogs, switches, rules
// and templates.
func watchedTests() []string {
	return []string{
		"TestARedisThatComesBackEmptyUnderLoad", // up, heterog, syncer and two detail servers, with edits and visitors
		"TestALostNATSIsFilledAgain",
		"TestChangesReachPages",
		"TestNginxObeysSwitches", // the switch agent
		"TestRulesThrowSwitches",
		"TestSwitchCommands",
		"TestTemplatesArePushed",
		"TestTheAdminListener", // the Go profiler and rehearsals
		"TestTutorial",         // pushed catalogs and served files
	}
}

// TestWatchedTestsAreThere proves that no name in watchedTests is out of date.
func TestWatchedTestsAreThere(t *testing.T) {
	t.Parallel()
	declared := declaredTests(t)
	for _, name := range watchedTests() {
		if !slices.Contains(declared, name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// runProcess runs vitrine as a process, and ends it with SIGTERM when ctx is cancelled. The exit code is -1 if a signal
// killed it.
func runProcess(ctx context.Context, binary string, args []string, stdout, stderr io.Writer) int {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the tests are killed, it ends too
	if err := cmd.Run(); cmd.ProcessState == nil {
		io.WriteString(stderr, err.Error())
		return -1
	}
	return cmd.ProcessState.ExitCode()
}
