package bus

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// apiPrefix is where JetStream's API is, unless it is imported from another account.
const apiPrefix = "$JS.API"

// pushed are the buckets that operators push to and all others only read. They may lie in an account of their own.
func pushed(bucket string) bool {
	return slices.Contains([]string{"switches", "catalog", "templates"}, bucket)
}

// home is where a bucket lies: a connection, and JetStream's API as that connection sees it.
type home struct {
	conn   *Conn
	js     jetstream.JetStream
	prefix string
}

func (b *Bucket) home() home {
	c := b.conn
	switch {
	case !pushed(b.name) || c.cfg.Control == "":
		return home{c, c.js, apiPrefix}
	case c.operator != nil:
		return home{c.operator, c.operator.js, apiPrefix}
	}
	return home{c, c.controlJS, c.cfg.Control}
}

// openControl connects to where pushed buckets lie, if that is elsewhere.
func (c *Conn) openControl(ctx context.Context) (err error) {
	switch {
	case c.cfg.Control == "":
		return nil
	case strings.Contains(c.cfg.Control, "://"):
		cfg := c.cfg
		cfg.URL = c.cfg.Control
		cfg.Login = c.cfg.ControlLogin.over(c.cfg.Login)
		cfg.Control = ""
		cfg.Server = nil
		c.operator, err = Dial(ctx, cfg)
		return err
	}
	js, err := jetstream.NewWithAPIPrefix(c.nats, c.cfg.Control, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return fmt.Errorf("JetStream's API under %q: %w", c.cfg.Control, err)
	}
	c.controlJS = bounded{js}
	return nil
}

// mayMake reports whether this connection may make a bucket that is missing: one that only reads pushed buckets leaves
// them to operators.
func (c *Conn) mayMake(bucket string) bool { return !pushed(bucket) || c.MayPush() }

// MayPush reports whether this connection is one of operators, where they push into an account of their own; else it is true.
func (c *Conn) MayPush() bool { return c.controlJS == nil }

// inboxPrefix is where answers come for a user: a NATS can have each user hear its own only. It is "" for no user, or one
// whose name can't stand in a subject.
func inboxPrefix(user string) string {
	for _, c := range user {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", c) {
			return ""
		}
	}
	if user == "" {
		return ""
	}
	return "_INBOX." + user
}

// Beside connects to the NATS of another room as c is connected to that of its own: with the same name, and to the same account, or
// through the same prefix, of what operators push. It fails as Dial does.
func (c *Conn) Beside(ctx context.Context, address string) (*Conn, error) {
	cfg := c.cfg
	cfg.URL = address
	cfg.Server = nil
	cfg.Away = false
	if userOf(address) != "" { // else it is this room's
		cfg.Login = Login{}.over(cfg.Login)
	}
	first, _, _ := strings.Cut(address, ",")
	there, err := url.Parse(first)
	account, err2 := url.Parse(cfg.Control)
	if err == nil && err2 == nil && account.Host != "" {
		account.Host = there.Host
		cfg.Control = account.String()
	}
	return Dial(ctx, cfg)
}
