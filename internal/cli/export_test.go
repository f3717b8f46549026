package cli

import (
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Model gives the commands and flags of the program.
func Model() (*kong.Application, error) {
	parser, err := newParser(everyCommand(), io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// WholeHelp gives the help for args by a parser of every command, which --help ends.
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
