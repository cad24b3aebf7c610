package xiaoyu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// taught is a project whose student has a teacher, and texts without labels: lines of dishes beside all reviews.
func taught(t *testing.T) *xiaoyu.Config {
	t.Helper()
	teacher := project(t, "ngram")
	teacher.Train.Epochs = 5
	r, err := xiaoyu.Train(context.Background(), teacher, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := project(t, "mlp")
	c.Distill.Teacher = []string{r.Package}
	reviews, err := os.ReadFile(c.Data.Path)
	if err != nil {
		t.Fatal(err)
	}
	texts := strings.ReplaceAll(string(reviews), "\n", "x\n") // rows of the data again, but for a letter in the last column
	for i := range 40 {
		texts += fmt.Sprintf("第%d道菜做得很用心但是上得太慢,positive,restaurant\n", i)
	}
	for i := range 3 { // rows without a label, that a file of texts has as well
		row := fmt.Sprintf("第%d家店还没有人说过什么,,restaurant\n", i)
		reviews, texts = append(reviews, row...), texts+row
	}
	if err := os.WriteFile(c.Data.Path, reviews, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Distill.Texts = []string{filepath.Join(filepath.Dir(c.Data.Path), "texts.csv")}
	if err := os.WriteFile(c.Distill.Texts[0], []byte(texts), 0o644); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAStudentIsComparedWithItsTeacher(t *testing.T) {
	c := taught(t)
	n := &notes{}
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: n})
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := xiaoyu.Open(c.Distill.Teacher[0])
	if err != nil {
		t.Fatal(err)
	}
	defer teacher.Close()
	u := r.Taught
	if u == nil || u.Digest != teacher.Package.Digest || u.Rows != r.Report.N || u.Texts != 43 {
		t.Fatalf("%+v\n%s", u, strings.Join(n.lines, "\n"))
	}
	if u.Agreement <= 0 || u.Comparison.Figures[0].B != r.Report.Accuracy || u.Bytes[0] != teacher.Package.Size || u.Milli[0] <= 0 || u.Milli[1] <= 0 {
		t.Errorf("%+v, of %+v", u, r.Report.Accuracy)
	}
	var origin struct {
		Taught struct{ Teacher, Digest string } `json:"taught"`
	}
	content, err := os.ReadFile(filepath.Join(r.Package, "lineage.json"))
	if err == nil {
		err = json.Unmarshal(content, &origin)
	}
	if err != nil || origin.Taught.Digest != u.Digest || origin.Taught.Teacher == "" {
		t.Errorf("%+v, %v", origin, err)
	}
	if page, err := os.ReadFile(r.ReportFile); err != nil || !strings.Contains(string(page), "taught by") {
		t.Errorf("the report does not name the teacher: %v", err)
	}
}

func TestAnInterruptedLessonGoesOnToTheSameStudent(t *testing.T) {
	c := taught(t)
	weights := func() string {
		content, err := os.ReadFile(filepath.Join(c.Out, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	want := weights()
	os.RemoveAll(c.Runs)
	for _, stop := range []struct {
		stage string
		at    int64
	}{{"teacher", 100}, {"training", 9}} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: &interrupter{stage: stop.stage, at: stop.at, cancel: cancel}})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: %v", stop.stage, err)
		}
	}
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Resume: "last"}); err != nil {
		t.Fatal(err)
	}
	if weights() != want {
		t.Error("the student differs")
	}
	if memory, err := filepath.Glob(filepath.Join(c.Runs, "opinions", "*.cache")); err != nil || len(memory) != 1 {
		t.Errorf("memories %q, %v", memory, err)
	}
}

