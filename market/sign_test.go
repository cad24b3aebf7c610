package market_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// signingKey makes a key, and its public half.
func signingKey(t *testing.T) (*sign.Signer, []byte) {
	t.Helper()
	private, public, err := sign.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := sign.ReadSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// signedMarket is a market with the account ada, her client and that of a stranger with a home of his own.
type signedMarket struct {
	*testing.T
	m        *markettest.Market
	ada      *client.Client
	stranger string // folder
}

func (s *signedMarket) pull(ref string, trust client.Trust) (*client.Pulled, error) {
	s.Helper()
	c, err := client.New(client.Options{Market: s.m.URL, Home: s.stranger, Trust: trust})
	if err != nil {
		s.Fatal(err)
	}
	return c.Pull(s.Context(), reference(s.T, ref), filepath.Join(s.TempDir(), "out"), false, client.Watch{})
}

// push publishes a package under a version and returns it.
func (s *signedMarket) push(version, text string) (*pack.Packed, client.Reference) {
	s.Helper()
	dir := filepath.Join(s.TempDir(), "model")
	for name, content := range map[string]string{"README.md": "---\nlicense: mit\nlanguage: en\npipeline_tag: text-classification\n---\n# A model\n", "config.json": `{"model_type":"bert","text":"` + text + `"}`} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	p, err := pack.Folder(s.Context(), dir, pack.Options{Kind: pack.Model})
	if err != nil {
		s.Fatal(err)
	}
	to := reference(s.T, "ada/model:"+version)
	if _, err := s.ada.Push(s.Context(), p, to, client.Watch{}); err != nil {
		s.Fatal(err)
	}
	return p, to
}

func startSigned(t *testing.T) *signedMarket {
	m := markettest.Start(t, market.Options{})
	return &signedMarket{t, m, connect(t, m.URL, m.Token(t, "ada", catalogue.Admin)), t.TempDir()}
}

func TestSignaturesAreCheckedByTheMarketAndByWhoPulls(t *testing.T) {
	s := startSigned(t)
	key, public := signingKey(t)
	p, to := s.push("1.0.0", "one")
	if err := s.ada.Sign(t.Context(), p, to, key); err == nil || !strings.Contains(hint.Way(err), "xiaoyu keys add") {
		t.Fatalf("signed with a key that nobody knows: %v", err)
	}
	if pulled, err := s.pull("ada/model", client.Trust{}); err != nil || pulled.SignedBy != "" {
		t.Fatalf("pulled without a signature: %+v, %v", pulled, err)
	}
	if _, err := s.pull("ada/model", client.Trust{Require: true}); err == nil || !strings.Contains(err.Error(), "nobody has signed it") {
		t.Fatalf("pulled without the signature that was asked for: %v", err)
	}
	if err := s.ada.AddKey(t.Context(), "ada", public, "laptop"); err != nil {
		t.Fatal(err)
	}
	if err := s.ada.Sign(t.Context(), p, to, key); err != nil {
		t.Fatal(err)
	}
	pulled, err := s.pull("ada/model", client.Trust{Require: true})
	if err != nil || pulled.SignedBy != key.Public().Fingerprint() {
		t.Fatalf("pulled %+v: %v", pulled, err)
	}
	info, err := s.ada.Info(t.Context(), "ada/model", "")
	if err != nil || len(info.Signatures) != 1 || info.Signatures[0].Key != key.Public().Fingerprint() {
		t.Errorf("the market tells of %+v: %v", info.Signatures, err)
	}
	found, err := s.ada.Search(t.Context(), client.Search{Facets: map[string]string{"signed": "yes"}})
	if err != nil || found.Total != 1 {
		t.Errorf("signed packages found: %+v, %v", found, err)
	}
	other, _ := signingKey(t)
	if _, err := s.pull("ada/model", client.Trust{Keys: []sign.PublicKey{other.Public()}}); !errors.Is(err, sign.ErrUntrusted) {
		t.Errorf("pulled although another key was asked for: %v", err)
	}
	if _, err := s.pull("ada/model", client.Trust{Keys: []sign.PublicKey{key.Public()}}); err != nil {
		t.Error(err)
	}
	// A signature of other files, by the right key, is none of this package.
	q, _ := s.push("2.0.0", "two")
	q.Digest, q.Manifest = p.Digest, p.Manifest
	if err := s.ada.Sign(t.Context(), q, to, key); err == nil || !strings.Contains(err.Error(), "config.json was changed") {
		t.Errorf("a signature of other files: %v", err)
	}
}

// TestKeysAreRememberedFromTheFirstTime: whoever has taken over an account, or a market, cannot sign for its publisher.
func TestKeysAreRememberedFromTheFirstTime(t *testing.T) {
	s := startSigned(t)
	key, public := signingKey(t)
	if err := s.ada.AddKey(t.Context(), "ada", public, ""); err != nil {
		t.Fatal(err)
	}
	p, to := s.push("1.0.0", "one")
	if err := s.ada.Sign(t.Context(), p, to, key); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pull("ada/model", client.Trust{}); err != nil {
		t.Fatal(err)
	}
	thief, stolen := signingKey(t)
	if err := s.ada.RemoveKey(t.Context(), "ada", key.Public().Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if err := s.ada.AddKey(t.Context(), "ada", stolen, ""); err != nil {
		t.Fatal(err)
	}
	if info, err := s.ada.Info(t.Context(), "ada/model", "1.0.0"); err != nil || len(info.Signatures) != 0 {
		t.Errorf("signatures of a key that was removed: %+v, %v", info.Signatures, err)
	}
	if found, err := s.ada.Search(t.Context(), client.Search{Facets: map[string]string{"signed": "yes"}}); err != nil || found.Total != 0 {
		t.Errorf("signed packages found: %+v, %v", found, err)
	}
	p, to = s.push("2.0.0", "two")
	if err := s.ada.Sign(t.Context(), p, to, thief); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pull("ada/model:2.0.0", client.Trust{}); !errors.Is(err, sign.ErrUntrusted) || !strings.Contains(hint.Way(err), "--renew-keys") {
		t.Fatalf("pulled what a new key signed: %v", err)
	}
	if _, err := s.pull("ada/model:1.0.0", client.Trust{}); err != nil {
		t.Errorf("what the old key signed: %v", err)
	}
	if pulled, err := s.pull("ada/model:2.0.0", client.Trust{Renew: true}); err != nil || pulled.SignedBy != thief.Public().Fingerprint() {
		t.Errorf("with the keys of today: %+v, %v", pulled, err)
	}
}

func TestKeysAreChangedByAdministratorsAlone(t *testing.T) {
	s := startSigned(t)
	_, public := signingKey(t)
	for token, want := range map[string]error{
		s.m.Token(t, "ada", catalogue.Write): client.ErrForbidden,
		s.m.Token(t, "bob", catalogue.Admin): client.ErrForbidden,
		"":                                   client.ErrUnauthorized,
	} {
		if err := connect(t, s.m.URL, token).AddKey(t.Context(), "ada", public, ""); !errors.Is(err, want) {
			t.Errorf("added a key: %v, want %v", err, want)
		}
	}
	if err := s.ada.AddKey(t.Context(), "ada", []byte("no key"), ""); err == nil || !strings.Contains(err.Error(), "no public key") {
		t.Errorf("added what is no key: %v", err)
	}
	if err := s.ada.RemoveKey(t.Context(), "ada", "0000"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("removed what is not there: %v", err)
	}
	if list, err := s.ada.Keys(t.Context(), "ada"); err != nil || len(list) != 0 {
		t.Errorf("keys %+v: %v", list, err)
	}
}
