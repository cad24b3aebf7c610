package samples

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// trained is a model that is made of the reviews.
type trained struct {
	name, lang, label, family string
	epochs                    int
	card                      string // see cards.go
}

var models = []sample{
	{"review-sentiment-zh", trained{"review-sentiment-zh", "zh", "label", "cnn", 40, sentimentZHCard}.make},
	{"review-sentiment-en", trained{"review-sentiment-en", "en", "label", "ngram", 0, sentimentENCard}.make},
	{"review-topic-zh", trained{"review-topic-zh", "zh", "category", "ngram", 0, topicZHCard}.make},
}

func (t trained) make(ctx context.Context, w *work, dir string) error {
	data := filepath.Join(w.Dir, "reviews-"+t.lang+".csv")
	if err := table(data, t.lang); err != nil {
		return err
	}
	c, err := xiaoyu.Preset(t.family)
	if err != nil {
		return err
	}
	c.Name, c.Out, c.Runs = t.name, dir, filepath.Join(w.Dir, "runs")
	c.Data.Path, c.Data.Columns.Text, c.Data.Columns.Label = data, "text", t.label
	if t.epochs > 0 {
		c.Train.Epochs, c.Train.Patience = t.epochs, 8
	}
	result, err := xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{Observer: w.Observer, Command: []string{"xiaoyu", "market", "serve", "--with-samples"}})
	if err != nil {
		return err
	}
	bytes, err := folderSize(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "README.md")
	own, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	card := fmt.Sprintf(t.card, figures(result.Report), result.Report.N, size.Bytes(bytes), try(t.lang), t.name)
	return os.WriteFile(path, []byte(w.in(claiming(card, string(own)))), 0o644)
}

// claiming is a card with the figures (model-index) of the one that training wrote.
func claiming(card, own string) string {
	front, _, _ := strings.Cut(strings.TrimPrefix(own, "---\n"), "\n---\n")
	if at := strings.Index(front, "model-index:"); at >= 0 {
		return strings.Replace(card, "\n---\n", "\n"+front[at:]+"\n---\n", 1)
	}
	return card
}

// table writes the reviews of a language as they are published.
func table(file, lang string) error {
	list, err := reviews(lang)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	out.Write([]string{"text", "label", "category"})
	for _, r := range list {
		if part(r.Text) != sealed {
			out.Write([]string{r.Text, r.Label, r.Category})
		}
	}
	if out.Flush(); out.Error() != nil {
		return out.Error()
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// shown is how many figures a card has.
const shown = 4

// figures are those of a report as a table in both languages, with their intervals.
func figures(r *eval.Report) string {
	var b strings.Builder
	b.WriteString("| 指标 figure | 数值 value | 95% 区间 interval |\n|---|--:|---|\n")
	for i, f := range r.Figures() {
		if i == shown {
			break
		}
		interval := ""
		if v, ok := r.Intervals[f.Key]; ok {
			interval = fmt.Sprintf("%.3f – %.3f", v.Low, v.High)
		}
		fmt.Fprintf(&b, "| %s / %s | %.3f | %s |\n", f.NameZH, f.Name, f.Value, interval)
	}
	return b.String()
}

// try is a text to try, as a command takes it.
func try(lang string) string { return fmt.Sprintf("%q", examples.ToTry(lang)[0]) }

func folderSize(dir string) (total int64, err error) {
	return total, filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
}

// makeDesk makes an application of the models in Chinese.
func makeDesk(_ context.Context, w *work, dir string) error {
	needs := ""
	for _, n := range [][2]string{{"sentiment", "review-sentiment-zh"}, {"topic", "review-topic-zh"}, {"examples", "reviews"}} {
		needs += fmt.Sprintf("  %s: OWNER/%s:VERSION@%s\n", n[0], n[1], w.digests[n[1]])
	}
	return write(dir, map[string]string{"README.md": w.in(deskCard), "app.yaml": w.in(deskApp + needs)})
}
