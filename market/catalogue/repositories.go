package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Kind is what a package is; a repository has none until its first package says.
type Kind = pack.Kind

// Facets of which a repository may have several values.
const (
	Language   = "language"
	Tag        = "tag"
	TrainedOn  = "dataset"
	BaseModel  = "base_model"
	Dependency = "dependency"
)

// Facts are what a package says of itself; those of `latest` are its repository's.
type Facts struct {
	Kind        Kind
	Title       string
	Description string // one paragraph
	Licence     string // as the card says it: an SPDX identifier in lower case, mostly
	Task        string
	Library     string
	Family      string // architecture
	Parameters  int64
	Size        int64               // bytes of all files
	Latency     float64             // milliseconds for a text, as the card says; 0 for unknown
	Labels      map[string][]string // by facet
	Sources     []pack.Source       `json:",omitempty"` // of a model, by its lineage.json; not read with a repository
}

// Repository is a name that packages of one kind are published under, version after version.
type Repository struct {
	ID          int64
	Owner, Name string // as they are written
	OwnerID     int64
	Private     bool
	Gated       string // "", "auto" or "manual"
	Facts
	Downloads, Likes int64
	Trend            int64   // downloads of about the last seven days, see RefreshTrends
	Rating           float64 // what it is sorted by as people think of it, 1 to 5; 0 where nobody has rated it
	Ratings          int64   // people who have rated it
	Created, Updated time.Time

	// May is what the caller may do with it whom it was looked up for.
	May Right
}

// FullName is owner/name.
func (r *Repository) FullName() string { return r.Owner + "/" + r.Name }

const repositoryColumns = `r.id, a.name, r.name, r.owner_id, r.private, r.gated, r.kind, r.title, r.description, r.licence, r.task, library, r.family,
	r.parameters, r.size, r.latency, r.downloads, r.likes, r.trend, r.rating, r.ratings, r.created, r.updated`

const repositoryTables = " FROM repositories r JOIN accounts a ON a.id = r.owner_id"

func scanRepository(scan func(...any) error) (*Repository, error) {
	var r Repository
	err := scan(&r.ID, &r.Owner, &r.Name, &r.OwnerID, &r.Private, &r.Gated, &r.Kind, &r.Title, &r.Description, &r.Licence, &r.Task, &r.Library, &r.Family,
		&r.Parameters, &r.Size, &r.Latency, &r.Downloads, &r.Likes, &r.Trend, &r.Rating, &r.Ratings, timeColumn{&r.Created}, timeColumn{&r.Updated})
	return &r, err
}

// find returns a repository whoever asks; ErrNotFound. Names of before a move are not looked up.
func (c *Catalogue) find(q queries, owner, name string) (r *Repository, err error) {
	err = q.rows("SELECT "+repositoryColumns+repositoryTables+" WHERE a.key = ? AND r.key = ?", []any{key(owner), key(name)}, func(scan func(...any) error) error {
		r, err = scanRepository(scan)
		return err
	})
	if err == nil && r == nil {
		err = ErrNotFound
	}
	return r, err
}

// Repository returns the repository owner/name, in any case, for who asks; ErrNotFound if there is none, or none that he
// may see, without a difference. A repository that has moved is found by its old name as well: look at FullName.
func (c *Catalogue) Repository(ctx context.Context, who Caller, full string) (*Repository, error) {
	owner, name, err := SplitName(full)
	if err != nil {
		return nil, hint.Wrap(ErrNotFound, "check the name", "the package %.120q", full) // what cannot be a name is not found
	}
	q := c.reading(ctx)
	r, err := c.find(q, owner, name)
	if errors.Is(err, ErrNotFound) {
		var id int64
		if err = q.row("SELECT repository_id FROM moves WHERE owner_key = ? AND key = ?", []any{key(owner), key(name)}, &id); err == nil {
			r, err = c.byID(q, id)
		}
	}
	if err == nil {
		r.May, err = c.rights(q, who, r)
	}
	if err == nil && r.May < Read {
		err = ErrNotFound
	}
	if errors.Is(err, ErrNotFound) {
		return nil, hint.Wrap(ErrNotFound, "check the name, or log in if it is private", "the package %s", full)
	}
	if err != nil {
		return nil, wrap(err, "the package %s", full)
	}
	r.Labels, err = c.labels(q, r.ID)
	return r, wrap(err, "the package %s", full)
}

