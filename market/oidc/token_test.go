package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var b64 = base64.RawURLEncoding

// signer is a provider's key.
type signer struct {
	algorithm string
	web       map[string]string
	sign      func(content []byte) []byte
}

func signers(t *testing.T) map[string]signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := e.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]signer{
		"RS256": {"RS256", map[string]string{"kty": "RSA", "kid": "r", "use": "sig", "n": b64.EncodeToString(r.N.Bytes()), "e": "AQAB"}, func(content []byte) []byte {
			sum := sha256.Sum256(content)
			s, err := rsa.SignPKCS1v15(nil, r, crypto.SHA256, sum[:])
			if err != nil {
				t.Error(err)
			}
			return s
		}},
		"ES256": {"ES256", map[string]string{"kty": "EC", "crv": "P-256", "kid": "e", "x": b64.EncodeToString(point[1:33]), "y": b64.EncodeToString(point[33:])}, func(content []byte) []byte {
			sum := sha256.Sum256(content)
			x, y, err := ecdsa.Sign(rand.Reader, e, sum[:])
			if err != nil {
				t.Error(err)
			}
			return append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
		}},
		"EdDSA": {"EdDSA", map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": b64.EncodeToString(public)}, func(content []byte) []byte { return ed25519.Sign(private, content) }},
	}
}

// token is one that a key has signed, with some claims.
func (s signer) token(t *testing.T, head map[string]string, claims map[string]any) string {
	t.Helper()
	full := map[string]string{"alg": s.algorithm, "kid": s.web["kid"]}
	maps.Copy(full, head)
	h, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	content := b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	return content + "." + b64.EncodeToString(s.sign([]byte(content)))
}

// provider is one that publishes some keys.
func provider(t *testing.T, keys ...map[string]string) *Provider {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "authorization_endpoint": server.URL + "/a", "token_endpoint": server.URL + "/t", "jwks_uri": server.URL + "/k"})
	})
	mux.HandleFunc("/k", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(map[string]any{"keys": keys}) })
	p, err := New(Options{Issuer: server.URL, ClientID: "market"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOnlyTokensOfTheProviderForThisClientAreBelieved(t *testing.T) {
	for name, s := range signers(t) {
		t.Run(name, func(t *testing.T) {
			p := provider(t, map[string]string{"kty": "oct", "kid": "x", "k": "AAAA"}, s.web)
			now := time.Now().Unix()
			claims := func(changes map[string]any) map[string]any {
				c := map[string]any{"iss": p.options.Issuer, "sub": "ada", "aud": "market", "exp": now + 60, "iat": now}
				maps.Copy(c, changes)
				return c
			}
			for _, good := range []map[string]any{nil, {"aud": []string{"market"}}, {"aud": []string{"market", "other"}, "azp": "market"}, {"exp": now - 30}} {
				if c, err := p.verify(t.Context(), s.token(t, nil, claims(good))); err != nil || c.Subject != "ada" {
					t.Errorf("%v: %v", good, err)
				}
			}
			if _, err := p.verify(t.Context(), s.token(t, map[string]string{"kid": ""}, claims(nil))); err != nil {
				t.Errorf("a token that names no key: %v", err)
			}
			for why, bad := range map[string]map[string]any{
				"is of": {"iss": "https://evil.example"}, "nobody": {"sub": ""}, "another client": {"aud": "other"}, "another  client": {"aud": []string{"market", "other"}}, "another   client": {"azp": "other"},
				"expired": {"exp": now - 120}, "future": {"iat": now + 600}, "a part": {"exp": "soon"},
			} {
				if _, err := p.verify(t.Context(), s.token(t, nil, claims(bad))); err == nil || !strings.Contains(err.Error(), strings.Join(strings.Fields(why), " ")) {
					t.Errorf("%v: %v", bad, err)
				}
			}
			good := s.token(t, nil, claims(nil))
			body := strings.Split(good, ".")
			forged := claims(map[string]any{"sub": "root"})
			c, err := json.Marshal(forged)
			if err != nil {
				t.Fatal(err)
			}
			none := b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b64.EncodeToString(c) + "."
			for _, bad := range []string{"", ".", "..", "a.b.c", good + "x", body[0] + "." + b64.EncodeToString(c) + "." + body[2], none, strings.TrimSuffix(good, body[2]), s.token(t, map[string]string{"kid": "other"}, forged)} {
				if _, err := p.verify(t.Context(), bad); err == nil {
					t.Errorf("%.60q is believed", bad)
				}
			}
			for other, algorithm := range map[string]string{"RS256": "ES256", "ES256": "EdDSA", "EdDSA": "RS256"} {
				if _, err := p.verify(t.Context(), s.token(t, map[string]string{"alg": algorithm}, forged)); s.algorithm == other && err == nil {
					t.Errorf("a token whose algorithm is not the key's (%s) is believed", algorithm)
				}
			}
		})
	}
}

// TestAPublicKeyIsNoSecret tries what programs have believed that let the token choose the algorithm.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	p := provider(t, map[string]string{"kty": "RSA", "n": b64.EncodeToString(key.N.Bytes()), "e": "AQAB"})
	s := signer{"HS256", map[string]string{}, func(content []byte) []byte {
		m := hmac.New(sha256.New, public)
		m.Write(content)
		return m.Sum(nil)
	}}
	if _, err := p.verify(t.Context(), s.token(t, nil, map[string]any{"iss": p.options.Issuer, "sub": "ada", "aud": "market", "exp": time.Now().Unix() + 60})); err == nil {
		t.Error("it is believed")
	}
}

func TestProvidersMustBeReachedSafely(t *testing.T) {
	for _, bad := range []string{"", "id.example.org", "http://id.example.org", "ftp://id.example.org", "https://", "https://id.example.org?x=1", "http://127.0.0.1.example.org"} {
		if _, err := New(Options{Issuer: bad, ClientID: "market"}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := New(Options{Issuer: "https://id.example.org"}); err == nil {
		t.Error("no client id is taken")
	}
	p, err := New(Options{Issuer: "https://id.example.org/realm", ClientID: "market"})
	if err != nil || p.Name() != "id.example.org" {
		t.Errorf("%v", err)
	}
	// A provider that calls itself otherwise, or sends secrets over the net in the clear.
	for _, doc := range []string{`{"issuer":"https://evil.example"}`, `{"issuer":"ISSUER","authorization_endpoint":"http://evil.example/a","token_endpoint":"https://x/t","jwks_uri":"https://x/k"}`, `{`, `null`} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(strings.ReplaceAll(doc, "ISSUER", server.URL)))
		}))
		p, err := New(Options{Issuer: server.URL, ClientID: "market"})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Begin(t.Context(), "https://market.example/callback"); err == nil {
			t.Errorf("the document %s is taken", doc)
		}
		server.Close()
	}
}
