package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// claims are those of an ID token that matter here (https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Party    string   `json:"azp"`
	Expires  float64  `json:"exp"` // seconds since 1970
	Issued   float64  `json:"iat"`
	Nonce    string   `json:"nonce"`
	Username string   `json:"preferred_username"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
}

// audience is a text or a list of texts.
type audience []string

// UnmarshalJSON is json.Unmarshaler's.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// leeway is how far clocks may differ.
const leeway = time.Minute

// verify returns the claims of a token that the provider has signed for this client, and that has not expired.
func (p *Provider) verify(ctx context.Context, token string) (*claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it is no signed token")
	}
	var head struct {
		Algorithm string `json:"alg"`
		Key       string `json:"kid"`
	}
	var c claims
	if err := errors.Join(decode(parts[0], &head), decode(parts[1], &c)); err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, fmt.Errorf("its signature: %w", err)
	}
	if err := p.checkSignature(ctx, head.Algorithm, head.Key, []byte(parts[0]+"."+parts[1]), signature); err != nil {
		return nil, err
	}
	now := p.now()
	switch {
	case c.Issuer != p.options.Issuer:
		err = fmt.Errorf("it is of %.200q", c.Issuer)
	case c.Subject == "":
		err = errors.New("it is of nobody")
	case !slices.Contains(c.Audience, p.options.ClientID), len(c.Audience) > 1 && c.Party != p.options.ClientID, c.Party != "" && c.Party != p.options.ClientID:
		err = errors.New("it is for another client")
	case !now.Add(-leeway).Before(at(c.Expires)):
		err = errors.New("it has expired")
	case at(c.Issued).After(now.Add(leeway)):
		err = errors.New("it is of the future")
	}
	return &c, err
}

func at(seconds float64) time.Time { return time.Unix(int64(seconds), 0) }

func decode(part string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("a part of it: %w", err)
	}
	return nil
}

// key is one of the provider's, of the kind that its algorithm needs (RFC 7517, RFC 7518).
type key struct {
	id, algorithm string // RS256, ES256 or EdDSA
	public        crypto.PublicKey
}

// checkSignature tries the keys that the token may mean. The algorithm is the key's, not the token's: a token that names
// another one is not believed.
func (p *Provider) checkSignature(ctx context.Context, algorithm, id string, signed, signature []byte) error {
	for _, fresh := range []bool{false, true} { // providers change keys
		keys, err := p.publicKeys(ctx, fresh)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.algorithm == algorithm && (id == "" || k.id == id) && k.signed(signed, signature) {
				return nil
			}
		}
	}
	return fmt.Errorf("no key of the provider has signed it (%.20q)", algorithm)
}

func (k key) signed(content, signature []byte) bool {
	sum := sha256.Sum256(content)
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		return ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(public, content, signature)
	}
	return false
}

// pause is how long the provider is left alone between two requests for its keys.
const pause = time.Minute

// publicKeys returns the provider's keys; fresh ones, unless they were fetched just now.
func (p *Provider) publicKeys(ctx context.Context, fresh bool) ([]key, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys != nil && (!fresh || p.now().Sub(p.fetched) < pause) {
		return p.keys, nil
	}
	var set struct{ Keys []webKey }
	if err := p.fetch(ctx, d.Keys, &set); err != nil {
		return nil, err
	}
	keys := []key{}
	for _, w := range set.Keys {
		if k, ok := w.key(); ok {
			keys = append(keys, k)
		}
	}
	p.keys, p.fetched = keys, p.now()
	return keys, nil
}

// webKey is a key as providers publish it.
type webKey struct {
	Kind  string `json:"kty"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	Curve string `json:"crv"`
	N, E  string
	X, Y  string
}

// key returns false for what cannot verify ID tokens here.
func (w webKey) key() (key, bool) {
	if w.Use != "" && w.Use != "sig" {
		return key{}, false
	}
	number := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
		if err != nil {
			return nil
		}
		return b
	}
	switch {
	case w.Kind == "RSA":
		n, e := new(big.Int).SetBytes(number(w.N)), new(big.Int).SetBytes(number(w.E))
		if n.BitLen() < 2048 || n.BitLen() > 16384 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return key{}, false
		}
		return key{w.ID, "RS256", &rsa.PublicKey{N: n, E: int(e.Int64())}}, true
	case w.Kind == "EC" && w.Curve == "P-256":
		x, y := number(w.X), number(w.Y)
		if len(x) != 32 || len(y) != 32 {
			return key{}, false
		}
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
		return key{w.ID, "ES256", public}, err == nil
	case w.Kind == "OKP" && w.Curve == "Ed25519":
		x := number(w.X)
		return key{w.ID, "EdDSA", ed25519.PublicKey(x)}, len(x) == ed25519.PublicKeySize
	}
	return key{}, false
}
