package train

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Topics are asked about with other words: what belongs together shares the topic, and no character else.
const topics, perTopic = 12, 8

func question(topic, way int) string {
	subject := strings.Repeat(string(rune('一'+topic)), 2) + string(rune('七'+topic*3))
	return []string{"请问", "怎么办", "我想知道", "能否"}[way%4] + subject + []string{"呢", "啊", "", "谢谢"}[way/2%4]
}

// buildPairs returns an encoder and pairs of questions: with scores, 1 for those of one topic, or such pairs alone.
func buildPairs(t testing.TB, family string, scored bool, each int) (m *model.Model, train, valid *Set) {
	t.Helper()
	var all []string
	for topic := range topics {
		for way := range perTopic {
			all = append(all, question(topic, way))
		}
	}
	tok, err := text.Train(context.Background(), slices.Values(all), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 1000}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err = model.New(model.Config{Family: family, Head: model.EmbeddingHead, Pair: true, MaxTokens: 32, EmbedDim: 16, EmbedDropout: 0.1, Filters: 16, Widths: []int{1, 2}, Hidden: 12, Layers: 1, Heads: 2,
		Buckets: 500, Bidirectional: true, Activation: "relu", Pooling: "mean", NGram: model.NGrams{Tokens: 2, CharsMin: 2, CharsMax: 0, MinTexts: 1, MaxFeatures: 500, Weighting: "tf"}}, text.CleanConfig{}, tok, nil, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	train, valid = &Set{}, &Set{}
	var e model.Sample
	for topic := range topics {
		for way := range perTopic {
			set, other := train, topic
			if way%4 == 3 {
				set = valid
			}
			if scored && (topic+way)%2 == 1 {
				other = (topic + 1 + way) % topics
			}
			m.Encode(&set.Input, &e, question(topic, way), question(other, way+3))
			if scored {
				score := float32(0)
				if other == topic {
					score = 1
				}
				set.Targets.Scores = append(set.Targets.Scores, score)
			} else {
				groups := []int32{int32(topic), int32(topic)}
				if each == 3 {
					m.EncodeText(&set.Input, &e, question((topic+5)%topics, way))
					groups = append(groups, int32((topic+5)%topics))
					set.Input.Each = 3
				}
				set.Targets.Groups.Append(groups)
			}
			set.Add()
		}
	}
	return m, train, valid
}

func pairConfig() Config {
	c := config()
	c.Loss, c.Metric, c.Epochs, c.LabelSmoothing, c.ClassWeights, c.NegativeMargin = "auto", "auto", 20, 0, "none", 0.05
	return c
}

func TestEncodersLearnFromPairs(t *testing.T) {
	for _, c := range []struct {
		family, loss string
		hard, each   int
	}{
		{"static", "auto", 0, 2}, {"static", "auto", 2, 3}, {"static", "cosent", 0, 2}, {"static", "cosine", 0, 2}, {"static", "contrastive", 0, 2},
		{"mlp", "auto", 1, 2}, {"fasttext", "auto", 0, 2}, {"cnn", "auto", 2, 2}, {"gru", "auto", 1, 2}, {"transformer", "auto", 0, 2},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			m, train, valid := buildPairs(t, c.family, c.loss != "auto", c.each)
			config := pairConfig()
			config.Loss, config.HardNegatives = c.loss, c.hard
			tr, err := New(m, train, valid, config)
			if err != nil {
				t.Fatal(err)
			}
			if best := finish(t, tr); best < 0.8 {
				t.Errorf("%s of the validation part is %.3f", MainMetric(model.EmbeddingHead, c.loss != "auto"), best)
			}
			vectors, err := m.Embed(context.Background(), []string{question(1, 0), question(1, 3), question(2, 3)}, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range vectors {
				similar.Unit(v)
			}
			if same, other := kernel.Dot(vectors[0], vectors[1]), kernel.Dot(vectors[0], vectors[2]); same < other {
				t.Errorf("cosine %.3f within a topic, %.3f between two", same, other)
			}
		})
	}
}

