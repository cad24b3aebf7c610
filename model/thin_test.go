package model

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Whatever the architecture, a student of some layers is a model: it can be adapted, written, opened, and says the same.
func TestAStudentOfSomeLayersSurvivesItsPackage(t *testing.T) {
	for _, name := range []string{"bert_seqcls", "distilbert_seqcls", "modernbert_seqcls", "roformer_seqcls", "debertav2_seqcls", "mpnet"} {
		t.Run(name, func(t *testing.T) {
			teacher := smallEncoder(t, name)
			form := teacher.Layered()
			layers := []int{1, form.Layers}
			base, err := teacher.Thin(layers)
			if err != nil {
				t.Fatal(err)
			}
			c := Config{Family: EncoderFamily, MaxTokens: 16, Pooling: "mean", Dropout: 0.1}
			m, err := Adapt(base, c, text.CleanConfig{}, []string{"a", "b"}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			top, last := m.Params.Get("layers.1.down.weight"), teacher.Params.Get("layers."+string(rune('0'+form.Layers-1))+".down.weight")
			if !slices.Equal(top.Data, last.Data) || m.Params.Get("layers.2.down.weight") != nil {
				t.Error("the top layer is not the teacher's")
			}
			dir := filepath.Join(t.TempDir(), "student")
			if _, err := m.Save(dir, nil); err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Package.Close()
			texts := []string{"a b c", "z", "q u i c k"}
			want, err := m.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := again.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if math.Abs(float64(got[i].Probabilities[0]-want[i].Probabilities[0])) > 1e-6 {
					t.Errorf("%q: %v, was %v", texts[i], got[i].Probabilities, want[i].Probabilities)
				}
			}
		})
	}
}

func TestATransformerOfOurOwnIsThinnedToo(t *testing.T) {
	tok, err := text.Train(context.Background(), slices.Values([]string{"a b c d e f"}), text.Config{Kind: "word", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Family: "transformer", MaxTokens: 8, EmbedDim: 6, Hidden: 8, Layers: 3, Heads: 2, Activation: "gelu", Pooling: "mean"}
	m, err := New(c, text.CleanConfig{}, tok, []string{"x", "y"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	thin, err := m.Thin([]int{2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if thin.Config.Layers != 2 || !slices.Equal(thin.Params.Get("layers.0.up.weight").Data, m.Params.Get("layers.1.up.weight").Data) {
		t.Errorf("%d layers", thin.Config.Layers)
	}
	student, err := Adapt(thin, Config{Family: "transformer", MaxTokens: 8}, text.CleanConfig{}, []string{"x", "y"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !student.InheritHead(m) || !slices.Equal(student.Params.Get("classifier.weight").Data, m.Params.Get("classifier.weight").Data) {
		t.Error("the head is another")
	}
	if _, err := m.Thin([]int{4}); err == nil {
		t.Error("a layer that is not there is taken")
	}
}
