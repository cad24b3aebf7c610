package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/mod/semver"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Severities of advisories, the least one first.
var Severities = []string{"low", "medium", "high", "critical"}

// Advisory says what is dangerous about some versions of a package.
type Advisory struct {
	ID        int64
	Package   string // owner/name
	Severity  string // one of Severities
	Title     string
	Text      string // plain
	Affected  string // versions, such as ">=1.0.0 <1.2.0 || 2.0.0"; "*" for all
	Fixed     string // version to take instead; "" for none
	Author    string // name of the account
	Created   time.Time
	Withdrawn time.Time // zero: it holds
}

// longestAdvisory is that of an advisory's text, and mostAdvisories how many a package may have.
const longestAdvisory, mostAdvisories = 10_000, 200

// affects tells whether a version is meant by a condition: alternatives with || between them, of comparisons that all hold.
func affects(condition, version string) (bool, error) {
	for alternative := range strings.SplitSeq(condition, "||") {
		parts := strings.FieldsFunc(alternative, func(r rune) bool { return r == ' ' || r == ',' })
		if len(parts) == 0 {
			return false, hint.Errorf(`write them as in ">=1.0.0 <1.2.0 || 2.0.0", or * for all`, "the versions %.100q: %w", condition, ErrInvalid)
		}
		all := true
		for _, part := range parts {
			if part == "*" {
				continue
			}
			bare := strings.TrimLeft(part, "<>=")
			operator := part[:len(part)-len(bare)]
			if !IsVersion(bare) || !slices.Contains([]string{"", "=", "<", "<=", ">", ">="}, operator) {
				return false, hint.Errorf(`write them as in ">=1.0.0 <1.2.0 || 2.0.0", or * for all`, "the versions %.100q: %w", condition, ErrInvalid)
			}
			order := semver.Compare(asSemver(version), asSemver(bare))
			holds := map[string]bool{"": order == 0, "=": order == 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
			all = all && holds && IsVersion(version)
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

// Advise publishes an advisory about a package. For who may publish versions of it, and operators.
func (c *Catalogue) Advise(ctx context.Context, who Caller, r *Repository, a Advisory) (*Advisory, error) {
	err := errors.Join(who.Needs(Write), r.Needs(Write))
	if err == nil && !slices.Contains(Severities, a.Severity) {
		err = hint.Errorf("it is low, medium, high or critical", "the severity %.40q: %w", a.Severity, ErrInvalid)
	}
	if err == nil && strings.TrimSpace(a.Title) == "" {
		err = hint.Errorf("say in a few words what is dangerous", "an advisory without a title: %w", ErrInvalid)
	}
	if err == nil {
		for alternative := range strings.SplitSeq(a.Affected, "||") { // each is read, whichever holds
			_, wrong := affects(alternative, "")
			err = errors.Join(err, wrong)
		}
		err = errors.Join(err, checkText("the title", a.Title, LongestTitle, false), checkText("the text", a.Text, longestAdvisory, true), checkText("the versions", a.Affected, 300, false))
	}
	if err == nil && a.Fixed != "" && !IsVersion(a.Fixed) {
		err = hint.Errorf("write a version such as 1.2.0", "fixed in %.40q: %w", a.Fixed, ErrInvalid)
	}
	if err != nil {
		return nil, wrap(err, "an advisory about %s", r.FullName())
	}
	a.Package, a.Author, a.Created = r.FullName(), who.Name(), when(stamp(c.now()))
	return &a, wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		var n int
		if err := q.row("SELECT COUNT(*) FROM advisories WHERE repository_id = ?", []any{r.ID}, &n); err != nil {
			return err
		}
		if n >= mostAdvisories {
			return hint.Errorf("yank its versions", "it has %d advisories: %w", n, ErrQuota)
		}
		if err := q.row("INSERT INTO advisories (repository_id, severity, title, body, affected, fixed, author, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
			[]any{r.ID, a.Severity, a.Title, a.Text, a.Affected, a.Fixed, a.Author, stamp(a.Created)}, &a.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "advise", r.FullName(), fmt.Sprint(a.ID, " ", a.Severity, " ", a.Affected))
	}), "an advisory about %s", r.FullName())
}

// WithdrawAdvisory says that an advisory no longer holds; it is kept. ErrNotFound.
func (c *Catalogue) WithdrawAdvisory(ctx context.Context, who Caller, r *Repository, id int64) error {
	if err := errors.Join(who.Needs(Write), r.Needs(Write)); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("UPDATE advisories SET withdrawn = ? WHERE id = ? AND repository_id = ? AND withdrawn = 0", stamp(c.now()), id, r.ID)
		if err == nil && n == 0 {
			err = hint.Wrap(ErrNotFound, "see its advisories", "advisory %d", id)
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), "withdraw", r.FullName(), fmt.Sprint(id))
	}), "an advisory about %s", r.FullName())
}

// Advisories lists those of a package that hold, the newest first.
func (c *Catalogue) Advisories(ctx context.Context, r *Repository) ([]Advisory, error) {
	list, err := c.advisories(c.reading(ctx), "WHERE v.repository_id = ? AND v.withdrawn = 0 ORDER BY v.id DESC", r.ID)
	return list, wrap(err, "advisories about %s", r.FullName())
}

func (c *Catalogue) advisories(q queries, rest string, args ...any) (list []Advisory, err error) {
	err = q.rows("SELECT v.id, a.name, r.name, v.severity, v.title, v.body, v.affected, v.fixed, v.author, v.created, v.withdrawn FROM advisories v JOIN repositories r ON r.id = v.repository_id JOIN accounts a ON a.id = r.owner_id "+rest, args, func(scan func(...any) error) error {
		var v Advisory
		var owner, name string
		err := scan(&v.ID, &owner, &name, &v.Severity, &v.Title, &v.Text, &v.Affected, &v.Fixed, &v.Author, timeColumn{&v.Created}, timeColumn{&v.Withdrawn})
		v.Package = owner + "/" + name
		list = append(list, v)
		return err
	})
	return list, err
}

// Standing is what speaks against a package under a digest.
type Standing struct {
	Versions   []string // names that it was ever published under
	State      string   // Deprecated or Yanked; "" for neither
	Reason     string
	Successor  string
	Advisories []Advisory
}

// StandingOf returns that of what a repository has, or had, under a digest: a version that was deleted is still known.
func (c *Catalogue) StandingOf(ctx context.Context, r *Repository, d digest.Digest) (s Standing, err error) {
	q := c.reading(ctx)
	err = q.rows("SELECT name, state, reason, successor FROM versions WHERE repository_id = ? AND digest = ? ORDER BY published, name", []any{r.ID, d}, func(scan func(...any) error) error {
		var name, state, reason, successor string
		err := scan(&name, &state, &reason, &successor)
		if s.Versions = append(s.Versions, name); state != "" && s.State != Yanked {
			s.State, s.Reason, s.Successor = state, reason, successor
		}
		return err
	})
	if err != nil {
		return s, wrap(err, "versions of %s", r.FullName())
	}
	all, err := c.Advisories(ctx, r)
	for _, a := range all {
		for _, name := range append([]string{""}, s.Versions...) { // "" is meant by * alone
			if meant, err := affects(a.Affected, name); err == nil && meant {
				s.Advisories = append(s.Advisories, a)
				break
			}
		}
	}
	return s, err
}
