package corpus

import (
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Cursor reads the sequences of a part, epoch after epoch. The order of an epoch follows from the seed and its number:
// blocks are shuffled, as many as the buffer holds are read, and their sequences are shuffled.
type Cursor struct {
	part    *Part
	seed    uint64
	buffer  int64
	ordered bool // one epoch in the order of the file

	state Place
	order []int32  // blocks of the epoch
	next  int      // of order, not read yet
	held  []uint32 // the numbers of the buffer
	begin []int32  // where the sequences of the buffer begin, in the order in which they are read, and their ends
	end   []int32
	at    int // of begin
}

// Place is a place in the order of a Cursor.
type Place struct {
	Epoch    int   `json:"epoch"`    // from 0
	Sequence int64 `json:"sequence"` // of the epoch, from 0
}

// Shuffled returns a cursor at the beginning of the first epoch; buffer is the number of tokens that are shuffled
// together.
func (p *Part) Shuffled(seed uint64, buffer int) *Cursor {
	return &Cursor{part: p, seed: seed, buffer: int64(buffer)}
}

// Ordered returns a cursor that reads each sequence once in the order of the file, and then returns io.EOF.
func (p *Part) Ordered() *Cursor { return &Cursor{part: p, buffer: 1, ordered: true} }

// Place returns where the cursor is.
func (c *Cursor) Place() Place { return c.state }

// Seek goes to a place.
func (c *Cursor) Seek(to Place) error {
	if to.Epoch < 0 || to.Sequence < 0 || to.Sequence > c.part.Sequences() {
		return fmt.Errorf("corpus: there is no sequence %d in epoch %d", to.Sequence, to.Epoch)
	}
	c.state = Place{Epoch: to.Epoch}
	c.order, c.next, c.begin, c.at = nil, 0, nil, 0
	if to.Sequence == 0 {
		return nil
	}
	c.startEpoch()
	for {
		group := c.group()
		n := int64(0)
		for _, b := range group {
			n += int64(c.part.Blocks[b].Sequences)
		}
		if c.state.Sequence+n < to.Sequence {
			c.next += len(group)
			c.state.Sequence += n
			continue
		}
		if err := c.fill(); err != nil {
			return err
		}
		c.at = int(to.Sequence - c.state.Sequence)
		c.state.Sequence = to.Sequence
		return nil
	}
}

// Next fills b with the next sequences, until they have so many tokens or the epoch ends: one sequence at least.
func (c *Cursor) Next(b *Batch, tokens int) error {
	b.Reset()
	if c.part.Sequences() == 0 {
		return io.EOF
	}
	for b.Tokens() < tokens {
		if c.at == len(c.begin) {
			if c.order == nil {
				c.startEpoch()
			}
			if c.next == len(c.order) {
				switch {
				case b.Len() > 0:
					return nil
				case c.ordered:
					return io.EOF
				}
				c.state = Place{Epoch: c.state.Epoch + 1}
				c.startEpoch()
			}
			if err := c.fill(); err != nil {
				return err
			}
		}
		c.take(b)
	}
	return nil
}

// take appends the next sequence.
func (c *Cursor) take(b *Batch) {
	if len(b.Offsets) == 0 {
		b.Offsets = append(b.Offsets, 0)
	}
	for _, v := range c.held[c.begin[c.at]:c.end[c.at]] {
		b.IDs, b.Words = append(b.IDs, int32(v>>2)), append(b.Words, v&beginsWord != 0)
	}
	b.Offsets = append(b.Offsets, int32(len(b.IDs)))
	c.at++
	c.state.Sequence++
}

func (c *Cursor) startEpoch() {
	c.order, c.next = make([]int32, len(c.part.Blocks)), 0
	for i := range c.order {
		c.order[i] = int32(i)
	}
	if !c.ordered {
		random := c.random(0)
		random.Shuffle(len(c.order), func(i, j int) { c.order[i], c.order[j] = c.order[j], c.order[i] })
	}
}

// random returns what shuffles the order of the epoch (0) or of a buffer, by the place of its first block, from 1.
func (c *Cursor) random(what int) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, uint64(c.state.Epoch)<<32|uint64(what)))
}

// group returns the blocks that are read into the buffer next.
func (c *Cursor) group() []int32 {
	n, tokens := c.next, int64(0)
	for n < len(c.order) && (tokens == 0 || tokens+c.part.length(c.order[n]) <= c.buffer) {
		tokens += c.part.length(c.order[n])
		n++
	}
	return c.order[c.next:n]
}

// fill reads the next blocks into the buffer.
func (c *Cursor) fill() error {
	c.held, c.begin, c.end, c.at = c.held[:0], c.begin[:0], c.end[:0], 0
	group := c.group()
	for _, b := range group {
		first := len(c.held)
		var err error
		if c.held, err = c.part.read(c.held, b); err != nil {
			return err
		}
		before := len(c.begin)
		for i, v := range c.held[first:] {
			if v&beginsSequence != 0 {
				c.begin = append(c.begin, int32(first+i))
			}
		}
		if len(c.begin)-before != int(c.part.Blocks[b].Sequences) || c.held[first]&beginsSequence == 0 {
			return hint.Errorf("begin anew", "reading the corpus back from %s: block %d is not what was written", c.part.file.Name(), b)
		}
	}
	c.end = append(append(c.end, c.begin[1:]...), int32(len(c.held)))
	if !c.ordered {
		random := c.random(c.next + 1)
		random.Shuffle(len(c.begin), func(i, j int) {
			c.begin[i], c.begin[j] = c.begin[j], c.begin[i]
			c.end[i], c.end[j] = c.end[j], c.end[i]
		})
	}
	c.next += len(group)
	return nil
}
