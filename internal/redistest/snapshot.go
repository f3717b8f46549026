package redistest

import (
	"os"
	"syscall"
)

// Snapshot copies the server's present data and returns a function that restores it: a server that is killed and
// restarted with the copy has lost all writes since.
func (s *Server) Snapshot() (restore func()) {
	s.t.Helper()
	copied := s.t.TempDir() + "/data"
	if err := os.CopyFS(copied, os.DirFS(s.dir)); err != nil {
		s.t.Fatalf("copy the data of redis-server: %v", err)
	}
	return func() {
		s.t.Helper()
		s.signal(syscall.SIGCONT)
		s.signal(syscall.SIGKILL)
		s.Stop()
		if err := os.RemoveAll(s.dir); err != nil {
			s.t.Fatalf("remove the data of redis-server: %v", err)
		}
		if err := os.CopyFS(s.dir, os.DirFS(copied)); err != nil {
			s.t.Fatalf("put back the data of redis-server: %v", err)
		}
		s.Start()
	}
}
