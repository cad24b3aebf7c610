package label

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

func TestNoiseOfAnExampleByHand(t *testing.T) {
	// Thresholds: class a (0.9+0.8+0.1)/3 = 0.6, class b (0.7+0.2)/2 = 0.45.
	given := []int{0, 0, 0, 1, 1}
	p := [][]float32{{0.9, 0.1}, {0.8, 0.2}, {0.1, 0.9}, {0.3, 0.7}, {0.8, 0.2}}
	n := EstimateNoise([]string{"a", "b"}, given, p)
	if math.Abs(n.Thresholds[0]-0.6) > 1e-6 || math.Abs(n.Thresholds[1]-0.45) > 1e-6 {
		t.Errorf("thresholds %v", n.Thresholds)
	}
	if want := [][]int{{2, 1}, {1, 1}}; !reflect.DeepEqual(n.Confident, want) {
		t.Errorf("confident %v, want %v", n.Confident, want)
	}
	for i, want := range [][]float64{{0.4, 0.2}, {0.2, 0.2}} {
		for j, v := range want {
			if math.Abs(n.Joint[i][j]-v) > 1e-9 {
				t.Errorf("joint %v", n.Joint)
			}
		}
	}
	if math.Abs(n.Share-0.4) > 1e-9 {
		t.Errorf("share %v", n.Share)
	}
	if got := n.Rank(given, p)[:2]; !reflect.DeepEqual(got, []int{2, 4}) {
		t.Errorf("ranked %v", got)
	}
	if pairs := n.Pairs(); len(pairs) != 2 || pairs[0].Share != n.Joint[0][1] && pairs[0].Share != n.Joint[1][0] {
		t.Errorf("pairs %v", pairs)
	}
}

func TestNoiseSumsToOneWhateverTheProbabilities(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		k, rows := 2+rng.IntN(5), 1+rng.IntN(40)
		var labels []string
		for i := range k + 1 { // one class without rows
			labels = append(labels, fmt.Sprint(i))
		}
		var given []int
		var p [][]float32
		for range rows {
			given = append(given, rng.IntN(k))
			row, sum := make([]float32, k+1), float32(0)
			for c := range row {
				row[c] = rng.Float32()
				sum += row[c]
			}
			for c := range row {
				row[c] /= sum
			}
			p = append(p, row)
		}
		n := EstimateNoise(labels, given, p)
		sum, off := 0.0, 0.0
		for i, row := range n.Joint {
			for j, v := range row {
				sum += v
				if i != j {
					off += v
				}
			}
		}
		if math.Abs(sum-1) > 1e-9 || math.Abs(off-n.Share) > 1e-9 {
			t.Fatalf("joint sums to %v, off the diagonal to %v, share %v", sum, off, n.Share)
		}
		if order := n.Rank(given, p); len(order) != rows {
			t.Fatalf("%d of %d rows ranked", len(order), rows)
		}
	}
}

// reviews returns rows of two labels that can be told apart, and which of them have the wrong one.
func reviews(n int, wrong float64) (rows []data.Row, flipped map[int]bool) {
	words := [2][]string{strings.Fields("good great clean friendly quiet lovely perfect cheap warm fast"), strings.Fields("bad dirty rude noisy broken awful cold slow late worst")}
	common := strings.Fields("the room staff hotel breakfast bed shower desk street lobby")
	rng := rand.New(rand.NewPCG(3, 3))
	flipped = map[int]bool{}
	for i := range n {
		c := i % 2
		var s []string
		for range 4 {
			s = append(s, words[c][rng.IntN(10)], common[rng.IntN(10)])
		}
		if rng.Float64() < wrong {
			c = 1 - c
			flipped[i] = true
		}
		rows = append(rows, data.Row{Text: strings.Join(s, " "), Class: c, Line: i + 2})
	}
	return rows, flipped
}

