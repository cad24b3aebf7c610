package model

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// joined is an ensemble for trying how predictions are joined; its members are never asked.
func joined(head string, labels []string, weights []float64, vote bool, of ...[]string) *Model {
	m := &Model{Config: Config{Head: head}, Labels: labels, Ensemble: &Ensemble{Weights: weights, Vote: vote}}
	for i := range weights {
		own := labels
		if i < len(of) {
			own = of[i]
		}
		m.Ensemble.Members = append(m.Ensemble.Members, &Model{Labels: own, Config: Config{Head: head}})
		var classes []int
		for _, l := range own {
			classes = append(classes, slices.Index(labels, l))
		}
		m.Ensemble.classes = append(m.Ensemble.classes, classes)
	}
	return m
}

func class(labels []string, p ...float32) Prediction {
	best := slices.Index(p, slices.Max(p))
	return Prediction{Class: best, Label: labels[best], Probability: p[best], Probabilities: p}
}

func TestClassesAreAveragedOrVotedOn(t *testing.T) {
	ab, ba := []string{"a", "b"}, []string{"b", "a"}
	for _, c := range []struct {
		name    string
		vote    bool
		weights []float64
		said    []Prediction
		want    string
		p       float32
	}{
		{"average", false, []float64{0.5, 0.5}, []Prediction{class(ab, 0.6, 0.4), class(ba, 0.9, 0.1)}, "b", 0.65},
		{"weighted average", false, []float64{0.9, 0.1}, []Prediction{class(ab, 0.6, 0.4), class(ba, 0.9, 0.1)}, "a", 0.55},
		{"vote", true, []float64{1. / 3, 1. / 3, 1. / 3}, []Prediction{class(ab, 0.51, 0.49), class(ba, 0.99, 0.01), class(ab, 0.51, 0.49)}, "a", 2. / 3},
		{"even vote goes to the more probable", true, []float64{0.5, 0.5}, []Prediction{class(ab, 0.6, 0.4), class(ba, 0.9, 0.1)}, "b", 0.5},
		{"weighted vote", true, []float64{0.7, 0.3}, []Prediction{class(ab, 0.51, 0.49), class(ba, 0.9, 0.1)}, "a", 0.7},
	} {
		m := joined(ClassHead, ab, c.weights, c.vote, ab, ba, ab)
		got := m.Ensemble.Join(m, c.said)
		if got.Label != c.want || math.Abs(float64(got.Probability-c.p)) > 1e-6 || m.Labels[got.Class] != c.want {
			t.Errorf("%s: %+v, want %s with %v", c.name, got, c.want, c.p)
		}
	}
}

func TestSetsNumbersAndStretchesAreJoined(t *testing.T) {
	labels := []string{"a", "b", "c"}
	sets := []Prediction{
		{Probabilities: []float32{0.9, 0.2, 0.1}, Labels: []string{"a"}},
		{Probabilities: []float32{0.4, 0.9, 0.1}, Labels: []string{"b"}},
		{Probabilities: []float32{0.4, 0.6, 0.1}, Labels: []string{"b"}},
	}
	third := []float64{1. / 3, 1. / 3, 1. / 3}
	m := joined(MultiLabelHead, labels, third, false)
	if got := m.Ensemble.Join(m, sets); !slices.Equal(got.Labels, []string{"a", "b"}) || got.Label != "a" && got.Label != "b" {
		t.Errorf("average of sets: %+v", got)
	}
	m.Config.Thresholds = []float64{0.5, 0.9, 0.01}
	if got := m.Ensemble.Join(m, sets); !slices.Equal(got.Labels, []string{"a", "c"}) {
		t.Errorf("average of sets with thresholds: %+v", got)
	}
	m = joined(MultiLabelHead, labels, third, true)
	if got := m.Ensemble.Join(m, sets); !slices.Equal(got.Labels, []string{"b"}) {
		t.Errorf("vote on sets: %+v", got)
	}

	scores := []Prediction{{Score: 1}, {Score: 10}, {Score: 2}}
	for _, c := range []struct {
		vote    bool
		weights []float64
		want    float64
	}{{false, third, 13. / 3}, {true, third, 2}, {true, []float64{0.5, 0.5, 0}, 1.5}, {true, []float64{0.1, 0.8, 0.1}, 10}} {
		m = joined(RegressionHead, []string{"score"}, c.weights, c.vote)
		if got := m.Ensemble.Join(m, scores).Score; math.Abs(got-c.want) > 1e-9 {
			t.Errorf("numbers, vote %v, weights %v: %v, want %v", c.vote, c.weights, got, c.want)
		}
	}

	per := func(from, to int, label string, p float32) Entity {
		return Entity{Start: from, End: to, Label: label, Text: strings.Repeat("x", to-from), Probability: p}
	}
	said := []Prediction{
		{Entities: []Entity{per(0, 6, "PER", 0.9), per(9, 12, "ORG", 0.5)}},
		{Entities: []Entity{per(0, 6, "PER", 0.6), per(9, 15, "ORG", 0.9)}},
		{Entities: []Entity{per(0, 3, "PER", 0.9), per(9, 15, "ORG", 0.9)}},
	}
	for _, vote := range []bool{false, true} {
		m = joined(TokensHead, nil, third, vote)
		got := m.Ensemble.Join(m, said).Entities
		if len(got) != 2 || got[0].Start != 0 || got[0].End != 6 || got[1].End != 15 || got[1].Label != "ORG" {
			t.Errorf("stretches, vote %v: %+v", vote, got)
		}
	}
	if got := m.Ensemble.Join(m, make([]Prediction, 3)).Entities; len(got) != 0 {
		t.Errorf("stretches where nobody found any: %+v", got)
	}
}

