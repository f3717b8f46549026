package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"vitrine/internal/node"
)

// adminFlag says where a process's admin listener is.
type adminFlag struct {
	Admin string `help:"The admin listener of a running process: vitrine up, or a role." default:"127.0.0.1:8081" placeholder:"ADDR"`
}

// tokenFlags say what a process wants of who asks it for what costs or changes something.
type tokenFlags struct {
	Token string `help:"Token of that process; without it, admin.token in --dir is read." placeholder:"TOKEN"`
	Dir   string `help:"The --dir of that process." default:"./vitrine-data"`
}

// token is what is given, or what stands in the file.
func (f tokenFlags) token() (string, error) {
	if f.Token != "" {
		return f.Token, nil
	}
	path := filepath.Join(f.Dir, node.TokenFile)
	token, err := node.ReadToken(path)
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("this needs the token of the process that is asked, which it keeps in %s: %w\n"+
			"give its --dir, or the token itself by --token or VITRINE_TOKEN", path, err)
	}
	return token, nil
}
