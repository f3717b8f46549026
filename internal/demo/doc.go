// Package demo is a shop to try Vitrine with: over 300 products in about 1,000 variants, in English or
// Chinese, served over HTTP by eight upstreams that can be edited and broken.
//
// Everything is drawn up from goods.yaml, the same at every start; what was edited is kept in a file. The
// upstreams, each under /api/NAME of one listener, are as unremarkable as any shop's: single and batch
// reads, a list with a cursor, 404 for what is not there. Whoever edits is told which changes to announce.
package demo
