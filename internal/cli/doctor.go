package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/redact"
	"vitrine/internal/upstream"
)

type doctorCommand struct {
	roomFlags
	Catalog string `help:"Catalog file, in place of the one in force." placeholder:"FILE" type:"existingfile"`
	JSON    bool   `name:"json" help:"Print one JSON object a line."`
}

func (doctorCommand) Help() string {
	return `Examples:
  vitrine doctor
  vitrine doctor --config room.yaml --catalog shop.yaml`
}

// finding is one line of the doctor's.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Run is vitrine doctor: it tries everything and fails when something is not as it should be.
func (d *doctorCommand) Run(e *env) error {
	ctx, cancel := context.WithTimeout(e.ctx, 30*time.Second)
	defer cancel()
	sick := false
	tell := func(what, good string, err error) {
		f := finding{what, err == nil, good}
		if err != nil {
			sick = true
			f.Text = err.Error()
		}
		f.Text = redact.Shown(f.Text) // addresses may hold passwords, and what upstreams answer anything
		if d.JSON {
			json.NewEncoder(e.stdout).Encode(f)
			return
		}
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(e.stdout, "%s  %-10s %s\n", mark, f.What, strings.ReplaceAll(f.Text, "\n", "\n      "))
	}
	tell("disk", d.Dir+" can be written", writable(d.Dir))
	conn, err := d.checkNATS(ctx, e)
	tell("nats", d.NATS+" has JetStream and is new enough", err)
	if conn != nil {
		defer conn.Close()
		text, err := conn.CheckHistory(ctx)
		tell("history", text, err)
	}
	d.checkRedis(ctx, e, tell)
	cat, from, err := d.loadCatalog(ctx, e, conn)
	tell("catalog", from+" is sound", err)
	if cat != nil {
		d.checkUpstreams(ctx, e, cat, tell)
	}
	if sick {
		return errReported
	}
	return nil
}

// writable makes and removes a file in dir, or in the nearest folder above it that exists.
func writable(dir string) error {
	for _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist); _, err = os.Stat(dir) {
		dir = filepath.Dir(filepath.Clean(dir))
	}
	f, err := os.CreateTemp(dir, ".vitrine-doctor-*")
	if err != nil {
		return fmt.Errorf("--dir can't be written: %w", err)
	}
	f.Close()
	return os.Remove(f.Name())
}

func (d *doctorCommand) checkNATS(ctx context.Context, e *env) (*bus.Conn, error) {
	conn, err := bus.Dial(ctx, bus.Config{URL: d.NATS, Control: d.Control, Name: "vitrine doctor", Log: e.log})
	if err != nil {
		return nil, fmt.Errorf("%w; is it running, and is --nats right?", err)
	}
	if err := conn.Check(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (d *doctorCommand) checkRedis(ctx context.Context, e *env, tell func(what, good string, err error)) {
	if d.recordsURL() == "" {
		tell("redis", "none given: fine for vitrine up, which keeps all in bbolt; roles of a room need --redis", nil)
		return
	}
	for _, s := range []struct{ what, url string }{{"records", d.recordsURL()}, {"blobs", d.blobsURL()}} {
		tell(s.what, s.url+" is as it should be", checkRedis(ctx, e, s.url))
	}
}

func checkRedis(ctx context.Context, e *env, url string) error {
	s, err := rediskv.Open(ctx, rediskv.Config{URL: url, Log: e.log})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Check(ctx)
}

func (d *doctorCommand) loadCatalog(ctx context.Context, e *env, conn *bus.Conn) (*catalog.Catalog, string, error) {
	if d.Catalog != "" {
		src, err := os.ReadFile(d.Catalog)
		if err != nil {
			return nil, d.Catalog, err
		}
		cat, err := catalog.Parse(src, d.Catalog, catalog.Options{})
		return cat, d.Catalog, err
	}
	if conn == nil {
		return nil, "", fmt.Errorf("not looked at without NATS; or name a file: --catalog FILE")
	}
	cat, err := control.Load(ctx, conn)
	return cat, "the one in force", err
}

// checkUpstreams asks each data owner for a sign of life, and each list for its first page.
func (d *doctorCommand) checkUpstreams(ctx context.Context, e *env, cat *catalog.Catalog, tell func(what, good string, err error)) {
	secrets, err := upstream.NewSecrets(d.Secret, nil)
	if err != nil {
		tell("secret", "", err)
		return
	}
	if d.Catalog != "" {
		secrets.Trust(cat)
	}
	for _, err := range secrets.Check(cat) {
		tell("secret", "", err)
	}
	client := upstream.New(upstream.Config{Log: e.log, Secrets: secrets})
	defer client.Close()
	for _, u := range cat.Upstreams {
		if strings.HasPrefix(u.URL, "serve:") {
			tell("upstream", u.Name+" is a file that up serves: not looked at", nil)
			continue
		}
		tell("upstream", u.Name+" answers at "+u.URL, answers(ctx, u))
	}
	for _, name := range sortedKinds(cat) {
		l := cat.Kinds[name].List
		if l == nil || strings.HasPrefix(l.From.URL, "serve:") {
			continue
		}
		ids, _, err := client.List(ctx, l, "")
		tell("list", fmt.Sprintf("%s: the first page has %d ids", name, len(ids)), err)
	}
}

// answers is content with any HTTP answer: whether a path exists is the dimensions' business.
func answers(ctx context.Context, u *catalog.Upstream) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.URL+"/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", u.Name, err)
	}
	return res.Body.Close()
}
