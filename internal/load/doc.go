// Package load asks an HTTP server for pages in an open loop: requests are due at times that do not depend on the
// answers, and a latency counts from when its request was due. A server that stalls is so charged with all who would
// have come meanwhile, which a closed loop, whose clients wait politely, hides.
package load
