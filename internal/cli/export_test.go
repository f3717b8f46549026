package cli

import (
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Model returns the model of the program's commands and flags.
func Model() (*kong.Application, error) {
	parser, err := newParser(everyCommand(), io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// WholeHelp returns what --help prints for args, from a parser of every command.
func WholeHelp(args []string) (help string, err error) {
	var out strings.Builder
	defer func() {
		help = out.String()
		if r := recover(); r != nil && r != any(exitNow(exitDone)) {
			panic(r)
		}
	}()
	parser, err := newParser(everyCommand(), &out, &out)
	if err != nil {
		return "", err
	}
	_, err = parser.Parse(args)
	return "", err
}
