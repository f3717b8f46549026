package demo

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"vitrine/internal/demo/draw"
)

// Pictures returns the handler of the pictures: /pictures/ID-VIEW.svg and /pictures/brand-ID.svg.
func (s *Shop) Pictures() http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, svg := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/pictures/"), ".svg")
		picture := s.picture(name)
		if !svg || picture == nil {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "image/svg+xml")
		h.Set("Cache-Control", "public, max-age=86400")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		h.Set("X-Content-Type-Options", "nosniff")
		w.Write(picture)
	}))
}

func (s *Shop) picture(name string) []byte {
	id, view, ok := strings.Cut(name, "-")
	n, err := strconv.Atoi(view)
	if !ok || err != nil {
		return nil
	}
	if id == "brand" {
		if n < 1 || n > len(s.goods.Brands) {
			return nil
		}
		return draw.Logo(s.goods.Brands[n-1].Name[En], n)
	}
	p, err := s.Product(id)
	if err != nil || n < 0 || n >= draw.Views {
		return nil
	}
	a := draw.Article{Kind: p.article.Kind, Model: p.model, Colour: p.colour.Hex}
	switch {
	case a.Kind == "giftcard":
		a.Label, a.Colour = p.Options[0].Value, spread(s.goods, p.model)
	case p.Virtual:
		a.Label, a.Colour = s.goods.Models[p.model][s.lang], spread(s.goods, p.model)
	}
	return draw.Draw(a, draw.View(n))
}

// spread returns another colour for each model of an article that has a single colour.
func spread(g *goods, model int) string {
	keys := []string{"rose", "sea", "moss", "plum", "honey", "graphite", "terracotta", "sky"}
	return g.Colours[keys[model%len(keys)]].Hex
}
