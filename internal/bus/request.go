package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	fetchExpiry    = 30 * time.Second
	fetchHeartbeat = 2 * time.Second
	drainMax       = time.Second // for what NATS is sending when a request is ended
)

// request asks NATS for n messages. Unlike jetstream's Fetch it can be ended without losing those that are on their way: they would
// wait for AckWait to pass.
type request struct {
	conn    *Conn
	pull    jetstream.ConsumeContext
	arrived chan jetstream.Msg
	failed  chan error
	blink   <-chan struct{}
	began   time.Time
	late    <-chan time.Time // nil until it is to end
}

func newRequest(conn *Conn, durable jetstream.Consumer, n int) (*request, error) {
	r := &request{
		conn: conn, blink: conn.interrupted(), began: time.Now(), failed: make(chan error, 1),
		arrived: make(chan jetstream.Msg, 2*n), // the library repeats a request that it takes for lost
	}
	var err error
	r.pull, err = durable.Consume(func(m jetstream.Msg) { r.arrived <- m },
		jetstream.PullMaxMessages(n), jetstream.StopAfter(n), jetstream.PullExpiry(fetchExpiry), jetstream.PullHeartbeat(fetchHeartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			select {
			case r.failed <- err:
			default: // the first one is the cause
			}
		}))
	return r, err
}

// end takes back the request. What NATS has sent by then still arrives. A drain that begins while the connection is lost would
// renew the subscription when it is found again.
func (r *request) end() {
	if r.conn.nats.IsConnected() {
		r.pull.Drain()
	} else {
		r.pull.Stop()
	}
	if r.late == nil {
		r.late = time.After(drainMax)
	}
}
