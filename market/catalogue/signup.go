package catalogue

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// SignUp is somebody's wish to have an account.
type SignUp struct {
	Account    Account
	Password   string    // "" where there is an identity
	Invitation string    // code; "" for none
	Identity   *Identity // nil for none
}

// Identity is who somebody is at a provider of OpenID Connect.
type Identity struct {
	Issuer, Subject string
}

// SignUp makes an account, uses the invitation up, and links the identity: all or nothing. Whether invitations are needed
// is the caller's to say. ErrExists, ErrInvalid, ErrInvitation.
func (c *Catalogue) SignUp(ctx context.Context, s SignUp) (*Account, error) {
	if s.Password == "" && s.Identity == nil {
		return nil, hint.Errorf("choose one of at least 8 characters", "an account without a password: %w", ErrInvalid)
	}
	s.Account.Organisation, s.Account.Operator, s.Account.Moderator = false, false, false
	if s.Invitation != "" {
		if _, err := c.Invitation(ctx, s.Invitation); err != nil { // before anything is said of the name
			return nil, err
		}
	}
	hashed, err := c.newAccount(ctx, s.Account, s.Password)
	if err != nil {
		return nil, err
	}
	err = c.update(ctx, func(q queries) error {
		a := s.Account
		var err error
		if a.ID, err = c.insertAccount(q, a, hashed); err != nil {
			return err
		}
		if s.Identity != nil {
			if err := c.linkIdentity(q, &a, *s.Identity); err != nil {
				return err
			}
		}
		if s.Invitation != "" {
			return c.redeem(q, s.Invitation, &a)
		}
		return nil
	})
	if err != nil {
		return nil, wrap(err, "signing up as %s", s.Account.Name)
	}
	return c.Account(ctx, s.Account.Name)
}

// Identified returns the account that an identity is linked to; ErrNotFound for none, ErrUnauthenticated where it is disabled.
func (c *Catalogue) Identified(ctx context.Context, i Identity) (*Account, error) {
	q := c.reading(ctx)
	var id int64
	if err := q.row("SELECT account_id FROM identities WHERE issuer = ? AND subject = ?", []any{i.Issuer, i.Subject}, &id); err != nil {
		return nil, wrap(err, "the identity at %s", i.Issuer)
	}
	a, err := c.account(q, "id = ?", id, i.Subject)
	if err == nil && a.Disabled {
		err = hint.Errorf("ask who runs this market", "the account %s is disabled: %w", a.Name, ErrUnauthenticated)
	}
	return a, err
}

// LinkIdentity lets somebody log in by an identity; ErrExists where it is another account's.
func (c *Catalogue) LinkIdentity(ctx context.Context, who Caller, i Identity) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error { return c.linkIdentity(q, who.Account, i) }), "linking %s to %s", i.Issuer, who.Name())
}

func (c *Catalogue) linkIdentity(q queries, a *Account, i Identity) error {
	n, err := q.exec("INSERT INTO identities (issuer, subject, account_id, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", i.Issuer, i.Subject, a.ID, stamp(c.now()))
	if err == nil && n == 0 {
		err = hint.Errorf("log in by it, or unlink it there", "this identity has an account: %w", ErrExists)
	}
	if err != nil {
		return err
	}
	err = c.audit(q, a.Name, "link", a.Name, i.Issuer)
	is := false
	if err == nil {
		is, err = isSomebody(q, a.ID)
	}
	if err == nil && is {
		err = c.letSpeak(q, a)
	}
	return err
}

// Identities lists those of an account.
func (c *Catalogue) Identities(ctx context.Context, a *Account) (list []Identity, err error) {
	list, err = identities(c.reading(ctx), a.ID)
	return list, wrap(err, "identities of %s", a.Name)
}

func identities(q queries, account int64) (list []Identity, err error) {
	err = q.rows("SELECT issuer, subject FROM identities WHERE account_id = ? ORDER BY created", []any{account}, func(scan func(...any) error) error {
		var i Identity
		err := scan(&i.Issuer, &i.Subject)
		list = append(list, i)
		return err
	})
	return list, err
}

// UnlinkIdentity forgets an identity; ErrInvalid where there would be no way left to log in.
func (c *Catalogue) UnlinkIdentity(ctx context.Context, who Caller, i Identity) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if _, err := isSomebody(q, who.Account.ID); err != nil { // what the identity shows stays shown
			return err
		}
		n, err := q.exec("DELETE FROM identities WHERE issuer = ? AND subject = ? AND account_id = ?", i.Issuer, i.Subject, who.Account.ID)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		var left int
		if err := q.row("SELECT COUNT(*) FROM accounts a WHERE id = ? AND (password <> '' OR EXISTS (SELECT 1 FROM identities i WHERE i.account_id = a.id))", []any{who.Account.ID}, &left); err != nil {
			return err
		}
		if left == 0 {
			return hint.Errorf("set a password first", "there would be no way left to log in: %w", ErrInvalid)
		}
		return c.audit(q, who.Name(), "unlink", who.Name(), i.Issuer)
	}), "unlinking %s", i.Issuer)
}
