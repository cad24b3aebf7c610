// Package tensor holds the data structures that the engine computes on: packed batches of sequences without padding,
// and arenas that hand out scratch memory without allocating. Weights on disk are package tensor/safetensors.
//
// It knows nothing of layers or models; arithmetic is in internal/kernel, differentiable operations in nn.
package tensor

import "fmt"

// Packed is a batch of token sequences laid end to end. Sequence i is IDs[Offsets[i]:Offsets[i+1]]; there is no
// padding anywhere, so the work done on a batch is the work its tokens need. The zero value is an empty batch.
type Packed struct {
	IDs     []int32 // [tokens]
	Offsets []int32 // [sequences+1], rising, the first is 0; nil in an empty batch
}

// Len returns the number of sequences.
func (p *Packed) Len() int { return max(len(p.Offsets)-1, 0) }

// Tokens returns the number of tokens of all sequences.
func (p *Packed) Tokens() int { return len(p.IDs) }

// Sequence returns the ids of sequence i, a view.
func (p *Packed) Sequence(i int) []int32 { return p.IDs[p.Offsets[i]:p.Offsets[i+1]] }

// Append adds a sequence, which may be empty.
func (p *Packed) Append(ids []int32) {
	if len(p.Offsets) == 0 {
		p.Offsets = append(p.Offsets, 0)
	}
	p.IDs = append(p.IDs, ids...)
	p.Offsets = append(p.Offsets, int32(len(p.IDs)))
}

// Reset empties the batch and keeps its memory.
func (p *Packed) Reset() { p.IDs, p.Offsets = p.IDs[:0], p.Offsets[:0] }

// Check reports the first id outside [0, vocab) or a broken offset: what came from outside is checked once here,
// and not in every operation.
func (p *Packed) Check(vocab int) error {
	if len(p.Offsets) == 0 && len(p.IDs) == 0 {
		return nil
	}
	if len(p.Offsets) == 0 || p.Offsets[0] != 0 || int(p.Offsets[len(p.Offsets)-1]) != len(p.IDs) {
		return fmt.Errorf("packed batch: offsets %v do not span %d tokens", p.Offsets, len(p.IDs))
	}
	for i := 1; i < len(p.Offsets); i++ {
		if p.Offsets[i] < p.Offsets[i-1] {
			return fmt.Errorf("packed batch: sequence %d has a negative length", i-1)
		}
	}
	for i, id := range p.IDs {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("packed batch: token %d has id %d, outside a vocabulary of %d", i, id, vocab)
		}
	}
	return nil
}
