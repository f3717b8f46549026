// Package freeaddr finds addresses of this machine for servers that tests start, or that they want nobody to listen on.
package freeaddr

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports are chosen below those that the kernel gives to whoever leaves the choice to it (net.ipv4.ip_local_port_range, 32768 and
// up): so nobody who connects, or listens on port 0, takes one before the test uses it.
const (
	lowest = 10_000
	ports  = 22_000
)

// Of returns an address of the loopback interface on which nobody listens, and which no other test of this machine gets until t ends.
func Of(t testing.TB) string {
	t.Helper()
	var err error
	for range 100 {
		port := strconv.Itoa(lowest + rand.IntN(ports))
		var claim, l net.Listener
		claim, err = net.Listen("unix", "@vitrine-test-port-"+port) // a name in the kernel, which ends with the process
		if err != nil {
			continue
		}
		l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			claim.Close()
			continue
		}
		t.Cleanup(func() { claim.Close() })
		defer l.Close()
		return l.Addr().String()
	}
	t.Fatalf("find a free port: %v", err)
	return ""
}
