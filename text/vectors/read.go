package vectors

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/decompress"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options say what to read of a file.
type Options struct {
	Keep     func(word string) bool  // words that are wanted; nil for all
	Limit    int                     // keep no more than so many words; 0 for no limit
	Skip     bool                    // pass over what is broken, with a note, instead of refusing the file
	Progress func(done, total int64) // told of bytes of the file; may be nil
}

const (
	maxLine  = 1 << 20 // bytes of a line: 8192 numbers of more digits than a float32 has
	maxWord  = 1 << 12 // bytes of a word in a binary file
	maxNotes = 5       // notes about broken places; the others are counted
	skipWay  = "mend it, or pass over what is broken (--skip; model.vectors_skip in xiaoyu.yaml)"
)

// Read reads a file of word vectors. Its format is seen from its content: a first line of two whole numbers is the
// header (words, dimensions) of word2vec's text and binary and of fastText's .vec; GloVe's has none. Of a word that
// stands twice the first vector counts.
//
// A line of another width, a number that is none, NaN or an infinity, a header that promises other dimensions or more
// words than there are, and a file that is cut off are errors that name the line; with Options.Skip they are notes.
func Read(ctx context.Context, path string, o Options) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, hint.Wrap(err, "check the path", "reading the word vectors %s", path)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, hint.Wrap(err, "check the path", "reading the word vectors %s", path)
	}
	if info.IsDir() {
		return nil, hint.Errorf("name the file in it", "reading the word vectors %s: it is a folder", path)
	}
	return readFrom(ctx, f, path, info.Size(), o)
}

// readFrom reads vectors of a stream of total bytes; name is named in errors.
func readFrom(ctx context.Context, from io.Reader, name string, total int64, o Options) (*Set, error) {
	hash := sha256.New()
	bytes := &counted{r: io.TeeReader(from, hash)}
	r := &reader{ctx: ctx, name: name, Options: o, bytes: bytes, total: total, set: New(0), words: -1}
	plain, closePlain, err := decompress.Reader(bytes, maxLine)
	if err != nil {
		return nil, r.damaged(err)
	}
	defer closePlain()
	r.in = plain
	if err := r.read(); err != nil {
		return nil, err
	}
	// What follows the last word, if anything does, belongs to the file as well.
	if _, err := io.Copy(io.Discard, bytes); err != nil {
		return nil, r.damaged(err)
	}
	r.set.Digest = "sha256:" + hex.EncodeToString(hash.Sum(nil))
	if r.broken > maxNotes {
		r.note("%d more broken places were passed over", r.broken-maxNotes)
	}
	if r.twice > 0 {
		r.note("%d words stand twice, first %q in line %d; the first vector of each counts", r.twice, r.twiceWord, r.twiceLine)
	}
	return r.set, nil
}

// reader is the state of one reading.
type reader struct {
	Options
	ctx   context.Context
	name  string
	in    *bufio.Reader
	bytes *counted
	total int64
	line  int // number of the line, or in binary files of the word, from 1
	words int // that the header promises; -1 without a header
	set   *Set

	broken, twice, twiceLine int
	twiceWord                string
}

func (r *reader) read() error {
	first, err := r.in.Peek(maxLine)
	if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
		return r.damaged(err)
	}
	if len(bytes.TrimSpace(first)) == 0 {
		return hint.Errorf("name a file of word vectors", "reading the word vectors %s: the file is empty", r.name)
	}
	start := []byte(nil)
	if end := bytes.IndexByte(first, '\n'); end >= 0 {
		start = first[:end]
	}
	words, dim, ok := header(start)
	if !ok {
		return r.readText()
	}
	r.words, r.set.Dim = words, dim
	if dim < 1 || dim > maxDim || words < 0 {
		return hint.Errorf("name a file of word vectors", "reading the word vectors %s: line 1: the header promises %d words of %d numbers; 1 to %d numbers are read", r.name, words, dim, maxDim)
	}
	if isBinary(first[len(start)+1:], dim) {
		if _, err := r.in.Discard(len(start) + 1); err != nil {
			return r.damaged(err)
		}
		return r.readBinary()
	}
	return r.readText()
}

