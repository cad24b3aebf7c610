package xiaoyu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Embedder turns texts into vectors, as a Model does; prompt is put before each text.
type Embedder interface {
	Embed(ctx context.Context, texts []string, prompt string) ([][]float32, error)
	Dim() int
}

// Embedded is an example and its vector.
type Embedded struct {
	data.Example
	Vector []float32
}

// embedWindow is how many texts are embedded at a time.
const embedWindow = 256

// EmbedAll yields the vectors of examples as they come; never more than some hundred texts are in memory. prompt is
// put before each text. An error ends it.
func EmbedAll(ctx context.Context, e Embedder, examples iter.Seq2[data.Example, error], prompt string) iter.Seq2[Embedded, error] {
	return func(yield func(Embedded, error) bool) {
		var window []data.Example
		var texts []string
		flush := func() bool {
			vectors, err := e.Embed(ctx, texts, prompt)
			if err != nil {
				yield(Embedded{}, err)
				return false
			}
			for i, v := range vectors {
				if !yield(Embedded{window[i], v}, nil) {
					return false
				}
			}
			window, texts = window[:0], texts[:0]
			return true
		}
		for x, err := range examples {
			if err != nil {
				yield(Embedded{}, err)
				return
			}
			window, texts = append(window, x), append(texts, x.Text)
			if len(texts) == embedWindow && !flush() {
				return
			}
		}
		if len(texts) > 0 {
			flush()
		}
	}
}

// AppendJSON appends a line of JSON with the text and its embedding: the shortest numbers that are read back the same.
func (e *Embedded) AppendJSON(line []byte) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e.Text); err != nil {
		return nil, err
	}
	line = append(append(line, `{"text":`...), bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
	line = append(line, `,"embedding":[`...)
	for i, v := range e.Vector {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendFloat(line, float64(v), 'g', -1, 32)
	}
	return append(line, "]}\n"...), nil
}

// EmbedFileOptions say what EmbedFile reads and writes.
type EmbedFileOptions struct {
	Path     string // of the texts
	Columns  data.Columns
	Prompt   string // name of one of the model's prompts, "" for its default one
	Out      string // file of JSON lines, see Embedded.AppendJSON
	Observer Observer
}

// embedState is what an unfinished output was begun with.
type embedState struct {
	Model, Prompt string
	MaxTokens     int
	Source        source
}

// EmbedFile writes the vectors of a file's texts. While it is under way, the lines are in Out + ".part"; an interrupted
// call leaves them there, and the same call goes on behind them. It returns how many rows were written.
func EmbedFile(ctx context.Context, m *Model, o EmbedFileOptions) (rows int, err error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if o.Prompt, err = m.Prompt(o.Prompt); err != nil {
		return 0, err
	}
	from, err := sourceOf(o.Path, o.Columns)
	if err != nil {
		return 0, err
	}
	state, err := json.Marshal(embedState{m.Package.Digest, o.Prompt, m.Config.MaxTokens, from})
	if err != nil {
		return 0, err
	}
	part, stateFile := o.Out+".part", o.Out+".part.json"
	if old, err := os.ReadFile(stateFile); errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(old, state) {
		if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		if err := atomicfile.WriteFile(stateFile, state, 0o644); err != nil {
			return 0, hint.Wrap(err, "make the folder, or choose another --out", "embedding")
		}
	}
	rows, err = appendEmbeddings(ctx, m, o, part)
	if errors.Is(err, context.Canceled) {
		return rows, hint.Wrap(err, "the same command goes on where it was", "embedding")
	}
	if err != nil {
		return rows, err
	}
	if err := os.Rename(part, o.Out); err != nil {
		return rows, err
	}
	return rows, os.Remove(stateFile)
}

// appendEmbeddings writes what a part lacks.
func appendEmbeddings(ctx context.Context, m *Model, o EmbedFileOptions, part string) (rows int, err error) {
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if rows, err = wholeWindows(f); err != nil {
		return 0, err
	}
	r, err := data.Open(ctx, o.Path, o.Columns)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	defer func() { err = errors.Join(err, out.Flush()) }()
	watch := watchReading(o.Observer, r, "embedding")
	var line []byte
	for e, err := range EmbedAll(ctx, m, behind(r.All(), rows), o.Prompt) {
		if err != nil {
			return rows, err
		}
		if line, err = e.AppendJSON(line[:0]); err != nil {
			return rows, err
		}
		if _, err := out.Write(line); err != nil {
			return rows, fmt.Errorf("writing %s: %w", part, err)
		}
		rows++
		watch(rows)
	}
	if err := out.Flush(); err != nil {
		return rows, fmt.Errorf("writing %s: %w", part, err)
	}
	return rows, f.Sync()
}

// wholeWindows counts the lines of a file that windows were done with, cuts off what is behind them, and goes there: the
// last digits of a vector depend on the texts that it is computed with, and so an interruption changes none.
func wholeWindows(f *os.File) (lines int, err error) {
	in := bufio.NewReaderSize(f, 1<<20)
	size, whole := int64(0), int64(0)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		size += int64(len(line))
		if lines++; lines%embedWindow == 0 {
			whole = size
		}
	}
	if err := f.Truncate(whole); err != nil {
		return 0, err
	}
	_, err = f.Seek(whole, io.SeekStart)
	return lines - lines%embedWindow, err
}

// behind leaves the first n examples out.
func behind(examples iter.Seq2[data.Example, error], n int) iter.Seq2[data.Example, error] {
	return func(yield func(data.Example, error) bool) {
		for e, err := range examples {
			if n > 0 && err == nil {
				n--
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// source is a file of texts in a certain state.
type source struct {
	Path     string
	Column   string
	Bytes    int64
	Modified string
}

// sourceOf looks at a file that is read more than once.
func sourceOf(path string, columns data.Columns) (source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return source{}, hint.Wrap(err, "check the path; standard input cannot be read twice", "reading texts")
	}
	return source{path, columns.Text, info.Size(), info.ModTime().UTC().Format("2006-01-02T15:04:05.999999999Z")}, nil
}

// watchReading begins a stage that goes by what is read of a file; what it returns is called with the rows done.
func watchReading(o Observer, r *data.Reader, name string) func(rows int) {
	_, total := r.Progress()
	o.Stage(name, total/1000, "kB")
	return func(rows int) {
		if done, _ := r.Progress(); rows%64 == 0 || done == total {
			o.Progress(done/1000, fmt.Sprintf("%d texts", rows))
		}
	}
}
