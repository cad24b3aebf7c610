package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Signer is a private key, with certificates or without.
type Signer struct {
	key          *ecdsa.PrivateKey
	certificates []*x509.Certificate
}

// PublicKey is one that signatures are checked by.
type PublicKey struct{ key *ecdsa.PublicKey }

const keyWay = "name a PEM file with an elliptic curve's key (P-256, P-384, P-521); `xiaoyu sign --new-key FILE` makes one"

// NewKey makes a key on the curve P-256, and returns it and its public half as PEM files have them (PKCS #8 and PKIX).
func NewKey() (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	p := PublicKey{&key.PublicKey}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), p.PEM(), nil
}

// ReadSigner reads a private key from a PEM file's text (PKCS #8 or SEC 1).
func ReadSigner(text []byte) (*Signer, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "ENCRYPTED PRIVATE KEY":
			return nil, hint.Errorf("decrypt it first: openssl pkcs8 -in KEY -out PLAIN", "the private key is encrypted")
		case "PRIVATE KEY", "EC PRIVATE KEY":
			key, err := parsePrivate(block)
			if err != nil {
				return nil, hint.Wrap(err, keyWay, "reading a private key")
			}
			if err := supported(&key.PublicKey); err != nil {
				return nil, err
			}
			return &Signer{key: key}, nil
		}
	}
	return nil, hint.Errorf(keyWay, "there is no private key in the file")
}

func parsePrivate(block *pem.Block) (*ecdsa.PrivateKey, error) {
	if block.Type == "EC PRIVATE KEY" {
		return x509.ParseECPrivateKey(block.Bytes)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, is := parsed.(*ecdsa.PrivateKey)
	if !is {
		return nil, fmt.Errorf("it is a key of another kind (%T)", parsed)
	}
	return key, nil
}

// WithCertificates adds the certificate of the key, and those that lead to one whom others trust, from PEM files' texts.
func (s *Signer) WithCertificates(leaf []byte, chain ...[]byte) (*Signer, error) {
	list, err := readCertificates(append([][]byte{leaf}, chain...)...)
	if err != nil {
		return nil, err
	}
	if key, is := list[0].PublicKey.(*ecdsa.PublicKey); !is || !key.Equal(&s.key.PublicKey) {
		return nil, hint.Errorf("name the certificate that was made for this key", "the certificate of %s is for another key", list[0].Subject)
	}
	if !maySign(list[0]) {
		return nil, hint.Errorf("have one made whose key usage is digitalSignature, or codeSigning", "the certificate of %s is not for signing", list[0].Subject)
	}
	return &Signer{s.key, list}, nil
}

func readCertificates(texts ...[]byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, text := range texts {
		before := len(list)
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, hint.Wrap(err, "name a PEM file with certificates", "reading a certificate")
			}
			list = append(list, c)
		}
		if len(list) == before {
			return nil, hint.Errorf("name a PEM file with certificates", "there is no certificate in the file")
		}
	}
	return list, nil
}

// maySign tells whether a certificate is for signing.
func maySign(c *x509.Certificate) bool {
	if c.KeyUsage&x509.KeyUsageDigitalSignature != 0 {
		return true
	}
	for _, use := range c.ExtKeyUsage {
		if use == x509.ExtKeyUsageCodeSigning {
			return true
		}
	}
	return false
}

// Public is the half of the key that others check signatures by.
func (s *Signer) Public() PublicKey { return PublicKey{&s.key.PublicKey} }

// sign makes a signature in ASN.1, over the digest that belongs to the key's curve.
func (s *Signer) sign(message []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, s.key, hashFor(&s.key.PublicKey, message))
}

func (s *Signer) material() material {
	m := material{Log: []struct{}{}}
	if len(s.certificates) == 0 {
		m.Key = &keyHint{s.Public().Fingerprint()}
		return m
	}
	m.Chain = &chain{}
	for _, c := range s.certificates {
		m.Chain.Certificates = append(m.Chain.Certificates, certificate{c.Raw})
	}
	return m
}

// ReadPublicKey reads a public key from a PEM file's text.
func ReadPublicKey(text []byte) (PublicKey, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PUBLIC KEY" {
			continue
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return PublicKey{}, hint.Wrap(err, keyWay, "reading a public key")
		}
		key, is := parsed.(*ecdsa.PublicKey)
		if !is {
			return PublicKey{}, hint.Errorf(keyWay, "reading a public key: it is one of another kind (%T)", parsed)
		}
		return PublicKey{key}, supported(key)
	}
	return PublicKey{}, hint.Errorf(keyWay, "there is no public key in the file")
}

