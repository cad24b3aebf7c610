package catalogue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ErrInvitation is the cause where an invitation is wrong, was used, has expired, or is of somebody who may no longer invite.
var ErrInvitation = errors.New("the invitation is not valid, or no longer")

// InvitationLasts is how long an invitation can be used, and mostInvitations how many unused ones somebody may have.
const (
	InvitationLasts = 14 * 24 * time.Hour
	mostInvitations = 50
)

// Invitation lets one person sign up, or become a member of an organisation, once.
type Invitation struct {
	ID           int64
	Inviter      string   // name of the account; "" for the holder of the data folder
	Organisation *Account // nil for the market alone
	Role         Right    // in the organisation
	Note         string   // for whom it is
	Created      time.Time
	Expires      time.Time
	Used         time.Time // zero: not yet
	UsedBy       string
}

// Invite returns a code that somebody can sign up with once, or become a member of an organisation by if it is not nil.
// It is not kept and cannot be shown again. The zero Caller is the holder of the data folder.
func (c *Catalogue) Invite(ctx context.Context, who Caller, organisation *Account, role Right, note string) (code string, err error) {
	code, hash := secret("")
	var inviter, of any
	object, roleName := "", ""
	err = c.update(ctx, func(q queries) error {
		if who.Account != nil {
			inviter = who.Account.ID
			if err := who.Needs(Admin); err != nil {
				return err
			}
		}
		if organisation != nil {
			of, object, roleName = organisation.ID, organisation.Name, role.String()
			if !organisation.Organisation || role == None {
				return hint.Errorf("name an organisation and a role", "an invitation to %s: %w", organisation.Name, ErrInvalid)
			}
			if who.Account != nil {
				if err := c.needsAdmin(q, who, organisation); err != nil {
					return err
				}
			}
		}
		var open int
		if err := q.row("SELECT COUNT(*) FROM invitations WHERE inviter_id = ? AND used = 0 AND expires > ?", []any{inviter, stamp(c.now())}, &open); err != nil {
			return err
		}
		if open >= mostInvitations && who.Account != nil && !who.Account.Operator {
			return hint.Errorf("take some back", "there are %d invitations that nobody has used: %w", open, ErrInvalid)
		}
		now := c.now()
		if _, err := q.exec("INSERT INTO invitations (hash, inviter_id, organisation_id, role, note, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
			hash, inviter, of, roleName, cutText(note, 200), stamp(now), stamp(now.Add(InvitationLasts))); err != nil {
			return err
		}
		return c.audit(q, who.Name(), "invite", object, note)
	})
	return code, wrap(err, "making an invitation")
}

const invitations = `SELECT i.id, COALESCE(b.name, ''), COALESCE(i.organisation_id, 0), i.role, i.note, i.created, i.expires, i.used, COALESCE(u.name, '')
	FROM invitations i LEFT JOIN accounts b ON b.id = i.inviter_id LEFT JOIN accounts u ON u.id = i.used_by WHERE `

func (c *Catalogue) invitations(q queries, where string, arg any) (list []Invitation, err error) {
	var organisations []int64
	err = q.rows(invitations+where+" ORDER BY i.id DESC LIMIT 200", []any{arg}, func(scan func(...any) error) error {
		var i Invitation
		var of int64
		var role string
		err := scan(&i.ID, &i.Inviter, &of, &role, &i.Note, timeColumn{&i.Created}, timeColumn{&i.Expires}, timeColumn{&i.Used}, &i.UsedBy)
		if err == nil && of != 0 {
			i.Role, err = ParseRight(role)
		}
		list, organisations = append(list, i), append(organisations, of)
		return err
	})
	for n, of := range organisations {
		if of != 0 && err == nil {
			list[n].Organisation, err = c.account(q, "id = ?", of, fmt.Sprint(of))
		}
	}
	return list, err
}

// Invitations lists those of an account to the market alone, or those to an organisation, newest first. For the account
// itself and administrators of the organisation.
func (c *Catalogue) Invitations(ctx context.Context, who Caller, of *Account) ([]Invitation, error) {
	if err := c.NeedsAdmin(ctx, who, of); err != nil {
		return nil, err
	}
	where := "i.organisation_id IS NULL AND i.inviter_id = ?"
	if of.Organisation {
		where = "i.organisation_id = ?"
	}
	list, err := c.invitations(c.reading(ctx), where, of.ID)
	return list, wrap(err, "invitations of %s", of.Name)
}

// Invitation tells what a code invites to; ErrInvitation.
func (c *Catalogue) Invitation(ctx context.Context, code string) (*Invitation, error) {
	return c.invitation(c.reading(ctx), code)
}

func (c *Catalogue) invitation(q queries, code string) (*Invitation, error) {
	list, err := c.invitations(q, "i.hash = ?", hashOf(code))
	if err != nil {
		return nil, wrap(err, "looking for an invitation")
	}
	invalid := hint.Errorf("ask for a new one", "%w", ErrInvitation)
	if len(list) == 0 || !list[0].Used.IsZero() || list[0].Expires.Before(c.now()) {
		return nil, invalid
	}
	i := &list[0]
	if i.Inviter == "" {
		return i, nil
	}
	// Who may not invite any more has not invited.
	inviter, err := c.account(q, "key = ?", key(i.Inviter), i.Inviter)
	if err != nil {
		return nil, err
	}
	if i.Organisation != nil {
		role, err := c.roleOf(q, inviter, i.Organisation.ID)
		if err != nil {
			return nil, err
		}
		if role < Admin {
			return nil, invalid
		}
	}
	if inviter.Disabled {
		return nil, invalid
	}
	return i, nil
}

// redeem uses an invitation up, for an account.
func (c *Catalogue) redeem(q queries, code string, a *Account) error {
	i, err := c.invitation(q, code)
	if err != nil {
		return err
	}
	n, err := q.exec("UPDATE invitations SET used = ?, used_by = ? WHERE id = ? AND used = 0", stamp(c.now()), a.ID, i.ID)
	if err == nil && n == 0 { // somebody else has used it since
		err = hint.Errorf("ask for a new one", "%w", ErrInvitation)
	}
	if err != nil || i.Organisation == nil {
		return err
	}
	has, err := c.roleOf(q, &Account{ID: a.ID}, i.Organisation.ID)
	if err != nil {
		return err
	}
	return c.putMember(q, a.Name, i.Organisation, a, max(has, i.Role))
}

// Accept makes somebody a member of the organisation that an invitation is to, which it returns; ErrInvitation.
func (c *Catalogue) Accept(ctx context.Context, who Caller, code string) (*Account, error) {
	if err := who.Needs(Admin); err != nil {
		return nil, err
	}
	i, err := c.Invitation(ctx, code)
	if err == nil && i.Organisation == nil {
		err = hint.Errorf("give it to somebody who has no account", "an invitation to sign up is of no use to %s: %w", who.Name(), ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	return i.Organisation, wrap(c.update(ctx, func(q queries) error { return c.redeem(q, code, who.Account) }), "accepting an invitation")
}

// Uninvite takes an invitation back that nobody has used; ErrNotFound.
func (c *Catalogue) Uninvite(ctx context.Context, who Caller, of *Account, id int64) error {
	return wrap(c.update(ctx, func(q queries) error {
		if err := c.needsAdmin(q, who, of); err != nil {
			return err
		}
		n, err := q.exec("DELETE FROM invitations WHERE id = ? AND used = 0 AND (organisation_id = ? OR organisation_id IS NULL AND inviter_id = ?)", id, of.ID, of.ID)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), "uninvite", of.Name, fmt.Sprint(id))
	}), "taking back an invitation of %s", of.Name)
}
