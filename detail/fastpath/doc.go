// Package fastpath answers requests from memory inside the connection's Read, at the cost of one read and one write:
// net/http, which reads from the connection, never sees them. All else is passed on untouched.
//
// It may answer only where net/http stands between two requests and has not a byte of the next one. That net/http is
// between requests is known from http.Server.ConnState (idle). That it has no byte of the next one is ensured by
// giving it exactly one head at a time, up to its end, and by counting only heads of requests without a body. Where
// the end of a request is in doubt (a body, an upgrade, an odd line), the connection is net/http's alone from then on.
//
//	passing ──head ends──▶ busy ──idle──▶ between ──▶ answered here, and between again
//	   ▲                                     │
//	   └─────────────────────────────────────┘
//
// While net/http is busy it detects that a visitor leaves by reading one byte. Where that byte belongs to the next
// request, that request is passed on too.
package fastpath
