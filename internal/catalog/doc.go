// Package catalog reads the YAML file that declares a shop: what is copied, from which upstream, and what a page is
// made of. Parse compiles all of it, and checks every jq program, rule, path and pattern. Each error has the file, line
// and column, shows the place, and gives a hint.
//
// A *Catalog is immutable after Parse and safe for concurrent use.
package catalog
