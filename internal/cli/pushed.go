package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/control"
)

// pushed is a value in a bucket of NATS that has a history: the catalog, the templates.
type pushed struct {
	natsFlag
	bucket, key string
	command     string
}

// listed is one line of list --json.
type listed struct {
	Revision uint64    `json:"revision"`
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
	InForce  bool      `json:"in_force"`
}

// push calls put, which puts a value in force.
func (p pushed) push(e *env, put func(*bus.Conn) (control.Spread, error)) (control.Spread, error) {
	conn, err := p.dial(e, p.command+" push")
	if err != nil {
		return control.Spread{}, err
	}
	defer conn.Close()
	if err := conn.Ensure(e.ctx); err != nil {
		return control.Spread{}, err
	}
	if _, err := conn.Raise(e.ctx); err != nil { // nobody else may change what is pushed, where that is in an account of its own
		return control.Spread{}, err
	}
	return put(conn)
}

// list prints the revisions that NATS keeps, newest last.
func (p pushed) list(e *env, asJSON bool) error {
	conn, err := p.dial(e, p.command+" list")
	if err != nil {
		return err
	}
	defer conn.Close()
	history, err := conn.Bucket(p.bucket).History(e.ctx, p.key)
	if err != nil {
		return fmt.Errorf("read the revisions: %w", err)
	}
	for i, h := range history {
		l := listed{h.Revision, h.Created, len(h.Value), i == len(history)-1}
		if asJSON {
			err = json.NewEncoder(e.stdout).Encode(l)
		} else {
			mark := ""
			if l.InForce {
				mark = "  in force"
			}
			_, err = fmt.Fprintf(e.stdout, "%6d  %s  %6d bytes%s\n", l.Revision, l.At.Format(time.RFC3339), l.Bytes, mark)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// earlier finds an earlier revision; 0 means the one before the revision in force.
func (p pushed) earlier(e *env, conn *bus.Conn, revision uint64) (found bus.Entry, err error) {
	history, err := conn.Bucket(p.bucket).History(e.ctx, p.key)
	if err != nil {
		return found, fmt.Errorf("read the revisions: %w", err)
	}
	for i := len(history) - 1; i >= 0; i-- {
		if history[i].Revision == revision || revision == 0 && i == len(history)-2 {
			return history[i], nil
		}
	}
	return found, fmt.Errorf("no such earlier revision; see: vitrine %s list", p.command)
}
