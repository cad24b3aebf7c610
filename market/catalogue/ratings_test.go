package catalogue

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// rater is somebody with an account of a month who has installed a version.
func rater(t *testing.T, c *Catalogue, name string, r *Repository, versions ...string) Caller {
	t.Helper()
	who := person(t, c, name)
	who.Account.Created = who.Account.Created.AddDate(0, -1, 0)
	for _, v := range versions {
		d, err := c.Resolve(t.Context(), r, v)
		if err == nil {
			err = c.RecordInstall(t.Context(), who.Account, r, d.Manifest.Digest)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return who
}

// counted fails where what is kept beside a package is not what its reviews say.
func counted(t *testing.T, c *Catalogue, r *Repository, want ...int) *Repository {
	t.Helper()
	var sum, fives float64
	for _, stars := range want {
		sum += float64(stars)
		if stars == 5 {
			fives++
		}
	}
	found, err := c.Repository(t.Context(), Caller{}, r.FullName())
	if err != nil {
		t.Fatal(err)
	}
	stars, err := c.Stars(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	if len(want) > 0 {
		mean = sum / float64(len(want))
	}
	if found.Ratings != int64(len(want)) || math.Abs(found.Mean()-mean) > 1e-9 || float64(stars[4]) != fives {
		t.Errorf("%d ratings with the mean %v and %v, want %v", found.Ratings, found.Mean(), stars, want)
	}
	var shown, all int64
	q := c.reading(t.Context())
	if err := q.row("SELECT COUNT(DISTINCT account_id) FROM reviews WHERE repository_id = ? AND state = ''", []any{r.ID}, &shown); err != nil {
		t.Fatal(err)
	}
	if err := q.row("SELECT COALESCE(SUM(n), 0) FROM rating_counts WHERE repository_id = ?", []any{r.ID}, &all); err != nil || shown != all {
		t.Errorf("%d people with reviews that are shown, %d are counted, %v", shown, all, err)
	}
	return found
}

func rate(t *testing.T, c *Catalogue, who Caller, r *Repository, n NewReview) *Review {
	t.Helper()
	v, err := c.Rate(t.Context(), who, r, n)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOnlyWhoHasInstalledAVersionRatesIt(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada := person(t, c, "ada")
		r, secret := repository(t, c, ada, "ada/model", false), repository(t, c, ada, "ada/secret", true)
		publish(t, c, ada, r, "1.0.0", "one")
		publish(t, c, ada, r, "2.0.0", "two")
		bob := rater(t, c, "bob", r, "1.0.0")
		never := person(t, c, "never")
		reader := bob
		reader.Scope = Read
		for _, x := range []struct {
			who  Caller
			n    NewReview
			want error
			says string
		}{
			{Caller{}, NewReview{Stars: 5}, ErrUnauthenticated, ""},
			{reader, NewReview{Stars: 5}, ErrForbidden, "scope"},
			{never, NewReview{Stars: 5}, ErrForbidden, "installed"},
			{never, NewReview{Stars: 5, Version: "1.0.0"}, ErrForbidden, "installed"},
			{bob, NewReview{Stars: 5, Version: "2.0.0"}, ErrForbidden, "installed"},
			{bob, NewReview{Stars: 5, Version: "3.0.0"}, ErrNotFound, ""},
			{ada, NewReview{Stars: 5, Version: "1.0.0"}, ErrForbidden, ""},
			{bob, NewReview{Stars: 0}, ErrInvalid, ""}, {bob, NewReview{Stars: 6}, ErrInvalid, ""},
			{bob, NewReview{Stars: 5, Text: strings.Repeat("字", LongestReview+1)}, ErrInvalid, "characters"},
			{bob, NewReview{Stars: 5, Text: "a\x00b"}, ErrInvalid, "shown"},
		} {
			if _, err := c.Rate(ctx, x.who, r, x.n); !errors.Is(err, x.want) || !strings.Contains(fmt.Sprint(err), x.says) {
				t.Errorf("%q rates %+.60v: %v", x.who.Name(), x.n, err)
			}
		}
		if err := c.RecordInstall(ctx, ada.Account, r, digestOf(t, c, r, "1.0.0")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Rate(ctx, ada, r, NewReview{Stars: 5}); !errors.Is(err, ErrForbidden) {
			t.Errorf("a publisher rates what is his: %v", err)
		}
		counted(t, c, r)
		v := rate(t, c, bob, r, NewReview{Stars: 4, Text: "好用"})
		if v.Version != "1.0.0" || v.State != Shown || v.Author != "bob" {
			t.Errorf("%+v", v)
		}
		// Once for each version, and of each person the newest counts.
		again := rate(t, c, bob, r, NewReview{Stars: 2, Version: "1.0.0"})
		if again.ID != v.ID {
			t.Error("a second review of the same version")
		}
		counted(t, c, r, 2)
		if err := c.RecordInstall(ctx, bob.Account, r, digestOf(t, c, r, "2.0.0")); err != nil {
			t.Fatal(err)
		}
		rate(t, c, bob, r, NewReview{Stars: 5, Version: "2.0.0"})
		counted(t, c, r, 5)
		eve := rater(t, c, "eve", r, "2.0.0")
		rate(t, c, eve, r, NewReview{Stars: 1})
		counted(t, c, r, 5, 1)
		if err := c.Unrate(ctx, bob, r, "2.0.0"); err != nil {
			t.Fatal(err)
		}
		counted(t, c, r, 2, 1)
		if err := errors.Join(c.Unrate(ctx, bob, r, ""), c.Unrate(ctx, eve, r, "")); err != nil {
			t.Fatal(err)
		}
		if found := counted(t, c, r); found.Rating != 0 {
			t.Errorf("nobody rates it %v", found.Rating)
		}
		if err := c.Unrate(ctx, eve, r, ""); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if found, err := c.Search(ctx, Caller{}, Query{Sort: ByRating}); err != nil || len(found.Packages) != 1 {
			t.Errorf("%v, %v", found, err)
		}
		if _, err := c.Repository(ctx, bob, secret.FullName()); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

func digestOf(t *testing.T, c *Catalogue, r *Repository, version string) (d digest.Digest) {
	t.Helper()
	target, err := c.Resolve(t.Context(), r, version)
	if err != nil {
		t.Fatal(err)
	}
	return target.Manifest.Digest
}

func TestAFewRatingsDoNotOutweighMany(t *testing.T) {
	if one, many := rankOf(1, 5), rankOf(200, 900); one >= many {
		t.Errorf("one of 5 stars is %v, 200 of 4.5 are %v", one, many)
	}
	for n := int64(1); n < 50; n++ {
		if r := (&Repository{Ratings: n, Rating: rankOf(n, 4*n)}); math.Abs(r.Mean()-4) > 1e-9 {
			t.Errorf("the mean of %d fours is %v", n, r.Mean())
		}
	}
}

func TestFloodsOfRatingsAreHeld(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		now := time.Now()
		c.now = func() time.Time { return now }
		c.Reviews = ReviewRules{Burst: 4, Account: 3, PerAddress: 2}
		ada := person(t, c, "ada")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		if v := rate(t, c, rater(t, c, "old", r, "1.0.0"), r, NewReview{Stars: 3}); v.State != Shown {
			t.Errorf("an old account's is %+v", v)
		}
		// A new account's is shown by itself when the account has the age.
		young := rater(t, c, "young", r, "1.0.0")
		young.Account.Created = now.Add(-time.Hour)
		v := rate(t, c, young, r, NewReview{Stars: 5})
		if v.State != Held || v.Reason != HeldYoung || !v.Until.Equal(when(stamp(now.Add(23*time.Hour)))) {
			t.Errorf("a new account's is %+v", v)
		}
		counted(t, c, r, 3)
		// Third of the same network address.
		now = now.Add(2 * time.Hour)
		for i, want := range []string{Shown, Shown, Held} {
			v := rate(t, c, rater(t, c, fmt.Sprint("near", i), r, "1.0.0"), r, NewReview{Stars: 5, Address: "203.0.113.7"})
			if v.State != want || want == Held && v.Reason != HeldAddress {
				t.Errorf("%d at an address: %+v", i, v)
			}
		}
		counted(t, c, r, 3, 5, 5)
		// Too many within an hour: those before are held as well.
		now = now.Add(2 * time.Hour)
		for i := range 6 {
			v := rate(t, c, rater(t, c, fmt.Sprint("mob", i), r, "1.0.0"), r, NewReview{Stars: 1, Address: fmt.Sprint("203.0.113.", 100+i)})
			if held := v.State == Held; held != (i >= 4) {
				t.Errorf("%d of a burst is %+v", i, v)
			}
		}
		counted(t, c, r, 3, 5, 5)
		// Nothing of that shows by itself but what waited for an age.
		now = now.Add(30 * time.Hour)
		if n, err := c.ReleaseReviews(ctx); n != 1 || err != nil {
			t.Errorf("%d released, %v", n, err)
		}
		counted(t, c, r, 3, 5, 5, 5)
		// One account rates many packages.
		busy := rater(t, c, "busy", r)
		for i := range 31 {
			o := repository(t, c, ada, fmt.Sprint("ada/other", i), false)
			publish(t, c, ada, o, "1.0.0", fmt.Sprint("other", i))
			if err := c.RecordInstall(ctx, busy.Account, o, digestOf(t, c, o, "1.0.0")); err != nil {
				t.Fatal(err)
			}
			v, err := c.Rate(ctx, busy, o, NewReview{Stars: 5})
			switch {
			case i == 30:
				if !errors.Is(err, ErrQuota) {
					t.Errorf("the 31st: %v", err)
				}
			case err != nil || (v.State == Held) != (i >= 3) || i >= 3 && v.Reason != HeldMany:
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		}
	})
}

func TestReviewsAreReadAndAnsweredByThoseTheyConcern(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada := person(t, c, "ada")
		r := repository(t, c, ada, "ada/model", false)
		publish(t, c, ada, r, "1.0.0", "one")
		var ids []int64
		for i := range 7 {
			text := fmt.Sprint("text ", i)
			if i == 3 {
				text = ""
			}
			ids = append(ids, rate(t, c, rater(t, c, fmt.Sprint("p", i), r, "1.0.0"), r, NewReview{Stars: 1 + i%5, Text: text}).ID)
		}
		var seen []string
		q := ReviewQuery{Limit: 2}
		for more := true; more; {
			var list []*Review
			var err error
			if list, more, err = c.ReviewsOf(ctx, Caller{}, r, q); err != nil || len(list) == 0 {
				t.Fatal(list, err)
			}
			for _, v := range list {
				seen = append(seen, v.Text)
				q.Before = v.ID
			}
		}
		if got := strings.Join(seen, ","); got != "text 6,text 5,text 4,text 2,text 1,text 0" {
			t.Error(got)
		}
		if list, _, err := c.ReviewsOf(ctx, Caller{}, r, ReviewQuery{Stars: 4, Ratings: true}); err != nil || len(list) != 1 || list[0].Text != "" {
			t.Errorf("%v, %v", list, err)
		}
		p0, err := c.Account(ctx, "p0")
		if err != nil {
			t.Fatal(err)
		}
		author, other := Caller{Account: p0, Scope: Admin}, person(t, c, "other")
		for _, x := range []struct {
			who  Caller
			text string
			want error
		}{{ada, "thank you", nil}, {author, "you are welcome", nil}, {other, "me too", ErrForbidden}, {Caller{}, "spam", ErrUnauthenticated}, {ada, " ", ErrInvalid}, {ada, strings.Repeat("x", LongestReview+1), ErrInvalid}} {
			if err := c.ReplyTo(ctx, x.who, r, ids[0], x.text); !errors.Is(err, x.want) {
				t.Errorf("%q replies: %v", x.who.Name(), err)
			}
		}
		v, err := c.Review(ctx, Caller{}, r, ids[0])
		if err != nil || len(v.Replies) != 2 || !v.Replies[0].Publisher || v.Replies[1].Publisher || v.Replies[1].Text != "you are welcome" {
			t.Errorf("%+v, %v", v, err)
		}
		another := repository(t, c, ada, "ada/another", false)
		if _, err := c.Review(ctx, ada, another, ids[0]); !errors.Is(err, ErrNotFound) {
			t.Errorf("a review by way of another package: %v", err)
		}
		if err := c.ReplyTo(ctx, ada, another, ids[0], "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a reply by way of another package: %v", err)
		}
		if err := c.DeleteRepository(ctx, ada, r); err != nil {
			t.Errorf("a package with reviews is not deleted: %v", err)
		}
	})
}