func TestAnEnsembleIsAModel(t *testing.T) {
	dir := t.TempDir()
	a, b := small(t, "ngram"), small(t, "gru")
	m, err := NewEnsemble([]*Model{a, b}, []float64{3, 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(context.Background(), texts)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Save(filepath.Join(dir, "both"), map[string][]byte{CardFile: []byte("# both\n")})
	if err != nil {
		t.Fatal(err)
	}
	back, err := Open(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Predict(context.Background(), texts)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, want)
	}
	if back.Config.Family != EnsembleFamily || !slices.Equal(back.Ensemble.Weights, []float64{0.75, 0.25}) || back.Parameters() != a.Params.Count()+b.Params.Count() {
		t.Errorf("%+v, %d parameters", back.Ensemble, back.Parameters())
	}
	if back.Architecture() != "ensemble of ngram, gru" || len(back.Tokens(Query{Text: texts[0]}).Text.IDs) == 0 {
		t.Errorf("%s", back.Architecture())
	}
	// Saved again, from the opened package, it is the same.
	again, err := back.Save(filepath.Join(dir, "again"), map[string][]byte{CardFile: []byte("# both\n")})
	if err != nil || again.Digest != p.Digest || again.Size != p.Size {
		t.Errorf("%+v, %+v, %v", again, p, err)
	}
	if _, err := NewEnsemble([]*Model{back, a}, nil, false); err == nil || !strings.Contains(hint.Way(err), "members") {
		t.Errorf("an ensemble in an ensemble: %v", err)
	}
	if err := back.Package.Close(); err != nil {
		t.Error(err)
	}
	inMemory, err := OpenFS(os.DirFS(p.Dir), "memory")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := inMemory.Predict(context.Background(), texts); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read as a file system: %v\n%+v\n%+v", err, got, want)
	}
	if _, err := OpenFS(fstest.MapFS{}, "nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("an empty file system: %v", err)
	}
}

func TestMembersThatDoNotGoTogetherAreRefused(t *testing.T) {
	a, b := small(t, "mlp"), small(t, "mlp")
	for name, change := range map[string]func() error{
		"one alone":      func() error { _, err := NewEnsemble([]*Model{a}, nil, false); return err },
		"none":           func() error { _, err := NewEnsemble(nil, nil, false); return err },
		"weights":        func() error { _, err := NewEnsemble([]*Model{a, b}, []float64{1}, false); return err },
		"minus":          func() error { _, err := NewEnsemble([]*Model{a, b}, []float64{1, -1}, false); return err },
		"nothing counts": func() error { _, err := NewEnsemble([]*Model{a, b}, []float64{0, 0}, false); return err },
		"no number":      func() error { _, err := NewEnsemble([]*Model{a, b}, []float64{1, math.NaN()}, false); return err },
		"head": func() error {
			b.Config.Head = MultiLabelHead
			_, err := NewEnsemble([]*Model{a, b}, nil, false)
			b.Config.Head = ClassHead
			return err
		},
		"labels": func() error {
			b.Labels = []string{"好 评", "差😀", "d"}
			_, err := NewEnsemble([]*Model{a, b}, nil, false)
			return err
		},
	} {
		if err := change(); err == nil || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedEnsemblesAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "both")
	make := func() {
		m, err := NewEnsemble([]*Model{small(t, "ngram"), small(t, "mlp")}, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(file string, change func(string) string) {
		path := filepath.Join(dir, file)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(change(string(content))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	repack := func() {
		var man manifest
		content, err := os.ReadFile(filepath.Join(dir, ManifestFile))
		if err != nil || json.Unmarshal(content, &man) != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, ManifestFile))
		if err := writeManifest(dir, man.Members); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func()
		says   string
	}{
		"a member's weights": {func() { edit("members/2-mlp/model.safetensors", func(s string) string { return s[:len(s)-1] + "?" }) }, "model.safetensors is not the file that was packed"},
		"a member is gone":   {func() { os.RemoveAll(filepath.Join(dir, "members", "1-ngram")) }, "no such file"},
		"a member is exchanged": {func() {
			small := small(t, "cnn")
			os.RemoveAll(filepath.Join(dir, "members", "1-ngram"))
			if _, err := small.Save(filepath.Join(dir, "members", "1-ngram"), nil); err != nil {
				t.Fatal(err)
			}
		}, "another model than the one that was packed"},
		"a way out of the package": {func() {
			edit(ManifestFile, func(s string) string { return strings.ReplaceAll(s, "members/2-mlp", "members/..") })
		}, "outside the package"},
		"a member of no ensemble": {func() {
			edit(ConfigFile, func(s string) string { return strings.ReplaceAll(s, `"ensemble":`, `"other":`) })
			repack()
		}, `no "ensemble" part`},
		"an unlisted member": {func() {
			edit(ConfigFile, func(s string) string { return strings.ReplaceAll(s, "members/2-mlp", "members/3-mlp") })
			repack()
		}, "does not list"},
		"weights below 0": {func() {
			edit(ConfigFile, func(s string) string { return strings.ReplaceAll(s, `"weight": 0.5`, `"weight": -0.5`) })
			repack()
		}, "weight is -0.5"},
		"other labels": {func() {
			edit(ConfigFile, func(s string) string { return strings.Replace(s, `"0": "好 评"`, `"0": "不"`, 1) })
			repack()
		}, "labels are not those of the members"},
		"a member in itself": {func() {
			edit("members/1-ngram/"+ManifestFile, func(s string) string {
				return strings.Replace(s, `"format": 1,`, `"format": 2, "members": {"members/x": "sha256:0"},`, 1)
			})
		}, "an ensemble itself"},
	} {
		make()
		c.damage()
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.says) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", name, err, hint.Way(err))
		}
	}
}
