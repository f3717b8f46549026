// Package catalog reads the one YAML file that declares a shop: what is copied, from whom, and what a
// page is made of. Parse compiles it whole: every jq program, rule, path and pattern is checked there,
// and every error names file, line, column, and shows the place and a hint.
//
// A *Catalog is immutable after Parse and safe for concurrent use.
package catalog
