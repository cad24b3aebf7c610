package catalogue

import (
	"context"
	"time"
)

// ReportOf is what somebody has against something.
type ReportOf struct {
	By     string
	Reason string
	At     time.Time
}

// Case is something that waits for a moderator.
type Case struct {
	Kind    string // AReview, AReply or APackage
	Object  int64
	Package string // owner/name
	Review  int64  // that it is or belongs to; 0 for none
	Author  string
	Version string
	Stars   int
	Text    string
	State   string
	Reason  string // why it is held or down
	Created time.Time
	Reports []ReportOf
	Appeal  string // "" for none
}

// Queue lists what waits for a moderator, at most limit: appeals, then what was reported, then what is held without an end;
// of each the oldest first. It tells how many cases wait in all.
func (c *Catalogue) Queue(ctx context.Context, who Caller, limit int) (list []*Case, waiting int, err error) {
	if err := needsModerator(who); err != nil {
		return nil, 0, err
	}
	q := c.reading(ctx)
	type key struct {
		kind string
		id   int64
	}
	seen := map[key]bool{}
	var keys []key
	for _, statement := range []string{
		"SELECT kind, object_id FROM decisions WHERE appealed > 0 AND answer_id = 0 ORDER BY appealed",
		"SELECT kind, object_id FROM reports WHERE decision_id = 0 ORDER BY id",
		"SELECT 'review', id FROM reviews WHERE state = 'held' AND until = 0 ORDER BY id",
	} {
		err := q.rows(statement+" LIMIT 10000", nil, func(scan func(...any) error) error {
			var k key
			err := scan(&k.kind, &k.id)
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
			return err
		})
		if err != nil {
			return nil, 0, wrap(err, "what waits for a moderator")
		}
	}
	for _, k := range keys[:min(len(keys), limit)] {
		s, err := c.subject(q, k.kind, k.id)
		if err != nil { // it was deleted
			continue
		}
		x := &Case{Kind: k.kind, Object: k.id, Package: s.pack, Review: s.review, Author: s.authorName, Version: s.version, Stars: s.stars, Text: s.text, State: s.state, Reason: s.reason, Created: when(s.created)}
		err = q.rows("SELECT a.name, p.reason, p.created FROM reports p JOIN accounts a ON a.id = p.account_id WHERE p.kind = ? AND p.object_id = ? AND p.decision_id = 0 ORDER BY p.id LIMIT 20", []any{k.kind, k.id}, func(scan func(...any) error) error {
			var r ReportOf
			err := scan(&r.By, &r.Reason, timeColumn{&r.At})
			x.Reports = append(x.Reports, r)
			return err
		})
		if err == nil {
			var d *Decision
			if d, err = c.LastDecision(ctx, k.kind, k.id); d != nil && !d.Appealed.IsZero() && d.Answer == 0 {
				x.Appeal = d.Appeal
			}
		}
		if err != nil {
			return nil, 0, wrap(err, "what waits for a moderator")
		}
		list = append(list, x)
	}
	return list, len(keys), nil
}

// Exported is a line of an export: Type says which of the others it has.
type Exported struct {
	Type     string // review, reply, report, decision, advisory
	Package  string
	Review   *Review
	Reply    *Reply
	Report   *ReportOf
	Kind     string // of what was reported
	Object   int64
	Decision *Decision
	Advisory *Advisory
}

// Export calls each for all reviews, replies, reports, decisions and advisories in any state. For moderators, and the zero
// Caller, the holder of the data folder, to be had by no request.
func (c *Catalogue) Export(ctx context.Context, who Caller, each func(Exported) error) error {
	if who.Account != nil {
		if err := needsModerator(who); err != nil {
			return err
		}
	}
	q := c.reading(ctx)
	const owner = " JOIN repositories r ON r.id = v.repository_id JOIN accounts o ON o.id = r.owner_id "
	err := q.rows("SELECT "+reviewColumns+", o.name, r.name"+reviewTables+owner+"ORDER BY v.id", nil, func(scan func(...any) error) error {
		var by, name string
		v, err := scanReview(scan, &by, &name)
		if err != nil {
			return err
		}
		return each(Exported{Type: AReview, Package: by + "/" + name, Review: v})
	})
	if err == nil {
		err = q.rows("SELECT p.id, p.review_id, a.name, p.account_id, p.publisher, p.body, p.state, p.reason, p.created, o.name, r.name FROM replies p JOIN accounts a ON a.id = p.account_id JOIN reviews v ON v.id = p.review_id"+owner+"ORDER BY p.id", nil, func(scan func(...any) error) error {
			var p Reply
			var by, name string
			if err := scan(&p.ID, &p.ReviewID, &p.Author, &p.AuthorID, &p.Publisher, &p.Text, &p.State, &p.Reason, timeColumn{&p.Created}, &by, &name); err != nil {
				return err
			}
			return each(Exported{Type: AReply, Package: by + "/" + name, Reply: &p})
		})
	}
	if err == nil {
		err = q.rows("SELECT v.kind, v.object_id, a.name, v.reason, v.created, o.name, r.name FROM reports v JOIN accounts a ON a.id = v.account_id"+owner+"ORDER BY v.id", nil, func(scan func(...any) error) error {
			x := Exported{Type: "report", Report: &ReportOf{}}
			var by, name string
			if err := scan(&x.Kind, &x.Object, &x.Report.By, &x.Report.Reason, timeColumn{&x.Report.At}, &by, &name); err != nil {
				return err
			}
			x.Package = by + "/" + name
			return each(x)
		})
	}
	var decisions []Decision
	if err == nil {
		decisions, err = c.decisions(q, "ORDER BY id")
	}
	for _, d := range decisions {
		if err == nil {
			err = each(Exported{Type: "decision", Package: d.Package, Decision: &d})
		}
	}
	var advisories []Advisory
	if err == nil {
		advisories, err = c.advisories(q, "ORDER BY v.id")
	}
	for _, a := range advisories {
		if err == nil {
			err = each(Exported{Type: "advisory", Package: a.Package, Advisory: &a})
		}
	}
	return wrap(err, "exporting what people say")
}
