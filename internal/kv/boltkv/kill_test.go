package boltkv_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// victimEnv is the environment variable that makes this test binary the process to be killed. Its value is the path
// of the file.
const victimEnv = "BOLTKV_TEST_VICTIM"

// compactEnv makes the victim compact its files all the time.
const compactEnv = "BOLTKV_TEST_COMPACT"

// victimShards is the number of files of the victim that is killed between them.
const victimShards = 3

// shardsEnv makes the victim write to several files. The path is that of their folder.
const shardsEnv = "BOLTKV_TEST_SHARDS"

func openVictim(ctx context.Context, path string) (records kv.RecordPutter, files []*boltkv.Store, err error) {
	if os.Getenv(shardsEnv) == "" {
		s, err := boltkv.Open(ctx, path, boltkv.Options{Log: quiet()})
		return s, []*boltkv.Store{s}, err
	}
	s, err := boltkv.OpenShards(ctx, path, victimShards, boltkv.Options{Log: quiet()})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Files(), nil
}

// beVictim writes records one by one until it is killed. It prints each one's number once the record is stored.
func beVictim(path string) int {
	ctx := context.Background()
	s, files, err := openVictim(ctx, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 0; ; i++ {
		if os.Getenv(compactEnv) != "" {
			if err := files[i%len(files)].CompactNow(ctx); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if _, err := s.PutRecords(ctx, []kv.Put{{RecordKey: key(fillID(i)), Value: alive(fillBody(i))}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if _, err := fmt.Println(i); err != nil {
			return 1
		}
	}
}

// keptAll proves that a store has all records up to one, and closes it.
func keptAll(t *testing.T, s interface {
	kv.RecordReader
	io.Closer
}, last int) {
	t.Helper()
	for i := range last + 1 {
		if got := read(t, s, fillID(i)); string(got.Body) != fillBody(i) {
			t.Errorf("record %d was stored, and is %q", i, got.Body)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestKilled(t *testing.T) {
	path, told := file(t), -1
	for _, upTo := range []int{1, 60, 150} {
		kill(t, path, upTo)
		told = max(told, upTo)
		s, err := boltkv.Open(t.Context(), path, boltkv.Options{Log: quiet(), OnQuarantine: func(aside string) { t.Errorf("set aside as %s", aside) }})
		if err != nil {
			t.Fatal(err)
		}
		keptAll(t, s, told)
	}
}

// TestKilledBetweenShards proves that what was stored is there after a kill, whichever files were about to commit or to be
// replaced by their compaction.
func TestKilledBetweenShards(t *testing.T) {
	dir, told := t.TempDir(), -1
	for _, upTo := range []int{1, 60, 150} {
		kill(t, dir, upTo, shardsEnv+"=1", compactEnv+"=1")
		told = max(told, upTo)
		s, err := boltkv.OpenShards(t.Context(), dir, victimShards, boltkv.Options{Log: quiet(), OnQuarantine: func(aside string) { t.Errorf("set aside as %s", aside) }})
		if err != nil {
			t.Fatal(err)
		}
		keptAll(t, s, told)
	}
}

// kill runs a victim until it has stored record upTo, and kills it while it goes on writing.
func kill(t *testing.T, path string, upTo int, more ...string) {
	t.Helper()
	victim := exec.Command(os.Args[0])
	victim.Env = append(append(os.Environ(), victimEnv+"="+path), more...)
	victim.Stderr = os.Stderr
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	said := false
	for lines := bufio.NewScanner(out); !said && lines.Scan(); {
		said = lines.Text() == fmt.Sprint(upTo)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // it ends by SIGKILL
	if !said {
		t.Fatalf("the victim ended before record %d", upTo)
	}
}
