package rediskv_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vitrine/internal/freeaddr"
	"vitrine/internal/kv"
	"vitrine/internal/redistest"
)

// TestTLS proves that rediss:// and rediss+sentinel:// speak TLS with Redis and with its sentinels, and accept no
// certificate that nobody vouches for.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	tlsAt := func(addr string) []string {
		_, port, _ := net.SplitHostPort(addr)
		return []string{"--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"}
	}
	master, sentinel := freeaddr.Of(t), freeaddr.Of(t)
	redistest.Single(t, tlsAt(master)...)
	redistest.Sentinel(t, master, tlsAt(sentinel)...)
	for _, url := range []string{"rediss://" + master, "rediss+sentinel://" + sentinel + "/" + redistest.MasterName} {
		err := openAt(t, url).Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: a certificate that nobody vouches for: %v", url, err)
		}
		s := openAt(t, url+"?skip_verify=true")
		put(t, s, kv.Put{RecordKey: record(url), Value: alive(`1`)})
		if got := read(t, s, record(url)); string(got.Body) != "1" {
			t.Errorf("%s: read %+v", url, got)
		}
	}
}

// selfSigned writes a certificate for loopback and its key.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}
