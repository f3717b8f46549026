package sqlsource

import (
	"crypto/tls"
	"net"
	"sync/atomic"
)

// meter bounds what is read from a server during one query, however it is packed.
type meter struct {
	net.Conn
	bounded atomic.Bool
	left    atomic.Int64
}

// allow allows n bytes more from now on. A new meter allows any number.
func (m *meter) allow(n int64) {
	m.left.Store(n)
	m.bounded.Store(true)
}

func (m *meter) exceeded() bool { return m.bounded.Load() && m.left.Load() < 0 }

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.left.Add(-int64(n)) < 0 && m.bounded.Load() {
		return n, ErrSize
	}
	return n, err
}

// security is the configuration of TLS by sslmode, nil for none; plain allows to go on without if the server has none.
func (d database) security() (config *tls.Config, plain bool) {
	switch d.tls {
	case "disable":
		return nil, true
	case "verify-full":
		return &tls.Config{ServerName: d.host, MinVersion: tls.VersionTLS12}, false
	}
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, d.tls == "prefer"
}
