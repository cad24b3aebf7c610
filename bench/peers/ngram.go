package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// ngram compares the ngram family with fastText's supervised mode: from texts in memory or on disk to a model, and from
// texts to labels. Both are judged on a sixth of the training part. Ours runs as its preset has it, at one cost of
// mistakes, and light: with n-grams of tokens alone, as fastText.
func (b *bench) ngram(set string, threads int) ([]result, error) {
	program, err := exec.LookPath("fasttext")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no fasttext; install Debian's package of that name", errSkip)
	}
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	fit, judge := c.part()
	f, err := newFastText(program, filepath.Join(b.temp, set), sources[set].rate, fit, judge, threads)
	if err != nil {
		return nil, err
	}
	modes, long := []string{"preset", "light"}, slices.Repeat(judge.texts, f.copies)
	learn, tell, right := map[string][]float64{}, map[string][]float64{}, map[string]float64{}
	for range min(b.rounds, 3) {
		for _, mode := range modes {
			start := time.Now()
			m, err := linear(mode, fit, threads)
			if err != nil {
				return nil, err
			}
			learn[mode] = append(learn[mode], milliseconds(start))
			start = time.Now()
			predictions, err := m.Predict(context.Background(), long)
			if err != nil {
				return nil, err
			}
			tell[mode] = append(tell[mode], milliseconds(start)/float64(f.copies))
			right[mode] = share(predictions[:len(judge.texts)], judge.classes)
		}
		if err := f.round(); err != nil {
			return nil, err
		}
	}
	var results []result
	for _, mode := range modes {
		one := result{Precision: "f32", Ours: mode, Peer: "fastText", PeerPrecision: "f32", OursFigure: right[mode], PeerFigure: f.accuracy}
		train, predict := one, one
		train.Work, train.OursMS, train.PeerMS = "ngram-train-"+set, median(learn[mode]), median(f.learn)
		predict.Work, predict.OursMS, predict.PeerMS = "ngram-predict-"+set, median(tell[mode]), median(f.tell)
		train.Note = fmt.Sprintf("%s, %.0f k words/s; %.2f with fastText's texts cut first", mode, float64(f.words)/train.OursMS, (train.PeerMS+f.cutFit)/train.OursMS)
		predict.Note = fmt.Sprintf("%s, %.0f k words/s; %.2f with fastText's texts cut first", mode, float64(f.judged)/predict.OursMS, (predict.PeerMS+f.cutJudge)/predict.OursMS)
		results = append(results, train, predict)
	}
	return results, nil
}

func share(predictions []model.Prediction, truth []int32) float64 {
	right := 0
	for i, p := range predictions {
		if p.Class == int(truth[i]) {
			right++
		}
	}
	return float64(right) / float64(len(truth))
}

