package app

import (
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vitrine/detail"
	"vitrine/internal/bus"
	"vitrine/switches"
)

type switchRehearseCommand struct {
	Apply rehearseApplyCommand `cmd:"" help:"What a set of switches would do."`
	Set   rehearseSetCommand   `cmd:"" help:"What values of switches would do."`
}

// rehearseFlags say where and how much.
type rehearseFlags struct {
	Sample int `help:"Pages that are rendered, the ones in memory first." default:"200"`
	adminFlag
	tokenFlags
	JSON bool `name:"json" help:"Print JSON."`
}

type rehearseApplyCommand struct {
	Name string `arg:"" help:"The set's name."`
	rehearseFlags
	natsFlag
}

type rehearseSetCommand struct {
	Values []string `arg:"" help:"NAME=VALUE, as many as you like."`
	rehearseFlags
}

func (switchRehearseCommand) Help() string {
	return `Examples:
  vitrine switch rehearse apply flash-sale --sample 500
  vitrine switch rehearse set read.redis=off live.delivery=off

A server of pages renders real pages as they are, and as they would be with those switches, and compares. Nothing is
set, kept or announced. Exit code 1 where pages would fail.`
}

// Run is vitrine switch rehearse apply.
func (c *rehearseApplyCommand) Run(e *env) error {
	return natsFlags{natsFlag: c.natsFlag}.withPanel(e, "switch rehearse", func(conn *bus.Conn, _ *switches.Panel) error {
		set, err := (&switchApplyCommand{Set: c.Name}).load(e, conn)
		if err != nil {
			return err
		}
		values := map[string]string{}
		for _, v := range set {
			values[v.Name] = v.Value
		}
		return c.rehearse(e, values)
	})
}

// Run is vitrine switch rehearse set.
func (c *rehearseSetCommand) Run(e *env) error {
	values, err := parseValues(c.Values)
	if err != nil {
		return usageError{err}
	}
	return c.rehearse(e, values)
}

func parseValues(texts []string) (map[string]string, error) {
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

func (f rehearseFlags) rehearse(e *env, values map[string]string) error {
	if f.Sample < 1 || f.Sample > maxRehearsed {
		return usagef("--sample is 1 to %d", maxRehearsed)
	}
	token, err := f.token()
	if err != nil {
		return err
	}
	var r detail.Rehearsal
	query := rehearseQuery(values)
	if err := orderAdmin(e.ctx, f.Admin, token, "/rehearse?sample="+strconv.Itoa(f.Sample)+"&"+query, &r); err != nil {
		return err
	}
	if f.JSON {
		if err := json.NewEncoder(e.stdout).Encode(r); err != nil {
			return err
		}
	} else {
		printRehearsal(e.stdout, r, func(path string) string { return adminBase(f.Admin) + rehearsalLink(token, "/rehearsal", path, values) })
	}
	if r.Failing > 0 {
		return errReported
	}
	return nil
}

func rehearseQuery(values map[string]string) string {
	query := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		query.Add("set", name+"="+values[name])
	}
	return query.Encode()
}

func printRehearsal(w io.Writer, r detail.Rehearsal, link func(path string) string) {
	fmt.Fprintf(w, "%d pages: %d the same, %d different, %d would fail; %d bytes now, %d then\n", r.Pages, r.Same, r.Changed, r.Failing, r.Bytes[0], r.Bytes[1])
	for _, list := range []struct {
		what  string
		count map[string]int
	}{{"status", r.Statuses}, {"without", r.Lost}, {"from", r.Sources}, {"live", r.Live}} {
		for _, name := range slices.Sorted(maps.Keys(list.count)) {
			fmt.Fprintf(w, "  %-8s %-32s %d\n", list.what, name, list.count[name])
		}
	}
	for _, x := range r.Examples {
		fmt.Fprintf(w, "  %s: %s\n    %s\n", x.Path, x.What, link(x.Path))
	}
}

// maxRehearsed bounds what one rehearsal costs a server.
const maxRehearsed = 5000

// rehearse answers POST /rehearse?sample=N&set=NAME=VALUE…
func (a *admin) rehearse(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	n, err := strconv.Atoi(r.FormValue("sample"))
	if err != nil || n < 1 || n > maxRehearsed {
		answer(w, nil, fmt.Errorf("sample is 1 to %d", maxRehearsed))
		return
	}
	out, err := a.pages.Rehearse(r.Context(), a.node.blobs, values, n)
	answer(w, out, err)
}

func (a *admin) rehearsedValues(r *http.Request) (map[string]string, error) {
	if a.pages == nil {
		return nil, fmt.Errorf("this process serves no pages: ask a detail server")
	}
	return parseValues(r.URL.Query()["set"])
}

// rehearsalLink is an address that a browser may open without the token: a signature proves that somebody who has it made
// it. Pages are rendered anew for each view, so that nobody else may have them rendered.
func rehearsalLink(token, at, path string, values map[string]string) string {
	query := url.Values{"path": {path}}.Encode()
	if len(values) > 0 {
		query += "&" + rehearseQuery(values)
	}
	return at + "?" + query + "&" + signatureParameter + signed(token, at+"?"+query)
}

const signatureParameter = "signature="

// signedOnly lets through who has a link that rehearsalLink made.
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

// rehearsal shows one page beside itself.
func (a *admin) rehearsal(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
	path := r.FormValue("path")
	_ = sideBySide.Execute(w, map[string]any{ // the operator left
		"Path": path, "Values": r.URL.Query()["set"],
		"Now": rehearsalLink(a.token, "/rehearsal/page", path, nil), "Then": rehearsalLink(a.token, "/rehearsal/page", path, values),
	})
}

// rehearsalPage is one of the two.
func (a *admin) rehearsalPage(w http.ResponseWriter, r *http.Request) {
	values, err := a.rehearsedValues(r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	then, panel, err := a.pages.Rehearsed(values)
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer panel.Close()
	defer then.Close()
	then.ServePage(r.Context(), w, r.FormValue("path"))
}
