// Package cli is the command line, with one file for each command: its flags, its call and its output. Run is the
// program.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"vitrine/internal/redact"
)

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// env is what a command gets besides its flags.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger

	level      *slog.LevelVar // of log; the switch log.level sets it
	startLevel slog.Level
}

// usageError is an invalid command line: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is a failure whose text was already printed.
var errReported = errors.New("failed")

// exitNow is a panic value that carries kong's exit after --help out of its parser.
type exitNow int

// Run is the program. It parses args, runs the command until it is done or ctx ends, and returns the exit code: 0 done,
// 1 failed, 2 usage.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer redact.Crash()
	defer func() {
		if r := recover(); r != nil {
			wish, ok := r.(exitNow)
			if !ok {
				panic(r)
			}
			code = int(wish)
		}
	}()
	cli := commandsFor(args)
	parser, err := newParser(cli, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "vitrine:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "vitrine: %s\nTry: vitrine --help\n", redact.Shown(err.Error()))
		return exitUsage
	}
	level := &slog.LevelVar{}
	level.Set(cli.LogLevel)
	e := &env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, log: newLogger(stderr, level, cli.LogFormat), level: level, startLevel: cli.LogLevel}
	return report(stderr, strings.Fields(parsed.Command())[0], parsed.Run(e))
}

// newParser makes the parser of the command line. It panics with an exitNow after --help.
func newParser(c *commands, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("vitrine"),
		kong.Description("Product pages that stand while the systems behind them do not."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exitNow(code)) }),
		kong.DefaultEnvars("VITRINE"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
		kong.UsageOnError(),
	)
}

func report(stderr io.Writer, command string, err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "vitrine %s: %s\nTry: vitrine %s --help\n", command, redact.Shown(err.Error()), command)
		return exitUsage
	}
	fmt.Fprintf(stderr, "vitrine %s: %s\n", command, redact.Shown(err.Error()))
	return exitFailed
}

func newLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	opt := &slog.HandlerOptions{Level: level, ReplaceAttr: withoutPasswords}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	return slog.New(slog.NewTextHandler(w, opt))
}

// setLevel sets the log level; "start" is that of the command line.
func (e *env) setLevel(word string) {
	level := e.startLevel
	if word != "start" {
		if err := level.UnmarshalText([]byte(word)); err != nil {
			return
		}
	}
	e.level.Set(level)
}

// withoutPasswords masks logins in URLs anywhere in a log attribute.
func withoutPasswords(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString, slog.KindAny:
	default:
		return a
	}
	text := fmt.Sprint(a.Value.Any())
	if masked := redact.Text(text); masked != text {
		a.Value = slog.StringValue(masked)
	}
	return a
}
