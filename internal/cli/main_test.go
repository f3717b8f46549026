package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"vitrine/internal/canary"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(suite{m}, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		// A dial attempt sleeps for a second before it sees that its pool is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// suite runs the package's tests between the set-up and the removal of what they share.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	os.Setenv("SHOP_TOKEN", canaryShop)
	os.Setenv(canary.ShopVariable, canary.Shop)
	defer http.DefaultClient.CloseIdleConnections()
	defer os.RemoveAll(binaryDir)
	return s.m.Run()
}

var (
	binaryDir = filepath.Join(os.TempDir(), "vitrine-test-"+strconv.Itoa(os.Getpid()))
	build     = sync.OnceValues(func() (string, error) {
		binary := filepath.Join(binaryDir, "vitrine")
		out, err := exec.Command("go", "build", "-tags", "failpoint", "-ldflags", "-s -w", "-o", binary, "vitrine/cmd/vitrine").CombinedOutput()
		if err != nil {
			err = fmt.Errorf("go build: %w: %s", err, out)
		}
		return binary, err
	})
)

// built returns the path of a vitrine program to start as a process of its own. It is built once, with failpoints:
// see package failpoint.
func built(t testing.TB) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
