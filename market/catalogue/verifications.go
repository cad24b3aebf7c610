package catalogue

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// States of a verification.
const (
	Measured = "done"
	Failed   = "failed" // the model misbehaved, or does not work
	Unfit    = "unfit"  // the benchmark is not for such models
)

// Verification is what a benchmark has found of a package.
type Verification struct {
	Benchmark *Benchmark
	Wanted    bool   // it is about to be made, or made anew
	State     string // "" for nothing yet
	Score     float64
	Low, High float64 // of the score's 95 % interval
	Latency   float64 // milliseconds for a text by itself
	Size      int64   // bytes of the package
	Record    json.RawMessage
	Statement digest.Digest // of the manifest that carries the signed record; "" without one
	At        time.Time
}

// Task is a verification that is to be made.
type Task struct {
	Repository *Repository
	Version    string // "" where only a channel or a branch is at it
	Manifest   Manifest
	Benchmark  *Benchmark
	Sealed     []byte
	Facts      *Facts
}

// Outcome is what came of a task. Statement is the manifest that carries the signed record, whose blobs are there; nil for
// none.
type Outcome struct {
	Verification
	Signed *Publication
}

const verificationColumns = "v.wanted, v.state, v.score, v.low, v.high, v.latency, v.size, v.record, v.statement, v.at"

func verificationInto(v *Verification, record *string) []any {
	return []any{&v.Wanted, &v.State, &v.Score, &v.Low, &v.High, &v.Latency, &v.Size, record, &v.Statement, timeColumn{&v.At}}
}

// Verifications lists what was found of a package, by benchmark.
func (c *Catalogue) Verifications(ctx context.Context, m *Manifest) (list []Verification, err error) {
	err = c.reading(ctx).rows("SELECT "+benchmarkColumns+", "+verificationColumns+" FROM verifications v JOIN benchmarks b ON b.id = v.benchmark_id WHERE v.manifest_id = ? ORDER BY b.key", []any{m.ID}, func(scan func(...any) error) error {
		v := Verification{Benchmark: new(Benchmark)}
		var record string
		err := scan(append(benchmarkInto(v.Benchmark), verificationInto(&v, &record)...)...)
		if record != "" {
			v.Record = json.RawMessage(record)
		}
		list = append(list, v)
		return err
	})
	return list, wrap(err, "verifications of %s", m.Digest)
}

// Place is a package on the leaderboard of a benchmark.
type Place struct {
	Owner, Name, Title string
	Score, Low, High   float64
	Latency            float64
	Size               int64
	At                 time.Time
}

// FullName is owner/name.
func (p *Place) FullName() string { return p.Owner + "/" + p.Name }

// Leaderboard lists the packages that everybody may see whose latest version was measured by a benchmark, the best first;
// of equals the smallest.
func (c *Catalogue) Leaderboard(ctx context.Context, b *Benchmark) (list []Place, err error) {
	err = c.reading(ctx).rows(`SELECT a.name, r.name, r.title, v.score, v.low, v.high, v.latency, v.size, v.at FROM verifications v
		JOIN refs f ON f.manifest_id = v.manifest_id AND f.name = ? JOIN repositories r ON r.id = f.repository_id JOIN accounts a ON a.id = r.owner_id
		WHERE v.benchmark_id = ? AND v.state = ? AND NOT r.private ORDER BY v.score DESC, v.size, r.id`, []any{Latest, b.ID, Measured}, func(scan func(...any) error) error {
		var p Place
		err := scan(&p.Owner, &p.Name, &p.Title, &p.Score, &p.Low, &p.High, &p.Latency, &p.Size, timeColumn{&p.At})
		list = append(list, p)
		return err
	})
	return list, wrap(err, "the leaderboard of %s", b.Name)
}

// want asks for a verification that there is none of yet.
func (c *Catalogue) want(q queries, manifest, benchmark int64) error {
	n, err := q.exec("INSERT INTO verifications (manifest_id, benchmark_id, wanted, asked) VALUES (?, ?, TRUE, ?) ON CONFLICT DO NOTHING", manifest, benchmark, stamp(c.now()))
	if err != nil || n == 0 {
		return err
	}
	return c.enqueue(q, manifest, benchmark)
}

// wantAgain asks for a verification, anew where there was one.
func (c *Catalogue) wantAgain(q queries, manifest, benchmark int64) error {
	if _, err := q.exec("INSERT INTO verifications (manifest_id, benchmark_id, wanted, asked) VALUES (?, ?, TRUE, ?) ON CONFLICT (manifest_id, benchmark_id) DO UPDATE SET wanted = TRUE, asked = excluded.asked",
		manifest, benchmark, stamp(c.now())); err != nil {
		return err
	}
	return c.enqueue(q, manifest, benchmark)
}

