package catalogue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Account is a person, or an organisation that several publish for. Both own repositories.
type Account struct {
	ID           int64
	Name         string
	Organisation bool
	FullName     string
	Email        string
	Confirmed    bool   // the address is a mailbox that is this account's, and no other's
	About        string // a few sentences, as plain text
	Link         string // http:// or https://
	Operator     bool   // may do everything on this market
	Moderator    bool   // decides about what people report, as operators do, and may do nothing else that they may
	Disabled     bool
	Created      time.Time
}

// Right is what somebody may do with a repository or an organisation; each includes those before it.
type Right int

// The rights. Admin may change settings, delete, and say who else may.
const (
	None Right = iota
	Read
	Write
	Admin
)

var rightNames = []string{"none", "read", "write", "admin"}

func (r Right) String() string { return rightNames[r] }

// ParseRight reads read, write or admin.
func ParseRight(s string) (Right, error) {
	for r, name := range rightNames {
		if r > 0 && name == s {
			return Right(r), nil
		}
	}
	return None, hint.Errorf("it is read, write or admin", "%q: %w", s, ErrInvalid)
}

// Caller is who asks for something, and how far the token goes that was shown. The zero value is a stranger.
type Caller struct {
	Account *Account // nil for a stranger
	Scope   Right    // of the token; Admin in a browser's session
	Token   string   // name of the token
}

// Name is that of the account, "" for a stranger.
func (c Caller) Name() string {
	if c.Account == nil {
		return ""
	}
	return c.Account.Name
}

// Needs returns ErrUnauthenticated for a stranger and ErrForbidden for a token that does not go as far as scope.
func (c Caller) Needs(scope Right) error {
	if c.Account == nil {
		return hint.Errorf("log in with `xiaoyu login`, or pass a token", "%w", ErrUnauthenticated)
	}
	if c.Scope < scope {
		return hint.Errorf(fmt.Sprintf("use a token with the scope %s", scope), "%w: the token's scope is %s", ErrForbidden, c.Scope)
	}
	return nil
}

const accountColumns = "a.id, a.name, a.organisation, a.full_name, a.email, a.mailbox <> '', a.about, a.link, a.operator, a.moderator, a.disabled, a.created"

func scanAccount(scan func(...any) error) (*Account, error) {
	var a Account
	err := scan(&a.ID, &a.Name, &a.Organisation, &a.FullName, &a.Email, &a.Confirmed, &a.About, &a.Link, &a.Operator, &a.Moderator, &a.Disabled, timeColumn{&a.Created})
	return &a, err
}

// CreateAccount makes an account; password "" makes one that nobody can log in to but by tokens. ErrExists, ErrInvalid.
func (c *Catalogue) CreateAccount(ctx context.Context, a Account, password string) (*Account, error) {
	hashed, err := c.newAccount(ctx, a, password)
	if err != nil {
		return nil, err
	}
	err = c.update(ctx, func(q queries) error {
		_, err := c.insertAccount(q, a, hashed)
		return err
	})
	if err != nil {
		return nil, wrap(err, "creating the account %s", a.Name)
	}
	return c.Account(ctx, a.Name)
}

// newAccount checks what an account is to be, and returns what is kept of its password.
func (c *Catalogue) newAccount(ctx context.Context, a Account, password string) (hashed string, err error) {
	err = errors.Join(checkAccountName(a.Name), checkProfile(a))
	if err == nil && password != "" {
		hashed, err = hashPassword(ctx, password)
	}
	return hashed, err
}