// Whatever the task, a teacher of other tokens teaches it; here one that reads words a student that reads characters.
func TestTeachersOfEveryTask(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	for task, row := range map[string]func(i int) string{
		"multilabel": func(i int) string {
			return fmt.Sprintf(`{"text": "%s %s number %d", "label": [%s]}`, words[i%4], words[i/4%4], i, []string{`"a"`, `"a", "b"`, `"b"`, ""}[i%4])
		},
		"regression": func(i int) string {
			return fmt.Sprintf(`{"text": "%s %s number %d", "label": %d}`, words[i%4], words[i/4%4], i, i%4*10)
		},
		"tokens": func(i int) string {
			return fmt.Sprintf(`{"text": "%s lives in Rome, number %d", "label": [[0, %d, "PER"], [%d, %d, "LOC"]]}`, words[i%4], i, len(words[i%4]), len(words[i%4])+10, len(words[i%4])+14)
		},
	} {
		t.Run(task, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rows.jsonl")
			var b strings.Builder
			for i := range 160 {
				b.WriteString(row(i) + "\n")
			}
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			set := func(tokenizer, refit string) *xiaoyu.Config {
				c := project(t, "cnn")
				c.Data.Path, c.Data.Split.Near = path, 0
				for key, value := range map[string]string{"task": task, "tokenizer.kind": tokenizer, "train.epochs": "15", "train.min_steps": "0", "train.learning_rate": "0.01",
					"model.embed_dim": "16", "model.filters": "16", "train.average": "0", "train.refit": refit} {
					if err := conf.Set(c, key, value); err != nil {
						t.Fatal(err)
					}
				}
				return c
			}
			teacher := set("word", "false")
			r, err := xiaoyu.Train(context.Background(), teacher, xiaoyu.TrainOptions{})
			if err != nil {
				t.Fatal(err)
			}
			student := set("char", "true")
			student.Distill.Teacher = []string{r.Package}
			student.Distill.Weight, student.Distill.Temperature = 1, 1 // labels do not count
			if r, err = xiaoyu.Train(context.Background(), student, xiaoyu.TrainOptions{}); err != nil {
				t.Fatal(err)
			}
			if r.Taught.Agreement < 0.7 {
				t.Errorf("%+v; agreement %v", r.Taught.Comparison.Figures[0], r.Taught.Agreement)
			}
		})
	}
}

var words = []string{"Anna", "Bela", "Cleo", "Dora"}

func TestATeacherThatCannotTeachIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	for name, c := range map[string]struct {
		change func(c *xiaoyu.Config)
		want   string
	}{
		"no such folder":       {func(c *xiaoyu.Config) { c.Distill.Teacher = []string{"models/nobody"} }, "opening the model models/nobody"},
		"texts without one":    {func(c *xiaoyu.Config) { c.Distill.Teacher = nil }, "there is no teacher to label them"},
		"other labels":         {func(c *xiaoyu.Config) { c.Data.Label = "category" }, "has other labels: it lacks "},
		"the student's folder": {func(c *xiaoyu.Config) { c.Out = c.Distill.Teacher[0] }, "would take the place of its teacher"},
		"texts of pairs":       {func(c *xiaoyu.Config) { c.Data.Pair = "category" }, "reads single texts, the student pairs"},
		"no such texts":        {func(c *xiaoyu.Config) { c.Distill.Texts = []string{"nothing.txt"} }, "reading the corpus nothing.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			config := taught(t)
			c.change(config)
			_, err := xiaoyu.Train(context.Background(), config, xiaoyu.TrainOptions{})
			if err == nil || !strings.Contains(err.Error(), c.want) || xiaoyu.Way(err) == "" {
				t.Errorf("%v; %s", err, xiaoyu.Way(err))
			}
		})
	}
}

