// Package admission decides what a server takes on, and what it turns away before it costs anything:
//
//	Connections   open at once; an idle one gives way to a new one
//	gate          pages being made at once, and those of them being rendered
//	crawlers      a share of the pages being made, for crawlers by name or by pace
//	visitors      who asks, also behind proxies
//	shares        a visitor's part of an upstream that live parts are asked of
//
// Nobody waits for a page to be admitted: a request beyond a bound is refused with ErrBusy, and costs next to nothing.
package admission
