package distill

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// reader is a teacher who finds a text the more positive the longer it is, and remembers what it was asked.
type reader struct {
	about  About
	asked  []string
	failAt int // fails when asked about more than so many texts in all; 0 for never
}

func newReader() *reader {
	return &reader{about: About{Name: "reader", Digest: "sha256:0123456789abcdef0123", Labels: []string{"bad", "good"}}}
}

var errTired = errors.New("tired")

func (r *reader) About() *About { return &r.about }
func (r *reader) Close() error  { return nil }
func (r *reader) Opinions(_ context.Context, queries []model.Query) (out []data.Opinion, err error) {
	for _, q := range queries {
		if r.failAt > 0 && len(r.asked) == r.failAt {
			return out, errTired
		}
		r.asked = append(r.asked, q.Text)
		n := len(q.Text)
		out = append(out, data.Opinion{Logits: []float32{-1, float32(n)}, Places: []text.Span{{Start: 0, End: n}}})
	}
	return out, nil
}

func queriesOf(texts ...string) (queries []model.Query) {
	for _, s := range texts {
		queries = append(queries, model.Query{Text: s})
	}
	return queries
}

func open(t *testing.T, r Teacher, dir string) Teacher {
	t.Helper()
	c, err := Cached(r, dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c Teacher, texts ...string) []data.Opinion {
	t.Helper()
	out, err := c.Opinions(context.Background(), queriesOf(texts...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestATeacherIsAskedOnce(t *testing.T) {
	dir, r := t.TempDir(), newReader()
	c := open(t, r, dir)
	want := ask(t, c, "a", "bb", "ccc")
	ask(t, c, "bb")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, r, dir)
	got := ask(t, c, "ccc", "dddd", "bb")
	if !reflect.DeepEqual([]data.Opinion{got[0], got[2]}, []data.Opinion{want[2], want[1]}) || got[1].Logits[1] != 4 {
		t.Errorf("%v, was %v", got, want)
	}
	if !slices.Equal(r.asked, []string{"a", "bb", "ccc", "dddd"}) || Known(c) != 2 {
		t.Errorf("asked about %q; %d were known", r.asked, Known(c))
	}
	pair, err := c.Opinions(context.Background(), []model.Query{{Text: "a", Pair: "bb"}})
	if err != nil || len(r.asked) != 5 || pair[0].Logits[1] != 1 {
		t.Errorf("a pair is another query: %v, %v", pair, err)
	}
}

func TestWhatCameBeforeAFailureIsKept(t *testing.T) {
	dir, r := t.TempDir(), newReader()
	r.failAt = 2
	c := open(t, r, dir)
	if _, err := c.Opinions(context.Background(), queriesOf("a", "bb", "ccc")); !errors.Is(err, errTired) {
		t.Fatal(err)
	}
	c.Close()
	r.failAt = 0
	c = open(t, r, dir)
	ask(t, c, "a", "bb", "ccc")
	if !slices.Equal(r.asked, []string{"a", "bb", "ccc"}) {
		t.Errorf("asked about %q", r.asked)
	}
}

// Every prefix of the file is what a kill may leave, and a flipped bit what a bad disk may.
func TestADamagedMemoryLosesOnlyWhatIsDamaged(t *testing.T) {
	dir, r := t.TempDir(), newReader()
	c := open(t, r, dir)
	ask(t, c, "a", "bb", "ccc")
	c.Close()
	path := filepath.Join(dir, "0123456789abcdef.cache")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n += 3 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		r.asked = nil
		c := open(t, r, dir)
		got := ask(t, c, "a", "bb", "ccc")
		c.Close()
		if got[2].Logits[1] != 3 || len(r.asked) != 3-Known(c) {
			t.Fatalf("cut at %d: %v, asked about %q", n, got, r.asked)
		}
		if again, err := os.ReadFile(path); err != nil || len(again) != len(whole) {
			t.Fatalf("cut at %d: %d bytes, were %d (%v)", n, len(again), len(whole), err)
		}
	}
	for at := len(cacheHeader); at < len(whole); at += 7 {
		bad := slices.Clone(whole)
		bad[at] ^= 0x10
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		c := open(t, r, dir)
		got := ask(t, c, "a", "bb", "ccc")
		c.Close()
		for i, o := range got {
			if o.Logits[1] != float32(i+1) {
				t.Fatalf("bit %d flipped: %v", at, got)
			}
		}
	}
	if err := os.WriteFile(path, []byte("something else altogether"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Cached(r, dir); err == nil || hint.Way(err) == "" {
		t.Errorf("another file: %v", err)
	}
}

func TestTwoProcessesShareAMemory(t *testing.T) {
	dir, r := t.TempDir(), newReader()
	a, b := open(t, r, dir), open(t, r, dir)
	ask(t, a, "a", "bb")
	ask(t, b, "ccc")
	ask(t, a, "dddd")
	if got := ask(t, b, "ccc"); got[0].Logits[1] != 3 {
		t.Errorf("%v", got)
	}
	a.Close()
	b.Close()
	r.asked = nil
	c := open(t, r, dir)
	defer c.Close()
	for i, o := range ask(t, c, "a", "bb", "ccc", "dddd") {
		if o.Logits[1] != float32(i+1) {
			t.Errorf("%d: %v", i, o)
		}
	}
	if len(r.asked) > 0 {
		t.Errorf("asked again about %q", r.asked)
	}
}

func TestOpinionsComeInTheStudentsOrder(t *testing.T) {
	r := newReader()
	got, err := Ask(context.Background(), r, []string{"good", "bad"}, queriesOf(strings.Split(strings.Repeat("ab,", 100), ",")...), nil)
	if err != nil || len(got) != 101 || !slices.Equal(got[7].Logits, []float32{2, -1}) {
		t.Errorf("%v, %v", got[7], err)
	}
	r.about.Head, r.about.Labels = model.TokensHead, []string{"B", "A"}
	if order := orderOf(&r.about, []string{"A", "B"}); !slices.Equal(order, []int{0, 5, 6, 7, 8, 1, 2, 3, 4}) {
		t.Errorf("tags go to %v", order)
	}
}

func TestATeacherOfOtherThingsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		head   string
		labels []string
		pair   bool
		want   string
	}{
		"a label too many": {"", []string{"bad", "good", "neutral"}, false, "other labels: it lacks neutral"},
		"a label too few":  {"", []string{"good"}, false, "other labels; it alone has bad"},
		"other names":      {"", []string{"0", "1"}, false, "it lacks 0, 1; it alone has bad, good"},
		"another task":     {model.MultiLabelHead, []string{"bad", "good"}, false, "is of task class, the student of task multilabel"},
		"pairs":            {"", []string{"bad", "good"}, true, "reads single texts, the student pairs of texts"},
	} {
		err := newReader().about.Check(c.head, c.labels, c.pair)
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := newReader().about.Check("", []string{"good", "bad"}, false); err != nil {
		t.Errorf("the same labels in another order: %v", err)
	}
}

// silentOn has no opinion of a text.
type silentOn struct {
	*reader
	text string
}

func (s silentOn) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	out, err := s.reader.Opinions(ctx, queries)
	for i, q := range queries {
		if q.Text == s.text {
			out[i] = data.Opinion{}
		}
	}
	return out, err
}

func TestSeveralTeachersAreAveraged(t *testing.T) {
	a, b := newReader(), newReader()
	b.about.Name, b.about.Labels = "other", []string{"good", "bad"}
	both, err := Average([]Teacher{silentOn{a, "bb"}, b})
	if err != nil {
		t.Fatal(err)
	}
	got := ask(t, both, "a", "bb")
	p := 1 / (1 + math.Exp(-2)) // of the label that a finds likelier
	for i, want := range []float64{(p + 1 - p) / 2, 1 / (1 + math.Exp(3))} {
		if q := float64(Probabilities("", got[i].Logits)[1]); math.Abs(q-want) > 1e-5 {
			t.Errorf("text %d: %v, want %v", i, q, want)
		}
	}
	if d := both.About().Digest; d == a.about.Digest || !strings.HasPrefix(d, "sha256:") {
		t.Errorf("digest %s", d)
	}
	b.about.Labels = []string{"good", "worse"}
	if _, err := Average([]Teacher{a, b}); err == nil {
		t.Error("teachers with other labels were averaged")
	}
	if one, err := Average([]Teacher{a}); err != nil || one != Teacher(a) {
		t.Errorf("one alone: %v, %v", one, err)
	}
}

func FuzzDecodeOpinion(f *testing.F) {
	f.Add(appendOpinion(nil, data.Opinion{Logits: []float32{1, -2}, Places: []text.Span{{Start: 0, End: 3}, {Start: 300, End: 70000}}}))
	f.Add([]byte{0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOpinion(b)
		if err != nil {
			return
		}
		again, err := decodeOpinion(appendOpinion(nil, o))
		if err != nil || len(again.Logits) != len(o.Logits) || !slices.Equal(again.Places, o.Places) {
			t.Errorf("%v became %v: %v", o, again, err)
		}
	})
}
