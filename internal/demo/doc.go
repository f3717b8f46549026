// Package demo is a shop to try Vitrine with: over 300 products in about 1,000 variants, in English or Chinese. Eight upstreams serve
// them over HTTP. Their data can be edited, and each upstream can be made to fail.
//
// Everything is generated from goods.yaml, identically at every start. Edits are stored in a file. The upstreams, each under /api/NAME of
// one listener, are like those of an ordinary shop: single and batch reads, a list with a cursor, 404 for unknown ids. An edit returns the
// changes to announce.
package demo
