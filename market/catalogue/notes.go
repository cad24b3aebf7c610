package catalogue

import (
	"context"
	"time"
)

// PutNote keeps a text for a browser that comes back with the cookie before so long.
func (c *Catalogue) PutNote(ctx context.Context, content string, lasts time.Duration) (cookie string, err error) {
	cookie, hash := secret("")
	return cookie, wrap(c.update(ctx, func(q queries) error {
		now := c.now()
		if _, err := q.exec("DELETE FROM notes WHERE expires < ?", stamp(now)); err != nil {
			return err
		}
		_, err := q.exec("INSERT INTO notes (hash, content, expires) VALUES (?, ?, ?)", hash, content, stamp(now.Add(lasts)))
		return err
	}), "keeping a note")
}

// Note returns what PutNote has kept, ErrNotFound if there is nothing, or no longer. With take it is forgotten: of several
// who take it at once, one gets it.
func (c *Catalogue) Note(ctx context.Context, cookie string, take bool) (content string, err error) {
	const one = " FROM notes WHERE hash = ? AND expires > ?"
	args := []any{hashOf(cookie), stamp(c.now())}
	if !take {
		err = c.reading(ctx).row("SELECT content"+one, args, &content)
	} else {
		err = c.update(ctx, func(q queries) error { return q.row("DELETE"+one+" RETURNING content", args, &content) })
	}
	return content, wrap(err, "looking for a note")
}
