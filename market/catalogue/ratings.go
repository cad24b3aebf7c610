package catalogue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// A package is sorted by the mean of its ratings and of priorWeight more that say priorStars, so that one enthusiast does
// not put it before what hundreds praise.
const (
	priorStars  = 3.5
	priorWeight = 5
)

// Mean is what people think of a package, in stars from 1 to 5; 0 where nobody has rated it.
func (r *Repository) Mean() float64 {
	if r.Ratings == 0 {
		return 0
	}
	n := float64(r.Ratings)
	return (r.Rating*(n+priorWeight) - priorStars*priorWeight) / n
}

// rankOf is what a package with n ratings of so many stars in all is sorted by.
func rankOf(n, sum int64) float64 {
	if n == 0 {
		return 0
	}
	return (float64(sum) + priorStars*priorWeight) / float64(n+priorWeight)
}

// ReviewRules say which ratings are held back. A zero field stands for its default, a negative one for no rule.
type ReviewRules struct {
	Age        time.Duration // of an account; a younger one's are shown once it is so old. A day
	Burst      int           // of a package within an hour, or a tenth of what it has if that is more; all of them are held then. 20
	Account    int           // of an account within an hour. 10
	Mailbox    bool          // an account's are held until it has confirmed a mail address, or has an identity of a provider: a person has one account then
	PerAddress int           // accounts at one network address that rate a package within 30 days; what stands for no client is not counted. 3
}

func (s ReviewRules) filled() ReviewRules {
	for _, f := range []struct {
		n        *int
		standard int
	}{{&s.Burst, 20}, {&s.Account, 10}, {&s.PerAddress, 3}} {
		if *f.n == 0 {
			*f.n = f.standard
		} else if *f.n < 0 {
			*f.n = 1 << 30
		}
	}
	if s.Age == 0 {
		s.Age = 24 * time.Hour
	}
	return s
}

// Why a rating is held.
const (
	HeldYoung   = "young"   // its account is new
	HeldBurst   = "burst"   // many came at once
	HeldMany    = "many"    // its account rates many packages at once
	HeldMailbox = "mailbox" // its account has shown neither a mailbox nor an identity
	HeldAddress = "address" // several accounts at one network address rate this package
)

// States of reviews and replies.
const (
	Shown = ""
	Held  = "held"
	Down  = "down" // a moderator has taken it down
)

// LongestReview is that of a review or a reply, in characters.
const LongestReview = 4000

// NewReview is somebody's opinion of a version.
type NewReview struct {
	Version string // a name or a digest of what he has installed; "" for what he has installed last
	Stars   int
	Text    string // plain; "" for a rating alone
	Address string // of the network that it comes from; "" where that tells nothing
}

// Rate keeps somebody's opinion of a version of a package, in place of what he said of that version before.
// ErrForbidden for who has not installed it and for who publishes it; ErrQuota.
func (c *Catalogue) Rate(ctx context.Context, who Caller, r *Repository, n NewReview) (*Review, error) {
	err := who.Needs(Write)
	if err == nil && (n.Stars < 1 || n.Stars > 5) {
		err = hint.Errorf("write a number from 1 to 5", "%d stars: %w", n.Stars, ErrInvalid)
	}
	if err == nil {
		err = checkText("the review", n.Text, LongestReview, true)
	}
	if err != nil {
		return nil, wrap(err, "rating %s", r.FullName())
	}
	var id int64
	err = c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		d, version, err := c.installed(q, who.Account, r, n.Version)
		if err == nil {
			err = c.mayRate(q, who, r)
		}
		if err != nil {
			return err
		}
		if id, err = c.putReview(q, who, r, n, d, version); err != nil {
			return err
		}
		if err := c.recount(q, r.ID, who.Account.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "rate", r.FullName()+":"+version, fmt.Sprint(n.Stars))
	})
	if err != nil {
		return nil, wrap(err, "rating %s", r.FullName())
	}
	return c.Review(ctx, who, r, id)
}

// installed finds which version of a package somebody means, and that he has installed it.
func (c *Catalogue) installed(q queries, a *Account, r *Repository, version string) (d digest.Digest, name string, err error) {
	const way = "install it with `xiaoyu pull` while you are logged in, and try again"
	if version == "" {
		err = q.row("SELECT digest FROM installs WHERE account_id = ? AND repository_id = ? ORDER BY at DESC LIMIT 1", []any{a.ID, r.ID}, &d)
	} else {
		var t *Target
		if t, err = c.resolve(q, r, version); err != nil {
			return "", "", hint.Wrap(err, "see its versions with `xiaoyu info "+r.FullName()+"`", "%s:%.140s", r.FullName(), version)
		}
		d = t.Manifest.Digest
		err = q.row("SELECT digest FROM installs WHERE account_id = ? AND repository_id = ? AND digest = ?", []any{a.ID, r.ID, d}, &d)
	}
	if errors.Is(err, ErrNotFound) {
		return "", "", hint.Errorf(way, "only who has installed a version may rate it: %w", ErrForbidden)
	}
	if err != nil {
		return "", "", err
	}
	name, err = versionOf(q, r, d)
	return d, name, err
}

