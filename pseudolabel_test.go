package xiaoyu_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
)

// few is the configuration of a training on a base that knows other texts, with labels of a third of its texts.
func few(t *testing.T, base string) *xiaoyu.Config {
	t.Helper()
	c := project(t, "transformer")
	rows := combined(map[string]string{"很干净": "好", "真不错": "好", "太脏了": "差", "真失望": "差"}, []string{"窗户", "走廊", "阳台", "花园", "停车场", "会议室", "房间", "早餐", "餐厅", "浴室"})
	var some, test [][]string
	for i, row := range rows {
		switch {
		case i%4 == 0:
			test = append(test, row)
			continue
		case i%4 > 1:
			row = []string{row[0], ""}
		}
		some = append(some, row)
	}
	folder := t.TempDir()
	c.Data.Path, c.Data.Test = filepath.Join(folder, "few.csv"), filepath.Join(folder, "test.csv")
	writeRows(t, c.Data.Path, some)
	writeRows(t, c.Data.Test, test)
	c.Data.Text, c.Data.Label = "text", "label"
	c.Model.Base, c.Train.Recipe, c.Train.Threads = base, "pseudolabel", 1
	return c
}

// Interrupted before the encoder learns or while it does, a training comes to the same model.
func TestPseudoLabelsAreLearntOverInterruptions(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	base, err := xiaoyu.Train(context.Background(), project(t, "transformer"), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	weights := func(r *xiaoyu.Result) string {
		content, err := os.ReadFile(filepath.Join(r.Package, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	plain := few(t, base.Package)
	r, err := xiaoyu.Train(context.Background(), plain, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := weights(r)
	if r.Recipe != "pseudolabel" {
		t.Errorf("the recipe was %s", r.Recipe)
	}
	c, resume := few(t, base.Package), ""
	for _, stop := range []struct {
		stage string
		at    int64
	}{{"training", 2}, {"pseudo-labels", 1}, {"pseudo-labels", 2}, {"pseudo-labels", 5}} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stop.stage, at: stop.at, cancel: cancel}, Resume: resume})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted in %s: %v", stop.stage, err)
		}
		resume = "last"
	}
	if r, err = xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: resume}); err != nil {
		t.Fatal(err)
	}
	if weights(r) != want {
		t.Error("the resumed training comes to other weights")
	}
	if left, _ := filepath.Glob(filepath.Join(c.Runs, "*", "checkpoint*")); len(left) > 0 {
		t.Errorf("checkpoints are left: %q", left)
	}
	m, err := xiaoyu.Open(r.Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if !m.Config.Wide || m.Linear() == nil {
		t.Error("the package has no n-grams beside the network")
	}
	c = few(t, base.Package)
	c.Data.Path = c.Data.Test // where every row has a label
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err == nil || !strings.Contains(err.Error(), "pseudolabel needs texts without labels") {
		t.Errorf("without texts: %v", err)
	}
}

// Rows without a label that are enough show the shares of the classes: texts from elsewhere do not change what the model labels
// by itself, and teach the encoder alone.
func TestTextsFromElsewhereTeachTheEncoderAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	base, err := xiaoyu.Train(context.Background(), project(t, "transformer"), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := few(t, base.Package)
	folder := filepath.Dir(c.Data.Path)
	rows, err := os.ReadFile(c.Data.Path)
	if err != nil {
		t.Fatal(err)
	}
	var more, elsewhere strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&more, "住了%d天，房间%s,\n", i, []string{"真不错", "太脏了"}[i%2])
		fmt.Fprintf(&elsewhere, "第%d间餐厅%s\n", i, []string{"很干净", "真失望"}[i%2])
	}
	if err := os.WriteFile(c.Data.Path, append(rows, more.String()...), 0o600); err != nil {
		t.Fatal(err)
	}
	texts := filepath.Join(folder, "elsewhere.txt")
	if err := os.WriteFile(texts, []byte(elsewhere.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	train := func(recipe string, texts ...string) (weights, said string) {
		t.Helper()
		var log notes
		c.Train.Recipe, c.Distill.Texts = recipe, texts
		r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: &log})
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(r.Package, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content), strings.Join(log.lines, "\n")
	}
	alone, _ := train("cotrain")
	beside, notes := train("cotrain", texts)
	if alone != beside || !strings.Contains(notes, "the 1000 texts of distill.texts are left out") {
		t.Errorf("cotrain learns from texts from elsewhere: %s", notes)
	}
	if _, notes = train("pseudolabel"); !strings.Contains(notes, "what is believed of 1150 texts") {
		t.Errorf("without texts from elsewhere: %s", notes)
	}
	if _, notes = train("pseudolabel", texts); !strings.Contains(notes, "what is believed of 2150 texts") {
		t.Errorf("with texts from elsewhere: %s", notes)
	}
}
