package catalogue

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestBenchmarksAreRetiredAndRunAgain(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		if err := c.AddBenchmark(t.Context(), "root", benchmark("moods", "text-classification", ""), []byte("rows")); err != nil {
			t.Fatal(err)
		}
		one := repository(t, c, ada, "ada/one", false)
		model(t, c, ada, one, "1.0.0", "one", "text-classification")
		model(t, c, ada, repository(t, c, ada, "ada/other", false), "1.0.0", "other", "fill-mask")
		score := 0.5
		measure := func() {
			t.Helper()
			working(t, c, WorkOptions{Name: "w"}, func(context.Context, *Task) (*Outcome, error) {
				return &Outcome{Verification: Verification{State: Measured, Score: score}}, nil
			})
		}
		measure()
		b, err := c.Benchmark(t.Context(), "moods")
		if err != nil {
			t.Fatal(err)
		}
		counts := func(want Measurements) {
			t.Helper()
			all, err := c.Measured(t.Context())
			if err != nil || all[b.ID] == nil || *all[b.ID] != want {
				t.Errorf("counted %+v, want %+v (%v)", all[b.ID], want, err)
			}
		}
		counts(Measurements{Measured: 1})

		retire := func(yes bool) {
			t.Helper()
			if _, err := c.ConfigureBenchmark(t.Context(), "root", "Moods", BenchmarkSettings{Retired: &yes}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := c.Remeasure(t.Context(), "root", "moods", ""); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		counts(Measurements{Measured: 1, Waiting: 1})
		retire(true) // what waits is not measured, what was found stays
		counts(Measurements{Measured: 1})
		model(t, c, ada, one, "1.1.0", "newer", "text-classification")
		if got := verifications(t, c, ada, "ada/one", "1.1.0"); len(got) != 0 {
			t.Errorf("a retired benchmark measures: %+v", got)
		}
		if n, err := c.Verify(t.Context(), ada, must(c.Repository(t.Context(), ada, "ada/one")), &must(c.Resolve(t.Context(), one, "1.1.0")).Manifest); n != 0 || err != nil {
			t.Errorf("asked for %d, %v", n, err)
		}
		if _, err := c.Remeasure(t.Context(), "root", "moods", ""); !errors.Is(err, ErrInvalid) {
			t.Errorf("measured anew by a retired one: %v", err)
		}
		retire(false)
		score = 0.75
		measure()
		if got := verifications(t, c, ada, "ada/one", "1.1.0"); len(got) != 1 || got[0].Score != 0.75 {
			t.Errorf("taken up again: %+v", got)
		}
		if got := verifications(t, c, ada, "ada/one", "1.0.0"); len(got) != 1 || got[0].Score != 0.5 {
			t.Errorf("what was found before: %+v", got)
		}
		for full, want := range map[string]error{"ada/other": ErrInvalid, "ada/nothing": ErrNotFound, "nonsense": ErrInvalid} {
			if _, err := c.Remeasure(t.Context(), "root", "moods", full); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", full, err, want)
			}
		}
		for _, title := range []string{"", "  ", strings.Repeat("x", 121), "a\x00b"} {
			if _, err := c.ConfigureBenchmark(t.Context(), "root", "moods", BenchmarkSettings{Title: &title}); !errors.Is(err, ErrInvalid) {
				t.Errorf("the title %.20q: %v", title, err)
			}
		}
	})
}

// must returns what an operation has found that cannot fail here.
func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}
