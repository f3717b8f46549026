package demo

import (
	"fmt"
	"net/http"
	"strconv"
)

// maxQuantity is the most of a product that is bought at once, as the theme's form has it.
const maxQuantity = 999

// basket is where the pages' form to buy leads: it shows what somebody wants, and asks whether to buy it. It changes
// nothing, since a form of a page elsewhere may lead here too.
func (d *BackOffice) basket(w http.ResponseWriter, r *http.Request) {
	p, err := d.shop.Product(r.FormValue("id"))
	if err != nil {
		d.fail(w, err)
		return
	}
	quantity, err := readQuantity(r)
	d.offer(w, p, quantity, err)
}

// buy takes a product's pieces from stock.
func (d *BackOffice) buy(w http.ResponseWriter, r *http.Request) {
	p, err := d.shop.Product(r.PathValue("id"))
	if err != nil {
		d.fail(w, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	quantity, err := readQuantity(r)
	if err != nil {
		d.offer(w, p, quantity, err)
		return
	}
	d.change(func(e *Edit) { e.Stock = max(0, e.Stock-quantity) }, "/buy/")(w, r)
}

// offer shows the page that asks whether to buy a product, with what was wrong, if anything was.
func (d *BackOffice) offer(w http.ResponseWriter, p *Product, quantity int64, fault error) {
	v := d.view()
	v.Product = p
	v.Quantity = quantity
	status := http.StatusOK
	if fault != nil {
		v.Faults = []string{fault.Error()}
		status = http.StatusUnprocessableEntity
	}
	d.write(w, "buy.html", status, v)
}

// readQuantity reads how many pieces a form asks for; 1 where it does not say, and beside an error.
func readQuantity(r *http.Request) (int64, error) {
	asked := r.FormValue("quantity")
	if asked == "" {
		return 1, nil
	}
	n, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || n < 1 || n > maxQuantity {
		return 1, fmt.Errorf("quantity: %.40q is no number between 1 and %d", asked, maxQuantity)
	}
	return n, nil
}