// A teacher of transformer layers gives its student tokens, layers to begin with, and what is inside it.
func TestAStudentTakesOverWhatIsInsideItsTeacher(t *testing.T) {
	teacher := project(t, "transformer")
	set := func(c *xiaoyu.Config, values map[string]string) {
		for key, value := range values {
			if err := conf.Set(c, key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	small := map[string]string{"train.epochs": "1", "train.min_steps": "0", "model.hidden": "16", "model.heads": "4", "model.layers": "3", "model.embed_dim": "16", "model.max_tokens": "32", "train.threads": "1", "train.refit": "false"}
	set(teacher, small)
	r, err := xiaoyu.Train(context.Background(), teacher, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		family string
		set    map[string]string
		layers int
	}{
		"layers":    {"transformer", map[string]string{"distill.init": "layers", "distill.layers": "1,3", "distill.hidden": "1", "distill.relations": "1"}, 2},
		"every":     {"transformer", map[string]string{"distill.init": "layers", "distill.every": "2"}, 2},
		"tokenizer": {"transformer", map[string]string{"distill.init": "tokenizer", "model.hidden": "8", "model.heads": "2", "model.layers": "1", "distill.relations": "1", "distill.embedding": "1", "distill.hidden": "0.5"}, 1},
		"vectors":   {"cnn", map[string]string{"distill.embedding": "1", "distill.distance": "mse"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			student := project(t, c.family)
			set(student, small)
			set(student, c.set)
			student.Distill.Teacher = []string{r.Package}
			n := &notes{}
			taught, err := xiaoyu.Train(context.Background(), student, xiaoyu.TrainOptions{Observer: n})
			if err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(n.lines, "\n"))
			}
			m, err := xiaoyu.Open(taught.Package)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if c.layers > 0 && m.Config.Layers != c.layers {
				t.Errorf("%d layers, want %d", m.Config.Layers, c.layers)
			}
		})
	}
	for want, values := range map[string]map[string]string{
		"rising":                    {"distill.init": "layers", "distill.layers": "3,1"},
		"does not read the tokens":  {"distill.relations": "1", "tokenizer.min_frequency": "3"},
		"set model.family to trans": {"model.family": "cnn", "distill.init": "layers"},
	} {
		student := project(t, "transformer")
		set(student, small)
		set(student, values)
		student.Distill.Teacher = []string{r.Package}
		_, err := xiaoyu.Train(context.Background(), student, xiaoyu.TrainOptions{})
		if err == nil || !strings.Contains(err.Error()+"; "+xiaoyu.Way(err), want) {
			t.Errorf("%s: %v; %s", want, err, xiaoyu.Way(err))
		}
	}
}

// oracle is a chat API that finds those reviews good that a model finds so, but for a few that it does not understand.
func oracle(t *testing.T, asked *atomic.Int32) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var chat struct {
			Model    string
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&chat); err != nil || chat.Model != "large" || r.Header.Get("Authorization") != "Bearer k" {
			http.Error(w, "what?", http.StatusBadRequest)
			return
		}
		_, question, _ := strings.Cut(chat.Messages[0].Content, "Text:\n")
		label := "B"
		if len(question)%2 == 0 {
			label = "A"
		}
		if asked.Add(1)%10 == 0 {
			label = "neither"
		}
		fmt.Fprintf(w, `{"choices": [{"message": {"content": %q}}], "usage": {"prompt_tokens": 30, "completion_tokens": 1}}`, label)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1"
}

