package eval

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// reports returns one report of each task, with all that a page can show.
func reports(t *testing.T) map[string]*Report {
	t.Helper()
	rng := rand.New(rand.NewPCG(2, 3))
	out := map[string]*Report{}
	keep := func(name string, r *Report, err error) {
		if err != nil {
			t.Fatal(err)
		}
		r.Slices = []Slice{r.AsSlice("shop <b>", `"甲"`)}
		out[name] = r
	}
	o := Options{Rounds: 20, Mistakes: 10, Temperature: 1.5, Texts: make([]string, 60)}
	for i := range o.Texts {
		o.Texts[i] = "王明在北京大学 <i>读书</i>"
	}
	labels, targets, probs := sample(60, 2)
	r, err := Classify(labels, targets, probs, o)
	keep("two classes", r, err)
	labels, targets, probs = sample(60, 30)
	r, err = Classify(labels, targets, probs, o)
	keep("many classes", r, err)
	var wanted, found [][]int
	var spans, tagged [][]Span
	var truth, guess []float64
	for range 60 {
		wanted, found = append(wanted, []int{rng.IntN(3)}), append(found, []int{rng.IntN(3), 3})
		spans = append(spans, []Span{{Start: 0, End: 6, Label: "PER"}, {Start: 9, End: 21, Label: "ORG"}})
		tagged = append(tagged, []Span{{Start: 0, End: 6, Label: []string{"PER", "ORG"}[rng.IntN(2)], Probability: .8}, {Start: 9, End: 15, Label: "ORG", Probability: .7}})
		truth, guess = append(truth, rng.NormFloat64()), append(guess, rng.NormFloat64())
	}
	o.Thresholds = []float64{.4, .5, .6, .7}
	r, err = JudgeSets(labels[:4], wanted, found, func() (p [][]float32) {
		for range 60 {
			p = append(p, []float32{rng.Float32(), rng.Float32(), rng.Float32(), rng.Float32()})
		}
		return p
	}(), o)
	keep("sets", r, err)
	r, err = JudgeEntities([]string{"ORG", "PER"}, spans, tagged, o)
	keep("entities", r, err)
	r, err = JudgeNumbers(truth, guess, o)
	keep("numbers", r, err)
	return out
}

func TestAPageOfEachTaskShowsWhatBelongsToIt(t *testing.T) {
	for name, r := range reports(t) {
		comparison, err := Compare(r, r, "a <b>", "b", Options{})
		if err != nil {
			t.Fatal(err)
		}
		learning := NewLearningCurve(r.Main(), 60, []CurvePoint{{N: 10, Value: .5}, {N: 20, Value: .6}, {N: 40, Value: .66}})
		var b strings.Builder
		about := Page{Title: name, Comparison: comparison, Curve: learning, Training: []Series{{"valid/loss", []float64{1, 2}, []float64{2, 1}}, {"valid/accuracy", []float64{1, 2}, []float64{.4, .5}}}}
		if err := r.HTML(&b, about); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		for what, tasks := range map[string]string{
			"<h2>" + string(bilingual("Comparison", "模型对比")):     "*",
			"<h2>" + string(bilingual("Learning curve", "学习曲线")): "*",
			"<h2>" + string(bilingual("Slices", "分组")):           "*",
			"<h2>" + string(bilingual("Training", "训练过程")):       "*",
			"<h2>" + string(bilingual("Calibration", "概率校准")):    "two classes, many classes",
			"未使用温度 1.50 校准":                                      "two classes, many classes",
			"<h2>" + string(bilingual("Thresholds", "阈值与排序")):    "two classes, many classes, sets",
			"<h2>" + string(bilingual("Errors", "误差")):           "numbers",
			`<mark class="want`: "entities",
			"<th>" + string(bilingual("Threshold", "阈值")): "sets",
			"最自信的错误":                                      "two classes, many classes, sets",
			"sign test":                                   "numbers",
		} {
			if strings.Contains(page, what) != (tasks == "*" || strings.Contains(tasks, name)) {
				t.Errorf("%s: %q is there: %v", name, what, strings.Contains(page, what))
			}
		}
		for _, not := range []string{"NaN", "+Inf", "ZgotmplZ", "<i>读书", "<b>\"", "a <b>", "%!"} {
			if strings.Contains(page, not) {
				t.Errorf("%s: the page holds %q", name, not)
			}
		}
		if en, zh := strings.Count(page, `lang="en">`), strings.Count(page, `lang="zh">`); en-1 != zh { // <html lang="en">
			t.Errorf("%s: %d phrases in English, %d in Chinese", name, en-1, zh)
		}
	}
}

func TestEntitiesAreMarkedInTheirText(t *testing.T) {
	text := strings.Repeat("长", 100) + "王明<在>北京大学" + strings.Repeat("x", 200)
	at := strings.Index(text, "王明")
	for _, c := range []struct {
		m    Mistake
		want string
	}{
		{Mistake{Text: "王明在北京", Wanted: &Span{Start: 0, End: 6}}, `<mark class="want">王明</mark>在北京`},
		{Mistake{Text: "王明在北京", Wanted: &Span{Start: 9, End: 15}, Found: &Span{Start: 6, End: 15}}, `王明<mark class="found">在</mark><mark class="want found">北京</mark>`},
		{Mistake{Text: "短", Found: &Span{Start: 0, End: 99}}, "短"}, // out of the text
		{Mistake{Text: "<b>"}, "&lt;b&gt;"},
	} {
		if got := string(marked(c.m)); got != c.want {
			t.Errorf("%+v: %s", c.m, got)
		}
	}
	long := string(marked(Mistake{Text: text, Wanted: &Span{Start: at, End: at + 6}}))
	if !strings.Contains(long, `<mark class="want">王明</mark>&lt;在&gt;北京大学xxx`) || !strings.HasPrefix(long, "…长") || !strings.HasSuffix(long, "x…") || len(long) > 400 || strings.Contains(long, "\uFFFD") {
		t.Error(long)
	}
}

func TestACurveOfARareLabelKeepsItsShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	holds, scores := make([]bool, 20_000), make([]float64, 20_000)
	for i := range holds {
		holds[i], scores[i] = i < 50, rng.Float64()/2
		if holds[i] {
			scores[i] += 0.4
		}
	}
	c := rankCurve(holds, scores)
	if len(c.Points) > curvePoints {
		t.Fatalf("%d points", len(c.Points))
	}
	area, before := 0.0, 0.0
	for _, p := range c.Points {
		area += (p.Recall - before) * p.Precision
		before = p.Recall
	}
	if want := AveragePrecision(holds, scores); before != 1 || area < want-0.02 || area > want+0.02 {
		t.Errorf("the area under the thinned curve is %v, of all points %v; it ends at recall %v", area, want, before)
	}
	if e := excerpt(strings.Repeat("长", 1000)); len([]rune(e)) != 401 || excerpt("短") != "短" {
		t.Error("excerpts")
	}
}
