package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"vitrine/internal/item"
)

//go:embed desk
var backOfficeFiles embed.FS

// BackOffice is the demo's back office: pages to edit a product, to buy one, and to break an upstream.
type BackOffice struct {
	shop    *Shop
	pages   func() string // returns the base URL of the shop's public pages
	publish func(context.Context, []item.Change) error
	log     *slog.Logger
	html    *template.Template
}

const backOfficePage = 60 // products on one page

// NewBackOffice returns a back office of the shop. publish announces changes, as any upstream would. pages returns the base URL of the
// public pages. It fails if its templates cannot be parsed.
func NewBackOffice(s *Shop, pages func() string, publish func(context.Context, []item.Change) error, log *slog.Logger) (*BackOffice, error) {
	d := &BackOffice{shop: s, pages: pages, publish: publish, log: log}
	var err error
	d.html, err = template.New("").Funcs(template.FuncMap{"money": amount, "say": s.lang.pick}).ParseFS(backOfficeFiles, "desk/*.html")
	return d, err
}

// Handler returns the routes of the back office, of the upstreams under /api/, and of the pictures. Cross-origin requests that would change
// something are refused.
func (d *BackOffice) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", d.shop.API())
	mux.Handle("/pictures/", d.shop.Pictures())
	mux.HandleFunc("GET /desk.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, backOfficeFiles, "desk/desk.css") })
	mux.HandleFunc("GET /{$}", d.list)
	mux.HandleFunc("GET /edit/{id}", d.show("edit.html"))
	mux.HandleFunc("POST /edit/{id}", d.edit)
	mux.HandleFunc("POST /delete/{id}", d.change(func(e *Edit) { e.Deleted = true }, "/edit/"))
	mux.HandleFunc("POST /restore/{id}", d.change(func(e *Edit) { e.Deleted = false }, "/edit/"))
	mux.HandleFunc("GET /buy", d.basket)
	mux.HandleFunc("GET /buy/{id}", d.show("buy.html"))
	mux.HandleFunc("POST /buy/{id}", d.buy)
	mux.HandleFunc("POST /break", d.breakUpstream)
	return http.NewCrossOriginProtection().Handler(mux) // pages of other origins must not edit
}

// backOfficeView is the data of the back office's pages.
type backOfficeView struct {
	Lang      string
	Pages     string // base URL of the public pages
	Upstreams []upstreamView
	Query     string
	Found     int
	Products  []*Product
	Product   *Product
	Quantity  int64 // number of pieces to buy
	Faults    []string
	Done      bool
}

type upstreamView struct {
	Name  string
	Mode  Mode
	Modes []Mode
}

func (d *BackOffice) view() backOfficeView {
	v := backOfficeView{Lang: d.shop.lang.pick("en", "zh"), Pages: d.pages()}
	for _, name := range Upstreams() {
		v.Upstreams = append(v.Upstreams, upstreamView{name, d.shop.Mode(name), Modes()})
	}
	return v
}

func (d *BackOffice) list(w http.ResponseWriter, r *http.Request) {
	v := d.view()
	v.Query = r.FormValue("q")
	for _, p := range d.shop.Products() {
		if strings.Contains(strings.ToLower(p.ID+" "+p.Title), strings.ToLower(v.Query)) {
			v.Found++
			if len(v.Products) < backOfficePage {
				v.Products = append(v.Products, p)
			}
		}
	}
	d.write(w, "list.html", http.StatusOK, v)
}

func (d *BackOffice) show(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := d.shop.Product(r.PathValue("id"))
		if err != nil {
			d.fail(w, err)
			return
		}
		v := d.view()
		v.Product = p
		v.Quantity = 1
		v.Done = r.FormValue("done") != ""
		d.write(w, page, http.StatusOK, v)
	}
}

func (d *BackOffice) edit(w http.ResponseWriter, r *http.Request) {
	p, err := d.shop.Product(r.PathValue("id"))
	if err != nil {
		d.fail(w, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	wanted, faults := readForm(r, p.Edit)
	if len(faults) > 0 {
		v := d.view()
		v.Product = p.with(wanted)
		v.Faults = faults
		d.write(w, "edit.html", http.StatusUnprocessableEntity, v)
		return
	}
	d.change(func(e *Edit) {
		wanted.Deleted = e.Deleted
		wanted.Version = e.Version
		*e = wanted
	}, "/edit/")(w, r)
}

// readForm applies the form's fields to an edit, and returns it with a message for each invalid field.
func readForm(r *http.Request, e Edit) (Edit, []string) {
	var faults []string
	e.Title, e.Brief = strings.TrimSpace(r.FormValue("title")), strings.TrimSpace(r.FormValue("brief"))
	if e.Title == "" || len(e.Title) > 300 {
		faults = append(faults, "title: between 1 and 300 bytes are needed")
	}
	cents := func(name string, to *int64) {
		f, err := strconv.ParseFloat(strings.Replace(r.FormValue(name), ",", ".", 1), 64)
		if err != nil || !(f >= 0 && f <= 10_000_000) { // also refuses NaN
			faults = append(faults, fmt.Sprintf("%s: %q is no amount between 0 and 10000000", name, r.FormValue(name)))
			return
		}
		*to = int64(math.Round(f * 100))
	}
	cents("price", &e.Price)
	cents("list", &e.List)
	n, err := strconv.ParseInt(r.FormValue("stock"), 10, 32)
	if err != nil || n < 0 {
		faults = append(faults, fmt.Sprintf("stock: %q is no number of pieces", r.FormValue("stock")))
	}
	e.Stock = n
	e.Off = r.FormValue("off") != ""
	return e, faults
}

// change returns a handler that applies an edit, announces it, and redirects to the page back.
func (d *BackOffice) change(edit func(*Edit), back string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		changes, err := d.shop.Change(id, edit)
		if err == nil && len(changes) > 0 {
			err = d.publish(r.Context(), changes)
		}
		if err != nil {
			d.fail(w, err)
			return
		}
		http.Redirect(w, r, back+id+"?done=1", http.StatusSeeOther)
	}
}

func (d *BackOffice) breakUpstream(w http.ResponseWriter, r *http.Request) {
	if err := d.shop.Break(r.FormValue("upstream"), Mode(r.FormValue("mode"))); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (d *BackOffice) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrNoProduct) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	d.log.Error("the demo shop's back office", "error", err)
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func (d *BackOffice) write(w http.ResponseWriter, page string, code int, v backOfficeView) {
	var buf bytes.Buffer
	if err := d.html.ExecuteTemplate(&buf, page, v); err != nil {
		d.fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(code)
	buf.WriteTo(w)
}
