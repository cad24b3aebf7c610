package c99_test

import (
	"math"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/export/plan"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

var texts = func() (list []string) {
	for _, q := range exporttest.Queries {
		list = append(list, q.Text)
	}
	return append(list, "ＡＢＣ　早餐①", "The Room was CLEAN", "  \t房间\n\n很干净 ", "e\u0301te\u0301 \u0301", "\x00\x01地\u200b")
}()

// worst is the greatest difference between the scores of two lists of answers.
func worst(t *testing.T, a, b []answer) float64 {
	t.Helper()
	most := 0.0
	for i := range a {
		if len(a[i].scores) != len(b[i].scores) {
			t.Fatalf("text %d has %d scores and %d", i, len(a[i].scores), len(b[i].scores))
		}
		for j, v := range a[i].scores {
			d := math.Abs(float64(v - b[i].scores[j]))
			if math.IsNaN(d) {
				t.Fatalf("text %d: NaN", i)
			}
			most = max(most, d)
		}
	}
	return most
}

// each calls f with a model of every family that C holds, with every head, pooling and activation.
func each(t *testing.T, f func(name string, m *model.Model)) {
	for _, family := range plan.Families {
		f(family, exporttest.Model(t, family, model.ClassHead, nil))
	}
	if testing.Short() {
		return
	}
	add := func(name, family string, change func(c *model.Config)) {
		f(family+"-"+name, exporttest.Model(t, family, model.ClassHead, change))
	}
	for _, head := range []string{model.MultiLabelHead, model.RegressionHead, model.EmbeddingHead} {
		f("static-"+head, exporttest.Model(t, "static", head, nil))
	}
	for _, pooling := range []string{"max", "last", "first", "root_mean"} {
		add(pooling, "gru", func(c *model.Config) { c.Pooling = pooling })
	}
	for _, activation := range []string{"tanh", "sigmoid", "gelu", "silu"} {
		add(activation, "cnn", func(c *model.Config) { c.Activation = activation })
	}
	add("forward-3", "lstm", func(c *model.Config) { c.Bidirectional, c.Layers = false, 3 })
	add("3", "dwcnn", func(c *model.Config) { c.Layers, c.Widths, c.Pooling = 3, []int{4, 3, 1}, "max" })
	add("tf", "ngram", func(c *model.Config) { c.NGram.Weighting, c.NGram.CharsMax = "tf", 0 })
}

func TestEveryFamilyAndHeadSaysTheSameInC(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles many programs of C")
	}
	each(t, func(name string, m *model.Model) {
		t.Run(name, func(t *testing.T) {
			want := said(t, m, texts)
			for _, whole := range []bool{false, true}[:map[bool]int{true: 2, false: 1}[!strings.Contains(name, "-")]] {
				s, err := c99.Write(m, c99.Options{Name: "m", Int8: whole, About: name})
				if err != nil {
					t.Fatalf("%v; %s", err, hint.Way(err))
				}
				if s.Missing != "" {
					t.Fatal(s.Missing)
				}
				got := native.ask(t, native.compile(t, s), asBytes(texts))
				limit := 2e-5
				if whole {
					limit = 0.05
				}
				if d := worst(t, want, got); d > limit {
					t.Errorf("whole numbers %v: scores differ by %g", whole, d)
				}
				for i := range want {
					if !whole && want[i].result != got[i].result {
						t.Errorf("text %d %q: result %d, the model says %d", i, texts[i], got[i].result, want[i].result)
					}
				}
			}
		})
	})
}
