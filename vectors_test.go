package xiaoyu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// notes remembers what an observer was told.
type notes struct{ lines []string }

func (*notes) Stage(string, int64, string) {}
func (*notes) Progress(int64, string)      {}
func (n *notes) Note(format string, values ...any) {
	n.lines = append(n.lines, fmt.Sprintf(format, values...))
}

// writeVectors makes a file of vectors of 12 numbers: of three characters of the sample reviews, of a word that only
// the file has, and of one that is no token of characters.
func writeVectors(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vectors.txt")
	var b strings.Builder
	for i, w := range []string{"房", "间", "好", "龘", "酒店", "Ａ"} {
		fmt.Fprint(&b, w)
		for d := range 12 {
			fmt.Fprintf(&b, " %g", float64((i+1)*(d-5))/4)
		}
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryNeuralFamilyReadsWordVectors(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	path := writeVectors(t)
	for _, family := range model.Families() {
		for _, frozen := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s frozen %v", family, frozen), func(t *testing.T) {
				c := project(t, family)
				c.Train.Epochs, c.Model.Vectors, c.Model.Frozen, c.Model.Buckets = 1, path, frozen, 100
				c.Model.Hidden, c.Eval.Bootstrap = 16, 0
				var n notes
				r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: &n})
				if family == "ngram" {
					if err == nil || hint.Way(err) == "" {
						t.Errorf("a family without embeddings: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if told := strings.Join(n.lines, "\n"); !strings.Contains(told, "vectors.txt: 4 of ") || !strings.Contains(told, "1 words that it alone has were added") {
					t.Errorf("told:\n%s", told)
				}
				m, err := xiaoyu.Open(r.Package)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				if m.Config.EmbedDim != 12 {
					t.Errorf("width %d", m.Config.EmbedDim)
				}
				row := func(token string) []float32 {
					id, ok := m.Tokenizer.ID(token)
					if !ok {
						t.Fatalf("%q is no token", token)
					}
					return m.Params.Get("embeddings.weight").Data[12*id : 12*id+12]
				}
				// What training never touches keeps its vector up to the common factor; what it touches only if frozen.
				rare, common := row("龘"), row("好")
				if ratio := rare[0] / rare[1]; ratio < 1.24 || ratio > 1.26 {
					t.Errorf("the vector of 龘 became %v", rare)
				}
				still := true // every number, since one step may move some by very little
				for i := range common {
					still = still && close(common[i], rare[i]*3/4)
				}
				if still != frozen {
					t.Errorf("frozen %v, but 好 has %v, 龘 %v", frozen, common, rare)
				}
				if _, ok := m.Tokenizer.ID("a"); !ok {
					t.Error("a word was not normalised as texts are")
				}
				if _, ok := m.Tokenizer.ID("酒店"); ok {
					t.Error("a word became a token of characters")
				}
			})
		}
	}
}

func close(a, b float32) bool { return a-b < 1e-4 && b-a < 1e-4 }

func TestVectorsStandInTheLineage(t *testing.T) {
	c := project(t, "static")
	c.Train.Epochs, c.Model.Vectors = 1, writeVectors(t)
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(r.Package, model.LineageFile))
	var lineage struct {
		Data    map[string]string
		Vectors string
	}
	if err != nil || json.Unmarshal(content, &lineage) != nil || lineage.Vectors != c.Model.Vectors || !strings.HasPrefix(lineage.Data["vectors.txt"], "sha256:") {
		t.Errorf("%+v, %v", lineage, err)
	}
}

func TestWordTokenizersLearnTheWordsOfVectors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.txt")
	if err := os.WriteFile(path, []byte("酒店 1 2\n饕餮盛宴 3 4\nunheard-of 5 6\nUnheard 7 8\n纰漏百出 9 10\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := project(t, "static")
	c.Tokenizer.Kind, c.Train.Epochs, c.Model.Vectors = "word", 1, path
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e := m.Tokenizer.Encode("吃了一顿饕餮盛宴 unheard")
	var tokens []string
	for _, id := range e.IDs {
		tokens = append(tokens, m.Tokenizer.Token(id))
	}
	if got := strings.Join(tokens, "/"); !strings.HasSuffix(got, "/饕餮盛宴/unheard") {
		t.Errorf("cut into %s", got)
	}
	if _, ok := m.Tokenizer.ID("unheard-of"); ok {
		t.Error("a word that texts never hold as one piece became a token")
	}
	c.Tokenizer.VocabSize = m.Tokenizer.VocabSize() - 1
	r, err = xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	small, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if small.Tokenizer.VocabSize() != c.Tokenizer.VocabSize {
		t.Errorf("%d tokens, at most %d", small.Tokenizer.VocabSize(), c.Tokenizer.VocabSize)
	}
}

func TestVectorsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct{ name, content, message string }{
		{"another language", "zebra 1 2\nyak 3 4\n", "has a vector for none of the"},
		{"a broken line", "房 1 2\n间 1\n", "line 2: 1 numbers, not 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := project(t, "cnn")
			config.Model.Vectors = filepath.Join(t.TempDir(), "v.txt")
			config.Tokenizer.VocabSize = 100 // no room for words of the file
			if err := os.WriteFile(config.Model.Vectors, []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := xiaoyu.Train(context.Background(), config, xiaoyu.TrainOptions{})
			if err == nil || !strings.Contains(err.Error(), c.message) || hint.Way(err) == "" {
				t.Errorf("%v", err)
			}
		})
	}
}
