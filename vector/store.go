package vector

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// About says what a store is made of. A store goes on only with what it was begun with.
type About struct {
	Model     string `json:"model"`  // digest of the model that made the vectors
	Prompt    string `json:"prompt"` // put before each text
	Data      string `json:"data"`   // where the texts are from
	Column    string `json:"column"`
	MaxTokens int    `json:"max_tokens,omitempty"` // that the model reads of a text
	Bytes     int64  `json:"bytes,omitempty"`      // size of that file
	Modified  string `json:"modified,omitempty"`
	Dim       int    `json:"dim"`
}

// state is the file index.json.
type state struct {
	Format int `json:"format"`
	About
	Rows     int  `json:"rows"`
	Complete bool `json:"complete"`
}

// Row is what a vector stands for.
type Row struct {
	Line int    `json:"line"` // in the file
	Text string `json:"text"`
}

// The files of a store. Vectors and ends of rows have a fixed length, so that their sizes tell how many there are.
const (
	storeFormat = 1
	stateFile   = "index.json"
	vectorsFile = "vectors.bf16" // [rows, dim], little endian
	rowsFile    = "rows.jsonl"
	endsFile    = "rows.ends" // where in rowsFile each row ends: 8 bytes, little endian
	graphFile   = "graph.bin"
)

// Writer makes a store row by row. What an interruption leaves is taken up by the next Writer.
type Writer struct {
	dir           string
	state         state
	vectors, rows *os.File
	ends          *os.File
	buffered      [3]*bufio.Writer // of vectors, rows, ends
	at            int64            // in rows
	bits          []uint16
}

// NewWriter begins a store in a folder, or goes on with one that was begun. Rows tells how many there are already.
func NewWriter(dir string, about About) (*Writer, error) {
	if about.Dim < 1 {
		return nil, fmt.Errorf("making the index %s: its vectors have no numbers", dir)
	}
	w := &Writer{dir: dir, state: state{Format: storeFormat, About: about}}
	old, err := readState(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return nil, hint.Errorf("name a folder of its own for the index", "%s is there and holds something else", dir)
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		err = w.writeState()
	case err == nil && old.About == about:
		w.state.Complete = old.Complete
	case err == nil:
		err = hint.Errorf("name another folder, or delete this one", "the index %s was made with another model, another prompt, or another state of %s", dir, old.Data)
	}
	if err != nil {
		return nil, err
	}
	if w.state.Complete {
		return w, nil
	}
	for i, f := range []struct {
		name string
		file **os.File
	}{{vectorsFile, &w.vectors}, {rowsFile, &w.rows}, {endsFile, &w.ends}} {
		if *f.file, err = os.OpenFile(filepath.Join(dir, f.name), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
			w.Close()
			return nil, err
		}
		w.buffered[i] = bufio.NewWriterSize(*f.file, 1<<20)
	}
	if err := w.takeUp(); err != nil {
		w.Close()
		return nil, fmt.Errorf("going on with the index %s: %w", dir, err)
	}
	return w, nil
}

// takeUp finds the rows that are whole in all files, and drops the rest.
func (w *Writer) takeUp() error {
	var sizes [3]int64
	for i, f := range []*os.File{w.vectors, w.rows, w.ends} {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		sizes[i] = info.Size()
	}
	for n := int(min(sizes[0]/int64(2*w.state.Dim), sizes[2]/8)); ; n-- {
		end, err := w.end(n)
		if err != nil {
			return err
		}
		if end <= sizes[1] {
			return w.Cut(n)
		}
	}
}

// end returns where the first n rows end.
func (w *Writer) end(n int) (int64, error) {
	var end [8]byte
	if n == 0 {
		return 0, nil
	}
	_, err := w.ends.ReadAt(end[:], 8*int64(n-1))
	return int64(binary.LittleEndian.Uint64(end[:])), err
}

// Cut drops all rows but the first n.
func (w *Writer) Cut(n int) error {
	if err := w.Flush(); err != nil {
		return err
	}
	end, err := w.end(n)
	if err != nil {
		return err
	}
	for f, size := range map[*os.File]int64{w.vectors: int64(n) * int64(2*w.state.Dim), w.ends: 8 * int64(n), w.rows: end} {
		if err := f.Truncate(size); err != nil {
			return err
		}
		if _, err := f.Seek(size, io.SeekStart); err != nil {
			return err
		}
	}
	w.state.Rows, w.at = n, end
	return nil
}

// Complete tells whether the store was finished before.
func (w *Writer) Complete() bool { return w.state.Complete }

// Rows returns how many rows are in the store.
func (w *Writer) Rows() int { return w.state.Rows }