func TestTrainingWithHardNegativesResumesToTheBit(t *testing.T) {
	start := func() (*Trainer, *model.Model) {
		m, train, valid := buildPairs(t, "cnn", false, 3)
		c := pairConfig()
		c.Epochs, c.HardNegatives = 5, 2
		tr, err := New(m, train, valid, c)
		if err != nil {
			t.Fatal(err)
		}
		return tr, m
	}
	tr, m := start()
	run(t, tr, nil)
	tr.Finish()
	want := slices.Clone(m.Params.Values())
	for _, stop := range []int{1, 0} { // in the middle of the third epoch, and at its end
		tr, _ = start()
		at := tr.StepsPerEpoch()*3 - stop*4
		run(t, tr, func(e Event) bool { return e.Step != nil && e.Step.Step >= at })
		path := filepath.Join(t.TempDir(), "checkpoint")
		if err := tr.Save(path); err != nil {
			t.Fatal(err)
		}
		tr.Finish()
		tr, m = start()
		if err := tr.Restore(path); err != nil {
			t.Fatal(err)
		}
		run(t, tr, nil)
		tr.Finish()
		if !slices.Equal(m.Params.Values(), want) {
			t.Errorf("the weights differ after a stop at step %d", at)
		}
	}
}

func TestHardNegativesAreNearButNotTooNear(t *testing.T) {
	m, train, valid := buildPairs(t, "static", false, 2)
	c := pairConfig()
	c.HardNegatives, c.NegativeMargin = 3, 0.1
	tr, err := New(m, train, valid, c)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Finish()
	run(t, tr, func(e Event) bool { return e.Epoch != nil && e.Epoch.Epoch == 2 })
	if err := tr.mine(context.Background()); err != nil {
		t.Fatal(err)
	}
	rows, dim, err := Vectors(context.Background(), m, train, tr.tape)
	if err != nil {
		t.Fatal(err)
	}
	anchors, positives := pairRows(rows, dim, train)
	cosine := func(i, j int) float32 { return kernel.Dot(anchors[i*dim:(i+1)*dim], positives[j*dim:(j+1)*dim]) }
	groups := groupsOf(&train.Targets)
	for i := range train.Len() {
		limit := cosine(i, i) - 0.1
		chosen, usable := tr.state.Negatives[i*3:(i+1)*3], 0
		for j := range train.Len() {
			if groups[j] != groups[i] && cosine(i, j) <= limit {
				usable++
			}
		}
		if usable < 3 {
			continue // the rest is filled with any text
		}
		for _, n := range chosen {
			if groups[n] == groups[i] || cosine(i, int(n)) > limit+1e-5 {
				t.Errorf("example %d has the negative %d, of group %d and %d, cosine %.3f, limit %.3f", i, n, groups[i], groups[n], cosine(i, int(n)), limit)
			}
		}
		for j := range train.Len() {
			if groups[j] != groups[i] && cosine(i, j) <= limit && cosine(i, j) > cosine(i, int(chosen[2]))+1e-5 && !slices.Contains(chosen, int32(j)) {
				t.Errorf("example %d lacks the harder negative %d", i, j)
			}
		}
	}
}

func TestPairSettingsThatCannotBeFollowedAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		scored bool
		set    func(*Config)
	}{
		"hard negatives of scored pairs": {true, func(c *Config) { c.HardNegatives = 1 }},
		"R-Drop":                         {false, func(c *Config) { c.RDrop = 1 }},
		"a loss of scores without them":  {false, func(c *Config) { c.Loss = "cosine" }},
	} {
		m, train, valid := buildPairs(t, "static", c.scored, 2)
		config := pairConfig()
		c.set(&config)
		if _, err := New(m, train, valid, config); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, train, valid := buildPairs(t, "static", true, 2)
	train.Targets.Scores[0] = 4
	for _, loss := range []string{"cosine", "contrastive"} {
		c := pairConfig()
		c.Loss = loss
		if _, err := New(m, train, valid, c); err == nil || hint.Way(err) == "" {
			t.Errorf("a score of 4 with loss %s: %v", loss, err)
		}
	}
}
