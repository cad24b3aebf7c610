package catalogue

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// operator is somebody who runs the market.
func operator(t *testing.T, c *Catalogue, name string) Caller {
	t.Helper()
	a, err := c.CreateAccount(t.Context(), Account{Name: name, Operator: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	return Caller{Account: a, Scope: Admin}
}

func TestWhatIsReportedIsDecidedWithAReason(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, root, second := person(t, c, "ada"), operator(t, c, "root"), operator(t, c, "second")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		bob, eve := rater(t, c, "bob", r, "1.0.0"), rater(t, c, "eve", r, "1.0.0")
		v := rate(t, c, bob, r, NewReview{Stars: 1, Text: "rude words"})
		rate(t, c, eve, r, NewReview{Stars: 5, Text: "fine"})
		counted(t, c, r, 1, 5)
		for _, who := range []Caller{ada, eve, ada} { // once each
			if err := c.Report(ctx, who, r, AReview, v.ID, "it is rude"); err != nil {
				t.Fatal(err)
			}
		}
		weak := root
		weak.Scope = Write
		for _, x := range []struct {
			err  error
			want error
		}{
			{c.Report(ctx, Caller{}, r, AReview, v.ID, "x"), ErrUnauthenticated}, {c.Report(ctx, eve, r, AReview, 99, "x"), ErrNotFound}, {c.Report(ctx, eve, r, "thing", 1, "x"), ErrInvalid}, {c.Report(ctx, eve, r, AReview, v.ID, " "), ErrInvalid},
			{c.Decide(ctx, ada, AReview, v.ID, ToTakeDown, "mine"), ErrForbidden}, {c.Decide(ctx, weak, AReview, v.ID, ToTakeDown, "x"), ErrForbidden}, {c.Decide(ctx, Caller{}, AReview, v.ID, ToTakeDown, "x"), ErrUnauthenticated},
			{c.Decide(ctx, root, AReview, v.ID, ToTakeDown, ""), ErrInvalid}, {c.Decide(ctx, root, AReview, v.ID, "burn", "x"), ErrInvalid}, {c.Decide(ctx, root, AReview, 99, ToTakeDown, "x"), ErrNotFound},
		} {
			if !errors.Is(x.err, x.want) {
				t.Errorf("%v, want %v", x.err, x.want)
			}
		}
		if _, _, err := c.Queue(ctx, ada, 10); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
		queue := func(want int) []*Case {
			t.Helper()
			list, waiting, err := c.Queue(ctx, root, 10)
			if err != nil || waiting != want || len(list) != want {
				t.Fatalf("%d wait, %v, want %d", waiting, err, want)
			}
			return list
		}
		if q := queue(1); len(q[0].Reports) != 2 || q[0].Reports[0].By != "ada" || q[0].Text != "rude words" || q[0].Author != "bob" {
			t.Errorf("%+v", q[0])
		}
		if err := c.Decide(ctx, root, AReview, v.ID, ToTakeDown, "against the rules"); err != nil {
			t.Fatal(err)
		}
		queue(0)
		counted(t, c, r, 5)
		// It is gone for others, and its author reads why, cannot write it again, and appeals once.
		if _, err := c.Review(ctx, eve, r, v.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if own, err := c.Review(ctx, bob, r, v.ID); err != nil || own.State != Down || own.Reason != "against the rules" {
			t.Errorf("%+v, %v", own, err)
		}
		if _, err := c.Rate(ctx, bob, r, NewReview{Stars: 2, Text: "rude words"}); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
		if err := c.Unrate(ctx, bob, r, ""); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
		if err := c.Appeal(ctx, eve, r, AReview, v.ID, "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("somebody else appeals: %v", err)
		}
		if err := c.Appeal(ctx, bob, r, AReview, v.ID, "it was a joke"); err != nil {
			t.Fatal(err)
		}
		if err := c.Appeal(ctx, bob, r, AReview, v.ID, "again"); !errors.Is(err, ErrExists) {
			t.Error(err)
		}
		if q := queue(1); q[0].Appeal != "it was a joke" {
			t.Errorf("%+v", q[0])
		}
		if err := c.Decide(ctx, root, AReview, v.ID, ToShow, "x"); !errors.Is(err, ErrForbidden) {
			t.Errorf("a moderator answers the appeal against himself: %v", err)
		}
		if err := c.Decide(ctx, second, AReview, v.ID, ToShow, "a joke indeed"); err != nil {
			t.Fatal(err)
		}
		queue(0)
		counted(t, c, r, 1, 5)
		list, err := c.Decisions(ctx, root, 0, 10)
		if err != nil || len(list) != 2 || list[1].Answer != list[0].ID || list[1].Appeal != "it was a joke" || list[0].Moderator != "second" {
			t.Errorf("%+v, %v", list, err)
		}
		entries, err := c.Audit(ctx, "ada/model", 3)
		if err != nil || len(entries) != 3 || entries[0].Action != "moderate" || entries[1].Action != "appeal" || !strings.Contains(entries[0].Detail, "a joke indeed") {
			t.Errorf("%+v, %v", entries, err)
		}
		lines := map[string]int{}
		if err := c.Export(ctx, root, func(x Exported) error { lines[x.Type]++; return nil }); err != nil || fmt.Sprint(lines) != "map[decision:2 report:2 review:2]" {
			t.Errorf("%v, %v", lines, err)
		}
		if err := c.Export(ctx, ada, func(Exported) error { return nil }); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
	})
}

func TestAPackageThatIsTakenDownIsForItsOwnerAlone(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, bob, root := person(t, c, "ada"), person(t, c, "bob"), operator(t, c, "root")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		if err := errors.Join(c.Report(ctx, bob, r, APackage, r.ID, "stolen"), c.Decide(ctx, root, APackage, r.ID, ToTakeDown, "stolen indeed")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Repository(ctx, bob, "ada/model"); !errors.Is(err, ErrNotFound) {
			t.Errorf("others see it: %v", err)
		}
		if found, err := c.Search(ctx, bob, Query{}); err != nil || found.Total != 0 {
			t.Errorf("others find it: %v, %v", found, err)
		}
		own, err := c.Repository(ctx, ada, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		open := false
		if err := c.Configure(ctx, ada, own, Settings{Private: &open}); !errors.Is(err, ErrForbidden) {
			t.Errorf("its owner shows it again: %v", err)
		}
		if err := errors.Join(c.Appeal(ctx, ada, own, APackage, r.ID, "I made it"), c.Decide(ctx, root, APackage, r.ID, ToShow, "so it is")); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Repository(ctx, bob, "ada/model"); err != nil || found.Private {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

func TestHeldReviewsAreDecidedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		c.Reviews = ReviewRules{Burst: 2}
		now := time.Now()
		c.now = func() time.Time { return now }
		ada, root := person(t, c, "ada"), operator(t, c, "root")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		for i := range 5 {
			rate(t, c, rater(t, c, fmt.Sprint("p", i), r, "1.0.0"), r, NewReview{Stars: 5})
		}
		counted(t, c, r)
		if n, err := c.DecideHeld(ctx, root, r, ToShow, "a talk about it"); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		counted(t, c, r, 5, 5, 5, 5, 5)
		// What a moderator has let pass is not held again by what comes then.
		if v := rate(t, c, rater(t, c, "late", r, "1.0.0"), r, NewReview{Stars: 1}); v.State != Held {
			t.Errorf("%+v", v)
		}
		counted(t, c, r, 5, 5, 5, 5, 5)
	})
}

func TestAdvisoriesMeanVersions(t *testing.T) {
	for _, x := range []struct {
		condition, version string
		want               bool
	}{
		{"*", "1.0.0", true}, {"*", "", true}, {"1.0.0", "1.0.0", true}, {"1.0.0", "v1.0.0", true}, {"=1.0.0", "1.0.1", false}, {"<1.2.0", "1.2.0-beta", true}, {"<1.2.0", "1.2.0", false}, {"<=1.2.0", "1.2.0", true},
		{">=1.0.0 <1.2.0", "1.1.9", true}, {">=1.0.0,<1.2.0", "0.9.0", false}, {">=1.0.0 <1.2.0 || 2.0.0", "2.0.0", true}, {"<2.0.0", "10.0.0", false}, {"<2.0.0", "latest", false}, {">1.0.0", "", false},
	} {
		if got, err := affects(x.condition, x.version); got != x.want || err != nil {
			t.Errorf("%q means %q: %v, %v", x.condition, x.version, got, err)
		}
	}
	for _, bad := range []string{"", "||", "1.0", "<one", "~1.0.0", "<>1.0.0", "1.0.0 || "} {
		if _, err := affects(bad, "0.0.0-none"); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		publish(t, c, ada, r, "2.0.0", "two")
		one, two := digestOf(t, c, r, "1.0.0"), digestOf(t, c, r, "2.0.0")
		theirs, err := c.Repository(ctx, bob, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		good := Advisory{Severity: "high", Title: "leaks", Affected: "<2.0.0", Fixed: "2.0.0"}
		if _, err := c.Advise(ctx, bob, theirs, good); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
		for _, change := range []func(*Advisory){func(a *Advisory) { a.Severity = "mild" }, func(a *Advisory) { a.Title = " " }, func(a *Advisory) { a.Affected = "* || <x" }, func(a *Advisory) { a.Fixed = "next" }, func(a *Advisory) { a.Text = strings.Repeat("x", longestAdvisory+1) }} {
			bad := good
			if change(&bad); true {
				if _, err := c.Advise(ctx, ada, r, bad); !errors.Is(err, ErrInvalid) {
					t.Errorf("%.80v: %v", bad, err)
				}
			}
		}
		made, err := c.Advise(ctx, ada, r, good)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Retire(ctx, ada, r, "1.0.0", Yanked, "leaks", "2.0.0"); err != nil {
			t.Fatal(err)
		}
		if err := c.DeleteManifest(ctx, ada, r, one); err != nil { // whoever has it still hears of it
			t.Fatal(err)
		}
		if s, err := c.StandingOf(ctx, r, one); err != nil || len(s.Advisories) != 1 || s.State != Yanked || s.Successor != "2.0.0" {
			t.Errorf("%+v, %v", s, err)
		}
		if s, err := c.StandingOf(ctx, r, two); err != nil || len(s.Advisories) != 0 || s.State != "" {
			t.Errorf("%+v, %v", s, err)
		}
		if err := c.WithdrawAdvisory(ctx, bob, theirs, made.ID); !errors.Is(err, ErrForbidden) {
			t.Error(err)
		}
		if err := c.WithdrawAdvisory(ctx, ada, r, made.ID); err != nil {
			t.Fatal(err)
		}
		if list, err := c.Advisories(ctx, r); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}
