package bus

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// Traffic is what a server and its clients have sent each other so far.
type Traffic struct {
	Messages float64 `json:"messages"`
	Bytes    float64 `json:"bytes"`
}

// Traffic counts both directions since the start.
func (s *Server) Traffic() (Traffic, error) {
	v, err := s.nats.Varz(&server.VarzOptions{})
	if err != nil {
		return Traffic{}, fmt.Errorf("traffic of the embedded NATS: %w", err)
	}
	return Traffic{Messages: float64(v.InMsgs + v.OutMsgs), Bytes: float64(v.InBytes + v.OutBytes)}, nil
}