func (c *Catalogue) byID(q queries, id int64) (r *Repository, err error) {
	err = q.rows("SELECT "+repositoryColumns+repositoryTables+" WHERE r.id = ?", []any{id}, func(scan func(...any) error) error {
		r, err = scanRepository(scan)
		return err
	})
	if err == nil && r == nil {
		err = ErrNotFound
	}
	return r, err
}

func (c *Catalogue) labels(q queries, id int64) (map[string][]string, error) {
	labels := map[string][]string{}
	err := q.rows("SELECT facet, value FROM labels WHERE repository_id = ? ORDER BY facet, value", []any{id}, func(scan func(...any) error) error {
		var facet, value string
		err := scan(&facet, &value)
		labels[facet] = append(labels[facet], value)
		return err
	})
	return labels, err
}

// rights is what who may do with r: the role, or reading what is public, as far as the token goes.
func (c *Catalogue) rights(q queries, who Caller, r *Repository) (Right, error) {
	may, err := c.rightsUnder(q, who, r.OwnerID, r.Private)
	if err == nil && may == None && moderates(who) { // who decides about what was taken down reads it
		var down bool
		if err = q.row("SELECT down <> '' FROM repositories WHERE id = ?", []any{r.ID}, &down); err == nil && down {
			may = Read
		}
	}
	return may, err
}

// rightsUnder is what who may do with what an owner has.
func (c *Catalogue) rightsUnder(q queries, who Caller, owner int64, private bool) (Right, error) {
	role, err := c.roleOf(q, who.Account, owner)
	if err != nil {
		return None, err
	}
	return who.permitted(role, private), nil
}

