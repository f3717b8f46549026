package cli

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"vitrine/internal/jsonl"
	"vitrine/internal/redact"
)

// serveFlag names files that stand for upstreams.
type serveFlag struct {
	Serve []string `help:"Serve a file of rows (JSON lines, a JSON array, CSV) as an upstream, named in the catalog as serve:NAME; with ,distinct behind the field, the first row of each of its values. Repeatable." placeholder:"NAME=FILE[:ID_FIELD][,ENCODING]" sep:"none"`
}

func (f serveFlag) specs() (specs []jsonl.Spec, err error) {
	for _, s := range f.Serve {
		spec, err := jsonl.ParseSpec(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--serve %s: %w", s, err)}
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// servedFiles are files that are served on loopback for as long as a command runs.
type servedFiles struct {
	addresses map[string]string // name → base URL, as catalog.Options has it
	servers   []*http.Server
	ended     chan error // one of each server
}

// open serves the files as they are now. The caller must call close, also after an error.
func (f serveFlag) open(e *env) (*servedFiles, error) {
	s := &servedFiles{addresses: map[string]string{}, ended: make(chan error, len(f.Serve))}
	specs, err := f.specs()
	if err != nil {
		return s, err
	}
	for _, spec := range specs {
		table, err := jsonl.Open(e.ctx, spec, e.log)
		if err != nil {
			return s, err
		}
		var config net.ListenConfig
		l, err := config.Listen(e.ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return s, err
		}
		server := &http.Server{Handler: table.Handler(), ReadHeaderTimeout: 5 * time.Second}
		s.addresses[spec.Name] = "http://" + l.Addr().String()
		s.servers = append(s.servers, server)
		go func() {
			defer redact.Crash()
			s.ended <- server.Serve(l)
		}()
	}
	return s, nil
}

// close ends all servers.
func (s *servedFiles) close() error {
	var faults []error
	for _, server := range s.servers {
		faults = append(faults, server.Close())
	}
	for range s.servers {
		if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
