package catalogue

import (
	"context"
	"strings"
	"time"
)

// Said is a review with a text, or a reply to one, as its author's page shows it.
type Said struct {
	Package string // owner/name
	Review  int64
	Reply   int64  // 0 for a review
	Stars   int    // 0 for a reply
	Version string // of a review
	Text    string
	Created time.Time
}

// SaidBy lists what somebody has said that who asks may read like everybody else: what is shown, about packages that he may
// see. The newest comes first.
func (c *Catalogue) SaidBy(ctx context.Context, who Caller, author *Account, limit int) (list []Said, err error) {
	where, args := visible(who)
	seen := strings.Join(where, " AND ")
	all := append(append([]any{author.ID}, args...), append([]any{author.ID}, args...)...)
	err = c.reading(ctx).rows(`SELECT o.name, r.name, v.id, 0, v.stars, v.version, v.body, v.created FROM reviews v JOIN repositories r ON r.id = v.repository_id JOIN accounts o ON o.id = r.owner_id
			WHERE v.account_id = ? AND v.state = '' AND v.body <> '' AND `+seen+`
		UNION ALL SELECT o.name, r.name, v.id, p.id, 0, '', p.body, p.created FROM replies p JOIN reviews v ON v.id = p.review_id JOIN repositories r ON r.id = v.repository_id JOIN accounts o ON o.id = r.owner_id
			WHERE p.account_id = ? AND p.state = '' AND v.state = '' AND `+seen+`
		ORDER BY 8 DESC, 3 DESC, 4 DESC LIMIT ?`, append(all, limit), func(scan func(...any) error) error {
		var s Said
		var owner, name string
		err := scan(&owner, &name, &s.Review, &s.Reply, &s.Stars, &s.Version, &s.Text, timeColumn{&s.Created})
		s.Package = owner + "/" + name
		list = append(list, s)
		return err
	})
	return list, wrap(err, "what %s has said", author.Name)
}
