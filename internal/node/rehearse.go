package node

import (
	"crypto/hmac"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vitrine/switches"
)

// MaxRehearsed limits the pages of one rehearsal.
const MaxRehearsed = 5000

// rehearse answers POST /rehearse?sample=N&set=NAME=VALUE…
func (a *admin) rehearse(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	n, err := strconv.Atoi(r.FormValue("sample"))
	if err != nil || n < 1 || n > MaxRehearsed {
		writeJSON(w, nil, fmt.Errorf("sample is 1 to %d", MaxRehearsed))
		return
	}
	out, err := a.pages.Rehearse(r.Context(), a.node.blobs, values, n)
	writeJSON(w, out, err)
}

func (a *admin) rehearsedValues(r *http.Request) (map[string]string, error) {
	if a.pages == nil {
		return nil, fmt.Errorf("this process serves no pages: ask a detail server")
	}
	return ParseValues(r.URL.Query()["set"])
}

// RehearsalLink is an address that a browser may open without the token: a signature proves that it was made by
// somebody who has the token. Pages are rendered anew for each view, so nobody else may request them.
func RehearsalLink(token, at, path string, values map[string]string) string {
	query := url.Values{"path": {path}}.Encode()
	if len(values) > 0 {
		query += "&" + RehearseQuery(values)
	}
	return at + "?" + query + "&" + signatureParameter + signed(token, at+"?"+query)
}

const signatureParameter = "signature="

// signedOnly admits only links that RehearsalLink made.
func (a *admin) signedOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, signature, ok := strings.Cut(r.URL.RawQuery, "&"+signatureParameter)
		if !ok || a.token == "" || !hmac.Equal([]byte(signature), []byte(signed(a.token, r.URL.Path+"?"+query))) {
			http.Error(w, "this address is made by vitrine switch rehearse, and good as a whole only", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

var sideBySide = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Path}}, now and then</title>
<style>html,body{margin:0;height:100%;font:14px system-ui}main{display:flex;height:100%}section{flex:1;display:flex;flex-direction:column;border-right:1px solid #888}
p{margin:0;padding:.5em 1em}iframe{flex:1;border:0;width:100%}</style></head>
<body><main><section><p><b>Now</b> {{.Path}}</p><iframe title="now" src="{{.Now}}"></iframe></section>
<section><p><b>Then</b>{{range .Values}} {{.}}{{end}}</p><iframe title="then" src="{{.Then}}"></iframe></section></main></body></html>
`))

// rehearsal shows the real page and the rehearsed one side by side.
func (a *admin) rehearsal(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
	path := r.FormValue("path")
	_ = sideBySide.Execute(w, map[string]any{ // an error means that the operator has left
		"Path": path, "Values": r.URL.Query()["set"],
		"Now": RehearsalLink(a.token, "/rehearsal/page", path, nil), "Then": RehearsalLink(a.token, "/rehearsal/page", path, values),
	})
}

// rehearsalPage renders one of the two.
func (a *admin) rehearsalPage(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	then, panel, err := a.pages.Rehearsed(values)
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	defer panel.Close()
	defer then.Close()
	then.ServePage(r.Context(), w, r.FormValue("path"))
}

// ParseValues parses NAME=VALUE for each text.
func ParseValues(texts []string) (map[string]string, error) {
	values := map[string]string{}
	for _, text := range texts {
		name, value, err := switches.ParseValue(text)
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

// RehearseQuery encodes values of switches as a query.
func RehearseQuery(values map[string]string) string {
	query := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		query.Add("set", name+"="+values[name])
	}
	return query.Encode()
}
