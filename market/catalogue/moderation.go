package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What may be reported and taken down.
const (
	AReview  = "review"
	AReply   = "reply"
	APackage = "package"
)

// What moderators decide.
const (
	ToTakeDown = "down"    // it is not shown any longer; a package is for its owner alone
	ToShow     = "show"    // what was held or down is shown
	ToDismiss  = "dismiss" // reports, or an appeal, are not followed
)

// longestReason bounds reports, reasons and appeals, in characters; mostReports is how many an account may send within a day.
const longestReason, mostReports = 2000, 30

// subject is what moderators decide about.
type subject struct {
	kind              string
	id                int64
	repository, owner int64
	pack              string // owner/name
	author            int64
	authorName        string
	state, reason     string
	text              string
	stars             int
	version           string
	created           int64
	review            int64 // that it is or belongs to
}

// subject reads one; ErrNotFound.
func (c *Catalogue) subject(q queries, kind string, id int64) (*subject, error) {
	s := &subject{kind: kind, id: id}
	var owner, name string
	var statement string
	switch kind {
	case AReview:
		statement = "SELECT v.repository_id, r.owner_id, o.name, r.name, v.account_id, a.name, v.state, v.reason, v.body, v.stars, v.version, v.created, v.id FROM reviews v JOIN repositories r ON r.id = v.repository_id JOIN accounts o ON o.id = r.owner_id JOIN accounts a ON a.id = v.account_id WHERE v.id = ?"
	case AReply:
		statement = "SELECT v.repository_id, r.owner_id, o.name, r.name, p.account_id, a.name, p.state, p.reason, p.body, 0, '', p.created, v.id FROM replies p JOIN reviews v ON v.id = p.review_id JOIN repositories r ON r.id = v.repository_id JOIN accounts o ON o.id = r.owner_id JOIN accounts a ON a.id = p.account_id WHERE p.id = ?"
	case APackage:
		statement = "SELECT r.id, r.owner_id, o.name, r.name, o.id, o.name, CASE WHEN r.down = '' THEN '' ELSE 'down' END, r.down, r.title, 0, '', r.created, 0 FROM repositories r JOIN accounts o ON o.id = r.owner_id WHERE r.id = ?"
	default:
		return nil, hint.Errorf("it is review, reply or package", "the kind %.40q: %w", kind, ErrInvalid)
	}
	err := q.row(statement, []any{id}, &s.repository, &s.owner, &owner, &name, &s.author, &s.authorName, &s.state, &s.reason, &s.text, &s.stars, &s.version, &s.created, &s.review)
	s.pack = owner + "/" + name
	return s, err
}

// Report tells moderators of a review, a reply, or a package (with its own number). For who sees it; a second report of the
// same account changes nothing.
func (c *Catalogue) Report(ctx context.Context, who Caller, r *Repository, kind string, id int64, reason string) error {
	err := who.Needs(Write)
	if err == nil {
		err = checkReason("the reason", reason)
	}
	if err != nil {
		return wrap(err, "a report")
	}
	return wrap(c.update(ctx, func(q queries) error {
		s, err := c.subject(q, kind, id)
		if err == nil && (s.repository != r.ID || !sees(who, s.state, s.author)) {
			err = ErrNotFound
		}
		var today int
		if err == nil {
			err = q.row("SELECT COUNT(*) FROM reports WHERE account_id = ? AND created > ?", []any{who.Account.ID, stamp(c.now().AddDate(0, 0, -1))}, &today)
		}
		if err == nil && today >= mostReports {
			err = hint.Errorf("go on tomorrow", "%d reports of yours within a day: %w", today, ErrQuota)
		}
		if err != nil {
			return err
		}
		n, err := q.exec("INSERT INTO reports (kind, object_id, repository_id, account_id, reason, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", kind, id, r.ID, who.Account.ID, reason, stamp(c.now()))
		if err != nil || n == 0 {
			return err
		}
		return c.audit(q, who.Name(), "report", r.FullName(), fmt.Sprint(kind, " ", id))
	}), "a report about %s", r.FullName())
}

func checkReason(what, text string) error {
	if strings.TrimSpace(text) == "" {
		return hint.Errorf("say why", "no reason is given: %w", ErrInvalid)
	}
	return checkText(what, text, longestReason, true)
}

