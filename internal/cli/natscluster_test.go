package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"vitrine/internal/bustest"
	"vitrine/internal/freeaddr"
	"vitrine/internal/long"
	"vitrine/internal/poll"
)

// TestTheDeployedCluster runs the cluster of deploy/nats, with a leaf node, and proves that an operator's push over TLS creates streams
// with three replicas there, that doctor says so, and that a system of the shop publishes changes through the leaf node.
//
// To make all streams three times, each write on the disk, takes minutes on a busy machine. In the short form the servers only read their files.
func TestTheDeployedCluster(t *testing.T) {
	t.Parallel()
	authority := bustest.NewAuthority(t)
	cert, key := authority.Issue(t, "server")
	replace := map[string]string{
		"/etc/nats/server.pem": cert, "/etc/nats/server.key": key, "/etc/nats/ca.pem": authority.File,
		"0.0.0.0:4222": "127.0.0.1:-1", "127.0.0.1:4222": "127.0.0.1:-1", "50G": "5G",
	}
	var routes [3]string
	for i := range routes {
		routes[i] = freeaddr.Of(t)
		replace[fmt.Sprintf("$ROUTE_%d", i+1)] = "nats-route://" + routes[i]
	}
	var servers [3]*server.Server
	var urls [3]string
	for i := range servers {
		replace["$NAME"] = fmt.Sprintf("nats-%d", i)
		replace["0.0.0.0:6222"] = routes[i]
		leaf := freeaddr.Of(t)
		replace["0.0.0.0:7422"] = leaf
		replace[fmt.Sprintf("$HUB_%d", i+1)] = "tls://upstream:upstream-secret@" + leaf
		options := deployedConfig(t, "cluster.conf", replace)
		options.StoreDir, options.NoSigs, options.NoLog = t.TempDir(), true, true
		s, err := server.NewServer(options)
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = s
	}
	replace["$NAME"] = "room"
	options := deployedConfig(t, "leaf.conf", replace)
	options.NoSigs, options.NoLog = true, true
	room, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	if !long.Full() {
		return
	}
	for i, s := range servers {
		urls[i] = "tls://" + startNATS(t, s)
	}
	url := strings.Join(urls[:], ",")
	awaitMeta(t, servers[:])

	dir := t.TempDir()
	login, controlLogin := filepath.Join(dir, "operator"), filepath.Join(dir, "control")
	write(t, login, "operator:operator-secret\n")
	write(t, controlLogin, "control:control-secret\n")
	access := []string{"--nats", url, "--nats-ca", authority.File, "--nats-login", login, "--control", url, "--control-login", controlLogin}
	catalog := catalogFor(t, shopCatalog, "http://127.0.0.1:1")
	poll.Until(t, "a push", func() bool {
		code, out, errs := vitrine(t, append([]string{"catalog", "push", catalog}, access...)...)
		t.Log(out, errs)
		return code == 0
	})
	_, out, _ := vitrine(t, append([]string{"doctor", "--dir", dir, "--catalog", catalog}, access...)...)
	if !strings.Contains(out, "3: HISTORY CHANGES SYNC PARKED BLOBS FAILED HELD KV_switches KV_catalog KV_templates KV_nodes KV_roster KV_marks") {
		t.Errorf("doctor does not say that all have three replicas: %s", out)
	}

	leaf := "nats://upstream@" + startNATS(t, room) // with the login of a role it would wait for answers where the leaf node's user may not
	poll.Until(t, "a change through the leaf node", func() bool {
		code, out, errs := vitrine(t, "notify", "sku", "price", "1", "--nats", leaf)
		t.Log(out, errs)
		return code == 0
	})
}

// awaitMeta waits until servers have a leader that has met all of them.
func awaitMeta(t *testing.T, servers []*server.Server) {
	t.Helper()
	poll.Until(t, "a leader of the cluster", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers) {
				return true
			}
		}
		return false
	})
}
