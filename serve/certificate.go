package serve

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"trit/setting"
)

// Certificate names the files, in PEM, by which a server proves who it is.
type Certificate struct {
	Cert string // its certificate, and those of the authorities between it and the root
	Key  string
}

// Open reads the files, for Options.TLS. They are read again when they change; log gets the error if they
// cannot be, and the certificate of before stays.
func (c Certificate) Open(log func(error)) (*tls.Config, error) {
	p := &keyPair{files: c, log: log, now: time.Now}
	if err := p.look(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.get(), nil },
	}, nil
}

// lookEvery is how often the files of a certificate are looked at.
const lookEvery = 2 * time.Second

// keyPair is a certificate with its key, in files that may change.
type keyPair struct {
	files Certificate
	log   func(error)
	now   func() time.Time

	mu     sync.Mutex // guards what follows
	pair   *tls.Certificate
	state  [2]fileState
	looked time.Time
}

// fileState tells one content of a file from another; it is zero for a file that is not there.
type fileState struct {
	modified time.Time
	bytes    int64
}

// get is the certificate now.
func (p *keyPair) get() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Sub(p.looked) > lookEvery {
		if err := p.look(); err != nil {
			p.log(fmt.Errorf("the certificate of before stays: %w", err))
		}
	}
	return p.pair
}

// look reads the files if they have changed since the last time, so that what is wrong is said once.
func (p *keyPair) look() error {
	p.looked = p.now()
	var state [2]fileState
	for i, file := range []string{p.files.Cert, p.files.Key} {
		if stat, err := os.Stat(file); err == nil {
			state[i] = fileState{stat.ModTime(), stat.Size()}
		}
	}
	if p.pair != nil && state == p.state {
		return nil
	}
	p.state = state
	pair, err := p.files.read()
	if err == nil {
		p.pair = pair
	}
	return err
}

func (c Certificate) read() (*tls.Certificate, error) {
	fail := func(field string, err error) error {
		return &setting.Error{Field: field, Problem: "{" + field + "}", Err: err}
	}
	cert, err := os.ReadFile(c.Cert)
	if err != nil {
		return nil, fail("serve.Certificate.Cert", err)
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return nil, fail("serve.Certificate.Key", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		err = errors.New(strings.TrimPrefix(err.Error(), "tls: "))
		return nil, fail("serve.Certificate.Cert", fmt.Errorf("%s with {serve.Certificate.Key} %s: %w", c.Cert, c.Key, err))
	}
	return &pair, nil
}
