package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Review is what somebody thinks of a version of a package.
type Review struct {
	ID               int64
	RepositoryID     int64
	Author           string // name of the account
	AuthorID         int64
	Version          string
	Digest           digest.Digest
	Stars            int
	Text             string    // plain; "" for a rating alone
	State            string    // Shown, Held or Down
	Reason           string    // why it is held, or what the moderator who took it down has written
	Until            time.Time // when what is held will be shown by itself; zero for never
	Created, Updated time.Time
	Replies          []*Reply
}

// Reply is an answer to a review.
type Reply struct {
	ID        int64
	ReviewID  int64
	Author    string
	AuthorID  int64
	Publisher bool // it speaks for the package's owner
	Text      string
	State     string
	Reason    string
	Created   time.Time
}

const reviewColumns = "v.id, v.repository_id, a.name, v.account_id, v.version, v.digest, v.stars, v.body, v.state, v.reason, v.until, v.created, v.updated"

const reviewTables = " FROM reviews v JOIN accounts a ON a.id = v.account_id"

func scanReview(scan func(...any) error, more ...any) (*Review, error) {
	var v Review
	err := scan(append([]any{&v.ID, &v.RepositoryID, &v.Author, &v.AuthorID, &v.Version, &v.Digest, &v.Stars, &v.Text, &v.State, &v.Reason, timeColumn{&v.Until}, timeColumn{&v.Created}, timeColumn{&v.Updated}}, more...)...)
	if v.State == Shown {
		v.Reason = ""
	}
	return &v, err
}

func (c *Catalogue) reviews(q queries, rest string, args ...any) (list []*Review, err error) {
	err = q.rows("SELECT "+reviewColumns+reviewTables+" "+rest, args, func(scan func(...any) error) error {
		v, err := scanReview(scan)
		list = append(list, v)
		return err
	})
	return list, err
}

// Moderates tells whether an account decides what is shown: moderators and operators do.
func (a *Account) Moderates() bool { return a != nil && (a.Operator || a.Moderator) && !a.Disabled }

// moderates tells whether somebody decides what is shown, which wants a token of the scope admin.
func moderates(who Caller) bool { return who.Account.Moderates() && who.Scope >= Admin }

// sees tells whether somebody may read what has a state.
func sees(who Caller, state string, author int64) bool {
	return state == Shown || moderates(who) || who.Account != nil && who.Account.ID == author
}

// ReviewQuery says which reviews of a package to list. Zero fields do not matter.
type ReviewQuery struct {
	Stars   int   // 1 to 5: those with so many
	Ratings bool  // those without a text as well
	Before  int64 // the ID of a review: earlier ones alone
	Limit   int   // 20 if 0
}

// ReviewsOf lists reviews of a package that everybody who sees the package may read, with their replies, the newest first,
// and tells whether there is more.
func (c *Catalogue) ReviewsOf(ctx context.Context, who Caller, r *Repository, s ReviewQuery) (list []*Review, more bool, err error) {
	where, args := "WHERE v.repository_id = ? AND v.state = ''", []any{r.ID}
	if !s.Ratings {
		where += " AND v.body <> ''"
	}
	if s.Stars != 0 {
		where, args = where+" AND v.stars = ?", append(args, s.Stars)
	}
	if s.Before > 0 {
		where, args = where+" AND v.id < ?", append(args, s.Before)
	}
	if s.Limit <= 0 {
		s.Limit = 20
	}
	q := c.reading(ctx)
	list, err = c.reviews(q, where+" ORDER BY v.id DESC LIMIT ?", append(args, s.Limit+1)...)
	if more = len(list) > s.Limit; more {
		list = list[:s.Limit]
	}
	if err == nil {
		err = c.withReplies(q, who, list)
	}
	return list, more, wrap(err, "reviews of %s", r.FullName())
}

// withReplies reads the replies to reviews that who may see.
func (c *Catalogue) withReplies(q queries, who Caller, list []*Review) error {
	if len(list) == 0 {
		return nil
	}
	ids, by := make([]int64, len(list)), map[int64]*Review{}
	for i, v := range list {
		ids[i], by[v.ID] = v.ID, v
	}
	in, numbers := listed(ids)
	return q.rows("SELECT p.id, p.review_id, a.name, p.account_id, p.publisher, p.body, p.state, p.reason, p.created FROM replies p JOIN accounts a ON a.id = p.account_id WHERE p.review_id"+in+" ORDER BY p.id", numbers, func(scan func(...any) error) error {
		var p Reply
		err := scan(&p.ID, &p.ReviewID, &p.Author, &p.AuthorID, &p.Publisher, &p.Text, &p.State, &p.Reason, timeColumn{&p.Created})
		if v := by[p.ReviewID]; err == nil && v != nil && sees(who, p.State, p.AuthorID) {
			v.Replies = append(v.Replies, &p)
		}
		return err
	})
}

// Review returns one of a package for who asks: what is held or taken down for its author and moderators alone.
// ErrNotFound.
func (c *Catalogue) Review(ctx context.Context, who Caller, r *Repository, id int64) (*Review, error) {
	q := c.reading(ctx)
	list, err := c.reviews(q, "WHERE v.id = ? AND v.repository_id = ?", id, r.ID)
	if err == nil && (len(list) == 0 || !sees(who, list[0].State, list[0].AuthorID)) {
		err = ErrNotFound
	}
	if err == nil {
		err = c.withReplies(q, who, list)
	}
	if err != nil {
		return nil, wrap(err, "review %d of %s", id, r.FullName())
	}
	return list[0], nil
}

