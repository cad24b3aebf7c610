package model

import (
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// pairs is small as a classifier of pairs that are read in the given way.
func pairs(t testing.TB, family, way string) (*Model, error) {
	t.Helper()
	m := small(t, family)
	c := m.Config
	c.Pair, c.Pairing = true, way
	return New(c, m.Clean, m.Tokenizer, m.Labels, 3, nil)
}

func TestTwoTextsAreReadAsOneSequenceOrAsTwo(t *testing.T) {
	for _, c := range []struct {
		way       string
		sequences int
		types     []int32
	}{{"joint", 1, []int32{0, 0, 1, 1, 1}}, {"siamese", 2, nil}, {"auto", 2, nil}} {
		m, err := pairs(t, "transformer", c.way)
		if err != nil {
			t.Fatal(err)
		}
		var in Input
		var e Sample
		m.Encode(&in, &e, "房间", "很干净")
		if in.Tokens.Len() != c.sequences || in.Tokens.Tokens() != 5 || !slices.Equal(in.Types, c.types) {
			t.Errorf("%s: %d sequences, %d tokens, types %v", c.way, in.Tokens.Len(), in.Tokens.Tokens(), in.Types)
		}
		// The places of a joint sequence are those in the text that each token is of.
		in.Reset()
		m.EncodeAligned(&in, &e, " 房间", "很干净")
		if got := e.Text.Spans[0]; got.Start != 1 || got.End != 4 {
			t.Errorf("%s: the first token stands at %v", c.way, got)
		}
		// Which text comes first tells, also where both are one sequence.
		tape := nn.NewTape(nil)
		logits := func(a, b string) []float32 {
			in.Reset()
			m.Encode(&in, &e, a, b)
			tape.Begin(nn.Inference, 0, 0)
			return slices.Clone(m.Forward(tape, &in).Data)
		}
		if slices.Equal(logits("房间", "很干净"), logits("很干净", "房间")) {
			t.Errorf("%s: the order of the texts does not matter", c.way)
		}
	}
}

func TestFamiliesThatCannotReadPairsAtOnceSaySo(t *testing.T) {
	if _, err := pairs(t, "gru", "joint"); err == nil || hint.Way(err) == "" {
		t.Errorf("%v", err)
	}
}
