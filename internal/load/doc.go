// Package load requests pages from an HTTP server in an open loop: the times at which requests are due do not depend on
// the answers, and a latency counts from when its request was due. A server that stalls is therefore charged for all
// requests that came due meanwhile. A closed loop, whose clients wait for answers, hides them.
package load
