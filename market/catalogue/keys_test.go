package catalogue

import (
	"errors"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

func TestSignaturesStandWithTheKeysOfTheirOwner(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		_, public, err := sign.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		key, err := sign.ReadPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddKey(t.Context(), bob, "ada", key, "his"); !errors.Is(err, ErrForbidden) {
			t.Errorf("bob adds a key to ada: %v", err)
		}
		for _, name := range []string{"laptop", "desk"} { // twice is once, under the new name
			if err := c.AddKey(t.Context(), ada, "ada", key, name); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := c.Keys(t.Context(), ada.Account)
		if err != nil || len(keys) != 1 || keys[0].Name != "desk" || keys[0].Fingerprint() != key.Fingerprint() {
			t.Fatalf("keys %+v: %v", keys, err)
		}
		r := repository(t, c, ada, "ada/model", false)
		v := publish(t, c, ada, r, "1.0.0", "one")
		signature := publication(t, c, r, "", "signature")
		signature.Subject, signature.SignedBy, signature.Package, signature.Files = v.Manifest.Digest, key.Fingerprint(), nil, nil
		if _, err := c.Publish(t.Context(), ada, r, signature); err != nil {
			t.Fatal(err)
		}
		count := func(want int) {
			t.Helper()
			list, err := c.Signatures(t.Context(), &v.Manifest)
			if err != nil || len(list) != want {
				t.Errorf("signatures %+v: %v, want %d", list, err, want)
			}
			found, err := c.Search(t.Context(), Caller{}, Query{Facets: map[string]string{"signed": "yes"}})
			if err != nil || len(found.Packages) != want {
				t.Errorf("%d signed packages found: %v, want %d", len(found.Packages), err, want)
			}
		}
		count(1)
		if err := c.RemoveKey(t.Context(), ada, "ada", key.Fingerprint()); err != nil {
			t.Fatal(err)
		}
		count(0)
	})
}
