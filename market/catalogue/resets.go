package catalogue

import (
	"context"
	"errors"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ErrLink is the cause where a link that came by mail, to choose another password or to confirm an address, is wrong, was
// used, has expired, or is of an address that the account no longer has.
var ErrLink = errors.New("the link is not valid, or no longer")

func badLink() error { return hint.Errorf("ask for a new one", "%w", ErrLink) }

// How long a link to choose another password can be used: one that came by mail, and one that who runs the market has made.
const (
	MailedResetLasts = time.Hour
	MadeResetLasts   = 24 * time.Hour
)

// CreateReset returns a code by which somebody can choose another password for an account, once. It is not kept and cannot be
// shown again. actor is who has made it, "" for the holder of the data folder.
func (c *Catalogue) CreateReset(ctx context.Context, actor string, a *Account, lasts time.Duration) (code string, err error) {
	if a.Organisation || a.Disabled {
		return "", hint.Errorf("name a person whose account is enabled", "a new password for %s: %w", a.Name, ErrInvalid)
	}
	code, hash := secret("")
	return code, wrap(c.update(ctx, func(q queries) error {
		now := c.now()
		if _, err := q.exec("DELETE FROM resets WHERE expires < ?", stamp(now)); err != nil {
			return err
		}
		if _, err := q.exec("INSERT INTO resets (hash, account_id, created, expires) VALUES (?, ?, ?, ?)", hash, a.ID, stamp(now), stamp(now.Add(lasts))); err != nil {
			return err
		}
		return c.audit(q, actor, "ask for a password", a.Name, "")
	}), "a new password for %s", a.Name)
}

// Resettable tells whose password a code changes; ErrLink.
func (c *Catalogue) Resettable(ctx context.Context, code string) (*Account, error) {
	return c.resettable(c.reading(ctx), code)
}

func (c *Catalogue) resettable(q queries, code string) (*Account, error) {
	invalid := badLink()
	var id int64
	err := q.row("SELECT account_id FROM resets WHERE hash = ? AND expires > ?", []any{hashOf(code), stamp(c.now())}, &id)
	if errors.Is(err, ErrNotFound) {
		return nil, invalid
	}
	if err != nil {
		return nil, wrap(err, "looking for a link")
	}
	a, err := c.account(q, "id = ?", id, "")
	if err == nil && a.Disabled {
		err = invalid
	}
	return a, err
}

// Reset uses a code up: its account gets another password, and all of its sessions end, as do its other codes. ErrLink;
// ErrInvalid for a password that will not do, by which the code is not used up.
func (c *Catalogue) Reset(ctx context.Context, code, password string) (*Account, error) {
	if _, err := c.Resettable(ctx, code); err != nil { // before anything is computed
		return nil, err
	}
	hashed, err := hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	var a *Account
	err = c.update(ctx, func(q queries) error {
		if a, err = c.resettable(q, code); err != nil {
			return err
		}
		// Of several who use it at once, one gets it.
		if n, err := q.exec("DELETE FROM resets WHERE hash = ?", hashOf(code)); err != nil || n == 0 {
			return errors.Join(err, badLink())
		}
		for _, statement := range []string{"DELETE FROM resets WHERE account_id = ?", "DELETE FROM sessions WHERE account_id = ?"} {
			if _, err := q.exec(statement, a.ID); err != nil {
				return err
			}
		}
		if _, err := q.exec("UPDATE accounts SET password = ? WHERE id = ?", hashed, a.ID); err != nil {
			return err
		}
		return c.audit(q, a.Name, "reset password", a.Name, "")
	})
	return a, wrap(err, "choosing another password")
}

// mostMailed is how many accounts with one address get mail at once.
const mostMailed = 3

// Forgetful lists accounts that somebody means who has forgotten his password, by name or mail address: people who have both
// an address and a password.
func (c *Catalogue) Forgetful(ctx context.Context, nameOrAddress string) (list []*Account, err error) {
	err = c.reading(ctx).rows("SELECT "+accountColumns+` FROM accounts a WHERE (a.key = ? OR LOWER(a.email) = ?) AND a.email <> '' AND a.password <> '' AND NOT a.organisation AND NOT a.disabled ORDER BY a.id LIMIT ?`,
		[]any{key(nameOrAddress), key(nameOrAddress), mostMailed}, func(scan func(...any) error) error {
			a, err := scanAccount(scan)
			list = append(list, a)
			return err
		})
	return list, wrap(err, "looking for an account")
}
