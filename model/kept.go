package model

import (
	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Kept is what a pass made on its way to the logits, which distillation compares.
type Kept struct {
	Text   *nn.Var         // what the head reads: [examples, width], or [tokens, width] for heads of tokens; nil where it is sparse
	States *encoder.States // of networks of transformer layers (Model.Layered); nil where they are not wanted
}

// begin forgets the pass before.
func (k *Kept) begin() {
	if k == nil {
		return
	}
	k.Text = nil
	if k.States != nil {
		*k.States = encoder.States{}
	}
}

func (k *Kept) note(h Hidden) {
	if k != nil {
		k.Text = h.Dense
	}
}

func (k *Kept) states() *encoder.States {
	if k == nil {
		return nil
	}
	return k.States
}

// Look runs the network on a batch for what is left in its Keep.
func (m *Model) Look(t *nn.Tape, in *Input) {
	in.Keep.begin()
	in.Keep.note(m.Network.Forward(t, in))
}

// Layered says what the network's transformer layers are like; nil for families without such.
func (m *Model) Layered() *encoder.Config {
	switch n := m.Network.(type) {
	case *pretrained:
		return n.network.Config
	case *transformer:
		return n.layers.Config
	}
	return nil
}

// Width returns the width of the states that the head reads, 0 where they are sparse.
func (m *Model) Width() int { return m.width }

// Specials tells whether the sequences that the network reads have special tokens around their texts.
func (m *Model) Specials() bool { return m.wrapped() || m.Config.joined() }
