package xiaoyu_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
)

// word is the ith of words that have no character in common.
func word(i int) string { return string([]rune{rune(0x5100 + 2*i), rune(0x5101 + 2*i)}) }

// Words that training never saw are known by their category: the test file has none of those of the training file.
func TestKnowledgeReachesWordsThatTrainingNeverSaw(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	const words, seen = 60, 40
	dir := t.TempDir()
	write := func(name string, content *strings.Builder) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var lexicon, train, test, tagged, taggedTest strings.Builder
	train.WriteString("text,label\n")
	test.WriteString("text,label\n")
	for i := range words {
		label := []string{"good", "bad"}[i%2]
		fmt.Fprintf(&lexicon, "%s\t%s\n", word(i), []string{"praise", "blame"}[i%2])
		to, conll, times := &train, &tagged, 6
		if i >= seen {
			to, conll, times = &test, &taggedTest, 2
		}
		for n := range times {
			fmt.Fprintf(to, "这家%s店第%d次%d,%s\n", word(i), n, i/2, label)
			for at, r := range []rune(fmt.Sprintf("在%s看%d%d", word(i), n, i/2)) {
				tag := "O"
				if at == 1 || at == 2 {
					tag = []string{"B", "I"}[at-1] + "-" + []string{"ORG", "LOC"}[i%2]
				}
				fmt.Fprintf(conll, "%c %s\n", r, tag)
			}
			conll.WriteString("\n")
		}
	}
	files := []string{write("words.tsv", &lexicon), write("train.csv", &train), write("test.csv", &test), write("train.conll", &tagged), write("test.conll", &taggedTest)}
	for _, c := range []struct {
		family, train, test, epochs string
	}{{"ngram", files[1], files[2], "5"}, {"mlp", files[1], files[2], "10"}, {"cnn", files[3], files[4], "5"}} {
		if testing.Short() && c.family != "ngram" {
			continue // seconds
		}
		var figures [2]float64
		for i, known := range []string{"", files[0]} {
			config, err := xiaoyu.Preset(c.family)
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range map[string]string{"data.path": c.train, "data.test_path": c.test, "out": filepath.Join(dir, fmt.Sprint(c.family, i)), "runs": filepath.Join(dir, "runs"), "data.split.near": "0",
				"train.epochs": c.epochs, "train.min_steps": "200", "model.knowledge": known, "eval.bootstrap": "0", "train.threads": "1", "train.refit": "false"} {
				if err := conf.Set(config, key, value); err != nil {
					t.Fatal(err)
				}
			}
			r, err := xiaoyu.Train(context.Background(), config, xiaoyu.TrainOptions{})
			if err != nil {
				t.Fatal(err)
			}
			figures[i] = r.Report.Main().Value
		}
		if figures[1] < 0.9 || figures[0] > 0.75 {
			t.Errorf("%s: %.3f with the lexicon, %.3f without", c.family, figures[1], figures[0])
		}
		t.Logf("%s: %.3f with the lexicon, %.3f without", c.family, figures[1], figures[0])
	}
}
