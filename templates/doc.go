// Package templates renders pages as HTML, with a shop's own html/template files over the built-in theme.
//
// All files of a set share one namespace, and a file is called by its name: {{template "head.html" .}}. A shop's file replaces the theme's
// of the same name. The data is what a JSON decoder returns for the page's JSON twin, with numbers as json.Number, plus .Site and .Page.
// Their capitals distinguish these two from members of the data, whose names begin in lower case.
//
// A page's members may be missing, or of another type than a template expects, since every shop declares its own. The functions text, list,
// get and src take anything and never fail; the theme uses no others on data. No function marks a string as safe HTML: only fields that the
// catalog lists under html, and that were cleaned before they were stored, arrive as template.HTML.
//
// A running template can't be stopped from outside. So no template may call itself, and steps are inserted into each when it is loaded. They
// charge its work to a budget, and end a page that exceeds it.
package templates
