package catalogue

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestSessionsEndByThemselves(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		now := time.Now().Truncate(time.Second)
		c.now = func() time.Time { return now }
		ada := person(t, c, "ada").Account
		begin := func() string {
			cookie, err := c.CreateSession(t.Context(), ada, "Firefox", "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			return cookie
		}
		idle, busy := begin(), begin()
		for end := now.Add(SessionLasts); now.Before(end.Add(-time.Hour)); now = now.Add(24 * time.Hour) {
			if _, err := c.Session(t.Context(), busy); err != nil {
				t.Fatalf("a session in use has ended at %v: %v", now, err)
			}
		}
		if _, err := c.Session(t.Context(), idle); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("an idle session: %v", err)
		}
		now = now.Add(2 * time.Hour)
		if _, err := c.Session(t.Context(), busy); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("a session older than all may be: %v", err)
		}
		if list, err := c.Sessions(t.Context(), ada); err != nil || len(list) != 0 {
			t.Errorf("%d sessions are listed, %v", len(list), err)
		}
		cookie := begin()
		list, err := c.Sessions(t.Context(), ada)
		if err != nil || len(list) != 1 || list[0].ID != SessionID(cookie) || list[0].Agent != "Firefox" || !list[0].Created.Equal(now) {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := c.EndSessions(t.Context(), person(t, c, "eve").Account, list[0].ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("somebody else ends a session: %v", err)
		}
		if err := c.SetDisabled(t.Context(), "", ada, true); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Session(t.Context(), cookie); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("a session of a disabled account: %v", err)
		}
		if err := errors.Join(c.SetDisabled(t.Context(), "", ada, false), c.EndSessions(t.Context(), ada, "")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Session(t.Context(), cookie); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("a session that was ended: %v", err)
		}
	})
}

func TestAnInvitationIsForOnePerson(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		now := time.Now()
		c.now = func() time.Time { return now }
		ada := person(t, c, "ada")
		lab, err := c.CreateOrganisation(t.Context(), ada, "lab", "The Lab")
		if err != nil {
			t.Fatal(err)
		}
		code, err := c.Invite(t.Context(), ada, lab, Write, "somebody")
		if err != nil {
			t.Fatal(err)
		}
		// Many use it at once.
		var wait sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			wait.Go(func() {
				_, results[i] = c.SignUp(t.Context(), SignUp{Account: Account{Name: fmt.Sprint("person", i)}, Identity: &Identity{"https://id.example.org", fmt.Sprint(i)}, Invitation: code})
			})
		}
		wait.Wait()
		came := 0
		for i, err := range results {
			if err == nil {
				came++
			} else if !errors.Is(err, ErrInvitation) {
				t.Errorf("person%d: %v", i, err)
			}
		}
		members, err := c.Members(t.Context(), lab)
		if came != 1 || err != nil || len(members) != 2 {
			t.Errorf("%d have come, %d members, %v", came, len(members), err)
		}
		accounts, err := c.Accounts(t.Context())
		if err != nil || len(accounts) != 3 {
			t.Errorf("%d accounts, %v: who was too late must have none", len(accounts), err)
		}
		list, err := c.Invitations(t.Context(), ada, lab)
		if err != nil || len(list) != 1 || list[0].UsedBy == "" || list[0].Role != Write || list[0].Inviter != "ada" {
			t.Errorf("%+v, %v", list, err)
		}
		// It does not last for ever, and whoever holds the data folder may make one.
		code, err = c.Invite(t.Context(), Caller{}, nil, None, "")
		if err != nil {
			t.Fatal(err)
		}
		if i, err := c.Invitation(t.Context(), code); err != nil || i.Inviter != "" || i.Organisation != nil {
			t.Errorf("%+v, %v", i, err)
		}
		now = now.Add(InvitationLasts + time.Second)
		if _, err := c.Invitation(t.Context(), code); !errors.Is(err, ErrInvitation) {
			t.Errorf("an old invitation: %v", err)
		}
		// Nobody has more than so many that nobody has used.
		for i := range mostInvitations + 1 {
			if _, err = c.Invite(t.Context(), ada, nil, None, ""); err != nil && i < mostInvitations {
				t.Fatal(err)
			}
		}
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("one invitation too many: %v", err)
		}
		// An invitation of an account that is disabled since.
		bob := person(t, c, "bob")
		code, err = c.Invite(t.Context(), bob, nil, None, "")
		if err == nil {
			err = c.SetDisabled(t.Context(), "", bob.Account, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Invitation(t.Context(), code); !errors.Is(err, ErrInvitation) {
			t.Errorf("an invitation of a disabled account: %v", err)
		}
	})
}

