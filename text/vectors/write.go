package vectors

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Format is how vectors are written.
type Format string

// The formats of Write.
const (
	Text   Format = "text"   // word2vec's and fastText's .vec: a header, then a word and its numbers a line
	Binary Format = "binary" // word2vec's: the same header, then words and little-endian float32
	GloVe  Format = "glove"  // a word and its numbers a line, no header
)

// Write writes the vectors to path, whole or not at all. Numbers in text are the shortest that read back alike.
func (s *Set) Write(path string, format Format) error {
	if format != Text && format != Binary && format != GloVe {
		return hint.Errorf("choose text, binary or glove", "writing word vectors: unknown format %q", format)
	}
	for _, w := range s.Words {
		if w == "" || strings.ContainsAny(w, " \t\r\n") {
			return hint.Errorf("leave it out", "writing the word vectors %s: the word %q is empty or has blanks, which the format cannot hold", path, w)
		}
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "check the folder", "writing the word vectors %s", path)
	}
	defer file.Abort()
	out := bufio.NewWriterSize(file, 1<<16)
	s.encode(out, format)
	if err = out.Flush(); err == nil {
		err = file.Commit()
	}
	if err != nil {
		return hint.Wrap(err, "free some space", "writing the word vectors %s", path)
	}
	return nil
}

// encode writes to a buffer that remembers its errors until it is flushed.
func (s *Set) encode(out *bufio.Writer, format Format) {
	if format != GloVe {
		fmt.Fprintf(out, "%d %d\n", len(s.Words), s.Dim)
	}
	var line []byte
	for i, w := range s.Words {
		line = append(line[:0], w...)
		if format == Binary {
			line = append(line, ' ')
			for _, v := range s.Row(i) {
				line = binary.LittleEndian.AppendUint32(line, math.Float32bits(v))
			}
		} else {
			for _, v := range s.Row(i) {
				line = strconv.AppendFloat(append(line, ' '), float64(v), 'g', -1, 32)
			}
		}
		out.Write(append(line, '\n'))
	}
}
