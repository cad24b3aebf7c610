package catalogue

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestAMailboxIsKnownByOneForm(t *testing.T) {
	for address, want := range map[string]string{
		"Ada@Example.ORG":            "ada@example.org",
		"ada+shop@example.org":       "ada@example.org",
		"a.d.a@example.org":          "a.d.a@example.org",
		"A.d.a+x+y@GoogleMail.com":   "ada@gmail.com",
		"ada@gmail.com":              "ada@gmail.com",
		"ada@BÜCHER.example":         "ada@xn--bcher-kva.example",
		"ada@xn--bcher-kva.example":  "ada@xn--bcher-kva.example",
		"小语@例子.测试":                   "小语@xn--fsqu00a.xn--0zwm56d",
		"+ada@example.org":           "+ada@example.org",
		"ada@a domain that is none.": "ada@a domain that is none",
		"ada@example.org.":           "ada@example.org",
		`"ada"@example.org`:          "",
		"ada(work)@example.org":      "",
		"jose\u0301@example.org":     "josé@example.org",
		"":                           "",
		"nobody":                     "",
	} {
		if got := mailboxOf(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// confirming is a person with an address, who has been sent a code.
func confirming(t *testing.T, c *Catalogue, name, address string) (who Caller, code string) {
	t.Helper()
	who = person(t, c, name)
	p := *who.Account
	p.Email = address
	if err := c.SetProfile(t.Context(), who, who.Account, p); err != nil {
		t.Fatal(err)
	}
	code, err := c.CreateConfirmation(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	return who, code
}

func confirmed(t *testing.T, c *Catalogue, name string) bool {
	t.Helper()
	a, err := c.Account(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return a.Confirmed
}

func TestAMailboxConfirmsOneAccount(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx, now := t.Context(), time.Now()
		c.now = func() time.Time { return now }
		none := person(t, c, "none")
		if _, err := c.CreateConfirmation(ctx, none); !errors.Is(err, ErrInvalid) {
			t.Errorf("without an address: %v", err)
		}
		if _, err := c.CreateConfirmation(ctx, Caller{Account: none.Account, Scope: Write}); !errors.Is(err, ErrForbidden) {
			t.Errorf("by a token that may not: %v", err)
		}
		ada, code := confirming(t, c, "ada", "Ada+market@example.org")
		bob, other := confirming(t, c, "bob", "ada@example.org")
		var kept int
		if err := c.reading(ctx).row("SELECT COUNT(*) FROM confirmations WHERE hash = ?", []any{code}, &kept); err != nil || kept != 0 {
			t.Errorf("the code itself is kept: %d, %v", kept, err)
		}
		for name, try := range map[string]func() error{
			"another's code": func() error { return c.Confirm(ctx, bob, code) },
			"a wrong code":   func() error { return c.Confirm(ctx, ada, code+"x") },
		} {
			if err := try(); !errors.Is(err, ErrLink) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Both at once: one of them has the mailbox.
		var wait sync.WaitGroup
		var results [2]error
		wait.Go(func() { results[0] = c.Confirm(ctx, ada, code) })
		wait.Go(func() { results[1] = c.Confirm(ctx, bob, other) })
		wait.Wait()
		first, second := "ada", "bob"
		if results[0] != nil {
			first, second, results[0], results[1] = "bob", "ada", results[1], results[0]
		}
		if results[0] != nil || !errors.Is(results[1], ErrExists) || !confirmed(t, c, first) || confirmed(t, c, second) {
			t.Fatalf("%v", results)
		}
		if err := c.Confirm(ctx, ada, code); !errors.Is(err, ErrLink) && first == "ada" {
			t.Errorf("used twice: %v", err)
		}
		// A mailbox that an account has left shows no other.
		who := map[string]Caller{"ada": ada, "bob": bob}
		if _, err := c.CreateConfirmation(ctx, who[first]); !errors.Is(err, ErrInvalid) {
			t.Errorf("confirmed again: %v", err)
		}
		if err := c.SetProfile(ctx, who[first], who[first].Account, Account{Email: "elsewhere@example.org"}); err != nil {
			t.Fatal(err)
		}
		if confirmed(t, c, first) {
			t.Error("the new address is confirmed")
		}
		if code, err := c.CreateConfirmation(ctx, who[second]); err != nil {
			t.Error(err)
		} else if err := c.Confirm(ctx, who[second], code); !errors.Is(err, ErrExists) {
			t.Errorf("a mailbox that showed another account: %v", err)
		}
		// A link ends with its time, and with the address that it was sent to; another spelling of it is the same mailbox.
		eve, code := confirming(t, c, "eve", "eve@example.org")
		now = now.Add(ConfirmationLasts + time.Second)
		if err := c.Confirm(ctx, eve, code); !errors.Is(err, ErrLink) {
			t.Errorf("too late: %v", err)
		}
		if code, err := c.CreateConfirmation(ctx, eve); err != nil {
			t.Error(err)
		} else if err := c.SetProfile(ctx, eve, eve.Account, Account{Email: "other@example.org"}); err != nil {
			t.Error(err)
		} else if err := c.Confirm(ctx, eve, code); !errors.Is(err, ErrLink) {
			t.Errorf("of an address that she has left: %v", err)
		}
		if code, err := c.CreateConfirmation(ctx, eve); err != nil {
			t.Error(err)
		} else if err := c.SetProfile(ctx, eve, eve.Account, Account{Email: "Other+x@Example.org"}); err != nil {
			t.Error(err)
		} else if err := c.Confirm(ctx, eve, code); err != nil || !confirmed(t, c, "eve") {
			t.Errorf("the same mailbox in another spelling: %v", err)
		}
	})
}

func TestRatingsOfWhomNobodyKnowsAreHeld(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx, now := t.Context(), time.Now()
		c.now = func() time.Time { return now }
		c.Reviews = ReviewRules{Mailbox: true}
		ada := person(t, c, "ada")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		old, young := rater(t, c, "old", r, "1.0.0"), rater(t, c, "young", r, "1.0.0")
		young.Account.Created = now.Add(-time.Hour)
		for _, who := range []Caller{old, young} {
			if v := rate(t, c, who, r, NewReview{Stars: 4}); v.State != Held || v.Reason != HeldMailbox || !v.Until.IsZero() {
				t.Errorf("%s: %+v", who.Name(), v)
			}
		}
		counted(t, c, r)
		for _, who := range []Caller{old, young} {
			if err := c.SetProfile(ctx, who, who.Account, Account{Email: who.Name() + "@example.org"}); err != nil {
				t.Fatal(err)
			}
			code, err := c.CreateConfirmation(ctx, who)
			if err == nil {
				err = c.Confirm(ctx, who, code)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		counted(t, c, r, 4) // the young one's waits on
		now = now.Add(24 * time.Hour)
		if n, err := c.ReleaseReviews(ctx); n != 1 || err != nil {
			t.Errorf("%d released, %v", n, err)
		}
		counted(t, c, r, 4, 4)

		// An identity of a provider is as good, once: unlinked, and linked to another account, it shows no second person.
		identity := Identity{"https://id.example.org", "17"}
		one, two := rater(t, c, "one", r, "1.0.0"), rater(t, c, "two", r, "1.0.0")
		rate(t, c, one, r, NewReview{Stars: 2})
		if err := c.LinkIdentity(ctx, one, identity); err != nil {
			t.Fatal(err)
		}
		counted(t, c, r, 4, 4, 2)
		if err := c.SetPassword(ctx, one.Account, "correct horse"); err != nil { // another way to log in
			t.Fatal(err)
		}
		if err := c.UnlinkIdentity(ctx, one, identity); err != nil {
			t.Fatal(err)
		}
		if err := c.LinkIdentity(ctx, two, identity); err != nil {
			t.Fatal(err)
		}
		if v := rate(t, c, two, r, NewReview{Stars: 1}); v.State != Held || v.Reason != HeldMailbox {
			t.Errorf("the second account of one identity: %+v", v)
		}
		counted(t, c, r, 4, 4, 2)
	})
}
