// Command segment measures the segmenter of Chinese beside jieba (PyPI), and its memory beside gse's own, in one run:
//
//	XIAOYU_PYTHON=.venv/bin/python go run ./bench/segment --data ../shared/data/sighan2005
//
// The two take turns, each on one thread, in several rounds on the pku and msr test parts of the SIGHAN bakeoff of
// 2005; F1 of words and the median megabytes a second are printed. Seconds are those of the processor, so that other
// work on the machine counts for neither. Loading and memory are those of a process of its own that loads and cuts one
// sentence.
package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-ego/gse"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

//go:embed peer_jieba.py
var peerScript string

var sets = []string{"pku", "msr"}

func main() {
	dir := flag.String("data", "../shared/data/sighan2005", "folder of the bakeoff's files")
	python := flag.String("python", os.Getenv("XIAOYU_PYTHON"), "interpreter with jieba; $XIAOYU_PYTHON if empty")
	rounds := flag.Int("rounds", 5, "rounds in which the two take turns")
	probe := flag.String("probe", "", "used by the program itself")
	flag.Parse()
	err := error(nil)
	if *probe != "" {
		err = load(*probe)
	} else {
		err = run(*dir, *python, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// side is one contender in one mode on one set.
type side struct {
	seconds          []float64
	hits, cut, wants int
}

func (s *side) f1() float64 { return 2 * float64(s.hits) / float64(s.cut+s.wants) }

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// bakeoff is one test part.
type bakeoff struct {
	path  string
	lines []string
	gold  []map[text.Span]bool
	bytes int
}

func read(dir, set string) (*bakeoff, error) {
	b := &bakeoff{path: filepath.Join(dir, set+"_test_gold.utf8")}
	content, err := os.ReadFile(b.path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(strings.TrimPrefix(string(content), "\ufeff")) {
		words, at := strings.Fields(line), 0
		gold := make(map[text.Span]bool, len(words))
		for _, w := range words {
			gold[text.Span{Start: at, End: at + len(w)}] = true
			at += len(w)
		}
		b.lines, b.gold, b.bytes = append(b.lines, strings.Join(words, "")), append(b.gold, gold), b.bytes+at
	}
	return b, nil
}

func run(dir, python string, rounds int) error {
	if python == "" {
		return errors.New("pass --python with an interpreter that has jieba, or set XIAOYU_PYTHON")
	}
	var parts []*bakeoff
	args := []string{"-c", peerScript}
	for _, set := range sets {
		b, err := read(dir, set)
		if err != nil {
			return err
		}
		parts, args = append(parts, b), append(args, b.path)
	}
	if err := memory(); err != nil {
		return err
	}
	cmd := exec.Command(python, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	peer := bufio.NewReader(out)
	var loaded struct {
		Load float64 `json:"load_s"`
		RSS  int64   `json:"rss_kb"`
	}
	if err := answer(peer, &loaded); err != nil {
		return err
	}
	fmt.Printf("| jieba | %.0f | %.0f |\n\n", 1000*loaded.Load, float64(loaded.RSS)/1024)
	if err := compare(parts, in, peer, rounds); err != nil {
		return err
	}
	in.Close()
	return cmd.Wait()
}

// compare lets the two take turns and prints the table.
func compare(parts []*bakeoff, in io.Writer, peer *bufio.Reader, rounds int) error {
	fmt.Println("| set | new words | F1 | jieba's F1 | MB/s | jieba's MB/s | ratio |\n|---|---|---|---|---|---|---|")
	for number, part := range parts {
		for _, fresh := range []bool{false, true} {
			var ours, theirs side
			for range rounds {
				if err := part.ours(fresh, &ours); err != nil {
					return err
				}
				if err := part.theirs(number, fresh, in, peer, &theirs); err != nil {
					return err
				}
			}
			a, b := float64(part.bytes)/1e6/median(ours.seconds), float64(part.bytes)/1e6/median(theirs.seconds)
			fmt.Printf("| %s | %v | %.4f | %.4f | %.1f | %.2f | %.0f |\n", sets[number], fresh, ours.f1(), theirs.f1(), a, b, a/b)
		}
	}
	return nil
}

func (b *bakeoff) ours(fresh bool, s *side) error {
	var options []text.SegmentOption
	if fresh {
		options = append(options, text.WithNewWords())
	}
	seg, err := text.NewSegmenter(options...)
	if err != nil {
		return err
	}
	spans := make([][]text.Span, len(b.lines))
	start := processorTime()
	for i, line := range b.lines {
		spans[i] = seg.Segment(line)
	}
	s.seconds = append(s.seconds, (processorTime() - start).Seconds())
	s.hits, s.cut, s.wants = 0, 0, 0
	for i, list := range spans {
		s.cut, s.wants = s.cut+len(list), s.wants+len(b.gold[i])
		for _, span := range list {
			if b.gold[i][span] {
				s.hits++
			}
		}
	}
	return nil
}

func (b *bakeoff) theirs(number int, fresh bool, in io.Writer, peer *bufio.Reader, s *side) error {
	hmm := 0
	if fresh {
		hmm = 1
	}
	if _, err := fmt.Fprintln(in, number, hmm); err != nil {
		return err
	}
	var a struct {
		Seconds           float64
		Hits, Words, Gold int
	}
	if err := answer(peer, &a); err != nil {
		return err
	}
	s.seconds = append(s.seconds, a.Seconds)
	s.hits, s.cut, s.wants = a.Hits, a.Words, a.Gold
	return nil
}

func answer(from *bufio.Reader, to any) error {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the peer ended: %w", err)
	}
	return json.Unmarshal(line, to)
}

// memory starts this program anew for each segmenter and prints what loading took.
func memory() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Println("| loads | ms of processor | peak RSS, MB |\n|---|---|---|")
	for _, who := range []string{"nothing", "ours", "ours, new words", "gse"} {
		var ms, rss []float64
		for range 5 {
			out, err := exec.Command(self, "-probe", who).Output()
			if err != nil {
				return err
			}
			var m, r float64
			if _, err := fmt.Sscan(string(out), &m, &r); err != nil {
				return err
			}
			ms, rss = append(ms, m), append(rss, r)
		}
		fmt.Printf("| %s | %.0f | %.0f |\n", who, median(ms), median(rss))
	}
	return nil
}

// load loads a segmenter, cuts a sentence, and prints milliseconds and megabytes.
func load(who string) error {
	start, sentence := processorTime(), "研究生命起源"
	switch who {
	case "ours", "ours, new words":
		var options []text.SegmentOption
		if who != "ours" {
			options = append(options, text.WithNewWords())
		}
		seg, err := text.NewSegmenter(options...)
		if err != nil {
			return err
		}
		seg.Segment(sentence)
	case "gse":
		var seg gse.Segmenter
		seg.SkipLog = true
		if err := seg.LoadDictEmbed("zh_s"); err != nil {
			return err
		}
		seg.Cut(sentence)
	}
	taken := processorTime() - start
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return err
	}
	fmt.Println(float64(taken.Microseconds())/1000, float64(use.Maxrss)/1024)
	return nil
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
