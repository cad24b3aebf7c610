package vectors

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"io"
	"iter"
	"math"
	"os"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// corpus is the user's sentences as numbers of words, in a temporary file: they are read and cut into words once, and
// any number of epochs then stream through the file. The memory is that of the different words.
type corpus struct {
	file  *os.File
	words []string // kept ones, the most frequent first
	count []int64  // how often each occurs
	final []int32  // number of a kept word by the number in the file; -1 for words that are left out
	total int64    // occurrences of kept words
	size  int64    // numbers in the file
}

const (
	endOfSentence = -1
	maxDifferent  = 8 << 20 // different words that are counted at once; beyond it, those seen once are forgotten
	maxSentence   = 1000    // words; longer ones are cut
)

// newCorpus reads the sentences. progress, which may be nil, is told how many words were read.
func newCorpus(ctx context.Context, sentences iter.Seq2[[]string, error], minCount, maxWords int, dir string, progress func(words int64)) (c *corpus, err error) {
	file, err := os.CreateTemp(dir, ".vectors-*.corpus")
	if err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written to", "keeping the corpus as numbers")
	}
	// The name goes at once where the system allows that, so that even a kill leaves nothing behind.
	_ = os.Remove(file.Name())
	c = &corpus{file: file}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	ids, counts := map[string]int32{}, []int64(nil)
	out := bufio.NewWriterSize(file, 1<<18)
	var raw [4]byte
	put := func(id int32) {
		binary.LittleEndian.PutUint32(raw[:], uint32(id))
		out.Write(raw[:]) // errors stay until Flush
		c.size++
	}
	read, sentence := int64(0), 0
	for words, err := range sentences {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return c, err
		}
		for i, w := range words {
			id, ok := ids[w]
			if !ok {
				id = int32(len(counts))
				ids[w], counts = id, append(counts, 0)
			}
			counts[id]++
			put(id)
			if i%maxSentence == maxSentence-1 && i+1 < len(words) {
				put(endOfSentence)
			}
		}
		put(endOfSentence)
		read += int64(len(words))
		if len(ids) > maxDifferent {
			for w, id := range ids {
				if counts[id] == 1 {
					delete(ids, w)
				}
			}
		}
		if sentence++; sentence%256 == 0 && progress != nil {
			progress(read)
		}
	}
	if err := out.Flush(); err != nil {
		return c, hint.Wrap(err, "free some space", "keeping the corpus as numbers")
	}
	if progress != nil {
		progress(read)
	}
	c.choose(ids, counts, minCount, maxWords)
	return c, nil
}

// choose keeps the most frequent words.
func (c *corpus) choose(ids map[string]int32, counts []int64, minCount, maxWords int) {
	c.final = slices.Repeat([]int32{-1}, len(counts))
	for w, id := range ids {
		if counts[id] >= int64(minCount) {
			c.words = append(c.words, w)
		}
	}
	slices.SortFunc(c.words, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[ids[b]], counts[ids[a]]), cmp.Compare(a, b))
	})
	c.words = c.words[:min(len(c.words), maxWords)]
	for i, w := range c.words {
		n := counts[ids[w]]
		c.final[ids[w]] = int32(i)
		c.count = append(c.count, n)
		c.total += n
	}
}

// shards cuts the file into n parts of about equal length at ends of sentences; part i is from bounds[i] to bounds[i+1].
func (c *corpus) shards(n int) (bounds []int64, err error) {
	bounds = make([]int64, 1, n+1)
	for i := 1; i < n; i++ {
		at := max(c.size*int64(i)/int64(n), bounds[i-1])
		in := c.reader(at, c.size)
		for {
			id, err := in.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			at++
			if id == endOfSentence {
				break
			}
		}
		bounds = append(bounds, at)
	}
	return append(bounds, c.size), nil
}

// Close removes the file.
func (c *corpus) Close() error {
	err := c.file.Close()
	if removed := os.Remove(c.file.Name()); removed != nil && !os.IsNotExist(removed) {
		err = cmp.Or(err, removed)
	}
	return err
}

// corpusReader reads a part of the corpus.
type corpusReader struct {
	*corpus
	in  *bufio.Reader
	at  int64 // of the next number
	end int64
}

func (c *corpus) reader(from, to int64) *corpusReader {
	section := io.NewSectionReader(c.file, 4*from, 4*(to-from))
	return &corpusReader{corpus: c, in: bufio.NewReaderSize(section, 1<<16), at: from, end: to}
}

// next returns the next number of the file; io.EOF at the end of the part.
func (r *corpusReader) next() (int32, error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	raw, err := r.in.Peek(4)
	if err != nil {
		return 0, hint.Wrap(err, "check the disk", "reading the corpus back")
	}
	id := int32(binary.LittleEndian.Uint32(raw))
	_, err = r.in.Discard(4)
	r.at++
	return id, err
}

// sentence appends the kept words of the next sentence to dst, and returns how many there were; with keep, each only
// with the probability that subsampling leaves it.
func (r *corpusReader) sentence(dst []int32, keep []float32, random *generator) ([]int32, int64, error) {
	n := int64(0)
	for {
		id, err := r.next()
		if err != nil {
			if err == io.EOF && n > 0 {
				return dst, n, nil
			}
			return dst, n, err
		}
		if id == endOfSentence {
			return dst, n, nil
		}
		w := r.final[id]
		if w < 0 {
			continue
		}
		n++
		if k := keep[w]; k < 1 && random.uniform() >= k {
			continue
		}
		dst = append(dst, w)
	}
}

// keepShares returns with what probability an occurrence of each word is trained on: frequent words less often
// (Mikolov et al. 2013, in the form of their program).
func (c *corpus) keepShares(sample float64) []float32 {
	keep := make([]float32, len(c.words))
	threshold := sample * float64(c.total)
	for i, n := range c.count {
		keep[i] = 1
		if sample > 0 {
			v := float64(n)
			keep[i] = float32(min(1, (math.Sqrt(v/threshold)+1)*threshold/v))
		}
	}
	return keep
}

// generator is a small fast source of random numbers (SplitMix64); its state is one number, which checkpoints hold.
type generator struct{ state uint64 }

func (g *generator) next() uint64 {
	g.state += 0x9e3779b97f4a7c15
	z := g.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform returns a number in [0, 1).
func (g *generator) uniform() float32 { return float32(g.next()>>40) / (1 << 24) }

// below returns a number in [0, n).
func (g *generator) below(n int) int { return int((g.next() >> 32) * uint64(n) >> 32) }

// alias draws words by their count to the power of 0.75, in the same time whatever their number (Walker 1977, Vose
// 1991).
type alias struct {
	share []float32 // of the slot that is its own word's
	other []int32   // word of the rest of the slot
}

func newAlias(count []int64) *alias {
	n := len(count)
	a := &alias{make([]float32, n), make([]int32, n)}
	weights, sum := make([]float64, n), 0.0
	for i, c := range count {
		weights[i] = math.Pow(float64(c), 0.75)
		sum += weights[i]
	}
	var small, large []int32
	for i := range weights {
		weights[i] *= float64(n) / sum
		if weights[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.share[s], a.other[s] = float32(weights[s]), l
		if weights[l] -= 1 - weights[s]; weights[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) {
		a.share[i], a.other[i] = 1, i
	}
	return a
}

func (a *alias) draw(g *generator) int32 {
	r := g.next()
	slot := int32((r >> 32) * uint64(len(a.share)) >> 32)
	if float32(uint32(r)>>8)/(1<<24) < a.share[slot] {
		return slot
	}
	return a.other[slot]
}
