package upstream_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/internal/item"
	"vitrine/internal/upstream"
)

// TestATokenOfACommand proves that a command's output is the token until the upstream refuses it, that its words reach it as
// they are, and that one that fails, hangs or prints anything else is an outage that names it and tells no token.
func TestATokenOfACommand(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "token.sh")
	write := func(body string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(script+".new", []byte("#!/bin/sh\n"+body), 0o700), os.Rename(script+".new", script)); err != nil {
			t.Fatal(err)
		}
	}
	g := &guarded{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	write(`echo run >> ` + dir + `/runs; echo "canary-$1-$#"`)
	g.set("canary-*-2")
	c, d, _ := withToken(t, server.URL, fmt.Sprintf("{ command: %q, timeout: 20s }", script+" * two"), "command:"+script+"  *  two")
	for range 3 {
		if err := c.Fetch(t.Context(), d, asks("1"))[0].Err; err != nil {
			t.Fatal(err)
		}
	}
	if runs, _ := os.ReadFile(dir + "/runs"); string(runs) != "run\n" {
		t.Errorf("it ran %q", runs)
	}
	write(`echo canary-new`)
	g.set("canary-new")
	if err := c.Fetch(t.Context(), d, asks("1"))[0].Err; err != nil {
		t.Errorf("after the token was refused: %v", err)
	}
	for body, says := range map[string]string{
		`echo canary-part; echo "no login for canary-part" >&2; exit 3`: "exit status 3: no login for ***",
		`exec sleep 1000`:                  "it did not end in time",
		`sleep 1000 & wait`:                "it did not end in time",
		`echo`:                             "it is empty",
		`echo canary one; echo canary two`: "it is no token",
		`exec yes canary`:                  "more than 65536 bytes",
		`exec 2>/dev/null; kill -9 $$`:     "killed",
	} {
		write(body)
		timeout := "20s"
		if strings.Contains(body, "sleep") {
			timeout = "300ms"
		}
		c, d, _ := withToken(t, server.URL, fmt.Sprintf("{ command: %q, timeout: %s }", script, timeout), "command:"+script)
		err := c.Fetch(t.Context(), d, asks("1"))[0].Err
		if !errors.Is(err, item.ErrUnavailable) || errors.Is(err, item.ErrRefused) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "the command "+script) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: it says %v, want %q", body, err, says)
		}
	}
}

// TestNoCatalogRunsACommandByItself proves that neither a pushed catalog nor a file that somebody tries can run a command, send
// a file, or send a token elsewhere than the operator of the process says.
func TestNoCatalogRunsACommandByItself(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "ran")
	server := httptest.NewServer(&guarded{})
	t.Cleanup(server.Close)
	command := "touch " + mark
	for name, c := range map[string]struct{ token, allow, says string }{
		"a command":         {fmt.Sprintf("{ command: %q }", command), "", "--secret 'command:" + command + "=" + server.URL + "'"},
		"with other words":  {fmt.Sprintf("{ command: %q }", command), "command:touch", "may not be run for"},
		"a file":            {`{ file: /etc/passwd }`, "", "--secret file:/etc/passwd=" + server.URL},
		"a secret":          {endpointToken, "", "--secret SHOP_SECRET=" + server.URL},
		"a token elsewhere": {`{ url: "http://login.invalid/token", client: c, secret: "env:SHOP_SECRET" }`, "SHOP_SECRET=http://login.invalid", "token:http://login.invalid may not be sent to " + server.URL},
	} {
		t.Run(name, func(t *testing.T) {
			allow := []string{}
			if c.allow != "" {
				allow = append(allow, c.allow)
			}
			client, d, _ := withToken(t, server.URL, c.token, allow...)
			err := client.Fetch(t.Context(), d, asks("1"))[0].Err
			if !errors.Is(err, upstream.ErrSecret) || !errors.Is(err, item.ErrUnavailable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
		})
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the command ran")
	}
}