// linear trains the ngram family from texts, tokenizer included.
func linear(mode string, fit *corpus, threads int) (*model.Model, error) {
	c, err := xiaoyu.Preset("ngram")
	if err != nil {
		return nil, err
	}
	chinese, all := 0, 0
	for _, s := range fit.texts[:min(len(fit.texts), 1000)] {
		n, of := text.CountChinese(s)
		chinese, all = chinese+n, all+of
	}
	zh := 3*chinese > all
	c.Tokenizer.Kind = "word"
	if mode == "light" {
		c.Model.NGram.Tokens, c.Model.NGram.CharsMax, c.Model.NGram.MaxFeatures = 2, 0, 30_000
		if zh {
			c.Tokenizer.Kind = "char"
		}
	}
	c.Model.NGram.Resolve(c.Tokenizer.Kind, zh)
	c.Train.Epochs, c.Train.Threads = 1, threads
	tok, err := text.Train(context.Background(), func(yield func(string) bool) {
		for _, s := range fit.texts {
			if !yield(s) {
				return
			}
		}
	}, c.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	m, err := model.New(c.Model, c.Data.Clean, tok, fit.names, 1, func(yield func(model.Example) bool) {
		var e text.Encoding
		for i, s := range fit.texts {
			tok.EncodeTo(&e, s)
			e.Cut(c.Model.MaxTokens)
			if !yield(model.Example{Text: &e, Pair: new(text.Encoding), Classes: fit.classes[i : i+1]}) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var set train.Set
	var e model.Sample
	for i, s := range fit.texts {
		m.Encode(&set.Input, &e, s, "")
		set.Targets.Classes = append(set.Targets.Classes, fit.classes[i])
		set.Add()
	}
	tr, err := train.New(m, &set, &train.Set{}, c.Train)
	if err != nil {
		return nil, err
	}
	defer tr.Finish()
	for _, err := range tr.Run(context.Background()) {
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// fastText is the program with its files, and what it took.
type fastText struct {
	program, folder string
	threads         string
	rate            string
	words, judged   int // of the texts to fit and to judge by
	copies          int // of the texts to judge by in the file that is timed
	learn, tell     []float64
	cutFit          float64 // what it took to cut the texts into the tokens that fastText reads, ms: neither is part of its time
	cutJudge        float64
	accuracy        float64
}

// newFastText writes the files: characters of Chinese and words of other scripts between spaces, in lower case.
func newFastText(program, folder, rate string, fit, judge *corpus, threads int) (*fastText, error) {
	f := &fastText{program: program, folder: folder, threads: strconv.Itoa(threads), rate: rate}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	var err error
	if f.words, err = f.write("fit", fit, 1); err != nil {
		return nil, err
	}
	if f.judged, err = f.write("judge", judge, 1); err != nil {
		return nil, err
	}
	f.cutFit, f.cutJudge = cutting(fit.texts), cutting(judge.texts)
	f.copies = 1 + 1_000_000/f.judged // so that the start of the program is not what is measured
	if _, err = f.write("long", judge, f.copies); err != nil {
		return nil, err
	}
	one := &corpus{texts: judge.texts[:1], classes: judge.classes[:1]}
	_, err = f.write("one", one, 1)
	return f, err
}

func (f *fastText) write(name string, c *corpus, copies int) (words int, err error) {
	file, err := os.Create(filepath.Join(f.folder, name))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(c.texts)) // fastText learns in the file's order, which is that of labels
	for range copies {
		for _, i := range order {
			tokens := split(c.texts[i])
			words += len(tokens)
			fmt.Fprintf(w, "__label__%d %s\n", c.classes[i], strings.Join(tokens, " "))
		}
	}
	return words, w.Flush()
}

// cutting returns how long it takes to cut texts, ms: the median of three times.
func cutting(texts []string) float64 {
	var took []float64
	var line []byte
	for range 3 {
		start := time.Now()
		for _, s := range texts {
			line = line[:0]
			for _, token := range split(s) {
				line = append(append(line, token...), ' ')
			}
		}
		took = append(took, milliseconds(start))
	}
	return median(took)
}

// split cuts a text into Chinese characters, runs of other letters and digits, and single signs.
func split(s string) []string {
	var tokens []string
	from := -1 // of the run that is open
	end := func(at int) {
		if from >= 0 {
			tokens = append(tokens, s[from:at])
			from = -1
		}
	}
	s = strings.ToLower(s)
	for i, r := range s {
		switch {
		case !unicode.Is(unicode.Han, r) && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if from < 0 {
				from = i
			}
		case unicode.IsSpace(r):
			end(i)
		default:
			end(i)
			tokens = append(tokens, string(r))
		}
	}
	end(len(s))
	return tokens
}

// round trains once and predicts once. The time to load the model, which is that of predicting one text, is taken off.
func (f *fastText) round() error {
	ms, _, err := f.call("supervised", "-input", f.path("fit"), "-output", f.path("model"), "-thread", f.threads, "-dim", "10", "-epoch", "5",
		"-lr", f.rate, "-wordNgrams", "2", "-verbose", "0")
	if err != nil {
		return err
	}
	f.learn = append(f.learn, ms)
	load, _, err := f.call("predict", f.path("model.bin"), f.path("one"))
	if err != nil {
		return err
	}
	all, _, err := f.call("predict", f.path("model.bin"), f.path("long"))
	if err != nil {
		return err
	}
	f.tell = append(f.tell, (all-load)/float64(f.copies))
	_, out, err := f.call("test", f.path("model.bin"), f.path("judge"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "P@1"); ok {
			f.accuracy, err = strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return err
}

func (f *fastText) path(name string) string { return filepath.Join(f.folder, name) }

func (f *fastText) call(args ...string) (ms float64, out string, err error) {
	start := time.Now()
	content, err := exec.Command(f.program, args...).Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", f.program, strings.Join(args, " "), err)
	}
	return milliseconds(start), string(content), err
}