// allow sets what who may do with each of a list.
func (c *Catalogue) allow(q queries, who Caller, list []*Repository) error {
	a, roles := who.Account, map[int64]Right{} // in organisations
	if a != nil && !a.Disabled && !a.Operator && len(list) > 0 {
		err := q.rows("SELECT organisation_id, role FROM members WHERE account_id = ?", []any{a.ID}, func(scan func(...any) error) error {
			var id int64
			var role string
			err := scan(&id, &role)
			if err == nil {
				roles[id], err = ParseRight(role)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, r := range list {
		role := roles[r.OwnerID]
		if a != nil && !a.Disabled && (a.Operator || a.ID == r.OwnerID) {
			role = Admin
		}
		r.May = who.permitted(role, r.Private)
	}
	return nil
}

// permitted is what a role allows, as far as the token goes.
func (c Caller) permitted(role Right, private bool) Right {
	switch {
	case role > Read && c.Scope < Write:
		role = Read
	case role == Read && private && c.Scope < Read:
		role = None
	}
	if !private {
		role = max(role, Read)
	}
	return role
}

// Needs returns ErrForbidden where less than right is permitted.
func (r *Repository) Needs(right Right) error {
	if r.May < right {
		return hint.Errorf("use a token of somebody who may, with the scope write", "%s of %s: %w", right, r.FullName(), ErrForbidden)
	}
	return nil
}

// NewRepository is one to create.
type NewRepository struct {
	FullName string
	Kind     Kind
	Private  bool
}

// CreateRepository makes a repository without a package. ErrForbidden where who may not publish under the owner's name,
// whether or not there is a repository that he may not see; ErrExists.
func (c *Catalogue) CreateRepository(ctx context.Context, who Caller, n NewRepository) (*Repository, error) {
	owner, name, err := SplitName(n.FullName)
	if err != nil {
		return nil, err
	}
	if n.Kind != "" && n.Kind != pack.Model && n.Kind != pack.Dataset && n.Kind != pack.Application {
		return nil, hint.Errorf("it is model, dataset or application", "the kind %.40q: %w", n.Kind, ErrInvalid)
	}
	if err := who.Needs(Write); err != nil {
		return nil, wrap(err, "creating %s", n.FullName)
	}
	err = c.update(ctx, func(q queries) error {
		o, err := c.publisher(q, who, owner, fmt.Sprintf("publish as %s/%s, or as an organisation that you are a member of", who.Name(), name))
		if err != nil {
			return err
		}
		if err := c.roomFor(q, o); err != nil {
			return err
		}
		now := stamp(c.now())
		added, err := q.exec("INSERT INTO repositories (owner_id, key, name, kind, private, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			o.ID, key(name), name, n.Kind, n.Private, now, now)
		if err == nil && added == 0 {
			err = hint.Errorf("choose another name", "%w", ErrExists)
		}
		if err != nil {
			return err
		}
		if _, err := q.exec("DELETE FROM moves WHERE owner_key = ? AND key = ?", key(owner), key(name)); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "create", n.FullName, string(n.Kind))
	})
	if err != nil {
		return nil, wrap(err, "creating %s", n.FullName)
	}
	return c.Repository(ctx, who, n.FullName)
}

// ForPush returns the repository full for writing, made if need be where who may. ErrForbidden tells nobody whether
// there is a repository that he may not see.
func (c *Catalogue) ForPush(ctx context.Context, who Caller, full string) (*Repository, error) {
	if err := who.Needs(Write); err != nil {
		return nil, wrap(err, "writing to %s", full)
	}
	r, err := c.Repository(ctx, who, full)
	if errors.Is(err, ErrNotFound) {
		if r, err = c.CreateRepository(ctx, who, NewRepository{FullName: full}); errors.Is(err, ErrExists) { // by another request, just now
			r, err = c.Repository(ctx, who, full)
		}
	}
	if err != nil {
		return nil, err
	}
	return r, r.Needs(Write)
}

// Settings are what an administrator of a repository may change; nil leaves as it is.
type Settings struct {
	Private     *bool
	Gated       *string
	Description *string
}

// longestDescription bounds what people write about a package beside its card, in characters.
const longestDescription = 2000

// Configure changes settings of a repository.
func (c *Catalogue) Configure(ctx context.Context, who Caller, r *Repository, s Settings) error {
	if err := r.Needs(Admin); err != nil {
		return err
	}
	if s.Gated != nil && !slices.Contains([]string{"", "auto", "manual"}, *s.Gated) {
		return hint.Errorf("it is auto, manual, or empty for none", "gated %.40q: %w", *s.Gated, ErrInvalid)
	}
	if s.Description != nil {
		if err := checkText("the description", *s.Description, longestDescription, true); err != nil {
			return wrap(err, "settings of %s", r.FullName())
		}
	}
	set := func(q queries, column string, value any) error {
		if _, err := q.exec("UPDATE repositories SET "+column+" = ? WHERE id = ?", value, r.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "settings", r.FullName(), fmt.Sprint(column, "=", value))
	}
	return wrap(c.update(ctx, func(q queries) error {
		var err error
		if s.Private != nil {
			var down string
			if err := q.row("SELECT down FROM repositories WHERE id = ?", []any{r.ID}, &down); err != nil {
				return err
			}
			if down != "" && !*s.Private {
				return hint.Errorf("appeal on the package's page", "a moderator has taken it down (%s): %w", down, ErrForbidden)
			}
			if err = set(q, "private", *s.Private); err == nil {
				err = c.index(q, r.ID)
			}
		}
		if s.Gated != nil && err == nil {
			err = set(q, "gated", *s.Gated)
		}
		if s.Description != nil && err == nil {
			if err = set(q, "description", *s.Description); err == nil {
				err = c.index(q, r.ID)
			}
		}
		return err
	}), "settings of %s", r.FullName())
}

// MoveRepository gives a repository another owner or name; the old name leads to it until somebody takes it.
func (c *Catalogue) MoveRepository(ctx context.Context, who Caller, r *Repository, to string) error {
	owner, name, err := SplitName(to)
	if err != nil {
		return err
	}
	if err := r.Needs(Admin); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		o, err := c.publisher(q, who, owner, "choose an owner that you may publish as")
		if err != nil {
			return err
		}
		if o.ID != r.OwnerID {
			if err := c.roomFor(q, o); err != nil {
				return err
			}
		}
		if other, err := c.find(q, owner, name); err == nil && other.ID != r.ID {
			return hint.Errorf("choose another name", "%s: %w", to, ErrExists)
		} else if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		for _, k := range [][2]string{{owner, name}, {r.Owner, r.Name}} {
			if _, err := q.exec("DELETE FROM moves WHERE owner_key = ? AND key = ?", key(k[0]), key(k[1])); err != nil {
				return err
			}
		}
		if key(r.FullName()) != key(to) {
			if _, err := q.exec("INSERT INTO moves (owner_key, key, repository_id) VALUES (?, ?, ?)", key(r.Owner), key(r.Name), r.ID); err != nil {
				return err
			}
		}
		if _, err := q.exec("UPDATE repositories SET owner_id = ?, key = ?, name = ?, updated = ? WHERE id = ?", o.ID, key(name), name, stamp(c.now()), r.ID); err != nil {
			return err
		}
		if err := c.index(q, r.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "move", r.FullName(), to)
	}), "moving %s to %s", r.FullName(), to)
}

// DeleteRepository removes a repository with all that was published there. Its blobs go with the next collection.
func (c *Catalogue) DeleteRepository(ctx context.Context, who Caller, r *Repository) error {
	if err := r.Needs(Admin); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("DELETE FROM repositories WHERE id = ?", r.ID)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), "delete", r.FullName(), "")
	}), "deleting %s", r.FullName())
}