// wantAll asks for the verification of a package, just published, by all benchmarks that are for it.
func (c *Catalogue) wantAll(q queries, manifest int64, f *Facts) error {
	list, err := c.suitable(q, f)
	for _, b := range list {
		if err == nil {
			err = c.want(q, manifest, b.ID)
		}
	}
	return err
}

// suitable lists the benchmarks for a package.
func (c *Catalogue) suitable(q queries, f *Facts) ([]*Benchmark, error) {
	if f == nil || f.Kind != pack.Model || f.Task == "" {
		return nil, nil
	}
	languages := f.Labels[Language]
	var args []any
	for _, l := range languages {
		args = append(args, l)
	}
	list, err := c.benchmarks(q, "NOT b.retired AND b.language IN (''"+strings.Repeat(", ?", len(languages))+")", args...)
	return slices.DeleteFunc(list, func(b *Benchmark) bool { return b.Task != f.Task && !slices.Contains(b.Also, f.Task) }), err
}

// Verify asks for the verification of a package by all benchmarks that are for it, anew where there was one, and returns
// how many those are. It is for those who may write to the repository.
func (c *Catalogue) Verify(ctx context.Context, who Caller, r *Repository, m *Manifest) (n int, err error) {
	if err := who.Needs(Write); err != nil {
		return 0, err
	}
	if err := r.Needs(Write); err != nil {
		return 0, err
	}
	facts, err := c.Facts(ctx, m)
	if err != nil {
		return 0, err
	}
	err = c.update(ctx, func(q queries) error {
		list, err := c.suitable(q, facts)
		if err != nil {
			return err
		}
		n = len(list)
		for _, b := range list {
			if err := c.wantAgain(q, m.ID, b.ID); err != nil {
				return err
			}
		}
		return c.audit(q, who.Name(), "verify", r.FullName(), m.Digest.String())
	})
	return n, wrap(err, "asking for a verification of %s", r.FullName())
}

// task loads what a job is about; ErrNotFound where it is no longer wanted, or nothing leads to the package any more.
func (c *Catalogue) task(ctx context.Context, of jobArgs) (*Task, error) {
	q := c.reading(ctx)
	t := &Task{Benchmark: new(Benchmark)}
	var repository int64
	var facts string
	err := q.row(`SELECT m.repository_id, m.facts, `+manifestColumns+`, s.content, `+benchmarkColumns+` FROM verifications v JOIN manifests m ON m.id = v.manifest_id
		JOIN benchmarks b ON b.id = v.benchmark_id JOIN sealed s ON s.benchmark_id = b.id
		WHERE v.manifest_id = ? AND v.benchmark_id = ? AND v.wanted AND NOT b.retired AND EXISTS (SELECT 1 FROM refs f WHERE f.manifest_id = m.id)`,
		[]any{of.Manifest, of.Benchmark}, append(append(append([]any{&repository, &facts}, manifestInto(&t.Manifest)...), &t.Sealed), benchmarkInto(t.Benchmark)...)...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(facts), &t.Facts); err != nil {
		return nil, err
	}
	if t.Repository, err = c.byID(q, repository); err != nil {
		return nil, err
	}
	return t, q.row("SELECT COALESCE(MAX(name), '') FROM refs WHERE manifest_id = ? AND kind = 'version'", []any{of.Manifest}, &t.Version)
}

// settle keeps what came of a task, and the statement about it, if nobody has done so before.
func (c *Catalogue) settle(q queries, t *Task, o *Outcome) (done bool, err error) {
	if err := q.lockRepository(t.Repository.ID); err != nil {
		return false, err
	}
	statement := digest.Digest("")
	if o.Signed != nil {
		statement = o.Signed.Digest
	}
	n, err := q.exec("UPDATE verifications SET wanted = FALSE, state = ?, score = ?, low = ?, high = ?, latency = ?, size = ?, record = ?, statement = ?, at = ? WHERE manifest_id = ? AND benchmark_id = ? AND wanted",
		o.State, o.Score, o.Low, o.High, o.Latency, o.Size, string(o.Record), statement, stamp(c.now()), t.Manifest.ID, t.Benchmark.ID)
	if err != nil || n == 0 {
		return false, err
	}
	if o.Signed != nil {
		if err := c.keepAll(q, t.Repository.ID, o.Signed.Blobs); err != nil {
			return false, err
		}
		if _, err := c.addManifest(q, t.Repository.ID, *o.Signed); err != nil {
			return false, err
		}
	}
	return true, c.adoptFacts(q, t.Repository.ID)
}
