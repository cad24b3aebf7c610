package catalogue

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Key is a public key of an account, by which signatures of its packages are checked.
type Key struct {
	sign.PublicKey
	Name  string // what its owner calls it
	Added time.Time
}

// mostKeys is how many an account may have.
const mostKeys = 32

// Keys lists the keys of an account, in the order in which they came. They are public.
func (c *Catalogue) Keys(ctx context.Context, owner *Account) ([]Key, error) {
	return c.keys(c.reading(ctx), owner.ID, owner.Name)
}

func (c *Catalogue) keys(q queries, owner int64, name string) (list []Key, err error) {
	err = q.rows("SELECT pem, name, added FROM keys WHERE account_id = ? ORDER BY added, fingerprint", []any{owner}, func(scan func(...any) error) error {
		var k Key
		var pem string
		if err := scan(&pem, &k.Name, timeColumn{&k.Added}); err != nil {
			return err
		}
		k.PublicKey, err = sign.ReadPublicKey([]byte(pem))
		list = append(list, k)
		return err
	})
	return list, wrap(err, "keys of %s", name)
}

// AddKey gives an account a key: that of who asks, or of an organisation that he administers. One that is there already
// gets the new name.
func (c *Catalogue) AddKey(ctx context.Context, who Caller, owner string, key sign.PublicKey, name string) error {
	return wrap(c.changeKeys(ctx, who, owner, func(q queries, a *Account) error {
		var n int
		if err := q.row("SELECT COUNT(*) FROM keys WHERE account_id = ?", []any{a.ID}, &n); err != nil {
			return err
		}
		if n >= mostKeys {
			return hint.Errorf("remove one that is no longer used", "%s has %d keys: %w", a.Name, n, ErrInvalid)
		}
		if _, err := q.exec("INSERT INTO keys (account_id, fingerprint, pem, name, added) VALUES (?, ?, ?, ?, ?) ON CONFLICT (account_id, fingerprint) DO UPDATE SET name = excluded.name",
			a.ID, key.Fingerprint(), string(key.PEM()), cutText(name, 100), stamp(c.now())); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "add key", a.Name, key.Fingerprint())
	}), "adding a key to %s", owner)
}

// RemoveKey takes a key away: signatures by it count no longer. ErrNotFound.
func (c *Catalogue) RemoveKey(ctx context.Context, who Caller, owner, fingerprint string) error {
	return wrap(c.changeKeys(ctx, who, owner, func(q queries, a *Account) error {
		n, err := q.exec("DELETE FROM keys WHERE account_id = ? AND fingerprint = ?", a.ID, fingerprint)
		if err == nil && n == 0 {
			err = hint.Errorf("give the whole fingerprint of one of its keys", "%w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		if err := c.forgetSignatures(q, a, fingerprint); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "remove key", a.Name, fingerprint)
	}), "removing a key of %s", owner)
}

// forgetSignatures removes those of a key that is no longer its owner's.
func (c *Catalogue) forgetSignatures(q queries, owner *Account, fingerprint string) error {
	var repositories []int64
	err := q.rows(`SELECT DISTINCT m.repository_id FROM signatures s JOIN manifests m ON m.id = s.manifest_id JOIN repositories r ON r.id = m.repository_id WHERE s.fingerprint = ? AND r.owner_id = ?`,
		[]any{fingerprint, owner.ID}, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			repositories = append(repositories, id)
			return err
		})
	if err != nil {
		return err
	}
	for _, id := range repositories {
		if _, err := q.exec("DELETE FROM signatures WHERE fingerprint = ? AND manifest_id IN (SELECT id FROM manifests WHERE repository_id = ?)", fingerprint, id); err != nil {
			return err
		}
		if err := c.adoptFacts(q, id); err != nil {
			return err
		}
	}
	return nil
}

// changeKeys lets administrators of an account change its keys. A token that may but publish may not: who has stolen one
// could sign with a key of his own otherwise.
func (c *Catalogue) changeKeys(ctx context.Context, who Caller, owner string, change func(q queries, a *Account) error) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	return c.update(ctx, func(q queries) error {
		a, err := c.administered(q, who, owner)
		if err != nil {
			return err
		}
		return change(q, a)
	})
}

// Signature is one of a package that was found to be right.
type Signature struct {
	Digest      digest.Digest // of its manifest
	Fingerprint string        // of the key
	At          time.Time
}

// Signatures lists those of a package, oldest first.
func (c *Catalogue) Signatures(ctx context.Context, m *Manifest) (list []Signature, err error) {
	err = c.reading(ctx).rows("SELECT digest, fingerprint, at FROM signatures WHERE manifest_id = ? ORDER BY at, digest", []any{m.ID}, func(scan func(...any) error) error {
		var s Signature
		err := scan(&s.Digest, &s.Fingerprint, timeColumn{&s.At})
		list = append(list, s)
		return err
	})
	return list, wrap(err, "signatures of %s", m.Digest)
}

// noteSignature keeps that a manifest, just published, is a good signature of another one.
func (c *Catalogue) noteSignature(q queries, p Publication, repository int64) error {
	_, err := q.exec(`INSERT INTO signatures (manifest_id, digest, fingerprint, at) SELECT id, ?, ?, ? FROM manifests WHERE repository_id = ? AND digest = ? ON CONFLICT DO NOTHING`,
		p.Digest, p.SignedBy, stamp(c.now()), repository, p.Subject)
	if err != nil {
		return err
	}
	return c.adoptFacts(q, repository) // that it is signed can be searched for
}
