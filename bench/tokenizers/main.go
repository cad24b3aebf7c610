// Command tokenizers compares our tokenizers with the PyPI package of that name: encoding with offsets, and training, on
// one thread each, in turns. It prints the tables of bench/RESULTS.md.
//
//	go run ./bench/tokenizers --shared ../shared --python .venv/bin/python
//
// Times are of the processor and not of the clock, so that other work on the machine disturbs them less.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

var (
	shared = flag.String("shared", "../shared", "folder of data, golden and models")
	python = flag.String("python", "python3", "interpreter that has the package tokenizers")
	size   = flag.Int("bytes", 1_000_000, "text to encode, of each language")
	rounds = flag.Int("rounds", 5, "rounds; medians are printed")
	vocab  = flag.Int("vocab", 8000, "size of the vocabularies that are trained")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	runtime.GOMAXPROCS(1)
	dir, err := os.MkdirTemp("", "tokenizers")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, texts: map[string][]string{}, files: map[string]string{}}
	if err := b.run(); err != nil {
		log.Fatal(err)
	}
}

type bench struct {
	dir   string
	texts map[string][]string // by language
	files map[string]string
	in    *json.Encoder
	out   *bufio.Scanner
}

func (b *bench) run() error {
	for lang, path := range map[string]string{"zh": "data/online_shopping/online_shopping_10_cats.csv", "en": "data/imdb/test.jsonl.gz"} {
		if err := b.read(lang, filepath.Join(*shared, path)); err != nil {
			return err
		}
	}
	peer := exec.Command(*python, filepath.Join("bench", "tokenizers", "peer.py"))
	peer.Stderr = os.Stderr
	stdin, err := peer.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := peer.StdoutPipe()
	if err != nil {
		return err
	}
	if err := peer.Start(); err != nil {
		return err
	}
	b.in, b.out = json.NewEncoder(stdin), bufio.NewScanner(stdout)
	if err := b.training(); err != nil {
		return err
	}
	if err := b.encoding(); err != nil {
		return err
	}
	if err := stdin.Close(); err != nil {
		return err
	}
	return peer.Wait()
}

// read keeps the first texts of a file, and writes them for the peer.
func (b *bench) read(lang, path string) error {
	column := "review"
	if lang == "en" {
		column = "text"
	}
	r, err := data.Open(context.Background(), path, data.Columns{Text: column})
	if err != nil {
		return err
	}
	defer r.Close()
	n := 0
	for e, err := range r.All() {
		if err != nil {
			return err
		}
		b.texts[lang] = append(b.texts[lang], e.Text)
		if n += len(e.Text); n > *size {
			break
		}
	}
	content, err := json.Marshal(b.texts[lang])
	if err != nil {
		return err
	}
	b.files[lang] = filepath.Join(b.dir, lang+".json")
	return os.WriteFile(b.files[lang], content, 0o644)
}

// ask has the peer do something.
func (b *bench) ask(command map[string]any) (map[string]float64, error) {
	if err := b.in.Encode(command); err != nil {
		return nil, err
	}
	if !b.out.Scan() {
		return nil, fmt.Errorf("the peer ended")
	}
	var answer map[string]float64
	return answer, json.Unmarshal(b.out.Bytes(), &answer)
}

// processor returns the seconds that this process has computed.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func (b *bench) training() error {
	fmt.Printf("| trained | text | ours, s | theirs, s | ratio |\n|---|---|---|---|---|\n")
	for _, kind := range []string{"wordpiece", "bpe", "unigram"} {
		for _, lang := range []string{"zh", "en"} {
			start := processor()
			tok, err := text.Train(context.Background(), slices.Values(b.texts[lang]), text.Config{Kind: kind, NFKC: true, Lowercase: true, MinFrequency: 2, VocabSize: *vocab}, nil)
			if err != nil {
				return err
			}
			ours := processor() - start
			if err := tok.Save(filepath.Join(b.dir, kind+"."+lang+".tokenizer")); err != nil {
				return err
			}
			theirs, err := b.ask(map[string]any{"train": kind, "size": *vocab, "texts": b.files[lang]})
			if err != nil {
				return err
			}
			fmt.Printf("| %s | %s | %.2f | %.2f | %.1f |\n", kind, lang, ours, theirs["train"], theirs["train"]/ours)
		}
	}
	fmt.Println()
	return nil
}

func (b *bench) encoding() error {
	fmt.Printf("| tokenizer | text | ours, MB/s | encode, MB/s | encode_batch, MB/s | ratio to the better |\n|---|---|---|---|---|---|\n")
	for _, c := range [][3]string{
		{"BERT uncased", "en", filepath.Join(*shared, "models", "all-MiniLM-L6-v2", "tokenizer.json")},
		{"BERT uncased", "zh", filepath.Join(*shared, "models", "all-MiniLM-L6-v2", "tokenizer.json")},
		{"multilingual-e5 (Unigram)", "en", filepath.Join(*shared, "models", "multilingual-e5-small-zh-en", "tokenizer.json")},
		{"multilingual-e5 (Unigram)", "zh", filepath.Join(*shared, "models", "multilingual-e5-small-zh-en", "tokenizer.json")},
		{"WordPiece, trained here", "en", ""}, {"WordPiece, trained here", "zh", ""},
		{"BPE of bytes, trained here", "en", ""}, {"BPE of bytes, trained here", "zh", ""},
		{"Unigram, trained here", "en", ""}, {"Unigram, trained here", "zh", ""},
	} {
		path := c[2]
		if path == "" {
			kind, _, _ := strings.Cut(strings.ToLower(c[0]), ",")
			kind, _, _ = strings.Cut(kind, " ")
			path = filepath.Join(b.dir, kind+"."+c[1]+".tokenizer")
		}
		if err := b.compare(c[0], c[1], path); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) compare(name, lang, path string) error {
	tok, err := text.Load(path)
	if err != nil {
		return err
	}
	texts := b.texts[lang]
	bytes := 0
	var e text.Encoding
	for _, s := range texts {
		bytes += len(s)
		tok.EncodeTo(&e, s)
	}
	var ours, one, batch []float64
	for range *rounds {
		start := processor()
		for range 5 {
			for _, s := range texts {
				tok.EncodeTo(&e, s)
			}
		}
		ours = append(ours, (processor()-start)/5)
		theirs, err := b.ask(map[string]any{"tokenizer": path, "texts": b.files[lang]})
		if err != nil {
			return err
		}
		one, batch = append(one, theirs["encode"]), append(batch, theirs["batch"])
	}
	speed := func(seconds []float64) float64 {
		slices.Sort(seconds)
		return float64(bytes) / 1e6 / seconds[len(seconds)/2]
	}
	a, p, q := speed(ours), speed(one), speed(batch)
	fmt.Printf("| %s | %s | %.1f | %.1f | %.1f | %.1f |\n", name, lang, a, p, q, a/max(p, q))
	return nil
}
