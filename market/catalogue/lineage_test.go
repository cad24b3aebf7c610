package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// made publishes a package that says what it was made of.
func made(t *testing.T, c *Catalogue, who Caller, name, version string, private bool, f Facts) *Repository {
	t.Helper()
	r, err := c.Repository(t.Context(), who, name)
	if err != nil {
		if r, err = c.CreateRepository(t.Context(), who, NewRepository{FullName: name, Kind: f.Kind, Private: private}); err != nil {
			t.Fatal(err)
		}
	}
	p := publication(t, c, r, version, "content of "+name+" "+version)
	p.Package = &f
	if _, err := c.Publish(t.Context(), who, r, p); err != nil {
		t.Fatal(err)
	}
	return r
}

func labelled(k Kind, facet string, names ...string) Facts {
	return Facts{Kind: k, Labels: map[string][]string{facet: names}}
}

// drawn is a lineage as text: edges as "a > b", names without edges alone, and how many are left out as "name ^ 2" or "name v 2".
func drawn(t *testing.T, c *Catalogue, who Caller, name string, facts *Facts) string {
	t.Helper()
	r, err := c.Repository(t.Context(), who, name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.Lineage(t.Context(), who, r, facts)
	if err != nil {
		t.Fatal(err)
	}
	say := func(n Node) string {
		if n.Repository == nil {
			return "(" + n.Name + ")"
		}
		return strings.TrimSuffix(n.Name+":"+n.Version, ":")
	}
	var out []string
	for _, e := range l.Edges {
		out = append(out, say(l.Nodes[e.From])+" > "+say(l.Nodes[e.To]))
	}
	for _, n := range l.Nodes {
		if n.Above > 0 {
			out = append(out, fmt.Sprintf("%s ^ %d", say(n), n.Above))
		}
		if n.Below > 0 {
			out = append(out, fmt.Sprintf("%s v %d", say(n), n.Below))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func wantDrawn(t *testing.T, got string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got != strings.Join(want, "\n") {
		t.Errorf("the lineage is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestLineageGoesBothWaysAndShowsNobodyWhatIsPrivate(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		made(t, c, ada, "ada/rows", "1.0.0", false, Facts{Kind: pack.Dataset})
		made(t, c, ada, "ada/older", "1.0.0", false, labelled(pack.Model, TrainedOn, "ada/rows"))
		made(t, c, ada, "ada/secret", "1.0.0", true, labelled(pack.Model, BaseModel, "ada/older"))
		made(t, c, ada, "ada/base", "1.0.0", false, labelled(pack.Model, BaseModel, "Ada/Older", "elsewhere/bert"))
		made(t, c, ada, "ada/this", "1.0.0", false, labelled(pack.Model, BaseModel, "ada/secret"))
		made(t, c, ada, "ada/this", "2.0.0", false, Facts{Kind: pack.Model, Labels: map[string][]string{BaseModel: {"ada/base", "ada/secret"}, TrainedOn: {"ada/rows"}}})
		made(t, c, bob, "bob/fine", "1.0.0", false, labelled(pack.Model, BaseModel, "ada/this"))
		made(t, c, bob, "bob/hidden", "1.0.0", true, labelled(pack.Model, BaseModel, "ada/this"))
		made(t, c, bob, "bob/finer", "1.0.0", false, labelled(pack.Model, BaseModel, "bob/hidden", "bob/fine"))
		made(t, c, ada, "ada/desk", "1.0.0", false, labelled(pack.Application, Dependency, "bob/fine"))

		public := []string{"ada/rows:1.0.0 > ada/older:1.0.0", "ada/older:1.0.0 > ada/base:1.0.0", "(elsewhere/bert) > ada/base:1.0.0", "ada/base:1.0.0 > ada/this:2.0.0", "ada/rows:1.0.0 > ada/this:2.0.0",
			"ada/this:2.0.0 > bob/fine:1.0.0", "bob/fine:1.0.0 > bob/finer:1.0.0", "bob/fine:1.0.0 > ada/desk:1.0.0"}
		wantDrawn(t, drawn(t, c, Caller{}, "ada/this", nil), append(slices.Clone(public), "(ada/secret) > ada/this:2.0.0")...) // as its card says, and nothing through it
		wantDrawn(t, drawn(t, c, ada, "ada/this", nil), append(slices.Clone(public), "ada/secret:1.0.0 > ada/this:2.0.0", "ada/older:1.0.0 > ada/secret:1.0.0")...)
		wantDrawn(t, drawn(t, c, bob, "ada/this", nil), append(slices.Clone(public), "(ada/secret) > ada/this:2.0.0", "ada/this:2.0.0 > bob/hidden:1.0.0", "bob/hidden:1.0.0 > bob/finer:1.0.0")...)
		// Of an older version what it was made of, and what was made of any.
		first := labelled(pack.Model, BaseModel, "ada/secret")
		if got := drawn(t, c, Caller{}, "ada/this", &first); strings.Contains(got, "ada/base") || !strings.Contains(got, "(ada/secret) > ada/this") || !strings.Contains(got, "bob/fine") {
			t.Errorf("of the version 1.0.0:\n%s", got)
		}
		// Under a name of before a move.
		r, err := c.Repository(t.Context(), ada, "ada/base")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.MoveRepository(t.Context(), ada, r, "ada/moved"); err != nil {
			t.Fatal(err)
		}
		if got := drawn(t, c, Caller{}, "ada/this", nil); !strings.Contains(got, "ada/moved:1.0.0 > ada/this") {
			t.Errorf("after a move:\n%s", got)
		}
		if got := drawn(t, c, Caller{}, "ada/moved", nil); !strings.Contains(got, "ada/moved:1.0.0 > ada/this") {
			t.Errorf("of what has moved:\n%s", got)
		}
	})
}

func TestLineageKnowsFilesByTheirDigests(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		made(t, c, ada, "ada/rows", "1.0.0", false, Facts{Kind: pack.Dataset})
		made(t, c, ada, "ada/copy", "1.0.0", false, Facts{Kind: pack.Dataset})
		made(t, c, ada, "ada/hidden", "1.0.0", true, Facts{Kind: pack.Dataset})
		file := func(name string) digest.Digest { return digest.FromString("content of " + name + " 1.0.0") } // as made has it
		made(t, c, ada, "ada/model", "1.0.0", false, Facts{Kind: pack.Model, Labels: map[string][]string{BaseModel: {"org/encoder"}, TrainedOn: {"ada/copy"}}, Sources: []pack.Source{
			{Role: pack.FromData, Name: "train.csv", Digest: file("ada/rows")},
			{Role: pack.FromData, Name: "again.csv", Digest: file("ada/copy")}, // which the card names
			{Role: pack.FromData, Name: "mine.csv", Digest: file("ada/hidden")},
			{Role: pack.FromParent, Name: "hf://org/encoder@main", Digest: digest.FromString("nobody has it")},
			{Role: pack.FromTeacher, Name: "large", Digest: digest.FromString("a teacher")}}})
		public := []string{"ada/rows:1.0.0 > ada/model:1.0.0", "ada/copy:1.0.0 > ada/model:1.0.0", "(org/encoder) > ada/model:1.0.0", "(large) > ada/model:1.0.0"}
		wantDrawn(t, drawn(t, c, Caller{}, "ada/model", nil), append(slices.Clone(public), "(mine.csv) > ada/model:1.0.0")...)
		wantDrawn(t, drawn(t, c, ada, "ada/model", nil), append(slices.Clone(public), "ada/hidden:1.0.0 > ada/model:1.0.0")...)
		wantDrawn(t, drawn(t, c, Caller{}, "ada/rows", nil), "ada/rows:1.0.0 > ada/model:1.0.0")
		made(t, c, ada, "ada/model", "1.1.0", false, Facts{Kind: pack.Model})
		wantDrawn(t, drawn(t, c, Caller{}, "ada/rows", nil)) // its latest version has another lineage
	})
}

func TestLineageOfCirclesEnds(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		made(t, c, ada, "ada/a", "1.0.0", false, labelled(pack.Model, BaseModel, "ada/b", "ada/a"))
		made(t, c, ada, "ada/b", "1.0.0", false, labelled(pack.Model, BaseModel, "ada/c"))
		made(t, c, ada, "ada/c", "1.0.0", false, labelled(pack.Model, BaseModel, "ada/a"))
		wantDrawn(t, drawn(t, c, Caller{}, "ada/a", nil), "ada/b:1.0.0 > ada/a:1.0.0", "ada/c:1.0.0 > ada/b:1.0.0", "ada/a:1.0.0 > ada/c:1.0.0")
	})
}

