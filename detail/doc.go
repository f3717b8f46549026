// Package detail serves product pages from blobs. A page is read in one line:
//
//	route ▸ read own blobs ▸ join what they refer to ▸ splice ▸ rules ▸ render ▸ compress ▸ answer
//
// and then kept whole, while nothing is announced for any of its parts. Its rooms know nothing of it, nor of each other:
//
//	pagecache   whole pages, ready to be sent, while what they were made of holds
//	blobcache   blobs: memory, the tiers behind it, and upstreams as the last resort
//	fastpath    answers pages in memory inside the connection's Read, before net/http sees the request
//	admission   bounds connections, the pages being made, and what crawlers and single visitors take of them
package detail
