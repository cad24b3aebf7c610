package model

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// windowed is small with another head and windows of 20 tokens.
func windowed(t testing.TB, family, head, join string) *Model {
	t.Helper()
	m := small(t, family)
	c, labels := m.Config, m.Labels
	c.Head, c.Windows = head, Windows{Join: join, Stride: 6}
	switch head {
	case TokensHead:
		labels, c.CRF = TagNames([]string{"x", "y"}), true
	case EmbeddingHead:
		labels = nil
	}
	w, err := New(c, m.Clean, m.Tokenizer, labels, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range w.Params.Values() {
		w.Params.Values()[i] = v + float32(i%7-3)/10
	}
	return w
}

// long is a text of some windows.
var long = strings.Repeat("房间很干净，服务好。太脏了，不会再来！一般般的早餐 breakfast OK，鑫的。", 4)

// TestWindowsCoverATextOnce looks at their tokens, overlaps and places.
func TestWindowsCoverATextOnce(t *testing.T) {
	m := windowed(t, "gru", ClassHead, JoinMean)
	whole := m.Tokenizer.Encode(long)
	next, before := 0, Window{}
	n := 0
	for w := range m.Windows(long, "", true) {
		if w.Low != next || w.First != (n == 0) || w.High < w.Low || !slices.Equal(w.Text.IDs, whole.IDs[w.From:w.To]) || !slices.Equal(w.Places, whole.Spans[w.From:w.To]) {
			t.Fatalf("window %d: %+v", n, w)
		}
		if n > 0 && (before.To-w.From != 6 || before.High-w.From != 3) {
			t.Errorf("windows %d to %d and %d to %d", before.From, before.To, w.From, w.To)
		}
		if w.To-w.From > 20 {
			t.Errorf("a window of %d tokens", w.To-w.From)
		}
		next, before = w.High, w
		n++
	}
	if next != len(whole.IDs) || !before.Last || n < 5 {
		t.Errorf("%d windows end at %d of %d tokens", n, next, len(whole.IDs))
	}
}

// TestLabelsOfLongTextsAreThoseOfTheJoinedLogits compares with joining by hand, and short texts with what they are
// without windows.
func TestLabelsOfLongTextsAreThoseOfTheJoinedLogits(t *testing.T) {
	for _, family := range []string{"gru", "mlp", "fasttext"} {
		for _, join := range []string{JoinMean, JoinMax} {
			m := windowed(t, family, ClassHead, join)
			var rows [][]float32
			for w := range m.Windows(long, "", false) {
				var in Input
				m.Append(&in, w.Sample)
				tape := nn.NewTape(nil)
				tape.Begin(nn.Inference, 0, 0)
				rows = append(rows, slices.Clone(m.Forward(tape, &in).Row(0)))
			}
			want := make([]float32, len(m.Labels))
			for c := range want {
				for i, row := range rows {
					switch {
					case join == JoinMean:
						want[c] += row[c] / float32(len(rows))
					case i == 0:
						want[c] = row[c]
					default:
						want[c] = max(want[c], row[c])
					}
				}
			}
			kernel.Softmax(want, want)
			p, err := m.Predict(context.Background(), append([]string{long}, texts...))
			if err != nil {
				t.Fatal(err)
			}
			for c, v := range p[0].Probabilities {
				if math.Abs(float64(v-want[c])) > 1e-5 {
					t.Errorf("%s, %s: %v, want %v", family, join, p[0].Probabilities, want)
				}
			}
			m.Config.Windows = Windows{}
			q, err := m.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range q {
				for c, v := range q[i].Probabilities {
					if math.Abs(float64(v-p[i+1].Probabilities[c])) > 1e-5 {
						t.Errorf("%s: the short text %q is %v in windows, %v without", family, texts[i], p[i+1].Probabilities, q[i].Probabilities)
					}
				}
			}
		}
	}
}

// TestTagsOfLongTextsAreJoinedInTheMiddleOfOverlaps compares with the rows of each window, put together by hand.
func TestTagsOfLongTextsAreJoinedInTheMiddleOfOverlaps(t *testing.T) {
	m := windowed(t, "lstm", TokensHead, JoinMean)
	k := len(m.Labels)
	var rows []float32
	for w := range m.Windows(long, "", true) {
		var in Input
		m.Append(&in, w.Sample)
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		v := m.Forward(tape, &in)
		rows = append(rows, v.Data[(w.Low-w.From)*k:(w.High-w.From)*k]...)
	}
	want := nn.Decode(nil, rows, k, m.Head.(*tagger).crf, m.Head.(*tagger).rules)
	p, err := m.Predict(context.Background(), []string{"", long, "好"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p[1].Tags, want) {
		t.Errorf("tags %v, want %v", p[1].Tags, want)
	}
	if len(p[1].Entities) != len(TagSpans(want)) || len(p[1].Entities) == 0 {
		t.Errorf("%d entities of %d", len(p[1].Entities), len(TagSpans(want)))
	}
	for _, e := range p[1].Entities {
		if e.Text != long[e.Start:e.End] {
			t.Errorf("%+v", e)
		}
	}
}

func TestVectorsOfLongTextsAreWeightedMeans(t *testing.T) {
	m := windowed(t, "gru", EmbeddingHead, JoinMean)
	var want []float32
	tokens := float32(0)
	for w := range m.Windows(long, "", false) {
		var in Input
		m.Append(&in, w.Sample)
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		row := m.Forward(tape, &in).Row(0)
		n := float32(w.To - w.From)
		if want == nil {
			want = make([]float32, len(row))
		}
		kernel.Axpy(n, row, want)
		tokens += n
	}
	kernel.Scale(1/tokens, want)
	got, err := m.Embed(context.Background(), []string{long}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got[0] {
		if math.Abs(float64(v-want[i])) > 1e-5 {
			t.Fatalf("%v, want %v", got[0], want)
		}
	}
}

// TestLongTextsAreReadInBoundedMemory predicts a text of many chunks.
func TestLongTextsAreReadInBoundedMemory(t *testing.T) {
	m := windowed(t, "mlp", ClassHead, JoinMean)
	held := func(size int) uint64 {
		s := strings.Repeat("房间很干净，服务好。\n", size/31+1)
		var before, after runtime.MemStats
		for last := uint64(math.MaxUint64); ; last = before.HeapAlloc { // what other tests left goes in several rounds
			runtime.GC()
			if runtime.ReadMemStats(&before); before.HeapAlloc >= last {
				break
			}
		}
		peak := uint64(0)
		n := 0
		for range m.Windows(s, "", true) {
			if n++; n%2000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapAlloc-min(after.HeapAlloc, before.HeapAlloc))
			}
		}
		if n < size/31*10/20 {
			t.Errorf("%d windows of %d bytes", n, size)
		}
		return peak
	}
	small, large := held(1<<20), held(4<<20)
	if large > 2*small+1<<20 {
		t.Errorf("a text of 4 MB holds %d bytes beside itself, one of 1 MB %d", large, small)
	}
}

// TestChunksEndWhereSomethingEnds cuts texts with and without lines, sentences and words.
func TestChunksEndWhereSomethingEnds(t *testing.T) {
	for _, unit := range []string{"一二三四五\n", "一二三四五。", "one two ", "一二三四五六七八九十", "\xff"} {
		s := strings.Repeat(unit, 3*chunkBytes/len(unit))
		joined, n := strings.Builder{}, 0
		for at, chunk := range chunks(s) {
			if at != joined.Len() || len(chunk) > chunkBytes {
				t.Fatalf("%q: a chunk of %d at %d", unit, len(chunk), at)
			}
			joined.WriteString(chunk)
			end := []rune(strings.TrimSuffix(unit, "\n"))
			if n++; joined.Len() < len(s) && (unit[len(unit)-1] == '\n' && !strings.HasSuffix(chunk, "\n") || strings.HasSuffix(unit, "。") && !strings.HasSuffix(chunk, "。") ||
				strings.HasSuffix(unit, " ") && !strings.HasSuffix(chunk, " ") || len(end) == 10 && len(chunk)%3 != 0) {
				t.Errorf("%q: a chunk ends with %q", unit, chunk[len(chunk)-4:])
			}
		}
		if joined.String() != s || n < 3 {
			t.Errorf("%q: %d chunks are not the text", unit, n)
		}
	}
}

func TestWindowsThatCannotBeSaySo(t *testing.T) {
	m := small(t, "gru")
	for _, change := range []func(c *Config){
		func(c *Config) { c.Windows.Join = "most" },
		func(c *Config) { c.Windows.Stride = -1 },
		func(c *Config) { c.Windows.Join, c.Pair = JoinMean, true },
		func(c *Config) { c.Windows.Join, c.Head = JoinMean, MaskedHead },
	} {
		c := m.Config
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(fmt.Sprint(err), "model.windows") {
			t.Errorf("%+v: %v", c.Windows, err)
		}
	}
}

// TestPredictionsTellWhatWasCutOff counts tokens of texts that are longer than what is read.
func TestPredictionsTellWhatWasCutOff(t *testing.T) {
	m := small(t, "gru")
	whole := m.Tokenizer.Encode(long)
	p, err := m.Predict(context.Background(), []string{"好", long, "好"})
	if err != nil || p[0].Dropped != 0 || p[1].Dropped != len(whole.IDs)-20 || p[2].Dropped != 0 {
		t.Errorf("%d, %d and %d tokens of %d were cut off (%v)", p[0].Dropped, p[1].Dropped, p[2].Dropped, len(whole.IDs), err)
	}
	e := smallEncoder(t, "bert_seqcls")
	s := strings.Repeat("a ", 100)
	if p, err = e.Predict(context.Background(), []string{s}); err != nil || p[0].Dropped != 100-e.Config.MaxTokens+e.Tokenizer.SpecialTokens(false) {
		t.Errorf("%d tokens of 100 were cut off (%v)", p[0].Dropped, err)
	}
}
