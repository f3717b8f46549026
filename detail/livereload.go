package detail

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html"
	"net/http"

	"vitrine/internal/catalog"
)

// OwnTemplates are the templates of a shop that somebody may be writing; *templates.Loader is one.
type OwnTemplates interface {
	Own() bool      // whether there are any besides the theme's
	Broken() string // why those at hand are not in force; "" if they are
}

// A page of vitrine up that is open in a browser on the same machine follows the shop's templates while somebody writes them. A script of
// its own, behind the end of the page whatever its templates are, asks each second which revision is in force, and loads the page again if
// that differs from the page's. If templates can't be used, it shows why. No other role has the script or its routes.
const (
	reloadScript = catalog.AssetsPath + "reload.js"
	reloadState  = catalog.AssetsPath + "reload.json"
	mostFaults   = 3 // that are shown at once
)

//go:embed reload.js
var reloadJS []byte

// reloadTag is the element that ends each page in which live reload is on.
func (st *site) reloadTag() string {
	return `<script src="` + html.EscapeString(st.catalog.Site.Prefix+reloadScript) + `" data-revision="` + html.EscapeString(st.revision) + "\" defer></script>\n"
}

// follow adds the script to a page that was rendered, where live reload is on and the shop has templates of its own.
func (st *site) follow(page *bytes.Buffer) {
	if own := st.server.config.LiveReload; own != nil && own.Own() {
		page.WriteString(st.reloadTag())
	}
}

// reloadFile handles /assets/reload.js.
func (st *site) reloadFile(*http.Request) (response, error) {
	return response{kind: "text/javascript; charset=utf-8", body: reloadJS, header: http.Header{"Cache-Control": {noStore}}}, nil
}

// reloadNow handles /assets/reload.json: the revision in force, and what is wrong with the templates, a line each.
func (st *site) reloadNow(*http.Request) (response, error) {
	wrong := []string{}
	if why := st.server.config.LiveReload.Broken(); why != "" {
		wrong = append(wrong, "These templates are not in force: "+why)
	}
	faults := st.templates.Faults()
	for _, fault := range faults[:min(len(faults), mostFaults)] {
		wrong = append(wrong, "A page fails: "+fault.Error)
	}
	body, err := json.Marshal(struct {
		Revision string   `json:"revision"`
		Wrong    []string `json:"wrong"`
	}{st.revision, wrong})
	return response{kind: typeJSON, body: body, header: http.Header{"Cache-Control": {noStore}}}, err
}