// header reads a line of two whole numbers.
func header(line []byte) (words, dim int, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) != 2 {
		return 0, 0, false
	}
	words, err1 := strconv.Atoi(string(fields[0]))
	dim, err2 := strconv.Atoi(string(fields[1]))
	return words, dim, err1 == nil && err2 == nil
}

// isBinary tells vectors in bytes from vectors in digits by what follows the header: text has no control characters,
// and four bytes of a float32 have some in nearly every vector. A few short vectors may have none; they fail to parse.
func isBinary(sample []byte, dim int) bool {
	sample = sample[:min(len(sample), 64<<10)]
	for _, c := range sample {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return true
		}
	}
	line, _, _ := bytes.Cut(sample, []byte{'\n'})
	_, _, fields := cutWord(bytes.TrimRight(line, " \t\r"), dim)
	return fields != dim && !utf8.Valid(line)
}

// readBinary reads word2vec's binary format: each word, a space, its numbers as little-endian float32, and in the files
// of the original program a line feed.
func (r *reader) readBinary() error {
	raw := make([]byte, 4*r.set.Dim)
	for r.line = 1; r.line <= r.words; r.line++ {
		if err := r.tick(); err != nil {
			return err
		}
		word, err := r.binaryWord()
		if err == nil {
			_, err = io.ReadFull(r.in, raw)
		}
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return r.cutOff(r.line - 1)
			}
			if hint.Way(err) != "" {
				return err
			}
			return r.damaged(err)
		}
		r.set.Total++
		if !r.wanted(word) {
			continue
		}
		row := r.add(word)
		if row == nil {
			continue
		}
		decodeFloats(row, raw)
		if err := r.checkFinite(row, "word", word); err != nil {
			return err
		}
	}
	return nil
}

// binaryWord reads up to the next space.
func (r *reader) binaryWord() (string, error) {
	var word []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		switch {
		case c == ' ':
			return string(word), nil
		case c == '\n' && len(word) == 0: // the end of the vector before
		case len(word) == maxWord:
			return "", hint.Errorf("get the file again", "reading the word vectors %s: word %d of %d has no end; the header may promise another width than the %d of the vectors", r.name, r.line, r.words, r.set.Dim)
		default:
			word = append(word, c)
		}
	}
}

func (r *reader) wanted(word string) bool {
	return (r.Limit == 0 || r.set.Len() < r.Limit) && (r.Keep == nil || r.Keep(word))
}

// add makes room for a wanted word, nil if it stands twice.
func (r *reader) add(word string) []float32 {
	row := r.set.add(word)
	if row == nil {
		if r.twice++; r.twice == 1 {
			r.twiceWord, r.twiceLine = word, r.line
		}
	}
	return row
}

// checkFinite refuses the vector that was just added, or drops it, if it holds NaN or an infinity.
func (r *reader) checkFinite(row []float32, unit, word string) error {
	for _, v := range row {
		if v-v != 0 {
			r.set.drop()
			return r.fault(skipWay, "%s %d: the vector of %q holds %v", unit, r.line, word, v)
		}
	}
	return nil
}

// fault is an error about one place, or a note with Skip.
func (r *reader) fault(way, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if !r.Skip {
		return hint.Errorf(way, "reading the word vectors %s: %s", r.name, what)
	}
	if r.broken++; r.broken <= maxNotes {
		r.note("passed over: %s", what)
	}
	return nil
}

func (r *reader) note(format string, args ...any) {
	r.set.Notes = append(r.set.Notes, fmt.Sprintf(format, args...))
}

// cutOff is the fault of a file that holds fewer words than its header promises.
func (r *reader) cutOff(have int) error {
	return r.fault("get the file again, or read what there is (--skip; model.vectors_skip in xiaoyu.yaml)",
		"the header promises %d words, there are %d: the file is cut off", r.words, have)
}

// damaged explains a failure of the file itself.
func (r *reader) damaged(err error) error {
	way := "check the file"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		way = "the file is cut off: get it again"
	}
	return hint.Wrap(err, way, "reading the word vectors %s", r.name)
}

// tick is called for every word: it tells progress and heeds the context.
func (r *reader) tick() error {
	if r.line%1024 != 0 {
		return nil
	}
	if r.Progress != nil {
		r.Progress(r.bytes.n, r.total)
	}
	return r.ctx.Err()
}

// counted counts the bytes that pass.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
