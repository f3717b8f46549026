package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	maxBatch = 200 // ids in one request
	listPage = 250 // ids on one page of a list
)

// fields is an upstream's answer about one product.
type fields map[string]any

// API returns the handler of the upstreams, each under /api/NAME: GET /{id}, GET /?ids=1,2 and, for products, GET /list?cursor=. An
// upstream that was broken (see Break) fails accordingly.
func (s *Shop) API() http.Handler {
	mux := http.NewServeMux()
	handle := func(upstream, pattern string, h http.HandlerFunc) {
		mux.HandleFunc("GET /api/"+upstream+pattern, s.breakable(upstream, h))
	}
	serve := func(upstream, pattern string, say func(*Product) fields) {
		handle(upstream, pattern+"/{id}", func(w http.ResponseWriter, r *http.Request) { s.one(w, r, say) })
		handle(upstream, pattern+"/{$}", func(w http.ResponseWriter, r *http.Request) { s.batch(w, r, say) })
	}
	serve("products", "", s.product)
	serve("products", "/specs", s.specs)
	serve("products", "/shelf", shelf)
	serve("content", "", s.description)
	serve("prices", "", s.price)
	serve("stock", "", stock)
	serve("promotions", "", promotions)
	handle("products", "/list", s.list)
	handle("delivery", "/{id}", s.delivery)
	handle("taxonomy", "/{id}", func(w http.ResponseWriter, r *http.Request) { oneRow(w, r, s.categories) })
	handle("partners", "/brands/{id}", func(w http.ResponseWriter, r *http.Request) { oneRow(w, r, s.makers(s.goods.Brands, "brand")) })
	handle("partners", "/shops/{id}", func(w http.ResponseWriter, r *http.Request) { oneRow(w, r, s.makers(s.goods.Shops, "")) })
	return mux
}

func (s *Shop) one(w http.ResponseWriter, r *http.Request, say func(*Product) fields) {
	p, err := s.Product(r.PathValue("id"))
	if err != nil || p.Deleted {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, say(p))
}

func (s *Shop) batch(w http.ResponseWriter, r *http.Request, say func(*Product) fields) {
	ids := strings.Split(r.FormValue("ids"), ",")
	if len(ids) > maxBatch {
		http.Error(w, fmt.Sprintf("more than %d ids", maxBatch), http.StatusBadRequest)
		return
	}
	found := []fields{}
	for _, id := range ids {
		if p, err := s.Product(id); err == nil && !p.Deleted {
			found = append(found, say(p))
		}
	}
	writeJSON(w, found)
}

// list serves a page of the ids, in order. The cursor is the last id of the previous page.
func (s *Shop) list(w http.ResponseWriter, r *http.Request) {
	all, cursor := s.Products(), r.FormValue("cursor")
	ids := []string{}
	for _, p := range all {
		if len(ids) == listPage {
			break
		}
		if p.ID > cursor && !p.Deleted {
			ids = append(ids, p.ID)
		}
	}
	answer := fields{"ids": ids}
	if len(ids) == listPage {
		answer["next"] = ids[len(ids)-1]
	}
	writeJSON(w, answer)
}

func (s *Shop) product(p *Product) fields {
	f := fields{
		"id": p.ID, "version": p.Version, "name": p.Title, "brief": p.Brief, "options": p.Options, "images": s.images(p),
		"category_id": p.Category, "brand_id": p.Brand, "shop_id": p.Shop, "variants": p.Variants, "recommended": p.Recommended,
	}
	if p.Virtual {
		f["type"] = "virtual"
	}
	if p.Global {
		f["market"] = "global"
	}
	return f
}

func shelf(p *Product) fields {
	state := "on"
	if p.Off {
		state = "off"
	}
	return fields{"id": p.ID, "state": state}
}

func (s *Shop) price(p *Product) fields {
	f := fields{"id": p.ID, "amount": json.Number(amount(p.Price)), "currency": s.lang.currency()}
	if p.List > p.Price {
		f["list"] = json.Number(amount(p.List))
	}
	return f
}

func stock(p *Product) fields {
	state := "in"
	switch {
	case p.Stock <= 0:
		state = "out"
	case p.Stock < lowStock:
		state = "low"
	}
	return fields{"id": p.ID, "state": state, "quantity": max(0, p.Stock)}
}

func promotions(p *Product) fields {
	list := []fields{}
	for _, title := range p.Promotions {
		list = append(list, fields{"title": title})
	}
	return fields{"id": p.ID, "promotions": list}
}

// delivery serves the time at which a product reaches an area, and the areas that there are.
func (s *Shop) delivery(w http.ResponseWriter, r *http.Request) {
	p, err := s.Product(r.PathValue("id"))
	if err != nil || p.Deleted {
		http.NotFound(w, r)
		return
	}
	if p.Virtual {
		writeJSON(w, fields{"text": s.lang.pick("By e-mail, within a minute", "电子邮件，一分钟内送达")})
		return
	}
	areas := []fields{}
	for _, a := range s.goods.Areas {
		areas = append(areas, fields{"id": a.ID, "name": a.Name[s.lang]})
	}
	to := s.goods.Areas[0]
	if i := slices.IndexFunc(s.goods.Areas, func(a area) bool { return a.ID == r.FormValue("area") }); i >= 0 {
		to = s.goods.Areas[i]
	}
	days := strconv.Itoa(to.Days)
	say := s.lang.pick("In "+days+" days", days+" 天内送达")
	if to.Days == 1 {
		say = s.lang.pick("Tomorrow", "明天送达")
	}
	free := p.Price >= 50_00*s.lang.rate()
	if free {
		say += s.lang.pick(", free of charge", "，包邮")
	} else {
		say += s.lang.pick(", for €4.90", "，运费 ¥12")
	}
	writeJSON(w, fields{"text": say, "area": to.ID, "areas": areas})
}

func (s *Shop) makers(list []maker, logo string) (rows []row) {
	for i, m := range list {
		r := row{ID: strconv.Itoa(i + 1), Name: m.Name[s.lang], About: m.About[s.lang]}
		if logo != "" {
			r.Logo = "/pictures/" + logo + "-" + r.ID + ".svg"
		}
		rows = append(rows, r)
	}
	return rows
}

func oneRow(w http.ResponseWriter, r *http.Request, rows []row) {
	i := slices.IndexFunc(rows, func(one row) bool { return one.ID == r.PathValue("id") })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	writeJSON(w, rows[i])
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
