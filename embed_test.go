package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// after interrupts when the model is asked for vectors for the nth time.
type after struct {
	n         int
	interrupt func()
}

func (a *after) Stage(string, int64, string) {}
func (a *after) Note(string, ...any)         {}
func (a *after) Progress(int64, string) {
	if a.n--; a.n == 0 {
		a.interrupt()
	}
}

// embedder returns a model and a file of n texts.
func embedder(t *testing.T, n int) (*Model, string) {
	t.Helper()
	dir := t.TempDir()
	var rows strings.Builder
	rows.WriteString("text,label\n")
	for i := range n {
		fmt.Fprintf(&rows, "第 %d 行写的是 %d,%d\n", i, i*7%100, i%2)
	}
	file := filepath.Join(dir, "texts.csv")
	if err := os.WriteFile(file, []byte(rows.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Preset("mlp")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Out, c.Runs, c.Train.Epochs = file, filepath.Join(dir, "model"), filepath.Join(dir, "runs"), 1
	if _, err := Train(t.Context(), c, TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	m, err := Open(c.Out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, file
}

func TestInterruptedEmbeddingGoesOnToTheSameFile(t *testing.T) {
	m, file := embedder(t, 3*embedWindow+10)
	dir := t.TempDir()
	o := EmbedFileOptions{Path: file, Columns: data.Columns{Text: "text"}, Out: filepath.Join(dir, "whole.jsonl")}
	if _, err := EmbedFile(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	o.Out = filepath.Join(dir, "cut.jsonl")
	ctx, interrupt := context.WithCancel(t.Context())
	o.Observer = &after{6, interrupt}
	rows, err := EmbedFile(ctx, m, o)
	if !errors.Is(err, context.Canceled) || hint.Way(err) == "" || rows == 0 || rows >= 3*embedWindow {
		t.Fatalf("%d rows, %v", rows, err)
	}
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("an unfinished file has the name of a finished one")
	}
	part, err := os.OpenFile(o.Out+".part", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = part.WriteString("{}\n{}\n{\"text\":\"a line that a kill cut o") // a window that was not done
	if err := errors.Join(err, part.Close()); err != nil {
		t.Fatal(err)
	}
	o.Observer = nil
	if rows, err = EmbedFile(t.Context(), m, o); err != nil || rows != 3*embedWindow+10 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	if got, err := os.ReadFile(o.Out); err != nil || string(got) != string(want) {
		t.Errorf("it is another file than that of an undisturbed call, %v", err)
	}
}

func TestAPartOfSomethingElseIsBegunAnew(t *testing.T) {
	m, file := embedder(t, 40)
	o := EmbedFileOptions{Path: file, Columns: data.Columns{Text: "text"}, Out: filepath.Join(t.TempDir(), "out.jsonl")}
	for name, content := range map[string]string{".part": "{}\n{}\n", ".part.json": `{"Model":"other"}`} {
		if err := os.WriteFile(o.Out+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := EmbedFile(t.Context(), m, o); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(o.Out); err != nil || strings.HasPrefix(string(got), "{}") || strings.Count(string(got), "\n") != 40 {
		t.Errorf("%.40s, %v", got, err)
	}
}

func TestAnInterruptedIndexGoesOn(t *testing.T) {
	m, file := embedder(t, 3*embedWindow)
	o := IndexOptions{Path: file, Columns: data.Columns{Text: "text"}, Dir: filepath.Join(t.TempDir(), "index")}
	ctx, interrupt := context.WithCancel(t.Context())
	o.Observer = &after{6, interrupt}
	if _, err := OpenIndex(ctx, m, o); !errors.Is(err, context.Canceled) || hint.Way(err) == "" {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	o.Observer = nil
	x, err := OpenIndex(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if x.Len() != 3*embedWindow {
		t.Fatalf("%d rows", x.Len())
	}
	for _, i := range []int{0, embedWindow, 3*embedWindow - 1} {
		row, err := x.Row(i)
		if err != nil || row.Line != i+2 {
			t.Errorf("row %d is %+v, %v", i, row, err)
		}
		found, err := x.Find(t.Context(), m, row.Text, "", 1)
		if err != nil || len(found) != 1 || found[0].Cosine < 0.999 {
			t.Errorf("%s: %+v, %v", row.Text, found, err)
		}
	}
}
