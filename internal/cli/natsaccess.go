package cli

import (
	"fmt"

	"vitrine/internal/bus"
)

// natsAccess says how to log in to a NATS, and what is made there. Secrets are in files, or in the URL by VITRINE_NATS, so
// that no list of processes shows them.
type natsAccess struct {
	Control string `help:"Where operators' pushes are stored, if not beside the streams: for operators the URL of their NATS account, for all others the prefix under which their account imports its JetStream API." placeholder:"URL|PREFIX"`

	Replicas int    `name:"nats-replicas" help:"Servers of a NATS cluster that hold each stream, 1 to 5. Without it, three in a cluster that has as many, one elsewhere." default:"0" placeholder:"N"`
	Creds    string `name:"nats-creds" help:"File with the JWT and the seed to log in to NATS with." placeholder:"FILE"`
	NKey     string `name:"nats-nkey" help:"File with the seed of an nkey to log in to NATS with." placeholder:"FILE"`
	Login    string `name:"nats-login" help:"File with a line to log in to NATS with: USER:PASSWORD, or a token." placeholder:"FILE"`
	CA       string `name:"nats-ca" help:"File with the certificates that vouch for NATS's own." placeholder:"FILE"`
	Cert     string `name:"nats-cert" help:"File with a client's certificate for NATS; takes --nats-key." placeholder:"FILE"`
	Key      string `name:"nats-key" help:"File with the key of --nats-cert." placeholder:"FILE"`

	ControlCreds string `name:"control-creds" help:"As --nats-creds, for the URL in --control." placeholder:"FILE"`
	ControlNKey  string `name:"control-nkey" help:"As --nats-nkey, for the URL in --control." placeholder:"FILE"`
	ControlLogin string `name:"control-login" help:"As --nats-login, for the URL in --control." placeholder:"FILE"`
}

// mostReplicas is JetStream's.
const mostReplicas = 5

// Validate returns an error that names the flag with an invalid value; kong calls it.
func (f natsAccess) Validate() error {
	if f.Replicas < 0 || f.Replicas > mostReplicas {
		return fmt.Errorf("--nats-replicas %d: it must be between 1 and %d, or 0 for what the cluster can give", f.Replicas, mostReplicas)
	}
	return nil
}

// access is what the flags say, without an address.
func (f natsAccess) access() bus.Config {
	return bus.Config{
		Control: f.Control, Replicas: f.Replicas,
		Login:        bus.Login{Creds: f.Creds, NKey: f.NKey, File: f.Login, CA: f.CA, Cert: f.Cert, Key: f.Key},
		ControlLogin: bus.Login{Creds: f.ControlCreds, NKey: f.ControlNKey, File: f.ControlLogin},
	}
}

// config is that of a command's connection.
func (f natsAccess) config(url, command string, e *env) bus.Config {
	cfg := f.access()
	cfg.URL = url
	cfg.Name = "vitrine " + command
	cfg.Log = e.log
	return cfg
}
