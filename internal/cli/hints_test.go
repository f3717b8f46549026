package cli_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/freeaddr"
)

// TestAConfigOfTheWrongKind proves that an error about a configuration file names the file, the key and the expected
// form, and no Go type.
func TestAConfigOfTheWrongKind(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"admin: 26500":            "admin: 26500 is not what it takes: text, such as 127.0.0.1:8081",
		"redis: [a, b]":           "redis: [a b] is not what it takes: text: URL",
		"shutdown-delay: 5":       "shutdown-delay: 5 is not what it takes: a time with its unit, such as 500ms or 2m",
		"max-connections: [1]":    "max-connections: [1] is not what it takes: a number",
		"secret: A=https://b":     "secret: A=https://b is not what it takes: a list, such as [a, b]",
		"room: {a: 1}\nredis: no": "room: map[a:1] is not what it takes: text, such as local",
	} {
		path := filepath.Join(t.TempDir(), "room.yaml")
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, errs := vitrine(t, "detail", "--config", path)
		if code != 2 || !strings.Contains(errs, path+": "+want) {
			t.Errorf("%s: %d %s", text, code, errs)
		}
	}
}

// TestAPlaceThatIsTaken proves that an address in use is reported at once, before any line says that pages are
// served.
func TestAPlaceThatIsTaken(t *testing.T) {
	t.Parallel()
	free := []string{"--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--shop", "127.0.0.1:0"}
	t.Run("the port of NATS", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		code, out, errs := vitrine(t, append([]string{"up", "--dir", t.TempDir(), "--nats", l.Addr().String()}, free...)...)
		if code != 1 || out != "" || !strings.Contains(errs, "address already in use") || strings.Contains(errs, "not ready within") {
			t.Error(code, out, errs)
		}
		if !strings.Contains(errs, "--nats") || strings.Count(errs, "address already in use") != 1 || strings.Count(errs, "embedded NATS") != 1 {
			t.Error(code, out, errs)
		}
	})
	t.Run("the folder", func(t *testing.T) {
		v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, newShop(t).URL))
		code, out, errs := vitrine(t, append([]string{"up", "--dir", v.Dir, "--nats", "127.0.0.1:0"}, free...)...)
		if code != 1 || out != "" || !strings.Contains(errs, "another vitrine up works in "+v.Dir) {
			t.Error(code, out, errs)
		}
	})
	t.Run("the folder, with a NATS outside", func(t *testing.T) {
		address := freeaddr.Of(t)
		natsAt(t, address)
		outside := "nats://" + address
		v := up(t, t.TempDir(), "--catalog", catalogFor(t, shopCatalog, newShop(t).URL), "--nats", outside)
		code, out, errs := vitrine(t, append([]string{"up", "--dir", v.Dir, "--nats", outside}, free...)...)
		if code != 1 || out != "" || !strings.Contains(errs, "another vitrine up works in "+v.Dir) {
			t.Error(code, out, errs)
		}
	})
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, out, errs := vitrine(t, "version", "--json")
	var v struct{ Go, Version string }
	if err := json.Unmarshal([]byte(out), &v); code != 0 || err != nil || !strings.HasPrefix(v.Go, "go1.") {
		t.Error(code, out, errs)
	}
	if code, out, _ := vitrine(t, "version"); code != 0 || !strings.HasPrefix(out, "vitrine ") || !strings.Contains(out, v.Go) {
		t.Error(code, out)
	}
}
