package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// secretFlag is for pushed catalogs: which secrets of this process they may have sent, and where.
type secretFlag struct {
	Secret []string `help:"A secret that the catalog may name, and the upstream that it may be sent to: an environment variable (NAME), file:PATH or command:WORDS for a token, or token:ORIGIN, what that token endpoint gives. Repeatable. What a catalog file on the command line names is always allowed, except for commands." placeholder:"NAME=ORIGIN"`
}

// roomFlags are the addresses of what a role depends on. A room is a data centre: its own Redis, NATS and detail
// servers, from its own config file.
type roomFlags struct {
	Config configFile `help:"YAML file with values for any of these flags, by name (such as log-level)." placeholder:"room.yaml" type:"existingfile"`
	NATS   string     `name:"nats" help:"The room's NATS." default:"nats://127.0.0.1:4222" placeholder:"URL"`
	natsAccess
	secretFlag
	Redis   string `help:"The room's Redis, for records and blobs: a server, redis://host:6379, a Cluster, redis://h1,h2, or what sentinels watch, redis+sentinel://h1,h2/NAME; rediss for TLS." placeholder:"URL"`
	Records string `help:"Redis for records, if it is a different one." placeholder:"URL"`
	Blobs   string `help:"Redis for blobs, if it is a different one." placeholder:"URL"`
	Admin   string `help:"Listen address of health, metrics and explain." default:"127.0.0.1:8081" placeholder:"ADDR"`
	Dir     string `help:"Folder for this process's own state." default:"./vitrine-data"`
	Room    string `help:"The room's name, shown to operators." default:"local"`
}

// replicaFlag is for what reads blobs and writes none.
type replicaFlag struct {
	BlobsRead string `name:"blobs.read" aliases:"blobs-replica" help:"The room's own replica of the blobs' Redis, or a Cluster with replicas: blobs are read there. What is too old there, or what it can't answer, is read from the master." placeholder:"URL"`
}

// recordsURL is the address of the records store, "" if none is given.
func (r roomFlags) recordsURL() string { return first(r.Records, r.Redis) }
func (r roomFlags) blobsURL() string   { return first(r.Blobs, r.Redis, r.Records) }

func first(values ...string) string {
	i := slices.IndexFunc(values, func(s string) bool { return s != "" })
	if i < 0 {
		return ""
	}
	return values[i]
}

// needRedis is the error of a role that was started without a store.
func (r roomFlags) needRedis(role string) error {
	if r.recordsURL() == "" || r.blobsURL() == "" {
		return usagef("this role needs a Redis that every role of the room shares: give --redis redis://HOST:PORT, "+
			"or redis: in the file of --config (for one machine without Redis there is: vitrine up)\n  role: %s", role)
	}
	return nil
}

// configFile is a YAML file of flag values. Flags take precedence over the environment, that over the file, and the
// file over the defaults.
type configFile string

// BeforeResolve lets kong read every flag from the file that the command line does not set.
func (c configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(trace.Flag).(configFile)
	if path == "" {
		return nil
	}
	src, err := os.ReadFile(string(path))
	if err != nil {
		return err
	}
	values := map[string]any{}
	if err := yaml.UnmarshalWithOptions(src, &values, yaml.Strict()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	whole, err := newParser(everyCommand(), io.Discard, io.Discard)
	if err != nil {
		return err
	}
	if err := checkKeys(string(path), values, whole.Model); err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if slices.ContainsFunc(flag.Envs, isSet) {
			return nil, nil
		}
		for _, name := range append([]string{flag.Name}, flag.Aliases...) {
			if value, ok := values[name]; ok {
				return value, nil
			}
		}
		return nil, nil
	}))
	return nil
}

func isSet(name string) bool {
	_, ok := os.LookupEnv(name)
	return ok
}

// checkKeys refuses a key that no role knows, and a value of the wrong type, so that a typing error does not pass as a
// default. A room's file may serve all roles, so keys of other roles are accepted.
func checkKeys(path string, values map[string]any, whole *kong.Application) error {
	known := map[string]*kong.Flag{}
	for _, node := range whole.Leaves(false) {
		for _, group := range node.AllFlags(false) {
			for _, flag := range group {
				if known[flag.Name] == nil || !fits(known[flag.Name].Target.Type(), values[flag.Name]) {
					known[flag.Name] = flag // commands may have flags of one name and different types
				}
				for _, alias := range flag.Aliases {
					known[alias] = flag
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		flag := known[key]
		if flag == nil {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			return fmt.Errorf("%s: unknown key %q; known are %s", path, key, strings.Join(names, ", "))
		}
		if err := checkValue(path, flag, values[key]); err != nil {
			return err
		}
	}
	return nil
}