// versionOf is what a digest is called: its first version, else a channel, else the beginning of the digest.
func versionOf(q queries, r *Repository, d digest.Digest) (name string, err error) {
	err = q.row("SELECT name FROM versions WHERE repository_id = ? AND digest = ? ORDER BY published, name LIMIT 1", []any{r.ID, d}, &name)
	if errors.Is(err, ErrNotFound) {
		err = q.row("SELECT f.name FROM refs f JOIN manifests m ON m.id = f.manifest_id WHERE f.repository_id = ? AND m.digest = ? ORDER BY f.name LIMIT 1", []any{r.ID, d}, &name)
	}
	if errors.Is(err, ErrNotFound) {
		return d.Encoded()[:12], nil
	}
	return name, err
}

// publishes tells whether somebody may publish under an owner's name, as a member and not as an operator.
func publishes(q queries, account, owner int64) (bool, error) {
	if account == owner {
		return true, nil
	}
	var n int
	err := q.row("SELECT COUNT(*) FROM members WHERE organisation_id = ? AND account_id = ? AND role IN ('write', 'admin')", []any{owner, account}, &n)
	return n > 0, err
}

// Publishes tells whether an account may publish versions of a package, as its owner or a member of it.
func (c *Catalogue) Publishes(ctx context.Context, a *Account, r *Repository) (bool, error) {
	own, err := publishes(c.reading(ctx), a.ID, r.OwnerID)
	return own, wrap(err, "publishers of %s", r.FullName())
}

func (c *Catalogue) mayRate(q queries, who Caller, r *Repository) error {
	own, err := publishes(q, who.Account.ID, r.OwnerID)
	if err == nil && own {
		err = hint.Errorf("leave that to others", "publishers do not rate what is theirs: %w", ErrForbidden)
	}
	return err
}

