package sqltest

import (
	"errors"
	"os"
	"sync"
	"testing"

	"vitrine/internal/testmain"
)

// Shared holds the servers that the tests of a package use. The zero value is ready; TestMain calls Main. A test that kills the
// server must not run beside others.
type Shared struct {
	mu       sync.Mutex
	postgres *process
	mariadb  *process
}

// Postgres returns a database of a PostgreSQL server. It skips the test if that is missing.
func (s *Shared) Postgres(t testing.TB) *Server {
	t.Helper()
	return s.of(t, &s.postgres, postgres())
}

// MariaDB returns a database of a MariaDB server. It skips the test if that is missing.
func (s *Shared) MariaDB(t testing.TB) *Server {
	t.Helper()
	return s.of(t, &s.mariadb, mariadb())
}

func (s *Shared) of(t testing.TB, p **process, k kind) *Server {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if *p == nil {
		*p = newProcess(t, k)
	}
	return (*p).lend(t)
}

// Main runs the tests of a package, ends the servers, checks for leaked goroutines, and exits. TestMain calls it.
func (s *Shared) Main(m *testing.M) { testmain.Run(m, s.Stop) }

// Stop ends the servers and removes their data.
func (s *Shared) Stop() (err error) {
	for _, p := range []*process{s.postgres, s.mariadb} {
		if p != nil {
			p.signal(p.kind.stop)
			err = errors.Join(err, os.RemoveAll(p.dir))
		}
	}
	return err
}
