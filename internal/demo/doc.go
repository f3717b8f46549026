// Package demo is a shop to try Vitrine with: over 300 products in about 1,000 variants, in English or Chinese, served
// over HTTP by eight upstreams that can be edited and broken.
//
// Everything is generated from goods.yaml, identically at every start; edits are stored in a file. The upstreams, each
// under /api/NAME of one listener, are those of an ordinary shop: single and batch reads, a list with a cursor, 404 for
// unknown ids. An edit returns the changes to announce.
package demo