// Decision is what a moderator has decided, and what its author said against it.
type Decision struct {
	ID             int64
	At             time.Time
	Moderator      string
	Kind           string
	Object         int64 // number of the review, reply or package
	Package        string
	Author         string
	Action, Reason string
	Appeal         string
	Appealed       time.Time // zero: nobody has
	Answer         int64     // the decision that answers the appeal; 0 for none yet
}

func needsModerator(who Caller) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	if !moderates(who) {
		return hint.Errorf("ask who runs this market", "moderating: %w", ErrForbidden)
	}
	return nil
}

// Decide takes down, shows, or dismisses what was reported or appealed, with a reason. For moderators; an appeal is decided
// by another one than the decision that it is against, where there is another.
func (c *Catalogue) Decide(ctx context.Context, who Caller, kind string, id int64, action, reason string) error {
	err := needsModerator(who)
	if err == nil {
		err = checkReason("the reason", reason)
	}
	if err == nil && action != ToTakeDown && action != ToShow && action != ToDismiss {
		err = hint.Errorf("it is down, show or dismiss", "the decision %.40q: %w", action, ErrInvalid)
	}
	if err != nil {
		return wrap(err, "a decision")
	}
	return wrap(c.update(ctx, func(q queries) error {
		s, err := c.subject(q, kind, id)
		if err == nil {
			err = q.lockRepository(s.repository)
		}
		if err == nil {
			s, err = c.subject(q, kind, id) // as nobody else changes it any longer
		}
		if err != nil {
			return err
		}
		if err := c.unbiased(q, who, s); err != nil {
			return err
		}
		appeal, err := c.openAppeal(q, who, s)
		if err != nil {
			return err
		}
		var decision int64
		if err := q.row("INSERT INTO decisions (at, moderator, kind, object_id, repository_id, package, author, action, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
			[]any{stamp(c.now()), who.Name(), kind, id, s.repository, s.pack, s.authorName, action, reason}, &decision); err != nil {
			return err
		}
		if appeal > 0 {
			if _, err := q.exec("UPDATE decisions SET answer_id = ? WHERE id = ?", decision, appeal); err != nil {
				return err
			}
		}
		if _, err := q.exec("UPDATE reports SET decision_id = ? WHERE kind = ? AND object_id = ? AND decision_id = 0", decision, kind, id); err != nil {
			return err
		}
		if err := c.carryOut(q, s, action, reason); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "moderate", s.pack, fmt.Sprint(kind, " ", id, " ", action, ": ", reason))
	}), "deciding about %s %d", kind, id)
}

// unbiased returns ErrForbidden for a moderator's own words, and those about packages that he publishes. Operators answer for
// the whole market anyway.
func (c *Catalogue) unbiased(q queries, who Caller, s *subject) error {
	own := s.author == who.Account.ID
	if who.Account.Operator {
		return nil
	}
	if !own {
		var err error
		if own, err = publishes(q, who.Account.ID, s.owner); err != nil {
			return err
		}
	}
	if own {
		return hint.Errorf("leave it to another moderator", "it is yours, or about a package of yours: %w", ErrForbidden)
	}
	return nil
}

// openAppeal returns the decision about a subject whose appeal has no answer, 0 for none; ErrForbidden where somebody else
// has to answer it.
func (c *Catalogue) openAppeal(q queries, who Caller, s *subject) (id int64, err error) {
	var moderator string
	err = q.row("SELECT id, moderator FROM decisions WHERE kind = ? AND object_id = ? AND appealed > 0 AND answer_id = 0 ORDER BY id DESC LIMIT 1", []any{s.kind, s.id}, &id, &moderator)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err == nil && moderator == who.Name() {
		var others int
		err = q.row("SELECT COUNT(*) FROM accounts WHERE (operator OR moderator) AND NOT disabled AND id <> ?", []any{who.Account.ID}, &others)
		if err == nil && others > 0 {
			err = hint.Errorf("leave it to another moderator", "the appeal is against a decision of yours: %w", ErrForbidden)
		}
	}
	return id, err
}

