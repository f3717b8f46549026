package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/pause"
)

// A server that is cut off from the others of its cluster keeps its connections, and a client has no reason to leave it: whoever is
// connected there publishes and takes nothing for as long as the cut lasts. After 5 to 20 s the server knows that it has no leader,
// and says so to each request. That may also be an election, which is over within seconds.
const (
	quorumEvery  = 2 * time.Second
	quorumAgain  = time.Second // after an answer that there is no leader
	quorumMisses = 2           // such answers in a row send the connection to another server
	quorumMost   = 16          // the same after servers that had no leader either
)

// codeNoLeader is the error of a server that knows no leader of its cluster.
const codeNoLeader = 10008

// keepQuorum has the connection go to another server while its own knows no leader, until ctx ends.
func (c *Conn) keepQuorum(ctx context.Context) {
	misses, patience := 0, quorumMisses
	for wait := quorumEvery; pause.For(ctx, wait) == nil; {
		wait = quorumEvery
		if len(c.nats.Servers()) < 2 || !c.nats.IsConnected() {
			continue
		}
		leaderless, known := c.leaderless(ctx)
		switch {
		case leaderless:
			misses++
			wait = quorumAgain
		case known:
			misses, patience = 0, quorumMisses
		}
		if misses < patience {
			continue
		}
		c.log.Warn("this NATS server is cut off from its cluster; connecting to another one", "server", c.nats.ConnectedServerName())
		misses, patience = 0, min(2*patience, quorumMost)
		if err := c.nats.ForceReconnect(); err != nil {
			c.log.Warn("connect to another NATS server", "error", err)
		}
	}
}

// leaderless reports whether the connection's server knows no leader; not known where nobody answers.
func (c *Conn) leaderless(ctx context.Context) (leaderless, known bool) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := c.js.AccountInfo(ctx)
	var answer *jetstream.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode == codeNoLeader, true
	}
	return false, err == nil
}
