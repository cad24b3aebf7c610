package xiaoyu_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/explain"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func TestAnEnsembleFromConfigurationGoesOnWhereItWas(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	trained := func(c *xiaoyu.Config, o xiaoyu.TrainOptions) (*xiaoyu.Result, error) {
		c.Ensemble = xiaoyu.Ensemble{Members: []string{"ngram", "mlp"}, Seeds: 2, Weights: "equal"}
		return xiaoyu.Train(context.Background(), c, o)
	}
	want, err := trained(project(t, "mlp"), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}

	c := project(t, "mlp")
	for _, stage := range []string{"2/4 ngram", "3/4 mlp"} {
		ctx, cancel := context.WithCancel(context.Background())
		c.Ensemble = xiaoyu.Ensemble{Members: []string{"ngram", "mlp"}, Seeds: 2, Weights: "equal"}
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stage, at: 2, cancel: cancel}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", stage, err)
		}
	}
	notes := &notes{}
	got, err := trained(c, xiaoyu.TrainOptions{Observer: notes, Resume: "last"})
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(notes.lines, "\n"); strings.Count(s, "trained already") != 2 {
		t.Errorf("two members were trained before:\n%s", s)
	}
	for i, name := range []string{"1-ngram", "2-ngram", "3-mlp", "4-mlp"} {
		a, err := os.ReadFile(filepath.Join(want.Package, "members", name, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(got.Package, "members", name, "model.safetensors"))
		if err != nil || string(a) != string(b) {
			t.Errorf("member %d: the weights differ, %v", i+1, err)
		}
	}
	if got.Report.Accuracy != want.Report.Accuracy || got.Report.N < 100 {
		t.Errorf("%+v, %+v", got.Report, want.Report)
	}
	m, err := xiaoyu.Open(got.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	words, err := explain.Words(context.Background(), m.Model, model.Query{Text: "房间很干净，服务特别好"}, 0)
	if err != nil || len(words) < 5 || words[0].Text != "房间很干净，服务特别好"[words[0].Start:words[0].End] {
		t.Errorf("%+v, %v", words, err)
	}
}

func TestMembersStartFromTheVectorsThatTheyCanRead(t *testing.T) {
	c := project(t, "ngram")
	c.Model.Vectors, c.Model.Frozen, c.Eval.Bootstrap = writeVectors(t), true, 0
	c.Ensemble = xiaoyu.Ensemble{Members: []string{"ngram", "static"}, Seeds: 1, Weights: "equal"}
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if of := m.Ensemble.Members[1].Config; of.EmbedDim != 12 || !of.Frozen {
		t.Errorf("static reads no vectors: width %d, frozen %v", of.EmbedDim, of.Frozen)
	}
}

func TestWeightsAreChosenOnData(t *testing.T) {
	good, bad := project(t, "ngram"), project(t, "mlp")
	bad.Train.LearningRate = 0
	var dirs []string
	for _, c := range []*xiaoyu.Config{bad, good} {
		r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, r.Package)
	}
	out := filepath.Join(t.TempDir(), "both")
	j, err := xiaoyu.Join(context.Background(), dirs, xiaoyu.JoinOptions{Out: out, Auto: true, Data: good})
	if err != nil {
		t.Fatal(err)
	}
	if j.Members[0].Weight > 0.2 || j.Members[1].Family != "ngram" {
		t.Errorf("the member that has learnt nothing: %+v", j.Members)
	}
	for _, vote := range []bool{false, true} {
		if _, err := xiaoyu.Join(context.Background(), dirs, xiaoyu.JoinOptions{Out: out, Auto: true, Data: good, Vote: vote}); err != nil {
			t.Errorf("vote %v: %v", vote, err)
		}
	}
}