// carryOut does what was decided.
func (c *Catalogue) carryOut(q queries, s *subject, action, reason string) (err error) {
	state, why := map[string]string{ToTakeDown: Down, ToShow: Shown}[action], reason
	switch {
	case action == ToDismiss:
		return nil
	case s.kind == AReview:
		// What was shown once by a moderator is not held by a later burst: it keeps a reason.
		if _, err = q.exec("UPDATE reviews SET state = ?, reason = ?, until = 0 WHERE id = ?", state, why, s.id); err == nil {
			err = c.recount(q, s.repository, s.author)
		}
	case s.kind == AReply:
		_, err = q.exec("UPDATE replies SET state = ?, reason = ? WHERE id = ?", state, why, s.id)
	case action == ToTakeDown && s.state != Down:
		if _, err = q.exec("UPDATE repositories SET down = ?, was_private = private, private = ? WHERE id = ?", reason, true, s.id); err == nil {
			err = c.index(q, s.id)
		}
	case action == ToShow && s.state == Down:
		if _, err = q.exec("UPDATE repositories SET down = '', private = was_private WHERE id = ?", s.id); err == nil {
			err = c.index(q, s.id)
		}
	}
	return err
}

// DecideHeld decides about all held reviews of a package at once, and tells how many.
func (c *Catalogue) DecideHeld(ctx context.Context, who Caller, r *Repository, action, reason string) (n int, err error) {
	if err := needsModerator(who); err != nil {
		return 0, err
	}
	list, err := c.reviews(c.reading(ctx), "WHERE v.repository_id = ? AND v.state = 'held' ORDER BY v.id", r.ID)
	for _, v := range list {
		if err == nil {
			if err = c.Decide(ctx, who, AReview, v.ID, action, reason); err == nil {
				n++
			}
		}
	}
	return n, err
}

// Appeal says what the author of what was taken down has against it, once for each decision.
func (c *Catalogue) Appeal(ctx context.Context, who Caller, r *Repository, kind string, id int64, text string) error {
	err := who.Needs(Write)
	if err == nil {
		err = checkReason("the appeal", text)
	}
	if err != nil {
		return wrap(err, "an appeal")
	}
	return wrap(c.update(ctx, func(q queries) error {
		s, err := c.subject(q, kind, id)
		if err == nil && (s.repository != r.ID || !sees(who, s.state, s.author) && kind != APackage) {
			err = ErrNotFound
		}
		mine := false
		if err == nil {
			if mine = s.author == who.Account.ID; !mine && kind == APackage {
				mine, err = publishes(q, who.Account.ID, s.owner)
			}
		}
		if err == nil && !mine {
			err = hint.Errorf("leave that to its author", "an appeal for somebody else: %w", ErrForbidden)
		}
		if err != nil {
			return err
		}
		n, err := q.exec("UPDATE decisions SET appeal = ?, appealed = ? WHERE id = (SELECT MAX(id) FROM decisions WHERE kind = ? AND object_id = ?) AND action = 'down' AND appealed = 0", text, stamp(c.now()), kind, id)
		if err == nil && n == 0 {
			err = hint.Errorf("wait for the answer", "there is no decision to appeal against, or you have done so: %w", ErrExists)
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), "appeal", s.pack, fmt.Sprint(kind, " ", id))
	}), "an appeal")
}

// LastDecision returns the last one about a review, reply or package, nil for none. Whom it may be told is the caller's to know.
func (c *Catalogue) LastDecision(ctx context.Context, kind string, id int64) (*Decision, error) {
	list, err := c.decisions(c.reading(ctx), "WHERE kind = ? AND object_id = ? ORDER BY id DESC LIMIT 1", kind, id)
	if err != nil || len(list) == 0 {
		return nil, wrap(err, "decisions about %s %d", kind, id)
	}
	return &list[0], nil
}

// Decisions lists them for moderators, the newest first, those before an ID if it is not 0.
func (c *Catalogue) Decisions(ctx context.Context, who Caller, before int64, limit int) ([]Decision, error) {
	if err := needsModerator(who); err != nil {
		return nil, err
	}
	list, err := c.decisions(c.reading(ctx), "WHERE CAST(? AS BIGINT) = 0 OR id < ? ORDER BY id DESC LIMIT ?", before, before, limit)
	return list, wrap(err, "decisions")
}

func (c *Catalogue) decisions(q queries, rest string, args ...any) (list []Decision, err error) {
	err = q.rows("SELECT id, at, moderator, kind, object_id, package, author, action, reason, appeal, appealed, answer_id FROM decisions "+rest, args, func(scan func(...any) error) error {
		var d Decision
		err := scan(&d.ID, timeColumn{&d.At}, &d.Moderator, &d.Kind, &d.Object, &d.Package, &d.Author, &d.Action, &d.Reason, &d.Appeal, timeColumn{&d.Appealed}, &d.Answer)
		list = append(list, d)
		return err
	})
	return list, err
}
