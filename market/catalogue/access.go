package catalogue

import (
	"context"
	"errors"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ErrGated is the cause where files are for those alone who have asked for access and got it.
var ErrGated = errors.New("access is gated")

// States of a request for access to a gated repository.
const (
	Pending  = "pending"
	Accepted = "accepted"
	Rejected = "rejected"
)

// MayDownload returns ErrGated for who may know of a repository, but not read its files.
func (c *Catalogue) MayDownload(ctx context.Context, who Caller, r *Repository) error {
	if r.Gated == "" {
		return nil
	}
	const way = "ask for access on the package's page, then use a token of that account"
	if who.Account == nil || who.Scope < Read {
		return hint.Errorf(way, "%s: %w", r.FullName(), ErrGated)
	}
	q := c.reading(ctx)
	role, err := c.roleOf(q, who.Account, r.OwnerID)
	if err != nil || role >= Read {
		return wrap(err, "access to %s", r.FullName())
	}
	state, err := c.AccessState(ctx, who.Account, r)
	if err != nil {
		return err
	}
	if state != Accepted {
		return hint.Errorf(way, "%s: %w", r.FullName(), ErrGated)
	}
	return nil
}

// AccessState is that of an account's request for access to a repository, "" where it has not asked.
func (c *Catalogue) AccessState(ctx context.Context, a *Account, r *Repository) (state string, err error) {
	err = c.reading(ctx).row("SELECT state FROM access WHERE repository_id = ? AND account_id = ?", []any{r.ID, a.ID}, &state)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return state, wrap(err, "access to %s", r.FullName())
}

// RequestAccess asks for access to a gated repository and returns the state of the request: accepted at once where it is
// gated automatically. What was decided before stays.
func (c *Catalogue) RequestAccess(ctx context.Context, who Caller, r *Repository) (state string, err error) {
	if err := who.Needs(Read); err != nil {
		return "", err
	}
	if r.Gated == "" {
		return "", hint.Errorf("just use it", "%s is not gated: %w", r.FullName(), ErrInvalid)
	}
	err = c.update(ctx, func(q queries) error {
		state = Pending
		if r.Gated == "auto" {
			state = Accepted
		}
		if _, err := q.exec("INSERT INTO access (repository_id, account_id, state, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", r.ID, who.Account.ID, state, stamp(c.now())); err != nil {
			return err
		}
		if err := q.row("SELECT state FROM access WHERE repository_id = ? AND account_id = ?", []any{r.ID, who.Account.ID}, &state); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "ask for access", r.FullName(), state)
	})
	return state, wrap(err, "asking for access to %s", r.FullName())
}

// AccessRequest is somebody's wish to read a gated repository.
type AccessRequest struct {
	Account *Account
	State   string
	At      time.Time
}

// AccessRequests lists those of a state, oldest first. For administrators of the repository.
func (c *Catalogue) AccessRequests(ctx context.Context, r *Repository, state string) (list []AccessRequest, err error) {
	if err := r.Needs(Admin); err != nil {
		return nil, err
	}
	err = c.reading(ctx).rows(`SELECT `+accountColumns+`, x.state, x.at FROM access x JOIN accounts a ON a.id = x.account_id
		WHERE x.repository_id = ? AND x.state = ? ORDER BY x.at, a.id`, []any{r.ID, state}, func(scan func(...any) error) error {
		var x AccessRequest
		var err error
		x.Account, err = scanAccount(func(into ...any) error { return scan(append(into, &x.State, timeColumn{&x.At})...) })
		list = append(list, x)
		return err
	})
	return list, wrap(err, "requests for access to %s", r.FullName())
}

// SetAccess accepts or rejects somebody, whether or not he has asked; Pending puts the question off.
func (c *Catalogue) SetAccess(ctx context.Context, who Caller, r *Repository, a *Account, state string) error {
	if err := r.Needs(Admin); err != nil {
		return err
	}
	if state != Pending && state != Accepted && state != Rejected {
		return hint.Errorf("it is pending, accepted or rejected", "the state %.40q: %w", state, ErrInvalid)
	}
	return wrap(c.update(ctx, func(q queries) error {
		if _, err := q.exec("INSERT INTO access (repository_id, account_id, state, at) VALUES (?, ?, ?, ?) ON CONFLICT (repository_id, account_id) DO UPDATE SET state = excluded.state, at = excluded.at",
			r.ID, a.ID, state, stamp(c.now())); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "access", r.FullName(), a.Name+" "+state)
	}), "access of %s to %s", a.Name, r.FullName())
}
