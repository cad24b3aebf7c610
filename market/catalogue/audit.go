package catalogue

import (
	"context"
	"time"
)

// Entry is something that was done, by whom, to what.
type Entry struct {
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
	err = c.reading(ctx).rows("SELECT at, actor, action, object, detail FROM audit WHERE ? = '' OR object = ? ORDER BY id DESC LIMIT ?", []any{object, object, limit}, func(scan func(...any) error) error {
		var e Entry
		err := scan(timeColumn{&e.At}, &e.Actor, &e.Action, &e.Object, &e.Detail)
		list = append(list, e)
		return err
	})
	return list, wrap(err, "reading the audit log")
}
