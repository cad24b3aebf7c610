package catalogue

import (
	"errors"
	"testing"
)

func TestModeratorsDecideAndMayDoNothingElse(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, mod, root := person(t, c, "ada"), person(t, c, "mod"), operator(t, c, "root")
		if _, _, err := c.Queue(ctx, mod, 10); !errors.Is(err, ErrForbidden) {
			t.Errorf("before the role: %v", err)
		}
		for range 2 { // the second time changes nothing, and is not noted
			if err := c.SetModerator(ctx, "root", mod.Account, true); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if mod.Account, err = c.Account(ctx, "mod"); err != nil || !mod.Account.Moderator || mod.Account.Operator {
			t.Fatalf("%+v, %v", mod.Account, err)
		}
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		hidden := repository(t, c, ada, "ada/hidden", true)
		publish(t, c, ada, hidden, "1.0.0", "two")
		bob := rater(t, c, "bob", r, "1.0.0")
		v := rate(t, c, bob, r, NewReview{Stars: 1, Text: "rude words"})
		for kind, id := range map[string]int64{AReview: v.ID, APackage: r.ID} {
			if err := c.Report(ctx, ada, r, kind, id, "it is rude"); err != nil {
				t.Fatal(err)
			}
		}

		// What they may: see, take down, read what is down, restore, answer appeals of others' decisions.
		if _, waiting, err := c.Queue(ctx, mod, 10); err != nil || waiting != 2 {
			t.Errorf("%d wait, %v", waiting, err)
		}
		decide := func(who Caller, kind string, id int64, action string) error {
			return c.Decide(ctx, who, kind, id, action, "a reason")
		}
		if err := errors.Join(decide(mod, AReview, v.ID, ToTakeDown), decide(mod, APackage, r.ID, ToTakeDown)); err != nil {
			t.Fatal(err)
		}
		if down, err := c.Repository(ctx, mod, "ada/model"); err != nil || down.May != Read {
			t.Errorf("a package that is down: %v", err)
		}
		if _, err := c.Repository(ctx, bob, "ada/model"); !errors.Is(err, ErrNotFound) {
			t.Errorf("for others: %v", err)
		}
		if err := c.Appeal(ctx, bob, r, AReview, v.ID, "it is not"); err != nil {
			t.Fatal(err)
		}
		if err := decide(mod, AReview, v.ID, ToShow); !errors.Is(err, ErrForbidden) {
			t.Errorf("answering for himself: %v", err)
		}
		if err := errors.Join(decide(root, AReview, v.ID, ToShow), decide(mod, APackage, r.ID, ToShow)); err != nil {
			t.Fatal(err)
		}
		if err := decide(mod, AReview, v.ID, ToTakeDown); err != nil {
			t.Fatal(err)
		}
		// With a moderator there is another one than a lone operator.
		if err := errors.Join(decide(mod, AReview, v.ID, ToShow), decide(root, AReview, v.ID, ToTakeDown), c.Appeal(ctx, bob, r, AReview, v.ID, "no")); err != nil {
			t.Fatal(err)
		}
		if err := decide(root, AReview, v.ID, ToShow); !errors.Is(err, ErrForbidden) {
			t.Errorf("the operator answers for himself: %v", err)
		}
		if err := decide(mod, AReview, v.ID, ToShow); err != nil {
			t.Fatal(err)
		}

		// What they may not.
		weak, own := mod, repository(t, c, mod, "mod/own", false)
		weak.Scope = Write
		publish(t, c, mod, own, "1.0.0", "three")
		carl := rater(t, c, "carl", own, "1.0.0")
		bad := rate(t, c, carl, own, NewReview{Stars: 1, Text: "bad"})
		private := true
		r, err = c.Repository(ctx, mod, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		_, find := c.Repository(ctx, mod, "ada/hidden")
		_, advise := c.Advise(ctx, mod, r, Advisory{Severity: "low", Title: "x", Affected: "*"})
		_, audit := c.AuditLog(ctx, mod, AuditQuery{})
		for what, x := range map[string]struct{ err, want error }{
			"a weak token":          {decide(weak, AReview, v.ID, ToTakeDown), ErrForbidden},
			"his own package":       {decide(mod, APackage, own.ID, ToTakeDown), ErrForbidden},
			"reviews of it":         {decide(mod, AReview, bad.ID, ToTakeDown), ErrForbidden},
			"what is private":       {find, ErrNotFound},
			"the audit log":         {audit, ErrForbidden},
			"to run the market":     {mod.Operates(), ErrForbidden},
			"settings of a package": {c.Configure(ctx, mod, r, Settings{Private: &private}), ErrForbidden},
			"to delete it":          {c.DeleteRepository(ctx, mod, r), ErrForbidden},
			"to warn of it":         {advise, ErrForbidden},
		} {
			if !errors.Is(x.err, x.want) {
				t.Errorf("%s: %v, want %v", what, x.err, x.want)
			}
		}
		if err := c.SetModerator(ctx, "root", mod.Account, false); err != nil {
			t.Fatal(err)
		}
		if mod.Account, err = c.Account(ctx, "mod"); err != nil {
			t.Fatal(err)
		}
		if err := decide(mod, AReview, v.ID, ToTakeDown); !errors.Is(err, ErrForbidden) {
			t.Errorf("after the role: %v", err)
		}
		log, err := c.AuditLog(ctx, root, AuditQuery{Limit: 1000})
		var made, unmade int
		for _, e := range log {
			switch e.Action {
			case "make moderator":
				made++
			case "unmake moderator":
				unmade++
			}
		}
		if err != nil || made != 1 || unmade != 1 {
			t.Errorf("in the audit log: made %d times, unmade %d times, %v", made, unmade, err)
		}
		org, err := c.CreateOrganisation(ctx, ada, "lab", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetModerator(ctx, "root", org, true); !errors.Is(err, ErrInvalid) {
			t.Errorf("an organisation: %v", err)
		}
	})
}