// OwnReviews lists what an account has said of a package, in any state, the newest first.
func (c *Catalogue) OwnReviews(ctx context.Context, who Caller, r *Repository) ([]*Review, error) {
	if who.Account == nil {
		return nil, nil
	}
	list, err := c.reviews(c.reading(ctx), "WHERE v.repository_id = ? AND v.account_id = ? ORDER BY v.id DESC", r.ID, who.Account.ID)
	return list, wrap(err, "reviews of %s", r.FullName())
}

// Rateable lists versions of a package that an account has installed, the last installed first, but for those of its own.
func (c *Catalogue) Rateable(ctx context.Context, a *Account, r *Repository) (names []string, err error) {
	q := c.reading(ctx)
	own, err := publishes(q, a.ID, r.OwnerID)
	if err != nil || own {
		return nil, wrap(err, "installs of %s", r.FullName())
	}
	var digests []digest.Digest
	err = q.rows("SELECT i.digest FROM installs i JOIN manifests m ON m.repository_id = i.repository_id AND m.digest = i.digest WHERE i.account_id = ? AND i.repository_id = ? ORDER BY i.at DESC LIMIT 20", []any{a.ID, r.ID}, func(scan func(...any) error) error {
		var d digest.Digest
		err := scan(&d)
		digests = append(digests, d)
		return err
	})
	for _, d := range digests {
		if err != nil {
			break
		}
		var name string
		name, err = versionOf(q, r, d)
		names = append(names, name)
	}
	return names, wrap(err, "installs of %s", r.FullName())
}

// Unrate takes back what somebody has said of a version; ErrNotFound. Version "" is what he has rated last.
func (c *Catalogue) Unrate(ctx context.Context, who Caller, r *Repository, version string) error {
	if err := who.Needs(Write); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		var id int64
		var state, name string
		err := q.row("SELECT id, state, version FROM reviews WHERE repository_id = ? AND account_id = ? AND (? = '' OR version = ?) ORDER BY id DESC LIMIT 1", []any{r.ID, who.Account.ID, version, version}, &id, &state, &name)
		if errors.Is(err, ErrNotFound) {
			return hint.Errorf("see what you have said on the package's page", "you have not rated it: %w", ErrNotFound)
		}
		if err == nil && state == Down { // or it could be written again
			return hint.Errorf("appeal on the page of the review", "it was taken down: %w", ErrForbidden)
		}
		if err == nil {
			_, err = q.exec("UPDATE reviews SET state = 'gone' WHERE id = ?", id)
		}
		if err == nil {
			err = c.recount(q, r.ID, who.Account.ID)
		}
		if err == nil {
			_, err = q.exec("DELETE FROM reviews WHERE id = ?", id)
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), "unrate", r.FullName()+":"+name, "")
	}), "taking back a rating of %s", r.FullName())
}

// mostReplies is how many a review may have.
const mostReplies = 50

// ReplyTo answers a review, for the package's publishers and for who wrote the review. ErrForbidden for others.
func (c *Catalogue) ReplyTo(ctx context.Context, who Caller, r *Repository, review int64, text string) error {
	err := who.Needs(Write)
	if err == nil {
		err = checkText("the reply", text, LongestReview, true)
	}
	if err == nil && strings.TrimSpace(text) == "" {
		err = hint.Errorf("write something", "an empty reply: %w", ErrInvalid)
	}
	if err != nil {
		return wrap(err, "replying to a review of %s", r.FullName())
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		var author int64
		var state string
		if err := q.row("SELECT account_id, state FROM reviews WHERE id = ? AND repository_id = ?", []any{review, r.ID}, &author, &state); err != nil {
			return err
		}
		own, err := publishes(q, who.Account.ID, r.OwnerID)
		if err != nil {
			return err
		}
		switch {
		case !sees(who, state, author):
			return ErrNotFound
		case state != Shown:
			return hint.Errorf("wait until it is shown", "the review is not shown: %w", ErrForbidden)
		case !own && who.Account.ID != author && !moderates(who):
			return hint.Errorf("install the package and write a review", "only the package's publishers and the review's author reply: %w", ErrForbidden)
		}
		var n int
		if err := q.row("SELECT COUNT(*) FROM replies WHERE review_id = ?", []any{review}, &n); err != nil {
			return err
		}
		if n >= mostReplies {
			return hint.Errorf("go on elsewhere", "the review has %d replies, as many as it may: %w", n, ErrQuota)
		}
		if _, err := q.exec("INSERT INTO replies (review_id, account_id, publisher, body, created) VALUES (?, ?, ?, ?, ?)", review, who.Account.ID, own, text, stamp(c.now())); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "reply", r.FullName(), fmt.Sprint(review))
	}), "replying to a review of %s", r.FullName())
}

// ReleaseReviews shows what was held for a time that has come, and tells how many.
func (c *Catalogue) ReleaseReviews(ctx context.Context) (released int, err error) {
	for {
		n := 0
		err := c.update(ctx, func(q queries) error {
			type one struct{ id, repository, account int64 }
			var list []one
			n = 0
			err := q.rows("SELECT id, repository_id, account_id FROM reviews WHERE state = 'held' AND until > 0 AND until <= ? ORDER BY repository_id, id LIMIT 200", []any{stamp(c.now())}, func(scan func(...any) error) error {
				var x one
				err := scan(&x.id, &x.repository, &x.account)
				list = append(list, x)
				return err
			})
			for _, x := range list {
				if err == nil {
					err = q.lockRepository(x.repository)
				}
				if err == nil {
					_, err = q.exec("UPDATE reviews SET state = '', reason = '', until = 0 WHERE id = ? AND state = 'held' AND until > 0", x.id)
				}
				if err == nil {
					err = c.recount(q, x.repository, x.account)
				}
			}
			n = len(list)
			return err
		})
		if err != nil || n == 0 {
			return released, wrap(err, "showing reviews that were held")
		}
		released += n
	}
}
