package cli

import (
	"io"

	"github.com/alecthomas/kong"
)

// Model gives the commands and flags of the program.
func Model() (*kong.Application, error) {
	parser, err := newParser(&commands{}, io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}
