package doctor

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/upstream"
)

// checkUpstreams sends each upstream a request, and reads the first page of each list.
func (x *checkRun) checkUpstreams(ctx context.Context, cat *catalog.Catalog) {
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
		if strings.HasPrefix(u.URL, "serve:") {
			x.report("upstream", u.Name+" is a file that up serves: not looked at", nil)
			continue
		}
		x.report("upstream", u.Name+" answers at "+u.URL, reachable(ctx, u))
	}
	for _, name := range slices.Sorted(maps.Keys(cat.Kinds)) {
		l := cat.Kinds[name].List
		if l == nil || strings.HasPrefix(l.From.URL, "serve:") {
			continue
		}
		ids, _, err := client.List(ctx, l, "")
		x.report("list", fmt.Sprintf("%s: the first page has %d ids", name, len(ids)), err)
	}
}

// reachable fails if an upstream gives no HTTP answer. Any status will do: paths are checked with the dimensions.
func reachable(ctx context.Context, u *catalog.Upstream) error {
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
