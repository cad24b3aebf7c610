package catalogue

import (
	"context"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Entry is something that was done, by whom, to what.
type Entry struct {
	ID                            int64
	At                            time.Time
	Actor, Action, Object, Detail string
}

// audit notes what a transaction does, in the same transaction.
func (c *Catalogue) audit(q queries, actor, action, object, detail string) error {
	_, err := q.exec("INSERT INTO audit (at, actor, action, object, detail) VALUES (?, ?, ?, ?, ?)", stamp(c.now()), actor, action, object, detail)
	return err
}

// Audit returns the last entries, newest first; of one object if it is named.
func (c *Catalogue) Audit(ctx context.Context, object string, limit int) (list []Entry, err error) {
	err = c.reading(ctx).rows("SELECT id, at, actor, action, object, detail FROM audit WHERE ? = '' OR object = ? ORDER BY id DESC LIMIT ?", []any{object, object, limit}, func(scan func(...any) error) error {
		var e Entry
		err := scan(&e.ID, timeColumn{&e.At}, &e.Actor, &e.Action, &e.Object, &e.Detail)
		list = append(list, e)
		return err
	})
	return list, wrap(err, "reading the audit log")
}

// AuditQuery says which entries to return. Zero fields do not matter.
type AuditQuery struct {
	Owner  *Account // what was done to the account and its packages
	Actor  string   // who has done it
	Before int64    // the ID of an entry: older ones alone
	Limit  int      // 100 if 0
}

// AuditLog returns entries, newest first: of an owner for its administrators, all for operators. The zero Caller is the
// holder of the data folder, to be had by no request.
func (c *Catalogue) AuditLog(ctx context.Context, who Caller, s AuditQuery) (list []Entry, err error) {
	if who.Account != nil {
		err := who.Needs(Admin)
		if err == nil && s.Owner != nil {
			err = c.NeedsAdmin(ctx, who, s.Owner)
		} else if err == nil && !who.Account.Operator {
			err = hint.Errorf("ask who runs this market", "reading the audit log: %w", ErrForbidden)
		}
		if err != nil {
			return nil, err
		}
	}
	where, args := "(CAST(? AS BIGINT) = 0 OR id < ?) AND (? = '' OR LOWER(actor) = ?)", []any{s.Before, s.Before, key(s.Actor), key(s.Actor)}
	if s.Owner != nil {
		// Underscores stand for any character in LIKE.
		where += ` AND (object = ? OR LOWER(object) LIKE ? ESCAPE '\')`
		args = append(args, s.Owner.Name, strings.ReplaceAll(key(s.Owner.Name), "_", `\_`)+"/%")
	}
	if s.Limit <= 0 {
		s.Limit = 100
	}
	err = c.reading(ctx).rows("SELECT id, at, actor, action, object, detail FROM audit WHERE "+where+" ORDER BY id DESC LIMIT ?", append(args, s.Limit), func(scan func(...any) error) error {
		var e Entry
		err := scan(&e.ID, timeColumn{&e.At}, &e.Actor, &e.Action, &e.Object, &e.Detail)
		list = append(list, e)
		return err
	})
	return list, wrap(err, "reading the audit log")
}
