package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(natsVariable); addr != "" {
		serveNATS(addr)
	}
	code := m.Run()
	os.RemoveAll(binaryDir)
	os.Exit(code)
}

var (
	binaryDir = filepath.Join(os.TempDir(), "vitrine-chaos-"+strconv.Itoa(os.Getpid()))
	program   = sync.OnceValues(func() (string, error) {
		binary := filepath.Join(binaryDir, "vitrine")
		out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary, "vitrine/cmd/vitrine").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build: %w: %s", err, out)
		}
		return binary, err
	})
)

// build returns the path of the program, which is built once for all tests.
func build(t *testing.T) string {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
