package vectors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"unsafe"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// readText reads a word and its numbers from each line. Only blanks and tabs part them: the words of real files hold
// every other kind of white space.
func (r *reader) readText() error {
	for {
		line, err := r.readLine()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := r.tick(); err != nil {
			return err
		}
		if r.line == 1 {
			if r.words >= 0 {
				continue
			}
			if r.set.Dim, err = r.firstLine(line); err != nil {
				return err
			}
		}
		if len(line) == 0 {
			continue
		}
		if err := r.textVector(line); err != nil {
			return err
		}
	}
	if r.words > r.set.Total {
		return r.cutOff(r.set.Total)
	}
	if r.words >= 0 && r.words < r.set.Total {
		r.note("the header promises %d words, there are %d; all were read", r.words, r.set.Total)
	}
	return nil
}

// readLine returns the next line without its end; io.EOF after the last.
func (r *reader) readLine() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	r.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, hint.Errorf("name a file of word vectors", "reading the word vectors %s: line %d has more than %d bytes", r.name, r.line, maxLine)
	case err == io.EOF && len(line) == 0:
		return nil, io.EOF
	case err != nil && err != io.EOF:
		return nil, r.damaged(err)
	}
	return bytes.TrimRight(line, " \t\r\n"), nil
}

// firstLine returns the width of a file without a header.
func (r *reader) firstLine(line []byte) (dim int, err error) {
	_, rest, _ := cutWord(line, 0)
	dim = 0
	for f := range fieldsOf(rest) {
		if _, ok := parseFloat(f); !ok {
			dim = 0
			break
		}
		dim++
	}
	if dim < 1 || dim > maxDim {
		return 0, hint.Errorf("name a file of word vectors: word2vec (text or binary), GloVe or fastText .vec",
			"reading the word vectors %s: line 1 is neither a header of two numbers nor a word and its numbers", r.name)
	}
	return dim, nil
}

// textVector takes in one line.
func (r *reader) textVector(line []byte) error {
	r.set.Total++
	dim := r.set.Dim
	word, numbers, n := cutWord(line, dim)
	if n != dim {
		promise := ""
		if r.words >= 0 {
			promise = " as the header says"
		} else if r.line > 1 {
			promise = " as before"
		}
		return r.fault(skipWay, "line %d: %d numbers, not %d%s", r.line, n, dim, promise)
	}
	if !r.wanted(string(word)) {
		return nil
	}
	row := r.add(string(word))
	if row == nil {
		return nil
	}
	i := 0
	for f := range fieldsOf(numbers) {
		v, ok := parseFloat(f)
		if !ok {
			at := string(word)
			r.set.drop()
			return r.fault(skipWay, "line %d: number %d of %q is %q", r.line, i+1, at, clip(f))
		}
		row[i] = v
		i++
	}
	return r.checkFinite(row, "line", string(word))
}

// cutWord parts a line into its word and the n numbers after it. Some files have words with blanks in them: fields
// beyond dim belong to the word if they are no numbers.
func cutWord(line []byte, dim int) (word, numbers []byte, n int) {
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		return line, nil, 0
	}
	for range fieldsOf(line[end:]) {
		n++
	}
	for n > dim && dim > 0 {
		next := end + 1
		for next < len(line) && isBlank(line[next]) {
			next++
		}
		stop := next
		for stop < len(line) && !isBlank(line[stop]) {
			stop++
		}
		if _, ok := parseFloat(line[next:stop]); ok {
			break
		}
		end, n = stop, n-1
	}
	return line[:end], line[end:], n
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// fieldsOf yields the fields between blanks.
func fieldsOf(line []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for at := 0; at < len(line); {
			if isBlank(line[at]) {
				at++
				continue
			}
			start := at
			for at < len(line) && !isBlank(line[at]) {
				at++
			}
			if !yield(line[start:at]) {
				return
			}
		}
	}
}

// parseFloat reads a decimal number; underscores and hexadecimal digits, which Go would take, are none.
func parseFloat(field []byte) (float32, bool) {
	for _, c := range field {
		if c == '_' || c == 'x' || c == 'X' {
			return 0, false
		}
	}
	if len(field) == 0 {
		return 0, false
	}
	// The string is not kept.
	v, err := strconv.ParseFloat(unsafe.String(&field[0], len(field)), 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return float32(v), true
}

// clip shortens what a message quotes.
func clip(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "…"
	}
	return string(b)
}

func decodeFloats(dst []float32, raw []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}