// putReview inserts or changes a review; a new one may be held.
func (c *Catalogue) putReview(q queries, who Caller, r *Repository, n NewReview, d digest.Digest, version string) (id int64, err error) {
	now := c.now()
	var state string
	err = q.row("SELECT id, state FROM reviews WHERE repository_id = ? AND account_id = ? AND digest = ?", []any{r.ID, who.Account.ID, d}, &id, &state)
	switch {
	case err == nil && state == Down:
		return 0, hint.Errorf("appeal on the page of the review", "your review of this version was taken down: %w", ErrForbidden)
	case err == nil:
		_, err = q.exec("UPDATE reviews SET stars = ?, body = ?, updated = ? WHERE id = ?", n.Stars, n.Text, stamp(now), id)
		return id, err
	case !errors.Is(err, ErrNotFound):
		return 0, err
	}
	origin, err := originOf(q, n.Address)
	if err != nil {
		return 0, err
	}
	reason, until, err := c.hold(q, who, r, origin)
	if err != nil {
		return 0, err
	}
	if reason != "" {
		state = Held
	}
	err = q.row(`INSERT INTO reviews (repository_id, account_id, digest, version, stars, body, state, reason, until, origin, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{r.ID, who.Account.ID, d, version, n.Stars, n.Text, state, reason, until, origin, stamp(now), stamp(now)}, &id)
	return id, err
}

// originOf tells one network address from another, and nobody which: it is keyed by a secret of the database.
func originOf(q queries, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	var secret string
	err := q.row("SELECT id FROM identity", nil, &secret)
	return hashOf(secret + " " + address)[:24], err
}

// hold says why a new rating is held, "" if it is not, and until when; 0 is until a moderator has seen it.
func (c *Catalogue) hold(q queries, who Caller, r *Repository, origin string) (reason string, until int64, err error) {
	rules, now := c.Reviews.filled(), c.now()
	hour, month := stamp(now.Add(-time.Hour)), stamp(now.AddDate(0, 0, -30))
	var mine, theirs, near int
	if err := q.row("SELECT COUNT(*) FROM reviews WHERE account_id = ? AND created > ?", []any{who.Account.ID, hour}, &mine); err != nil {
		return "", 0, err
	}
	if mine >= 10*rules.Account {
		return "", 0, hint.Errorf("go on in an hour", "%d ratings of yours within an hour: %w", mine, ErrQuota)
	}
	if err := q.row("SELECT COUNT(*) FROM reviews WHERE repository_id = ? AND created > ?", []any{r.ID, hour}, &theirs); err != nil {
		return "", 0, err
	}
	if origin != "" {
		err := q.row("SELECT COUNT(DISTINCT account_id) FROM reviews WHERE repository_id = ? AND created > ? AND origin = ? AND account_id <> ?", []any{r.ID, month, origin, who.Account.ID}, &near)
		if err != nil {
			return "", 0, err
		}
	}
	somebody := true
	if rules.Mailbox {
		if somebody, err = isSomebody(q, who.Account.ID); err != nil {
			return "", 0, err
		}
	}
	switch {
	case theirs+1 > max(rules.Burst, int(r.Ratings/10)):
		return HeldBurst, 0, c.holdBurst(q, r, hour)
	case mine >= rules.Account:
		return HeldMany, 0, nil
	case near >= rules.PerAddress:
		return HeldAddress, 0, nil
	case !somebody:
		return HeldMailbox, 0, nil
	case now.Sub(who.Account.Created) < rules.Age:
		return HeldYoung, stamp(who.Account.Created.Add(rules.Age)), nil
	}
	return "", 0, nil
}

// holdBurst holds what a burst has brought before it was known to be one, as long as no moderator has let it pass.
func (c *Catalogue) holdBurst(q queries, r *Repository, since int64) error {
	var accounts []int64
	err := q.rows("SELECT DISTINCT account_id FROM reviews WHERE repository_id = ? AND created > ? AND state = '' AND reason = ''", []any{r.ID, since}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		accounts = append(accounts, id)
		return err
	})
	if err == nil {
		_, err = q.exec("UPDATE reviews SET state = 'held', reason = ?, until = 0 WHERE repository_id = ? AND created > ? AND (state = '' AND reason = '' OR state = 'held')", HeldBurst, r.ID, since)
	}
	for _, a := range accounts {
		if err == nil {
			err = c.recount(q, r.ID, a)
		}
	}
	return err
}

// recount brings the sums of a package up to date after a change of what one account has said of it.
func (c *Catalogue) recount(q queries, repository, account int64) error {
	type change struct{ stars, n int64 }
	var changes []change
	err := q.rows("SELECT counted FROM reviews WHERE repository_id = ? AND account_id = ? AND counted > 0", []any{repository, account}, func(scan func(...any) error) error {
		x := change{n: -1}
		err := scan(&x.stars)
		changes = append(changes, x)
		return err
	})
	if err != nil {
		return err
	}
	var id, stars int64
	err = q.row("SELECT id, stars FROM reviews WHERE repository_id = ? AND account_id = ? AND state = '' ORDER BY id DESC LIMIT 1", []any{repository, account}, &id, &stars)
	if err == nil {
		changes = append(changes, change{stars, 1})
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, err := q.exec("UPDATE reviews SET counted = CASE WHEN id = ? THEN stars ELSE 0 END WHERE repository_id = ? AND account_id = ?", id, repository, account); err != nil {
		return err
	}
	for _, x := range changes {
		if _, err := q.exec("INSERT INTO rating_counts (repository_id, stars, n) VALUES (?, ?, ?) ON CONFLICT (repository_id, stars) DO UPDATE SET n = rating_counts.n + excluded.n", repository, x.stars, x.n); err != nil {
			return err
		}
	}
	var n, sum int64
	if err := q.row("SELECT COALESCE(SUM(n), 0), COALESCE(SUM(n * stars), 0) FROM rating_counts WHERE repository_id = ?", []any{repository}, &n, &sum); err != nil {
		return err
	}
	_, err = q.exec("UPDATE repositories SET rating = ?, ratings = ? WHERE id = ?", rankOf(n, sum), n, repository)
	return err
}

// Stars are how many people gave a package one star, two, and so on to five.
type Stars [5]int64

// Stars returns those of a package.
func (c *Catalogue) Stars(ctx context.Context, r *Repository) (s Stars, err error) {
	err = c.reading(ctx).rows("SELECT stars, n FROM rating_counts WHERE repository_id = ?", []any{r.ID}, func(scan func(...any) error) error {
		var stars, n int64
		err := scan(&stars, &n)
		if stars >= 1 && stars <= 5 {
			s[stars-1] = n
		}
		return err
	})
	return s, wrap(err, "ratings of %s", r.FullName())
}
