package catalogue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// day numbers days since 1970 in UTC.
func day(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// clientOn tells one client from another on a day.
func clientOn(day int64, client string) string {
	return hashOf(time.Unix(day*24*60*60, 0).UTC().Format(time.DateOnly) + client)[:32]
}

// CountDownload counts a download of a repository, once for each client and day. A client is any text that tells one
// from another; its digest is kept until the day after.
func (c *Catalogue) CountDownload(ctx context.Context, r *Repository, client string) error {
	today := day(c.now())
	hash := clientOn(today, client)
	var n int
	if err := c.reading(ctx).row("SELECT COUNT(*) FROM downloads WHERE repository_id = ? AND day = ? AND client = ?", []any{r.ID, today, hash}, &n); err != nil || n > 0 {
		return wrap(err, "counting a download of %s", r.FullName()) // most are counted already: no write for those
	}
	err := c.update(ctx, func(q queries) error {
		if _, err := q.exec("DELETE FROM downloads WHERE repository_id = ? AND day < ?", r.ID, today); err != nil {
			return err
		}
		n, err := q.exec("INSERT INTO downloads (repository_id, day, client) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", r.ID, today, hash)
		if err != nil || n == 0 {
			return err
		}
		if _, err := q.exec("INSERT INTO downloads_by_day (repository_id, day, n) VALUES (?, ?, 1) ON CONFLICT (repository_id, day) DO UPDATE SET n = downloads_by_day.n + 1", r.ID, today); err != nil {
			return err
		}
		_, err = q.exec("UPDATE repositories SET downloads = downloads + 1, trend = trend + 1 WHERE id = ?", r.ID)
		return err
	})
	if errors.Is(err, ErrFull) { // no reason to refuse the download: it goes uncounted
		return nil
	}
	return wrap(err, "counting a download of %s", r.FullName())
}

// DownloadsByDay returns how often a repository was downloaded on each of the last days, today last.
func (c *Catalogue) DownloadsByDay(ctx context.Context, r *Repository, days int) ([]int64, error) {
	counts := make([]int64, days)
	first := day(c.now()) - int64(days) + 1
	err := c.reading(ctx).rows("SELECT day, n FROM downloads_by_day WHERE repository_id = ? AND day >= ?", []any{r.ID, first}, func(scan func(...any) error) error {
		var d, n int64
		err := scan(&d, &n)
		if i := d - first; i >= 0 && i < int64(days) {
			counts[i] = n
		}
		return err
	})
	return counts, wrap(err, "downloads of %s", r.FullName())
}

// Downloaded tells whether a client, as CountDownload knows it, has been sent something of a repository today or yesterday.
func (c *Catalogue) Downloaded(ctx context.Context, r *Repository, client string) (bool, error) {
	today := day(c.now())
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM downloads WHERE repository_id = ? AND (day = ? AND client = ? OR day = ? AND client = ?)",
		[]any{r.ID, today, clientOn(today, client), today - 1, clientOn(today-1, client)}, &n)
	return n > 0, wrap(err, "downloads of %s", r.FullName())
}

// RecordInstall notes that an account has installed a package. That it has been sent the package is the caller's to know.
func (c *Catalogue) RecordInstall(ctx context.Context, a *Account, r *Repository, d digest.Digest) error {
	var at int64
	err := c.reading(ctx).row("SELECT at FROM installs WHERE account_id = ? AND repository_id = ? AND digest = ?", []any{a.ID, r.ID, d}, &at)
	if err == nil && c.now().Sub(when(at)) < time.Hour { // clients of the hub ask file by file
		return nil
	}
	err = c.update(ctx, func(q queries) error {
		_, err := q.exec("INSERT INTO installs (account_id, repository_id, digest, at) VALUES (?, ?, ?, ?) ON CONFLICT (account_id, repository_id, digest) DO UPDATE SET at = excluded.at", a.ID, r.ID, d, stamp(c.now()))
		return err
	})
	if errors.Is(err, ErrFull) { // no reason to refuse the package
		return nil
	}
	return wrap(err, "noting an install of %s", r.FullName())
}

// HasInstalled tells whether an account has ever installed a package of a repository.
func (c *Catalogue) HasInstalled(ctx context.Context, a *Account, r *Repository) (bool, error) {
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM installs WHERE account_id = ? AND repository_id = ?", []any{a.ID, r.ID}, &n)
	return n > 0, wrap(err, "installs of %s", r.FullName())
}

// Like says that an account likes a repository, or no longer does.
func (c *Catalogue) Like(ctx context.Context, who Caller, r *Repository, likes bool) error {
	if err := who.Needs(Read); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		var err error
		if likes {
			_, err = q.exec("INSERT INTO likes (account_id, repository_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", who.Account.ID, r.ID, stamp(c.now()))
		} else {
			_, err = q.exec("DELETE FROM likes WHERE account_id = ? AND repository_id = ?", who.Account.ID, r.ID)
		}
		if err != nil {
			return err
		}
		_, err = q.exec("UPDATE repositories SET likes = (SELECT COUNT(*) FROM likes WHERE repository_id = ?) WHERE id = ?", r.ID, r.ID)
		return err
	}), "liking %s", r.FullName())
}

// Likes tells whether an account likes a repository.
func (c *Catalogue) Likes(ctx context.Context, a *Account, r *Repository) (bool, error) {
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM likes WHERE account_id = ? AND repository_id = ?", []any{a.ID, r.ID}, &n)
	return n > 0, wrap(err, "likes of %s", r.FullName())
}

// RefreshTrends brings the trends of repositories up to date, which grow with each download and shrink as days pass.
func (c *Catalogue) RefreshTrends(ctx context.Context) error {
	for {
		done := false
		err := c.update(ctx, func(q queries) error {
			type change struct{ id, is int64 }
			var list []change
			err := q.rows(fmt.Sprintf(`SELECT id, n FROM (SELECT r.id AS id, r.trend AS trend, (SELECT COALESCE(SUM(n), 0) FROM downloads_by_day d WHERE d.repository_id = r.id AND d.day > %d) AS n
				FROM repositories r WHERE r.trend > 0) t WHERE trend <> n LIMIT 500`, day(c.now())-7), nil, func(scan func(...any) error) error {
				var x change
				err := scan(&x.id, &x.is)
				list = append(list, x)
				return err
			})
			for _, x := range list {
				if err == nil {
					_, err = q.exec("UPDATE repositories SET trend = ? WHERE id = ?", x.is, x.id)
				}
			}
			done = len(list) == 0
			return err
		})
		if err != nil || done {
			return wrap(err, "bringing trends up to date")
		}
	}
}

// TidyIndex joins parts of SQLite's index of words, which searches read one after the other. Each step is short, so that
// publishers do not wait.
func (c *Catalogue) TidyIndex(ctx context.Context) error {
	if c.postgres {
		return nil // which does so by itself
	}
	const steps, pages = 50, 500
	for range steps {
		err := c.update(ctx, func(q queries) error {
			_, err := q.exec("INSERT INTO words (words, rank) VALUES ('merge', ?)", pages)
			return err
		})
		if err != nil {
			return wrap(err, "tidying the index of words")
		}
	}
	return nil
}
