package catalogue

import (
	"context"
	"net/url"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// checkProfile refuses what cannot stand on a page.
func checkProfile(a Account) error {
	for _, f := range []struct {
		what, text string
		most       int // characters
		lines      bool
	}{{"the full name", a.FullName, 100, false}, {"the address", a.Email, 200, false}, {"the biography", a.About, 1000, true}, {"the link", a.Link, 500, false}} {
		if err := checkText(f.what, f.text, f.most, f.lines); err != nil {
			return err
		}
	}
	if a.Email != "" && (strings.Count(a.Email, "@") != 1 || strings.ContainsAny(a.Email, " <>,;")) {
		return hint.Errorf("write it as in ada@example.org", "the address %q: %w", a.Email, ErrInvalid)
	}
	if u, err := url.Parse(a.Link); a.Link != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return hint.Errorf("begin it with https://", "the link %q: %w", a.Link, ErrInvalid)
	}
	return nil
}

// SetProfile changes full name, address, biography and link of an account, as they are in p. For the account itself and
// administrators of an organisation.
func (c *Catalogue) SetProfile(ctx context.Context, who Caller, a *Account, p Account) error {
	if err := checkProfile(p); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := c.needsAdmin(q, who, a); err != nil {
			return err
		}
		if _, err := q.exec("UPDATE accounts SET full_name = ?, email = ?, about = ?, link = ? WHERE id = ?", p.FullName, p.Email, p.About, p.Link, a.ID); err != nil {
			return err
		}
		if err := keepMailbox(q, a, p.Email); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "profile", a.Name, "")
	}), "the profile of %s", a.Name)
}

// SetDisabled keeps an account out, with its tokens and sessions, or lets it in again. For who runs the market.
func (c *Catalogue) SetDisabled(ctx context.Context, actor string, a *Account, disabled bool) error {
	action := "enable"
	if disabled {
		action = "disable"
	}
	return wrap(c.update(ctx, func(q queries) error {
		if _, err := q.exec("UPDATE accounts SET disabled = ? WHERE id = ?", disabled, a.ID); err != nil {
			return err
		}
		return c.audit(q, actor, action, a.Name, "")
	}), "to %s %s", action, a.Name)
}

// SetModerator makes a person a moderator, or no longer. It is for who holds the data folder.
func (c *Catalogue) SetModerator(ctx context.Context, actor string, a *Account, moderator bool) error {
	if a.Organisation {
		return hint.Errorf("name a person", "%s as a moderator: an organisation decides nothing: %w", a.Name, ErrInvalid)
	}
	action := map[bool]string{true: "make moderator", false: "unmake moderator"}[moderator]
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("UPDATE accounts SET moderator = ? WHERE id = ? AND moderator <> ?", moderator, a.ID, moderator)
		if err != nil || n == 0 {
			return err
		}
		return c.audit(q, actor, action, a.Name, "")
	}), "%s as a moderator", a.Name)
}

// Accounts lists all accounts by name: people and organisations.
func (c *Catalogue) Accounts(ctx context.Context) (list []*Account, err error) {
	err = c.reading(ctx).rows("SELECT "+accountColumns+" FROM accounts a ORDER BY a.key", nil, func(scan func(...any) error) error {
		a, err := scanAccount(scan)
		list = append(list, a)
		return err
	})
	return list, wrap(err, "listing accounts")
}

// HasPassword tells whether somebody can log in to an account by a password.
func (c *Catalogue) HasPassword(ctx context.Context, a *Account) (has bool, err error) {
	err = c.reading(ctx).row("SELECT password <> '' FROM accounts WHERE id = ?", []any{a.ID}, &has)
	return has, wrap(err, "the password of %s", a.Name)
}
