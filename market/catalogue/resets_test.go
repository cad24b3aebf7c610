package catalogue

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestAResetIsUsedOnceAndEndsSessions(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx, now := t.Context(), time.Now()
		c.now = func() time.Time { return now }
		ada, err := c.CreateAccount(ctx, Account{Name: "Ada", Email: "ada@example.org"}, "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		cookie, err := c.CreateSession(ctx, ada, "Firefox", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		make := func() string {
			code, err := c.CreateReset(ctx, "", ada, MailedResetLasts)
			if err != nil {
				t.Fatal(err)
			}
			return code
		}
		code, other := make(), make()
		if _, err := c.Reset(ctx, code, "short"); !errors.Is(err, ErrInvalid) {
			t.Errorf("a short password: %v", err)
		}
		if _, err := c.Reset(ctx, code+"x", "another horse"); !errors.Is(err, ErrLink) {
			t.Errorf("a code that is wrong: %v", err)
		}
		var kept int
		if err := c.reading(ctx).row("SELECT COUNT(*) FROM resets WHERE hash = ?", []any{code}, &kept); err != nil || kept != 0 {
			t.Errorf("the code itself is kept: %d, %v", kept, err)
		}
		// Many use it at once.
		var wait sync.WaitGroup
		results := [6]error{}
		for i := range results {
			wait.Go(func() { _, results[i] = c.Reset(ctx, code, "another horse") })
		}
		wait.Wait()
		done := 0
		for _, err := range results {
			if err == nil {
				done++
			} else if !errors.Is(err, ErrLink) {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d have used one code", done)
		}
		if _, err := c.LogIn(ctx, "ada", "correct horse"); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := c.LogIn(ctx, "ada", "another horse"); err != nil {
			t.Errorf("the new password: %v", err)
		}
		if _, err := c.Session(ctx, cookie); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("a session of before: %v", err)
		}
		if _, err := c.Reset(ctx, other, "third horse"); !errors.Is(err, ErrLink) {
			t.Errorf("another code of the account: %v", err)
		}
		late := make()
		now = now.Add(MailedResetLasts + time.Second)
		if _, err := c.Reset(ctx, late, "third horse"); !errors.Is(err, ErrLink) {
			t.Errorf("a code that has expired: %v", err)
		}
		stopped := make()
		if err := c.SetDisabled(ctx, "", ada, true); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reset(ctx, stopped, "third horse"); !errors.Is(err, ErrLink) {
			t.Errorf("a code of a disabled account: %v", err)
		}
		if list, err := c.Forgetful(ctx, "ada@example.org"); err != nil || len(list) != 0 {
			t.Errorf("mail for a disabled account: %v, %v", list, err)
		}
		if err := c.SetDisabled(ctx, "", ada, false); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"ADA", "ada@example.org"} {
			if list, err := c.Forgetful(ctx, text); err != nil || len(list) != 1 || list[0].ID != ada.ID {
				t.Errorf("%q: %v, %v", text, list, err)
			}
		}
		person(t, c, "eve") // with neither address nor password
		for _, text := range []string{"eve", "", "nobody", "%"} {
			if list, err := c.Forgetful(ctx, text); err != nil || len(list) != 0 {
				t.Errorf("%q: %v, %v", text, list, err)
			}
		}
	})
}