func supported(key *ecdsa.PublicKey) error {
	switch key.Curve {
	case elliptic.P256(), elliptic.P384(), elliptic.P521():
		return nil
	}
	return hint.Errorf(keyWay, "keys on the curve %s are not known here", key.Curve.Params().Name)
}

// PEM is the key as a PEM file has it.
func (k PublicKey) PEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		panic(err) // of the three curves that a key can have here, all can be written
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Fingerprint is the SHA-256 of the PEM file, in hexadecimal digits: what bundles name a key by.
func (k PublicKey) Fingerprint() string { return Digest(sha256.Sum256(k.PEM())).String() }

// hashFor is the digest of a message that is signed with a key of its curve.
func hashFor(key *ecdsa.PublicKey, message []byte) []byte {
	switch key.Curve {
	case elliptic.P384():
		h := sha512.Sum384(message)
		return h[:]
	case elliptic.P521():
		h := sha512.Sum512(message)
		return h[:]
	}
	h := sha256.Sum256(message)
	return h[:]
}

// Trust is what signatures are checked by: keys, or the authorities that certificates have to lead to. A certificate of one
// of the keys needs no authority.
type Trust struct {
	Keys  []PublicKey
	Roots *x509.CertPool
}

// TrustRoots reads the certificates of authorities from PEM files' texts.
func TrustRoots(texts ...[]byte) (*x509.CertPool, error) {
	list, err := readCertificates(texts...)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range list {
		pool.AddCert(c)
	}
	return pool, nil
}

func (t Trust) knows(k PublicKey) bool {
	return slices.ContainsFunc(t.Keys, func(other PublicKey) bool { return other.key.Equal(k.key) })
}

// ErrUntrusted is the cause of errors about signatures by keys or certificates that are not trusted.
var ErrUntrusted = errors.New("it is signed by somebody else")

// Identity is who signed.
type Identity struct {
	Key     PublicKey
	Subject string // of the certificate, "" without one
}

// Verify checks the signature and returns what was signed, and by whom.
func (b *Bundle) Verify(t Trust) (*Manifest, Identity, error) {
	payload, who, err := b.VerifyStatement(t)
	if err != nil {
		return nil, who, err
	}
	m, err := parse(payload)
	return m, who, err
}

// VerifyStatement checks the signature and returns the statement that was signed, whatever it says, and by whom.
func (b *Bundle) VerifyStatement(t Trust) ([]byte, Identity, error) {
	who, err := b.identify(t)
	if err != nil {
		return nil, who, err
	}
	if !ecdsa.VerifyASN1(who.Key.key, hashFor(who.Key.key, encoding(b.Envelope.Payload)), b.Envelope.Signatures[0].Bytes) {
		return nil, who, hint.Errorf("get model and signature anew from whom you trust", "the signature is wrong: what was signed was changed afterwards, or by another key")
	}
	return b.Envelope.Payload, who, nil
}

// identify finds the key that the signature has to be by.
func (b *Bundle) identify(t Trust) (Identity, error) {
	if b.Material.Chain != nil {
		return b.identifyByCertificate(t)
	}
	name := b.KeyHint()
	for _, k := range t.Keys {
		if name == k.Fingerprint() || name == "" && len(t.Keys) == 1 {
			return Identity{Key: k}, nil
		}
	}
	return Identity{}, untrusted("the key %.16s… is none of those that are trusted", name)
}

// identifyByCertificate follows the chain to an authority. Signatures have no time that anybody vouches for, so that
// certificates are taken as they were when the signer's began to be valid, as other programs of this format do.
func (b *Bundle) identifyByCertificate(t Trust) (Identity, error) {
	list, err := b.certificates()
	if err != nil {
		return Identity{}, err
	}
	key, is := list[0].PublicKey.(*ecdsa.PublicKey)
	if !is || supported(key) != nil {
		return Identity{}, fmt.Errorf("the certificate of %s is for a key that is not known here", list[0].Subject)
	}
	who := Identity{PublicKey{key}, list[0].Subject.String()}
	if t.knows(who.Key) {
		return who, nil
	}
	if t.Roots == nil {
		return who, untrusted("it was signed with a certificate of %s, and no authority is trusted", who.Subject)
	}
	between := x509.NewCertPool()
	for _, c := range list[1:] {
		between.AddCert(c)
	}
	if _, err := list[0].Verify(x509.VerifyOptions{Roots: t.Roots, Intermediates: between, CurrentTime: list[0].NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return who, untrusted("the certificate of %s: %v", who.Subject, err)
	}
	if !maySign(list[0]) {
		return who, untrusted("the certificate of %s is not for signing", who.Subject)
	}
	return who, nil
}

func untrusted(format string, args ...any) error {
	return hint.Wrap(ErrUntrusted, "trust it by its public key or certificate, if you know whose it is", "checking the signature: "+format, args...)
}
