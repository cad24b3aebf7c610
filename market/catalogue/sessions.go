package catalogue

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// A browser's session ends when it was not seen for SessionIdle, and SessionLasts after it began in any case.
const (
	SessionIdle  = 7 * 24 * time.Hour
	SessionLasts = 30 * 24 * time.Hour
)

// seen is how exactly the last use of a session is known: not with every page, since it is a write.
const seen = 10 * time.Minute

// Session is what is known of a browser's session: not its cookie.
type Session struct {
	ID                     string // tells it from others of the account
	Agent, Address         string // of the browser, as it began
	Created, Used, Expires time.Time
}

// SessionID is the ID of the session that a cookie holds.
func SessionID(cookie string) string { return hashOf(cookie)[:16] }

// CreateSession begins a browser's session and returns what its cookie holds.
func (c *Catalogue) CreateSession(ctx context.Context, a *Account, agent, address string) (cookie string, err error) {
	cookie, hash := secret("")
	err = c.update(ctx, func(q queries) error {
		now := c.now()
		if _, err := q.exec("DELETE FROM sessions WHERE expires < ? OR used < ?", stamp(now), stamp(now.Add(-SessionIdle))); err != nil {
			return err
		}
		_, err := q.exec("INSERT INTO sessions (hash, account_id, created, expires, used, agent, address) VALUES (?, ?, ?, ?, ?, ?, ?)",
			hash, a.ID, stamp(now), stamp(now.Add(SessionLasts)), stamp(now), cutText(agent, 200), address)
		if err != nil {
			return err
		}
		return c.audit(q, a.Name, "log in", a.Name, address)
	})
	return cookie, wrap(err, "beginning a session of %s", a.Name)
}

// cutText is s without what is not UTF-8, and n bytes long at most.
func cutText(s string, n int) string {
	s = string([]rune(s))
	for len(s) > n {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}

// Session tells whose session a cookie is; ErrUnauthenticated for none, and for one that has ended.
func (c *Catalogue) Session(ctx context.Context, cookie string) (Caller, error) {
	var account, used int64
	q, now, hash := c.reading(ctx), c.now(), hashOf(cookie)
	err := q.row("SELECT account_id, used FROM sessions WHERE hash = ? AND expires > ? AND used > ?", []any{hash, stamp(now), stamp(now.Add(-SessionIdle))}, &account, &used)
	if errors.Is(err, ErrNotFound) {
		return Caller{}, hint.Errorf("log in again", "the session has ended: %w", ErrUnauthenticated)
	}
	if err != nil {
		return Caller{}, wrap(err, "looking for a session")
	}
	a, err := c.account(q, "id = ?", account, "")
	if err == nil && a.Disabled {
		err = hint.Errorf("ask who runs this market", "the account %s is disabled: %w", a.Name, ErrUnauthenticated)
	}
	if err == nil && now.Sub(when(used)) > seen {
		err = c.update(ctx, func(q queries) error {
			_, err := q.exec("UPDATE sessions SET used = ? WHERE hash = ?", stamp(now), hash)
			return err
		})
	}
	if err != nil {
		return Caller{}, err
	}
	return Caller{Account: a, Scope: Admin}, nil
}

// Sessions lists those of an account that have not ended, the one last used first.
func (c *Catalogue) Sessions(ctx context.Context, a *Account) (list []Session, err error) {
	now := c.now()
	err = c.reading(ctx).rows("SELECT hash, agent, address, created, used, expires FROM sessions WHERE account_id = ? AND expires > ? AND used > ? ORDER BY used DESC, created DESC",
		[]any{a.ID, stamp(now), stamp(now.Add(-SessionIdle))}, func(scan func(...any) error) error {
			var s Session
			err := scan(&s.ID, &s.Agent, &s.Address, timeColumn{&s.Created}, timeColumn{&s.Used}, timeColumn{&s.Expires})
			s.ID = s.ID[:min(len(s.ID), 16)]
			list = append(list, s)
			return err
		})
	return list, wrap(err, "sessions of %s", a.Name)
}

// EndSession forgets the session of a cookie.
func (c *Catalogue) EndSession(ctx context.Context, cookie string) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("DELETE FROM sessions WHERE hash = ?", hashOf(cookie))
		return err
	}), "ending a session")
}

// EndSessions ends the session of an account that has an ID, or all if it is ""; ErrNotFound.
func (c *Catalogue) EndSessions(ctx context.Context, a *Account, id string) error {
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("DELETE FROM sessions WHERE account_id = ? AND (? = '' OR SUBSTR(hash, 1, 16) = ?)", a.ID, id, id)
		if err == nil && n == 0 && id != "" {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.audit(q, a.Name, "end session", a.Name, id)
	}), "ending sessions of %s", a.Name)
}
