package xiaoyu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// tagged returns a preset on a file of columns.
func tagged(t *testing.T, family string) *Config {
	t.Helper()
	c, err := Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path = filepath.Join(t.TempDir(), "train.conll")
	if err := os.WriteFile(c.Data.Path, []byte("Ann B-PER\nsleeps O\n\nBob B-PER\nsleeps O\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATaggerHasItsOwnSettingsButForThoseThatWereChosen(t *testing.T) {
	c := tagged(t, "lstm")
	for key, value := range map[string]string{"model.word_dropout": "0", "train.epochs": "5"} { // the first is what the preset says as well
		if err := conf.Set(c, key, value); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a search resolves the task of a configuration again
		if err := c.resolveTask(context.Background()); err != nil {
			t.Fatal(err)
		}
		if c.Task != data.Tags || c.Model.WordDropout != 0 || c.Train.Epochs != 5 {
			t.Errorf("task %s, word dropout %v, %d epochs", c.Task, c.Model.WordDropout, c.Train.Epochs)
		}
		if c.Train.Average != 0.999 || c.Model.Dropout != 0.5 || c.Data.Rows.Duplicates {
			t.Errorf("average %v, dropout %v, doubles dropped: %v", c.Train.Average, c.Model.Dropout, c.Data.Rows.Duplicates)
		}
	}
	c = tagged(t, "ngram")
	if err := c.resolveTask(context.Background()); err == nil || !strings.Contains(Way(err), "lstm") {
		t.Errorf("a family without states of tokens: %v; %s", err, Way(err))
	}
}

// TestAPretrainedEncoderLearnsToTagAndToAnswer trains a checkpoint of others on each task that asks for states of tokens.
func TestAPretrainedEncoderLearnsToTagAndToAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("a real encoder is fine-tuned")
	}
	base := golden.Path(t, "models", "all-MiniLM-L6-v2")
	for task, content := range map[string]string{
		data.Tags:    strings.Repeat("Ann B-PER\nsleeps O\n\nhere O\nBob B-PER\nruns O\n\n", 12),
		data.Answers: strings.Repeat(`{"question":"who sleeps","context":"Ann sleeps here","answers":["Ann"]}`+"\n"+`{"question":"who runs","context":"now Bob runs","answers":["Bob"]}`+"\n", 12),
	} {
		dir := t.TempDir()
		c, err := Preset(model.EncoderFamily)
		if err != nil {
			t.Fatal(err)
		}
		c.Task, c.Name, c.Out, c.Runs = task, "m", filepath.Join(dir, "m"), filepath.Join(dir, "runs")
		c.Data.Path = filepath.Join(dir, map[string]string{data.Tags: "train.conll", data.Answers: "train.jsonl"}[task])
		c.Data.Rows.Duplicates, c.Model.Base, c.Train.Epochs, c.Train.Threads, c.Eval.Bootstrap = false, base, 1, 1, 0
		if err := os.WriteFile(c.Data.Path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(t.Context(), c, TrainOptions{}); err != nil {
			t.Errorf("task %s: %v; %s", task, err, Way(err))
			continue
		}
		m, err := model.Open(c.Out)
		if err != nil {
			t.Fatal(err)
		}
		pair := ""
		if task == data.Answers {
			pair = "who sleeps"
		}
		if _, err := m.PredictQueries(t.Context(), []model.Query{{Text: "Ann sleeps", Pair: pair}}); err != nil {
			t.Errorf("task %s: %v", task, err)
		}
	}
}

func TestSmallPartsLearnFasterThanTheirEncoder(t *testing.T) {
	for _, k := range []struct {
		set  map[string]string
		want float64
	}{
		{nil, 0.00005},
		{map[string]string{"train.lora.rank": "8"}, 0.0005},
		{map[string]string{"train.bottleneck.size": "8"}, 0.0005},
		{map[string]string{"train.lora.rank": "8", "train.learning_rate": "0.001"}, 0.001},
	} {
		c := tagged(t, model.EncoderFamily)
		for key, value := range k.set {
			if err := conf.Set(c, key, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.resolveTask(context.Background()); err != nil {
			t.Fatal(err)
		}
		if c.Train.LearningRate != k.want {
			t.Errorf("with %v the learning rate is %v, want %v", k.set, c.Train.LearningRate, k.want)
		}
	}
}

func TestTokensAreWholeWhereEntitiesAre(t *testing.T) {
	row := func(s, entity string) data.Row {
		at := strings.Index(s, entity)
		return data.Row{Text: s, Entities: []data.Entity{{Start: at, End: at + len(entity), Label: "LOC"}}}
	}
	for _, c := range []struct {
		name string
		rows []data.Row
		want string
	}{
		{"entities of words", []data.Row{row("He lives in Berlin.", "Berlin"), row("The U.S. won 3-1", "U.S.")}, "whole"},
		{"parts of words", []data.Row{row("He lives in Berlin.", "Berlin"), row("A Berlin-based firm", "Berlin")}, "word"},
		{"Chinese", []data.Row{row("他住在柏林", "柏林")}, "char"},
	} {
		p, err := Preset("lstm")
		if err != nil {
			t.Fatal(err)
		}
		p.Task, p.Model.Head = data.Tags, data.Tags
		if p.suitScript(c.rows); p.Tokenizer.Kind != c.want {
			t.Errorf("%s: %s", c.name, p.Tokenizer.Kind)
		}
	}
}
