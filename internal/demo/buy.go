package demo

import (
	"fmt"
	"net/http"
	"strconv"
)

// maxQuantity is the greatest number of pieces in a purchase. The theme's form has the same limit.
const maxQuantity = 999

// basket serves the page that the pages' form to buy leads to: it shows what a visitor chose, and asks for a confirmation. It changes
// nothing, because forms of other sites may lead here too.
func (d *BackOffice) basket(w http.ResponseWriter, r *http.Request) {
	p, err := d.shop.Product(r.FormValue("id"))
	if err != nil {
		d.fail(w, err)
		return
	}
	quantity, err := readQuantity(r)
	d.offer(w, p, quantity, err)
}

// buy subtracts the bought pieces of a product from its stock.
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

// offer writes the page that asks for a confirmation. It shows fault unless that is nil.
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

// readQuantity returns the number of pieces in a form. It is 1 if the form has none, and if readQuantity fails.
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
