package catalogue

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What people may write about a benchmark, in characters.
const (
	longestBenchmarkTitle = 120
	longestBenchmarkText  = 2000
)

func checkBenchmark(title, description string) error {
	if strings.TrimSpace(title) == "" {
		return hint.Errorf("say in a few words what it measures", "a benchmark without a title: %w", ErrInvalid)
	}
	for _, f := range []struct {
		what, text string
		most       int
	}{{"the title", title, longestBenchmarkTitle}, {"the description", description, longestBenchmarkText}} {
		if n := utf8.RuneCountInString(f.text); n > f.most {
			return hint.Errorf("make it shorter", "%s has %d characters, of %d at most: %w", f.what, n, f.most, ErrInvalid)
		}
		if !utf8.ValidString(f.text) || strings.ContainsRune(f.text, 0) {
			return hint.Errorf("write plain text", "%s has characters that cannot be shown: %w", f.what, ErrInvalid)
		}
	}
	return nil
}

// Operates returns an error unless the caller runs this market: an operator, with a token of the scope admin.
func (c Caller) Operates() error {
	if err := c.Needs(Admin); err != nil {
		return err
	}
	if !c.Account.Operator || c.Account.Disabled {
		return hint.Errorf("ask who runs the market", "this is for its operators: %w", ErrForbidden)
	}
	return nil
}

// BenchmarkSettings are what may be changed of a benchmark; nil leaves as it is.
type BenchmarkSettings struct {
	Title, Description *string
	Retired            *bool
}

// ConfigureBenchmark changes what is said of a benchmark, or retires it: nothing more is measured by it then, and what was
// found stays. One that is taken up again measures what was published in the meantime. Like AddBenchmark, for who may.
func (c *Catalogue) ConfigureBenchmark(ctx context.Context, who, name string, s BenchmarkSettings) (b *Benchmark, err error) {
	err = c.update(ctx, func(q queries) error {
		if b, err = c.benchmark(q, name); err != nil {
			return err
		}
		action, was := "edit benchmark", b.Retired
		if s.Title != nil {
			b.Title = strings.TrimSpace(*s.Title)
		}
		if s.Description != nil {
			b.Description = strings.TrimSpace(*s.Description)
		}
		if s.Retired != nil {
			b.Retired = *s.Retired
		}
		if err := checkBenchmark(b.Title, b.Description); err != nil {
			return err
		}
		if _, err := q.exec("UPDATE benchmarks SET title = ?, description = ?, retired = ? WHERE id = ?", b.Title, b.Description, b.Retired, b.ID); err != nil {
			return err
		}
		switch {
		case b.Retired && !was:
			action = "retire benchmark"
			// What waits is not measured any more; without a figure it is as if it had not been asked for.
			if _, err := q.exec("DELETE FROM verifications WHERE benchmark_id = ? AND state = ''", b.ID); err != nil {
				return err
			}
			if _, err := q.exec("UPDATE verifications SET wanted = FALSE WHERE benchmark_id = ? AND wanted", b.ID); err != nil {
				return err
			}
		case was && !b.Retired:
			action = "restore benchmark"
			if err := c.wantLatest(q, b); err != nil {
				return err
			}
		}
		return c.audit(q, who, action, b.Name, "")
	})
	return b, wrap(err, "settings of the benchmark %s", name)
}

// Remeasure asks for what a benchmark finds to be measured anew: of the latest version of one package, or of all that it is
// for where full is "". It returns how many those are.
func (c *Catalogue) Remeasure(ctx context.Context, who, name, full string) (n int, err error) {
	err = c.update(ctx, func(q queries) error {
		n = 0
		b, err := c.benchmark(q, name)
		if err != nil {
			return err
		}
		if b.Retired {
			return hint.Errorf("take it up again first", "the benchmark is retired: %w", ErrInvalid)
		}
		of := int64(0)
		if full != "" {
			owner, own, err := SplitName(full)
			if err != nil {
				return err
			}
			r, err := c.find(q, owner, own)
			if err != nil {
				return wrap(err, "the package %s", full)
			}
			of = r.ID
		}
		manifests, err := c.measurable(q, b, of)
		if err != nil {
			return err
		}
		if n = len(manifests); n == 0 && full != "" {
			return hint.Errorf("see its task and its language", "the benchmark is not for %s: %w", full, ErrInvalid)
		}
		for _, id := range manifests {
			if err := c.wantAgain(q, id, b.ID); err != nil {
				return err
			}
		}
		return c.audit(q, who, "measure anew", b.Name, full)
	})
	return n, wrap(err, "measuring anew by the benchmark %s", name)
}

// Measurements counts what a benchmark has found of latest versions, whoever may see them.
type Measurements struct{ Measured, Failed, Unfit, Waiting int }

// Measured counts what each benchmark has found, by their numbers.
func (c *Catalogue) Measured(ctx context.Context) (map[int64]*Measurements, error) {
	counts := map[int64]*Measurements{}
	return counts, wrap(c.reading(ctx).rows(`SELECT v.benchmark_id, v.state, v.wanted, COUNT(DISTINCT v.manifest_id) FROM verifications v JOIN refs f ON f.manifest_id = v.manifest_id AND f.name = ?
		GROUP BY v.benchmark_id, v.state, v.wanted`, []any{Latest}, func(scan func(...any) error) error {
		var id int64
		var state string
		var wanted bool
		var n int
		if err := scan(&id, &state, &wanted, &n); err != nil {
			return err
		}
		m := counts[id]
		if m == nil {
			m = &Measurements{}
			counts[id] = m
		}
		if wanted {
			m.Waiting += n
		}
		switch state {
		case Measured:
			m.Measured += n
		case Failed:
			m.Failed += n
		case Unfit:
			m.Unfit += n
		}
		return nil
	}), "counting measurements")
}
