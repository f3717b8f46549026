package cli_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"vitrine/internal/cli"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

const commandsPage = "../../docs/commands.md"

const commandsIntro = `# Commands

Each command and its flags. This page is made from the program: ` + "`go test ./internal/cli -run TestCommandsPage -update`" + `. ` + "`vitrine COMMAND --help`" + ` says
the same. A flag may also be given by the environment: ` + "`--log-level`" + ` by ` + "`VITRINE_LOG_LEVEL`" + `, and so on. What a role may have from a file
is described in [operations.md](operations.md#flags-environment-file).
`

// TestCommandsPage holds docs/commands.md to the program's commands and flags.
func TestCommandsPage(t *testing.T) {
	t.Parallel()
	app, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString(commandsIntro + "\nOf every command:\n\n")
	writeFlags(&page, app.Flags)
	for _, command := range app.Leaves(true) {
		writeCommand(&page, command)
	}
	if *update {
		if err := os.WriteFile(commandsPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page.String() {
		t.Errorf("%s is not what the program says: go test ./internal/cli -run TestCommandsPage -update", commandsPage)
	}
}

// TestHelpOfOneCommand proves that a command's help, for which only the parser of that command is built, is the same
// as by a parser of all commands.
func TestHelpOfOneCommand(t *testing.T) {
	t.Parallel()
	app, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range app.Children {
		args := []string{command.Name, "--help"}
		whole, err := cli.WholeHelp(args)
		if err != nil {
			t.Fatal(err)
		}
		code, out, stderr := vitrine(t, args...)
		if code != 0 || len(out) < 100 || stderr != "" {
			t.Errorf("%v: code %d, %q %q", args, code, out, stderr)
		}
		if out != whole {
			t.Errorf("%v: %s\nby a parser of all: %s", args, out, whole)
		}
	}
	if code, out, _ := vitrine(t, "--help"); code != 0 || strings.Count(out, "\n  ") < len(app.Children) {
		t.Errorf("code %d: %s", code, out)
	}
}

func writeCommand(page *strings.Builder, command *kong.Node) {
	fmt.Fprintf(page, "\n## %s\n\n%s\n", command.FullPath(), command.Help)
	for _, arg := range command.Positional {
		fmt.Fprintf(page, "\n* `%s`: %s", arg.Summary(), arg.Help)
	}
	if len(command.Positional) > 0 {
		page.WriteString("\n")
	}
	if command.Detail != "" {
		fmt.Fprintf(page, "\n```text\n%s\n```\n", command.Detail)
	}
	if len(command.Flags) > 0 {
		page.WriteString("\n")
		writeFlags(page, command.Flags)
	}
}

func writeFlags(page *strings.Builder, flags []*kong.Flag) {
	page.WriteString("| flag | default | what it does |\n|---|---|---|\n")
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Tag.Negatable != "" {
			name += "`, `--no-" + f.Name
		}
		if !f.IsBool() {
			name += "=" + strings.ToUpper(cmp.Or(f.PlaceHolder, f.Name))
		}
		cell := strings.NewReplacer("|", `\|`, "${enum}", f.Enum)
		fmt.Fprintf(page, "| `%s` | %s | %s |\n", cell.Replace(name), cell.Replace(f.Default), cell.Replace(f.Help))
	}
}
