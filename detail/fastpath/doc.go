// Package fastpath answers requests from memory inside the Read of their connection, at the cost of one read and one write.
// net/http, which calls that Read, never sees these requests. All others are passed on unchanged.
//
// A request may be answered here only while net/http is between two requests and has no byte of the next one. That it is
// between requests follows from http.Server.ConnState (idle). That it has no byte of the next one is ensured: it is given
// exactly one head at a time, and only heads of requests without a body. Once the end of a request is in doubt (a body, an
// upgrade, an odd line), the connection is net/http's alone.
//
//	passing ──head ends──▶ busy ──idle──▶ between ──▶ answered here, and between again
//	   ▲                                     │
//	   └─────────────────────────────────────┘
//
// While net/http is busy, it reads one byte to find out whether the visitor leaves. If that byte belongs to the next request,
// that request is passed on too.
package fastpath