func TestLineageIsBounded(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		made(t, c, ada, "ada/base", "1.0.0", false, Facts{Kind: pack.Model})
		const n = 1000
		if err := c.update(t.Context(), func(q queries) error { // as publishing leaves them, much faster
			for i := range n {
				var id int64
				if err := q.row("INSERT INTO repositories (owner_id, key, name, kind, downloads, created, updated) VALUES (?, ?, ?, 'model', ?, 1, 1) RETURNING id", []any{ada.Account.ID, fmt.Sprint("m", i), fmt.Sprint("m", i), i}, &id); err != nil {
					return err
				}
				if _, err := q.exec("INSERT INTO labels (repository_id, facet, value) VALUES (?, ?, 'ada/base'), (?, ?, 'x/y')", id, BaseModel, id, TrainedOn); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		got := drawn(t, c, Caller{}, "ada/base", nil)
		if !strings.Contains(got, fmt.Sprintf("ada/base:1.0.0 v %d", n-mostDependents)) || !strings.Contains(got, "ada/base:1.0.0 > ada/m999") || strings.Count(got, "\n") != mostDependents {
			t.Errorf("of %d that were made of it:\n%s", n, got)
		}
		many := make([]string, 30)
		for i := range many {
			many[i] = fmt.Sprintf("elsewhere/data%02d", i)
		}
		made(t, c, ada, "ada/wide", "1.0.0", false, labelled(pack.Model, TrainedOn, many...))
		if got := drawn(t, c, Caller{}, "ada/wide", nil); !strings.Contains(got, fmt.Sprintf("ada/wide:1.0.0 ^ %d", 30-mostOrigins)) {
			t.Errorf("of 30 that it was made of:\n%s", got)
		}
		for i := range 20 {
			made(t, c, ada, fmt.Sprint("ada/step", i), "1.0.0", false, labelled(pack.Model, BaseModel, fmt.Sprint("ada/step", i-1)))
		}
		if got := drawn(t, c, Caller{}, "ada/step10", nil); strings.Contains(got, "step5:") || !strings.Contains(got, "ada/step6:1.0.0 ^ 1") || !strings.Contains(got, "ada/step13:1.0.0 v 1") {
			t.Errorf("of a long line:\n%s", got)
		}
		r, err := c.Repository(t.Context(), Caller{}, "ada/base")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range 10 {
			if _, err := c.Lineage(t.Context(), Caller{}, r, nil); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%v for a lineage with %d dependents", time.Since(begun)/10, n)
	})
}
