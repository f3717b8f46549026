package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed starter/*.html
var starter embed.FS

// ErrNoFile is the error of a name that no file of the theme has.
var ErrNoFile = errors.New("the theme has no such file")

// ErrExists is the error of a file that would be overwritten.
var ErrExists = errors.New("there already, and would be overwritten")

// Eject writes files of the theme into a folder, each with a comment that says what it is for; all of them if names is empty. It returns the
// names of the files that it wrote. If the theme lacks a file, the error wraps ErrNoFile. If a file exists and force is not set, the error
// wraps ErrExists. In both cases nothing is written. Eject also fails with the error of the file system, and then may have written some.
func Eject(dir string, names []string, force bool) ([]string, error) {
	sub, err := Theme()
	if err != nil {
		return nil, err
	}
	all, err := readFiles(sub)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(all))
	}
	out := files{}
	for _, name := range names {
		body, ok := all[path.Clean(filepath.ToSlash(name))]
		if !ok {
			return nil, fmt.Errorf("%w: %.80q; there is: %s", ErrNoFile, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
		out[path.Clean(filepath.ToSlash(name))] = append([]byte(comment(name)), body...)
	}
	return out.writeTo(dir, force)
}

// Start writes the first files of a shop's own theme into a folder, and returns their names. It fails as Eject does.
func Start(dir string, force bool) ([]string, error) {
	sub, err := fs.Sub(starter, "starter")
	if err != nil {
		return nil, err
	}
	out, err := readFiles(sub)
	if err != nil {
		return nil, err
	}
	return out.writeTo(dir, force)
}

// writeTo writes the files below dir, and returns their names. It fails as Eject does.
func (own files) writeTo(dir string, force bool) ([]string, error) {
	names := slices.Sorted(maps.Keys(own))
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); !force && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, fmt.Errorf("%s is %w", filepath.Join(dir, name), ErrExists))
		}
	}
	for _, name := range names {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(to, own[name], 0o644); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// comment returns the comment at the head of an ejected file; "" for a file that can't have one.
func comment(name string) string {
	what := purposes()[name]
	switch path.Ext(name) {
	case ".html":
		return "{{- /* " + what + "\n       This file takes the place of the theme's; without it, the theme's is used again. */ -}}\n"
	case ".css", ".js":
		return "/* " + what + " */\n"
	}
	return ""
}

// purposes returns, for each file of the theme, what it is for and which data it shows.
func purposes() map[string]string {
	return map[string]string{
		"item.html":        "A product's page; it calls the parts below it. Reads product, price, stock, brand and what its parts read.",
		"off.html":         "The page of a product that is off the shelf; a rule of the catalog names it. Reads status, product.",
		"virtual.html":     "The page of a product that is not sent, such as a voucher; a rule of the catalog names it.",
		"desc.html":        "The long description, a page of its own that item.html loads when it is scrolled to. Reads description.",
		"index.html":       "The list of products at / of vitrine up. Reads Page.",
		"list.html":        "A page that lists products, as of a category. Reads title, brief, Items, Below, Orders, Numbers, Page.",
		"gone.html":        "Answers 410: the product was deleted.",
		"error.html":       "Answers any other error.",
		"head.html":        "Where each page begins, with title, links for machines, styles, script and the header. Reads Site, Page, product, price.",
		"foot.html":        "Where each page ends. Reads Site.Bottom.",
		"live.html":        "Opens the main part, and says how often an open page asks for its live parts: data-every, in ms.",
		"bar.html":         "A shop's own links at the top. It is empty.",
		"path.html":        "The way from the shop's root to the product's category. Reads path.",
		"gallery.html":     "The pictures. Reads product.images.",
		"facts.html":       "Title, brand, rating and brief. Reads product, brand, rating.",
		"offer.html":       "Price and stock, kept up to date in an open page by data-live. Reads price, stock, promotions.",
		"options.html":     "The choice among variants. Reads siblings and product.options.",
		"delivery.html":    "When and where it is delivered: the live part delivery.",
		"buy.html":         "The form to buy. Reads Page.Buy, of the catalog's site.buy.",
		"terms.html":       "Shipping, returns, warranty and the button to share. Reads shipping, returns, warranty, or the site's.",
		"specs.html":       "The table of specifications. Reads specs.",
		"about.html":       "What stands below the offer: overview, specifications, reviews, recommendations. Reads product.html.",
		"reviews.html":     "Reviews, questions and answers. Reads reviews, questions, rating.",
		"recommended.html": "Other products. Reads recommended.",
		"assets/site.css":  "All styles of the theme.",
		"assets/site.js":   "The theme's only script: live parts, and the page that follows its product. A page is complete without it.",
	}
}
