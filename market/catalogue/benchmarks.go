package catalogue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
)

// Benchmark is what models of a task are measured by: rows that nobody can read from outside, and a figure.
type Benchmark struct {
	ID          int64
	Name        string // in addresses
	Title       string
	Description string
	Kind        string   // as package verify has it
	Task        string   // as packages have it
	Also        []string // further tasks whose models it is for
	Language    string   // as packages have it; "" for any
	Metric      string   // what models are ranked by, see below
	Labels      []string
	Examples    int
	Digest      digest.Digest // of the rows
	Created     time.Time
	Retired     bool // nothing more is measured by it; what was found stays
}

// Metrics of benchmarks, by the keys of package eval's figures.
const (
	Accuracy = "accuracy"
	MacroF1  = "macro_f1"
	MicroF1  = "micro_f1" // of entities, too
	Spearman = "spearman"
	Pearson  = "pearson"
)

const benchmarkColumns = "b.id, b.name, b.title, b.description, b.kind, b.task, b.also, b.language, b.metric, b.labels, b.examples, b.digest, b.created, b.retired"

func benchmarkInto(b *Benchmark) []any {
	return []any{&b.ID, &b.Name, &b.Title, &b.Description, &b.Kind, &b.Task, jsonColumn{&b.Also}, &b.Language, &b.Metric, jsonColumn{&b.Labels}, &b.Examples, &b.Digest, timeColumn{&b.Created}, &b.Retired}
}

// AddBenchmark adds a benchmark with its rows, and asks for the verification of the latest version of each model of its
// task and language. It is for those who hold the data folder, and for operators. ErrExists for a name that is taken.
func (c *Catalogue) AddBenchmark(ctx context.Context, who string, b *Benchmark, sealed []byte) error {
	if err := checkName("the benchmark", b.Name); err != nil {
		return err
	}
	if err := checkBenchmark(b.Title, b.Description); err != nil {
		return wrap(err, "adding the benchmark %s", b.Name)
	}
	labels, err := jsonText(b.Labels)
	if err != nil {
		return err
	}
	also, err := jsonText(b.Also)
	if err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		var n int
		if err := q.row("SELECT COUNT(*) FROM benchmarks WHERE key = ?", []any{key(b.Name)}, &n); err != nil {
			return err
		}
		if n > 0 {
			return hint.Errorf("choose another name, or remove it first", "%w", ErrExists)
		}
		b.Created = when(stamp(c.now()))
		err := q.row("INSERT INTO benchmarks (key, name, title, description, kind, task, also, language, metric, labels, examples, digest, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
			[]any{key(b.Name), b.Name, b.Title, b.Description, b.Kind, b.Task, also, b.Language, b.Metric, labels, b.Examples, b.Digest, stamp(b.Created)}, &b.ID)
		if err != nil {
			return err
		}
		if _, err := q.exec("INSERT INTO sealed (benchmark_id, content) VALUES (?, ?)", b.ID, sealed); err != nil {
			return err
		}
		if err := c.wantLatest(q, b); err != nil {
			return err
		}
		return c.audit(q, who, "add benchmark", b.Name, b.Digest.String())
	}), "adding the benchmark %s", b.Name)
}

// wantLatest asks for the verification of the latest version of each model that a benchmark is for.
func (c *Catalogue) wantLatest(q queries, b *Benchmark) error {
	manifests, err := c.measurable(q, b, 0)
	for _, id := range manifests {
		if err == nil {
			err = c.want(q, id, b.ID)
		}
	}
	return err
}

// measurable lists the latest version of each model that a benchmark is for, or of one repository alone where that is not 0.
func (c *Catalogue) measurable(q queries, b *Benchmark, repository int64) (manifests []int64, err error) {
	args := []any{Latest, b.Task}
	for _, task := range b.Also {
		args = append(args, task)
	}
	err = q.rows(`SELECT f.manifest_id FROM repositories r JOIN refs f ON f.repository_id = r.id AND f.name = ? WHERE r.kind = 'model' AND r.task IN (?`+strings.Repeat(", ?", len(b.Also))+`)
		AND (? = '' OR EXISTS (SELECT 1 FROM labels l WHERE l.repository_id = r.id AND l.facet = ? AND l.value = ?)) AND (CAST(? AS BIGINT) = 0 OR r.id = ?) ORDER BY r.id`,
		append(args, b.Language, Language, b.Language, repository, repository), func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			manifests = append(manifests, id)
			return err
		})
	return manifests, err
}

// RemoveBenchmark removes a benchmark with all that was measured by it. ErrNotFound. Signed records stay with their packages.
func (c *Catalogue) RemoveBenchmark(ctx context.Context, who, name string) error {
	return wrap(c.update(ctx, func(q queries) error {
		var repositories []int64 // whose figures change
		err := q.rows(`SELECT DISTINCT m.repository_id FROM verifications v JOIN manifests m ON m.id = v.manifest_id JOIN benchmarks b ON b.id = v.benchmark_id WHERE b.key = ?`,
			[]any{key(name)}, func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				repositories = append(repositories, id)
				return err
			})
		if err != nil {
			return err
		}
		n, err := q.exec("DELETE FROM benchmarks WHERE key = ?", key(name))
		if err == nil && n == 0 {
			err = hint.Errorf("see `xiaoyu market benchmark list`", "%w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		for _, id := range repositories {
			if err := c.adoptFacts(q, id); err != nil {
				return err
			}
		}
		return c.audit(q, who, "remove benchmark", name, "")
	}), "removing the benchmark %s", name)
}

// Benchmarks lists them, by name.
func (c *Catalogue) Benchmarks(ctx context.Context) (list []*Benchmark, err error) {
	list, err = c.benchmarks(c.reading(ctx), "TRUE")
	return list, wrap(err, "listing benchmarks")
}

// Benchmark returns one; ErrNotFound.
func (c *Catalogue) Benchmark(ctx context.Context, name string) (*Benchmark, error) {
	return c.benchmark(c.reading(ctx), name)
}

func (c *Catalogue) benchmark(q queries, name string) (*Benchmark, error) {
	list, err := c.benchmarks(q, "b.key = ?", key(name))
	if err == nil && len(list) == 0 {
		err = hint.Wrap(ErrNotFound, "see `xiaoyu market benchmark list`", "the benchmark %.120q", name)
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (c *Catalogue) benchmarks(q queries, where string, args ...any) (list []*Benchmark, err error) {
	err = q.rows("SELECT "+benchmarkColumns+" FROM benchmarks b WHERE "+where+" ORDER BY b.key", args, func(scan func(...any) error) error {
		var b Benchmark
		err := scan(benchmarkInto(&b)...)
		list = append(list, &b)
		return err
	})
	return list, err
}

// Signer is the key that this market signs its own statements with: made when it is first asked for, and the same for all
// that share the database.
func (c *Catalogue) Signer(ctx context.Context) (*sign.Signer, error) {
	const purpose = "verification"
	var pem string
	read := func(q queries) error {
		return q.row("SELECT pem FROM market_keys WHERE purpose = ?", []any{purpose}, &pem)
	}
	err := read(c.reading(ctx))
	if errors.Is(err, ErrNotFound) {
		err = c.update(ctx, func(q queries) error {
			private, _, err := sign.NewKey()
			if err != nil {
				return err
			}
			if _, err := q.exec("INSERT INTO market_keys (purpose, pem, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", purpose, string(private), stamp(c.now())); err != nil {
				return err
			}
			return read(q)
		})
	}
	if err != nil {
		return nil, wrap(err, "the key that the market signs with")
	}
	return sign.ReadSigner([]byte(pem))
}
