// Package templates turns page data into HTML: a shop's own html/template files over the built-in theme.
//
// All files of a set share one namespace, and a file is called by its name: {{template "head.html" .}}.
// A shop's file replaces the theme's of the same name. Data is what a JSON decoder gives for the page's
// JSON twin, with numbers as json.Number, plus .Site and .Page; capitals keep these two apart from
// members of the data, whose names begin in lower case.
//
// A page's members may be missing or of another type than a template expects, since every shop declares
// its own. The functions text, list, get and src take anything and never fail; the theme uses no others
// on data. There is no function that marks a string as safe HTML: only fields that the catalog calls
// html, and that were cleaned on their way in, arrive as template.HTML.
//
// A template can't be stopped from outside once it runs. So none may call itself, and each is loaded with steps put
// between what it does, which count its work against a budget and end the page that goes beyond.
package templates
