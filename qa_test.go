package xiaoyu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/examples"
)

// TestAReaderLearnsTheSampleQuestions lets a tiny model learn the questions of package examples by heart, in windows
// that hold a part of each text.
func TestAReaderLearnsTheSampleQuestions(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	for _, lang := range []string{"zh", "en"} {
		dir := t.TempDir()
		content, err := examples.Questions(lang)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "questions.json")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := Preset("gru")
		if err != nil {
			t.Fatal(err)
		}
		c.Data.Path, c.Task, c.Out, c.Runs = path, "qa", filepath.Join(dir, "model"), filepath.Join(dir, "runs")
		c.Data.Split.Test, c.Data.Split.Validation, c.Tokenizer.MinFrequency = 0, 0, 1
		c.Model.Hidden, c.Model.EmbedDim, c.Model.Dropout, c.Model.EmbedDropout, c.Model.MaxTokens, c.Model.Windows.Stride = 48, 48, 0, 0, 48, 16
		c.Chosen("model.max_tokens")
		c.Chosen("model.windows.stride")
		c.Train.Epochs, c.Train.BatchSize, c.Train.LearningRate, c.Train.Refit, c.Train.Threads, c.Eval.Bootstrap = 40, 8, 0.01, false, 1, 20
		r, err := Train(context.Background(), c, TrainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if f := r.Report.Main(); f.Key != "answer_f1" || f.Value < 0.9 {
			t.Errorf("%s: %+v after 40 epochs", lang, r.Report.Figures())
		}
		m, err := Open(c.Out)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if fmt.Sprint(m.Config.Thresholds) != "[0]" {
			t.Errorf("%s: questions without an answer leave thresholds %v", lang, m.Config.Thresholds)
		}
	}
}