// Filter says which repositories to list. Zero fields do not matter.
type Filter struct {
	Kind       Kind
	Owner      string
	Name       string // a part of owner/name or the title, in any case
	Licence    string
	Task       string
	Library    string
	Labels     [][2]string // facet and value; all must be there
	Words      []string    // each is the task, the library, a language or a tag
	Gated      *bool
	LikedBy    *Account
	Sort       Order
	Descending bool
	Offset     int
	Limit      int // 100 if 0
}

// Order is what a list is sorted by.
type Order string

// The orders.
const (
	ByName      Order = ""
	ByCreated   Order = "created"
	ByUpdated   Order = "updated"
	ByDownloads Order = "downloads"
	ByLikes     Order = "likes"
	BySize      Order = "size"
	ByTrend     Order = "trend" // downloads of the last seven days, and likes
)

// Repositories lists what who may see, and tells whether there is more. Repositories without a kind are left out: nothing
// has been published there yet.
func (c *Catalogue) Repositories(ctx context.Context, who Caller, f Filter) (list []*Repository, more bool, err error) {
	where, args := visible(who)
	is := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	for _, e := range [][2]string{{"r.kind", string(f.Kind)}, {"a.key", key(f.Owner)}, {"r.licence", f.Licence}, {"r.task", f.Task}, {"library", f.Library}} {
		if e[1] != "" {
			is(e[0]+" = ?", e[1])
		}
	}
	if f.Name != "" {
		part := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(f.Name)) + "%"
		is(`(a.key || '/' || r.key LIKE ? ESCAPE '\' OR LOWER(r.title) LIKE ? ESCAPE '\')`, part, part)
	}
	for _, l := range f.Labels {
		is("EXISTS (SELECT 1 FROM labels l WHERE l.repository_id = r.id AND l.facet = ? AND l.value = ?)", l[0], l[1])
	}
	for _, w := range f.Words {
		is("(r.task = ? OR library = ? OR EXISTS (SELECT 1 FROM labels l WHERE l.repository_id = r.id AND l.facet IN (?, ?) AND l.value = ?))", w, w, Language, Tag, w)
	}
	if f.Gated != nil {
		is("(r.gated <> '') = ?", *f.Gated)
	}
	if f.LikedBy != nil {
		is("EXISTS (SELECT 1 FROM likes k WHERE k.repository_id = r.id AND k.account_id = ?)", f.LikedBy.ID)
	}
	order := map[Order]string{ByName: "a.key || '/' || r.key", ByCreated: "r.created", ByUpdated: "r.updated", ByDownloads: "r.downloads", ByLikes: "r.likes", BySize: "r.size",
		ByTrend: fmt.Sprintf("r.trend + 5 * (SELECT COUNT(*) FROM likes k WHERE k.repository_id = r.id AND k.at > %d)",
			stamp(c.now().AddDate(0, 0, -7)))}[f.Sort]
	if order == "" {
		return nil, false, hint.Errorf("see the orders of package catalogue", "the order %.40q: %w", f.Sort, ErrInvalid)
	}
	direction := " ASC"
	if f.Descending {
		direction = " DESC"
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	q := c.reading(ctx)
	statement := "SELECT " + repositoryColumns + repositoryTables + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order + direction + ", r.id" + direction + " LIMIT ? OFFSET ?"
	err = q.rows(statement, append(args, f.Limit+1, f.Offset), func(scan func(...any) error) error {
		r, err := scanRepository(scan)
		list = append(list, r)
		return err
	})
	if err != nil {
		return nil, false, wrap(err, "listing packages")
	}
	if more = len(list) > f.Limit; more {
		list = list[:f.Limit]
	}
	for _, r := range list {
		if r.May, err = c.rights(q, who, r); err == nil {
			r.Labels, err = c.labels(q, r.ID)
		}
		if err != nil {
			return nil, false, wrap(err, "listing packages")
		}
	}
	return list, more, nil
}
