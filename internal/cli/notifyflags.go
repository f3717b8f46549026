package cli

import (
	"fmt"

	"vitrine/internal/node"
	"vitrine/internal/notify"
)

// notifyFlags are for the listener that takes notifications by HTTP.
type notifyFlags struct {
	Notify      string `help:"Listen address for notifications by HTTP: POST /notify. Without it there is none." placeholder:"ADDR"`
	NotifyToken string `name:"notify-token" help:"The variable of the environment that holds the secret of POST /notify, of 16 bytes at least." placeholder:"env:NAME"`
}

// listener checks the flags.
func (f notifyFlags) listener() (n node.Notify, err error) {
	n.Addr = f.Notify
	switch {
	case f.Notify == "" && f.NotifyToken != "":
		return n, usagef("--notify-token is for the listener of --notify ADDR, which is missing")
	case f.NotifyToken == "":
		return n, nil
	}
	n.Token, err = notify.Secret(f.NotifyToken, nil)
	if err != nil {
		return n, usageError{fmt.Errorf("--notify-token: %w", err)}
	}
	return n, nil
}