// Add appends a row.
func (w *Writer) Add(v []float32, r Row) error {
	row, err := unit(v, w.state.Dim)
	if err != nil {
		return err
	}
	if w.bits == nil {
		w.bits = make([]uint16, w.state.Dim)
	}
	kernel.ToBF16(w.bits, row)
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	w.at += int64(len(text)) + 1
	var number [8]byte
	for _, b := range w.bits {
		if _, err := w.buffered[0].Write(binary.LittleEndian.AppendUint16(number[:0], b)); err != nil {
			return err
		}
	}
	_, err = w.buffered[1].Write(append(text, '\n'))
	if err == nil {
		_, err = w.buffered[2].Write(binary.LittleEndian.AppendUint64(number[:0], uint64(w.at)))
	}
	w.state.Rows++
	return err
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	var err error
	for _, b := range w.buffered {
		if b != nil {
			err = errors.Join(err, b.Flush())
		}
	}
	return err
}

// Finish marks the store as complete. The Writer is closed then.
func (w *Writer) Finish() error {
	err := w.Flush()
	for _, f := range []*os.File{w.vectors, w.rows, w.ends} {
		err = errors.Join(err, f.Sync())
	}
	if err == nil {
		w.state.Complete = true
		err = w.writeState()
	}
	return errors.Join(err, w.Close())
}

// Close ends writing; a store that is not finished can be taken up later. It may be called again.
func (w *Writer) Close() error {
	err := w.Flush()
	for _, f := range []**os.File{&w.vectors, &w.rows, &w.ends} {
		if *f != nil {
			err = errors.Join(err, (*f).Close())
			*f = nil
		}
	}
	w.buffered = [3]*bufio.Writer{}
	return err
}

func (w *Writer) writeState() error {
	content, err := json.MarshalIndent(w.state, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(w.dir, stateFile), append(content, '\n'), 0o644)
}

func readState(dir string) (state, error) {
	var s state
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(content, &s); err != nil || s.Format != storeFormat || s.Dim < 1 || s.Dim > 1<<20 || s.Rows < 0 || s.Rows > 1<<31-1 {
		return s, hint.Errorf("delete the folder and make it anew", "%s is no index that this version reads", dir)
	}
	return s, nil
}

// Store is vectors and what they stand for, opened from a folder. It may be read by any number of goroutines.
type Store struct {
	*Set
	About About
	Graph *Graph // nil where there is none: then searches are exact
	rows  *os.File
	ends  []int64
}

// OpenStore opens a finished store.
func OpenStore(dir string) (*Store, error) {
	st, err := readState(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Errorf("name the texts by --data, so that it is made", "there is no index in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	if !st.Complete {
		return nil, hint.Errorf("run the command that makes it again; it goes on where it was", "the index %s is not finished", dir)
	}
	s := &Store{Set: NewSet(st.Dim), About: st.About}
	damaged := func(name string, err error) error {
		return hint.Wrap(err, "delete the folder and make it anew", "opening the index %s: %s is damaged", dir, name)
	}
	if s.bits, err = readNumbers[uint16](filepath.Join(dir, vectorsFile), st.Rows*st.Dim); err != nil {
		return nil, damaged(vectorsFile, err)
	}
	if s.ends, err = readNumbers[int64](filepath.Join(dir, endsFile), st.Rows); err != nil {
		return nil, damaged(endsFile, err)
	}
	if s.rows, err = os.Open(filepath.Join(dir, rowsFile)); err != nil {
		return nil, damaged(rowsFile, err)
	}
	graph := filepath.Join(dir, graphFile)
	if _, err := os.Stat(graph); err == nil {
		if s.Graph, err = readGraph(graph, s.Set); err != nil {
			s.Close()
			return nil, damaged(graphFile, err)
		}
	}
	return s, nil
}

// readNumbers reads a file of exactly n numbers, or of any whole number of them for n < 0.
func readNumbers[T uint16 | int32 | int64](path string, n int) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var one T
	if n < 0 {
		n = int(info.Size()) / binary.Size(one)
	}
	if want := int64(n) * int64(binary.Size(one)); info.Size() != want {
		return nil, fmt.Errorf("it has %d bytes in place of %d", info.Size(), want)
	}
	numbers := make([]T, n)
	const step = 1 << 16
	in := bufio.NewReaderSize(f, 1<<20)
	for at := 0; at < n; at += step {
		if err := binary.Read(in, binary.LittleEndian, numbers[at:min(at+step, n)]); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// Row reads what vector i stands for.
func (s *Store) Row(i int) (Row, error) {
	var r Row
	from := int64(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	size := s.ends[i] - from
	if size < 0 || size > 1<<30 {
		return r, hint.Errorf("delete the index and make it anew", "row %d of the index has no text", i)
	}
	content := make([]byte, size)
	if _, err := s.rows.ReadAt(content, from); err != nil {
		return r, fmt.Errorf("reading row %d of the index: %w", i, err)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, hint.Wrap(err, "delete the index and make it anew", "reading row %d of the index", i)
	}
	return r, nil
}

// Close ends reading.
func (s *Store) Close() error { return s.rows.Close() }
