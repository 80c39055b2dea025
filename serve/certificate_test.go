package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for this machine, with a serial number, and its key.
func writeCertificate(t *testing.T, c Certificate, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{c.Cert, "CERTIFICATE", cert}, {c.Key, "PRIVATE KEY", secret}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func newCertificate(t *testing.T) Certificate {
	dir := t.TempDir()
	c := Certificate{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	writeCertificate(t, c, 1)
	return c
}

// TestCertificatesAreReadAgain replaces a certificate by another one, with a broken one between them.
func TestCertificatesAreReadAgain(t *testing.T) {
	c := newCertificate(t)
	now := time.Now()
	var said []string
	p := &keyPair{files: c, log: func(err error) { said = append(said, err.Error()) }, now: func() time.Time { return now }}
	if err := p.look(); err != nil {
		t.Fatal(err)
	}
	serial := func(after time.Duration) int64 {
		t.Helper()
		now = now.Add(after)
		cert, err := x509.ParseCertificate(p.get().Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return cert.SerialNumber.Int64()
	}
	if n := serial(time.Minute); n != 1 {
		t.Errorf("the certificate has the number %d, want 1", n)
	}
	if err := os.WriteFile(c.Cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(time.Second); n != 1 || len(said) > 0 {
		t.Errorf("within a second: number %d, and it says %q", n, said)
	}
	for range 3 {
		if n := serial(time.Minute); n != 1 {
			t.Errorf("beside a broken file: number %d, want 1", n)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "the certificate of before stays") || !strings.Contains(said[0], c.Cert) {
		t.Errorf("it says %q", said)
	}
	writeCertificate(t, c, 2)
	if n := serial(time.Minute); n != 2 {
		t.Errorf("the new certificate has the number %d, want 2", n)
	}
	if err := os.Remove(c.Key); err != nil {
		t.Fatal(err)
	}
	if n := serial(time.Minute); n != 2 || len(said) != 2 {
		t.Errorf("without its file: number %d, and it says %q", n, said)
	}
}

// TestServeTLS asks by TLS, and by versions of it that are too old.
func TestServeTLS(t *testing.T) {
	config, err := newCertificate(t).Open(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := start(t, Options{Models: only{quick(t)}, TLS: config})
	for version, want := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true, tls.VersionTLS11: false} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version,
		}}}
		r, err := client.Get("https://" + addr + "/health")
		if got := err == nil && r.StatusCode == http.StatusOK; got != want {
			t.Errorf("%s: %v, want %t", tls.VersionName(version), err, want)
		}
		client.CloseIdleConnections()
	}
}

func TestWrongCertificates(t *testing.T) {
	good, other := newCertificate(t), newCertificate(t)
	missing, text := filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("a text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Certificate{
		"Certificate.Cert: open " + missing:                           {missing, good.Key},
		"Certificate.Key: open " + missing:                            {good.Cert, missing},
		"failed to find any PEM data in certificate input":            {text, good.Key},
		"failed to find any PEM data in key input":                    {good.Cert, text},
		"private key does not match public key":                       {good.Cert, other.Key},
		"found a certificate rather than a key":                       {good.Cert, good.Cert},
		"PEM inputs may have been switched":                           {good.Key, good.Cert},
		"Certificate.Cert: " + text + " with Certificate.Key " + text: {text, text},
	} {
		if _, err := c.Open(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}
