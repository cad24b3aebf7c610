// Command distill measures what a teacher gives to small students on chnsenticorp: each student is trained on the labels
// alone, and again on the labels and on what a fine-tuned encoder says of the training part and of texts without labels.
//
//	go run ./bench/distill --teacher models/teacher
//	go run ./bench/distill --base ../shared/models/multilingual-e5-small-zh-en   (fine-tunes the teacher first)
//	go run ./bench/distill --teacher models/teacher --students gru,small --seeds 1,2 --texts 4000
//	go run ./bench/distill --teacher models/teacher --validation --set distill.temperature=4   (to choose settings)
//
// Texts without labels are online_shopping's reviews: those of hotels first, then of other things, shuffled. None of them
// is a text of chnsenticorp, whichever part it is in. Test rows are those whose text's SHA-256 begins with a byte below 51,
// as data.Split has it; with --validation they are left out, and the validation part judges in their place.
//
// What the teacher has said and what students have come to is kept in --keep: an interrupted table goes on where it was.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/bench/internal/runs"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// student is a small model: its family, what differs from the preset, and what is asked of it.
type student struct {
	name, family string
	settings     runs.Settings
	asked        string
}

// A tenth of the teacher's parameters is 3.5 million.
const (
	askedTenth = "at most a tenth of the teacher's parameters; loses at most 1.0 point, gains at least 1.5"
	askedSmall = "at most 1 MB; at least 0.895"
)

var students = []student{
	{"transformer", "transformer", []string{"model.max_tokens=256"}, askedTenth},
	{"gru", "gru", nil, askedTenth},
	{"cnn", "cnn", []string{"train.refit=true"}, askedTenth}, // as the presets of gru and ngram have it
	{"small", "gru", []string{"tokenizer.vocab_size=2400", "model.embed_dim=48", "model.hidden=56", "model.max_tokens=256"}, askedSmall},
	{"small ngram", "ngram", []string{"model.ngram.max_features=25000", "tokenizer.vocab_size=8000"}, askedSmall},
}

// taughtSettings are those of all students that have a teacher.
var taughtSettings = runs.Settings{"distill.weight=0.7", "distill.temperature=2"}

type options struct {
	data, keep, teacher, base string
	students                  runs.Words
	seeds                     runs.Seeds
	texts                     int
	validation                bool
	set                       runs.Settings
}

func main() {
	o := options{seeds: runs.Seeds{1, 2, 3}}
	for _, s := range students {
		o.students = append(o.students, s.name)
	}
	flag.StringVar(&o.data, "data", "../shared/data", "folder of the data sets")
	flag.StringVar(&o.keep, "keep", filepath.Join(os.TempDir(), "xiaoyu-distill"), "folder in which opinions, models and results are kept")
	flag.StringVar(&o.teacher, "teacher", "", "folder of a fine-tuned teacher; without it one is made of --base")
	flag.StringVar(&o.base, "base", "../shared/models/multilingual-e5-small-zh-en", "what the teacher is fine-tuned from")
	flag.Var(&o.students, "students", "students, separated by commas")
	flag.Var(&o.seeds, "seeds", "seeds, separated by commas")
	flag.IntVar(&o.texts, "texts", 15000, "texts without labels")
	flag.BoolVar(&o.validation, "validation", false, "judge on the validation part, to choose settings")
	flag.Var(&o.set, "set", "a key of the taught students' configuration, as key=value; may be given again")
	runs.Main(func(ctx context.Context) error { return run(ctx, &o) })
}

func (o *options) check() error {
	for _, name := range o.students {
		if !slices.ContainsFunc(students, func(s student) bool { return s.name == name }) {
			return fmt.Errorf("--students: there is no %q", name)
		}
	}
	return os.MkdirAll(o.keep, 0o755)
}

// run prints a row a student.
func run(ctx context.Context, o *options) error {
	if err := o.check(); err != nil {
		return err
	}
	b := &bench{options: o}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("%d cores, kernel %s; seeds %v, %d texts without labels; %s\n\n", runtime.GOMAXPROCS(0), kernel.Name(), o.seeds, o.texts, strings.Join(slices.Concat(taughtSettings, o.set), " "))
	fmt.Println("| student | parameters | on disk | labels alone | taught | gain, points | teacher | behind it, points | agreement | asked |\n|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range students {
		if !slices.Contains(o.students, s.name) {
			continue
		}
		var alone, taught, teacher, agreement float64
		var each []string
		var last *result
		for _, seed := range o.seeds {
			a, err := b.train(ctx, &s, seed, false)
			if err != nil {
				return fmt.Errorf("%s, labels alone, seed %d: %w", s.name, seed, err)
			}
			if last, err = b.train(ctx, &s, seed, true); err != nil {
				return fmt.Errorf("%s, taught, seed %d: %w", s.name, seed, err)
			}
			n := float64(len(o.seeds))
			alone, taught, teacher, agreement = alone+a.Accuracy/n, taught+last.Accuracy/n, teacher+last.Teacher/n, agreement+last.Agreement/n
			each = append(each, fmt.Sprintf("%.4f → %.4f", a.Accuracy, last.Accuracy))
		}
		fmt.Printf("| %s | %s | %s | %.4f | %.4f (%s) | %+.2f | %.4f | %.2f | %.4f | %s |\n", s.name, size.Count(last.Parameters), size.Bytes(last.Bytes), alone, taught,
			strings.Join(each, ", "), 100*(taught-alone), teacher, 100*(teacher-taught), agreement, s.asked)
	}
	return nil
}