func TestServicesAndFilesTeach(t *testing.T) {
	t.Setenv("ORACLE", "k")
	var asked atomic.Int32
	set := func(c *xiaoyu.Config) *xiaoyu.Config {
		c.Train.Epochs, c.Train.MinSteps, c.Train.Threads, c.Train.Refit = 1, 0, 1, false
		c.Distill.Service.Model, c.Distill.Service.Key, c.Distill.Service.PriceIn = "large", "ORACLE", 3
		return c
	}
	c := set(project(t, "mlp"))
	c.Distill.Teacher = []string{oracle(t, &asked)}
	n := &notes{}
	r, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: n})
	if err != nil {
		t.Fatal(err)
	}
	told := strings.Join(n.lines, "\n")
	if r.Taught == nil || r.Taught.Rows == 0 || r.Taught.Parameters[0] != 0 || r.Taught.Milli[0] != 0 || !strings.Contains(told, "teacher: large at http://") ||
		!strings.Contains(told, "asked of the service:") || !strings.Contains(told, "which cost") {
		t.Errorf("%+v\n%s", r.Taught, told)
	}
	before := asked.Load()
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err != nil || asked.Load() != before {
		t.Errorf("asked %d times, then %d (%v)", before, asked.Load(), err)
	}

	rows, err := os.ReadFile(c.Data.Path)
	if err != nil {
		t.Fatal(err)
	}
	var soft strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(rows)), "\n")[1:] {
		if review, _, ok := strings.Cut(line, ","); ok && i%3 > 0 && !strings.Contains(review, `"`) {
			fmt.Fprintf(&soft, `{"text": %q, "probabilities": {"positive": 0.7, "neutral": 0.1, "negative": 0.2}}`+"\n", review)
		}
	}
	path := filepath.Join(t.TempDir(), "soft.jsonl")
	if err := os.WriteFile(path, []byte(soft.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c = set(project(t, "mlp"))
	c.Distill.Teacher = []string{path}
	n = &notes{}
	if r, err = xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: n}); err != nil {
		t.Fatal(err)
	}
	if r.Taught == nil || r.Taught.Rows == 0 || r.Taught.Rows == r.Report.N {
		t.Errorf("%+v of %d rows\n%s", r.Taught, r.Report.N, strings.Join(n.lines, "\n"))
	}
	if err := os.WriteFile(path, []byte(`{"text": "x", "probabilities": {"good": 0.8, "neutral": 0.1, "negative": 0.1}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err == nil || !strings.Contains(err.Error(), "has other labels: it lacks positive; it alone has good") {
		t.Error(err)
	}
	c.Distill.Relations = 1
	if _, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{}); err == nil || xiaoyu.Way(err) == "" {
		t.Error(err)
	}
}

// Texts that are made of the training part are labelled by the teacher, and none of them is a row of the data.
func TestTextsAreMadeOfTheTrainingPart(t *testing.T) {
	teacher := project(t, "mlp")
	small := func(c *xiaoyu.Config, values ...string) *xiaoyu.Config {
		for _, v := range append([]string{"train.epochs=1", "train.min_steps=0", "train.threads=1", "train.refit=false"}, values...) {
			key, value, _ := strings.Cut(v, "=")
			if err := conf.Set(c, key, value); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	r, err := xiaoyu.Train(context.Background(), small(teacher), xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := os.ReadFile(teacher.Data.Path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := text.Train(context.Background(), strings.SplitSeq(string(reviews), "\n"), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 3000}, nil)
	if err == nil {
		tok, err = tok.WithSpecial(text.Mask)
	}
	if err != nil {
		t.Fatal(err)
	}
	guesses, err := model.New(model.Config{Family: "transformer", Head: model.MaskedHead, MaxTokens: 64, EmbedDim: 8, Hidden: 8, Layers: 1, Heads: 2, Activation: "gelu", Pooling: "mean"}, text.CleanConfig{}, tok, nil, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	masked := filepath.Join(t.TempDir(), "masked")
	if _, err := guesses.Save(masked, nil); err != nil {
		t.Fatal(err)
	}
	n := &notes{}
	c := small(project(t, "mlp"), "distill.augment.words=2", "distill.augment.masked=1", "distill.augment.model="+masked)
	c.Distill.Teacher = []string{r.Package}
	taught, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{Observer: n})
	if err != nil {
		t.Fatal(err)
	}
	var made, rows int
	for _, line := range n.lines {
		fmt.Sscanf(line, "%d texts made of the %d of the training part", &made, &rows)
	}
	if made < 2*rows || made > 3*rows || rows == 0 || taught.Taught.Texts != made {
		t.Errorf("%d texts of %d; %+v", made, rows, taught.Taught)
	}
	for want, values := range map[string][]string{
		"distill.augment.model":   {"distill.augment.masked=1"},
		"is no masked language":   {"distill.augment.masked=1", "distill.augment.model=" + r.Package},
		"the task is on pairs":    {"distill.augment.words=1", "data.pair=category"},
		"reading the word vector": {"distill.augment.words=1", "distill.augment.vectors=nothing.txt"},
	} {
		c := small(project(t, "mlp"), values...)
		c.Distill.Teacher = []string{r.Package}
		if c.Data.Pair != "" {
			pairs := small(project(t, "mlp"), "data.pair=category")
			p, err := xiaoyu.Train(context.Background(), pairs, xiaoyu.TrainOptions{})
			if err != nil {
				t.Fatal(err)
			}
			c.Distill.Teacher = []string{p.Package}
		}
		_, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
		if err == nil || !strings.Contains(err.Error()+"; "+xiaoyu.Way(err), want) || xiaoyu.Way(err) == "" {
			t.Errorf("%s: %v; %s", want, err, xiaoyu.Way(err))
		}
	}
}
