package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/control"
	"vitrine/internal/trial"
	"vitrine/internal/upstream"
	"vitrine/templates"
)

// checkUpstreams sends each upstream a request, and tries what the catalog makes of the answers.
func (x *checkRun) checkUpstreams(ctx context.Context, cat *catalog.Catalog, set *templates.Set) {
	secrets, err := upstream.NewSecrets(x.Secrets, nil)
	if err != nil {
		x.report("secret", "", err)
		return
	}
	if x.Catalog != "" {
		secrets.Trust(cat)
	}
	for _, err := range secrets.Check(cat) {
		x.report("secret", "", err)
	}
	client := upstream.New(upstream.Config{Log: x.Log, Secrets: secrets})
	defer client.Close()
	for _, u := range cat.Upstreams {
		if u.Serve != "" {
			if fault := served(ctx, client, u); fault != nil {
				x.warn("try", x.untried(u, fault))
				set = nil
				continue
			}
		}
		x.report("upstream", u.Name+" answers at "+u.URL, reachable(ctx, client, u))
		if u.Token != nil {
			_, err := client.Token(ctx, u)
			x.report("token", "there is one for "+u.Name, err)
		}
	}
	if set != nil {
		x.tryCatalog(ctx, cat, client, set)
	}
}

// templates returns the templates that were pushed, or else the folder's over the theme. conn is nil if NATS can't be asked.
func (x *checkRun) templates(ctx context.Context, conn *bus.Conn) (*templates.Set, error) {
	if conn != nil {
		pushed, err := control.PushedTemplates(ctx, conn)
		if err != nil || pushed != nil {
			return pushed, err
		}
	}
	return templates.LoadFolder(x.Templates)
}

// tryCatalog asks for a few real entities, and makes records, blobs and pages of the answers.
func (x *checkRun) tryCatalog(ctx context.Context, cat *catalog.Catalog, client *upstream.Client, set *templates.Set) {
	for _, m := range cat.MissingTemplates(file(x.Catalog), set.Pages(), set.Has) {
		x.report("templates", "", m)
	}
	trial.Run(ctx, trial.Config{Catalog: cat, File: file(x.Catalog), Client: client, Templates: set, Entities: x.Entities, Report: func(f trial.Finding) {
		x.failed = x.failed || f.Failed
		x.record(Finding{What: "try", OK: !f.Failed, Warning: f.Warning, Text: f.What + ": " + f.Text})
	}})
}

// served fails if a file that up serves can't be read here: the catalog is one from a file, up has ended, or it runs on another machine.
func served(ctx context.Context, client *upstream.Client, u *catalog.Upstream) error {
	if strings.HasPrefix(u.URL, "serve:") {
		return errors.New("its address is known with the catalog in force only, without --catalog")
	}
	if err := reachable(ctx, client, u); err != nil {
		return fmt.Errorf("up must run, on this machine: %w", err)
	}
	return nil
}

// untried says which command tries a catalog one of whose files can't be read here.
func (x *checkRun) untried(u *catalog.Upstream, fault error) string {
	return fmt.Sprintf("the catalog is not tried, since %s is a file that up serves (%v); try it by: vitrine catalog check %s --try --serve %s=FILE[:ID_FIELD]",
		u.Name, fault, cmp.Or(x.Catalog, "CATALOG"), u.Serve)
}

// reachable fails if an upstream gives no HTTP answer, or a database lets nobody in. Any status will do: paths are checked with the
// dimensions.
func reachable(ctx context.Context, client *upstream.Client, u *catalog.Upstream) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if u.SQL != "" {
		return client.Ping(ctx, u)
	}
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

// file names a catalog in errors.
func file(given string) string { return cmp.Or(given, "catalog") }