func (c *Catalogue) insertAccount(q queries, a Account, hashed string) (id int64, err error) {
	n, err := q.exec(`INSERT INTO accounts (key, name, organisation, full_name, email, about, link, password, operator, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		key(a.Name), a.Name, a.Organisation, a.FullName, a.Email, a.About, a.Link, hashed, a.Operator, stamp(c.now()))
	if err == nil && n == 0 {
		err = hint.Errorf("choose another name", "%w", ErrExists)
	}
	if err == nil {
		err = q.row("SELECT id FROM accounts WHERE key = ?", []any{key(a.Name)}, &id)
	}
	if err != nil {
		return 0, err
	}
	return id, c.audit(q, a.Name, "account", a.Name, "")
}

// Account returns an account by its name in any case; ErrNotFound.
func (c *Catalogue) Account(ctx context.Context, name string) (*Account, error) {
	return c.account(c.reading(ctx), "key = ?", key(name), name)
}

func (c *Catalogue) account(q queries, where string, arg any, name string) (a *Account, err error) {
	err = q.rows("SELECT "+accountColumns+" FROM accounts a WHERE "+where, []any{arg}, func(scan func(...any) error) error {
		a, err = scanAccount(scan)
		return err
	})
	if err == nil && a == nil {
		err = hint.Errorf("check the name", "%w", ErrNotFound)
	}
	return a, wrap(err, "the account %q", name)
}

// SetPassword gives an account a new password and ends its sessions.
func (c *Catalogue) SetPassword(ctx context.Context, a *Account, password string) error {
	hashed, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		if _, err := q.exec("UPDATE accounts SET password = ? WHERE id = ?", hashed, a.ID); err != nil {
			return err
		}
		if _, err := q.exec("DELETE FROM sessions WHERE account_id = ?", a.ID); err != nil {
			return err
		}
		return c.audit(q, a.Name, "password", a.Name, "")
	}), "changing the password of %s", a.Name)
}

// LogIn returns the account that a name and a password belong to; ErrUnauthenticated, the same for a wrong name and a
// wrong password, after the same time.
func (c *Catalogue) LogIn(ctx context.Context, name, password string) (*Account, error) {
	var hashed string
	err := c.reading(ctx).row("SELECT password FROM accounts WHERE key = ? AND NOT disabled AND NOT organisation", []any{key(name)}, &hashed)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, wrap(err, "logging in")
	}
	right, err := checkPassword(ctx, hashed, password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, hint.Errorf("check both", "the name or the password is wrong: %w", ErrUnauthenticated)
	}
	return c.Account(ctx, name)
}

// CreateOrganisation makes an organisation with its first administrator.
func (c *Catalogue) CreateOrganisation(ctx context.Context, who Caller, name, fullName string) (*Account, error) {
	if err := who.Needs(Admin); err != nil {
		return nil, err
	}
	a := Account{Name: name, FullName: fullName, Organisation: true}
	if _, err := c.newAccount(ctx, a, ""); err != nil {
		return nil, err
	}
	err := c.update(ctx, func(q queries) error {
		var err error
		if a.ID, err = c.insertAccount(q, a, ""); err != nil {
			return err
		}
		return c.putMember(q, who.Name(), &a, who.Account, Admin)
	})
	if err != nil {
		return nil, wrap(err, "creating the organisation %s", name)
	}
	return c.Account(ctx, name)
}

// NeedsAdmin returns ErrForbidden for who does not administer an account: it is another's, or an organisation's of which
// he is no administrator.
func (c *Catalogue) NeedsAdmin(ctx context.Context, who Caller, of *Account) error {
	return c.needsAdmin(c.reading(ctx), who, of)
}

func (c *Catalogue) needsAdmin(q queries, who Caller, of *Account) error {
	if err := who.Needs(Admin); err != nil {
		return err
	}
	has, err := c.roleOf(q, who.Account, of.ID)
	if err == nil && has < Admin {
		err = hint.Errorf("ask an administrator of it", "changing %s: %w", of.Name, ErrForbidden)
	}
	return err
}

// Administered returns an account that who administers; ErrForbidden for others, and for names that nobody has as well.
func (c *Catalogue) Administered(ctx context.Context, who Caller, name string) (*Account, error) {
	return c.administered(c.reading(ctx), who, name)
}

func (c *Catalogue) administered(q queries, who Caller, name string) (*Account, error) {
	if err := who.Needs(Admin); err != nil {
		return nil, err
	}
	a, err := c.account(q, "key = ?", key(name), name)
	if errors.Is(err, ErrNotFound) && !who.Account.Operator {
		a, err = &Account{Name: name}, nil
	}
	if err == nil {
		err = c.needsAdmin(q, who, a)
	}
	return a, err
}

// SetMember gives somebody a role in an organisation, None to take it away; whoever is a member may leave. The last
// administrator stays.
func (c *Catalogue) SetMember(ctx context.Context, who Caller, organisation, member *Account, role Right) error {
	err := who.Needs(Admin)
	if err == nil && !(role == None && member.ID == who.Account.ID) {
		err = c.NeedsAdmin(ctx, who, organisation)
	}
	if err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		return c.putMember(q, who.Name(), organisation, member, role)
	}), "members of %s", organisation.Name)
}

func (c *Catalogue) putMember(q queries, actor string, o, member *Account, role Right) error {
	if !o.Organisation || member.Organisation {
		return hint.Errorf("name an organisation and a person", "%s as a member of %s: %w", member.Name, o.Name, ErrInvalid)
	}
	if _, err := q.exec("DELETE FROM members WHERE organisation_id = ? AND account_id = ?", o.ID, member.ID); err != nil {
		return err
	}
	if role > None {
		if _, err := q.exec("INSERT INTO members (organisation_id, account_id, role, since) VALUES (?, ?, ?, ?)", o.ID, member.ID, role.String(), stamp(c.now())); err != nil {
			return err
		}
	}
	var left int
	if err := q.row("SELECT COUNT(*) FROM members WHERE organisation_id = ? AND role = 'admin'", []any{o.ID}, &left); err != nil {
		return err
	}
	if left == 0 {
		return hint.Errorf("make somebody else an administrator first", "it would have no administrator: %w", ErrInvalid)
	}
	return c.audit(q, actor, "member", o.Name, member.Name+" "+role.String())
}

// Member is somebody's place in an organisation.
type Member struct {
	Account *Account
	Role    Right
}

// Members lists those of an organisation, by name.
func (c *Catalogue) Members(ctx context.Context, organisation *Account) ([]Member, error) {
	return c.members(ctx, "m.account_id", "m.organisation_id", organisation)
}

// Organisations lists those that an account is a member of, with its role in each, by name.
func (c *Catalogue) Organisations(ctx context.Context, a *Account) ([]Member, error) {
	return c.members(ctx, "m.organisation_id", "m.account_id", a)
}

func (c *Catalogue) members(ctx context.Context, other, own string, a *Account) (list []Member, err error) {
	err = c.reading(ctx).rows("SELECT "+accountColumns+", m.role FROM members m JOIN accounts a ON a.id = "+other+
		" WHERE "+own+" = ? ORDER BY a.key", []any{a.ID}, func(scan func(...any) error) error {
		var role string
		m, err := scanAccount(func(into ...any) error { return scan(append(into, &role)...) })
		if err != nil {
			return err
		}
		r, err := ParseRight(role)
		list = append(list, Member{m, r})
		return err
	})
	return list, wrap(err, "members of %s", a.Name)
}

// publisher returns the account called owner, if who may publish under its name; else ErrForbidden with that way out, for an
// account that there is not as well.
func (c *Catalogue) publisher(q queries, who Caller, owner, way string) (*Account, error) {
	o, err := c.account(q, "key = ?", key(owner), owner)
	role := None
	if err == nil {
		role, err = c.roleOf(q, who.Account, o.ID)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if role < Write {
		return nil, hint.Errorf(way, "publishing as %s: %w", owner, ErrForbidden)
	}
	return o, nil
}

// roleOf returns what an account may do under an owner's name, whatever the token.
func (c *Catalogue) roleOf(q queries, a *Account, owner int64) (Right, error) {
	if a == nil || a.Disabled {
		return None, nil
	}
	if a.ID == owner || a.Operator {
		return Admin, nil
	}
	var role string
	err := q.row("SELECT role FROM members WHERE organisation_id = ? AND account_id = ?", []any{owner, a.ID}, &role)
	if errors.Is(err, ErrNotFound) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	return ParseRight(role)
}