func TestIdentitiesLeadToOneAccount(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		i := Identity{"https://id.example.org", "42"}
		if _, err := c.Identified(t.Context(), i); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody's identity: %v", err)
		}
		ada, err := c.SignUp(t.Context(), SignUp{Account: Account{Name: "ada", Operator: true}, Identity: &i})
		if err != nil {
			t.Fatal(err)
		}
		if ada.Operator {
			t.Error("whoever signs up runs the market")
		}
		if a, err := c.Identified(t.Context(), i); err != nil || a.ID != ada.ID {
			t.Errorf("%v, %v", a, err)
		}
		if _, err := c.SignUp(t.Context(), SignUp{Account: Account{Name: "eve"}, Identity: &i}); !errors.Is(err, ErrExists) {
			t.Errorf("a second account: %v", err)
		}
		if _, err := c.Account(t.Context(), "eve"); !errors.Is(err, ErrNotFound) {
			t.Errorf("half an account is left: %v", err)
		}
		who := Caller{Account: ada, Scope: Admin}
		if err := c.UnlinkIdentity(t.Context(), who, i); !errors.Is(err, ErrInvalid) {
			t.Errorf("the only way in is taken away: %v", err)
		}
		if has, err := c.HasPassword(t.Context(), ada); has || err != nil {
			t.Error(has, err)
		}
		if err := errors.Join(c.SetPassword(t.Context(), ada, "correct horse"), c.UnlinkIdentity(t.Context(), who, i)); err != nil {
			t.Error(err)
		}
		if list, err := c.Identities(t.Context(), ada); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

func TestNotesAreTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		now := time.Now()
		c.now = func() time.Time { return now }
		cookie, err := c.PutNote(t.Context(), "text", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			take, there bool
		}{{false, true}, {true, true}, {true, false}, {false, false}} {
			text, err := c.Note(t.Context(), cookie, step.take)
			if there := err == nil && text == "text"; there != step.there || !there && !errors.Is(err, ErrNotFound) {
				t.Errorf("%+v: %q, %v", step, text, err)
			}
		}
		if cookie, err = c.PutNote(t.Context(), "text", time.Minute); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Minute)
		if _, err := c.Note(t.Context(), cookie, true); !errors.Is(err, ErrNotFound) {
			t.Errorf("an old note: %v", err)
		}
	})
}

func TestUsageCountsEachFileOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		r, s := repository(t, c, ada, "ada/one", false), repository(t, c, ada, "ada/two", false)
		publish(t, c, ada, r, "1.0.0", "four")
		publish(t, c, ada, s, "1.0.0", "four")
		publish(t, c, ada, s, "2.0.0", "another")
		if u, err := c.Usage(t.Context(), ada.Account.ID); err != nil || u.Packages != 2 || u.Bytes != int64(len("four")+len("another")) {
			t.Errorf("%+v, %v", u, err)
		}
		if u, err := c.Usage(t.Context(), person(t, c, "bob").Account.ID); err != nil || u != (Usage{}) {
			t.Errorf("%+v, %v", u, err)
		}
		c.MostPackages = 2
		if _, err := c.CreateRepository(t.Context(), ada, NewRepository{FullName: "ada/three"}); !errors.Is(err, ErrQuota) {
			t.Errorf("a third package: %v", err)
		}
	})
}

func TestTheAuditLogIsForThoseItConcerns(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada, eve := person(t, c, "a_a"), person(t, c, "aba") // an underscore must not stand for any letter
		root := person(t, c, "root")
		root.Account.Operator = true
		publish(t, c, ada, repository(t, c, ada, "a_a/one", false), "1.0.0", "x")
		publish(t, c, eve, repository(t, c, eve, "aba/two", false), "1.0.0", "y")
		list, err := c.AuditLog(t.Context(), ada, AuditQuery{Owner: ada.Account})
		if err != nil || len(list) < 3 {
			t.Fatalf("%v, %v", list, err)
		}
		for _, e := range list {
			if e.Actor == "aba" {
				t.Errorf("it tells of another: %+v", e)
			}
		}
		if older, err := c.AuditLog(t.Context(), ada, AuditQuery{Owner: ada.Account, Before: list[0].ID, Limit: 1}); err != nil || len(older) != 1 || older[0] != list[1] {
			t.Errorf("%+v, %v, want %+v", older, err, list[1])
		}
		for _, q := range []AuditQuery{{}, {Owner: ada.Account}, {Actor: "a_a"}} {
			if _, err := c.AuditLog(t.Context(), eve, q); !errors.Is(err, ErrForbidden) {
				t.Errorf("somebody else reads %+v: %v", q, err)
			}
		}
		if list, err := c.AuditLog(t.Context(), root, AuditQuery{Actor: "ABA"}); err != nil || len(list) < 3 {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := c.AuditLog(t.Context(), Caller{Account: ada.Account, Scope: Write}, AuditQuery{Owner: ada.Account}); !errors.Is(err, ErrForbidden) {
			t.Errorf("by a token for publishing: %v", err)
		}
	})
}