func settings() Settings {
	var s Settings
	conf.Defaults(&s.Model)
	conf.Defaults(&s.Tokenizer)
	conf.Defaults(&s.Clean)
	conf.Defaults(&s.Train)
	s.Model.Family, s.Tokenizer.Kind, s.Train.LearningRate, s.Train.Epochs = "ngram", "word", 0.02, 6
	s.Model.NGram.Resolve("word", false)
	s.Folds, s.Neighbors, s.Limit = 4, 3, -1
	return s
}

func TestWrongLabelsAreFoundWithReasons(t *testing.T) {
	rows, flipped := reviews(300, 0.06)
	rows = append(rows, data.Row{Text: rows[0].Text + " indeed", Class: 1 - rows[0].Class, Line: 999})
	flipped[300] = !flipped[0]
	r, err := Find(context.Background(), rows, []string{"good", "bad"}, settings(), nil)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, d := range r.Doubts[:min(len(flipped), len(r.Doubts))] {
		if flipped[d.Row] {
			right++
		}
		if d.Label == d.Suggested || len(d.Reasons) < 2 || len(d.Neighbors) != 3 || d.Other < d.Given {
			t.Errorf("doubt %+v", d)
		}
	}
	if right < len(flipped)*8/10 || r.Doubted < right || math.Abs(r.Noise.Share-0.06) > 0.04 {
		t.Errorf("%d of %d wrong labels among the first doubts, %d doubted, share %.3f", right, len(flipped), r.Doubted, r.Noise.Share)
	}
	reasons := fmt.Sprint(r.Doubts)
	if !strings.Contains(reasons, "near double of line 2, which is labelled") && !strings.Contains(reasons, "near double of line 999") {
		t.Errorf("no reason names the near double: %s", reasons)
	}
	var page bytes.Buffer
	r.Text(&page, 2)
	for _, want := range []string{"301, 2 labels", "most doubtful", "of the 3 nearest rows", "more", "→"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &page)
		}
	}
}

func TestOneSeedOneResult(t *testing.T) {
	rows, _ := reviews(60, 0.1)
	first, err := CrossValidate(context.Background(), rows, []string{"a", "b"}, settings(), nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := CrossValidate(context.Background(), rows, []string{"a", "b"}, settings(), nil)
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("two runs differ (%v)", err)
	}
	for i, p := range first {
		if len(p) != 2 || math.Abs(float64(p[0]+p[1])-1) > 1e-5 {
			t.Fatalf("row %d: %v", i, p)
		}
	}
}

func TestFoldsShareOutEveryLabel(t *testing.T) {
	rows, _ := reviews(103, 0.2)
	fold := folds(rows, 2, 5, 1)
	var n [5][2]int
	for i, f := range fold {
		n[f][rows[i].Class]++
	}
	for f := range n {
		for c := range n[f] {
			if n[f][c] < n[0][c]-1 || n[f][c] > n[0][c]+1 {
				t.Errorf("parts of %v rows", n)
			}
		}
	}
}

func TestDoubtsNeedRowsAndFolds(t *testing.T) {
	rows, _ := reviews(60, 0)
	for name, change := range map[string]func(s *Settings) ([]data.Row, []string){
		"one fold":  func(s *Settings) ([]data.Row, []string) { s.Folds = 1; return rows, []string{"a", "b"} },
		"few rows":  func(*Settings) ([]data.Row, []string) { return rows[:5], []string{"a", "b"} },
		"one label": func(*Settings) ([]data.Row, []string) { return rows, []string{"a"} },
		"no such net": func(s *Settings) ([]data.Row, []string) {
			s.Model.Family = "cnn"
			s.Model.EmbedDim = -1
			return rows, []string{"a", "b"}
		},
	} {
		s := settings()
		r, labels := change(&s)
		if _, err := Find(context.Background(), r, labels, s, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Find(ctx, rows, []string{"a", "b"}, settings(), func(string, int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after an interruption: %v", err)
	}
}
