package encoder

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

var decoders = []string{"gpt2", "llama", "llama3_scaled_tied", "qwen2", "qwen3"}

// TestGreedyTextsAreThoseOfTheReference writes two texts at once, token by token, from caches; and the first one again,
// reading it whole each time.
func TestGreedyTextsAreThoseOfTheReference(t *testing.T) {
	for _, name := range decoders {
		t.Run(name, func(t *testing.T) {
			c := openCheckpoint(t, name)
			n := c.network(t)
			recorded, err := safetensors.Open(filepath.Join(golden.Path(t, "golden", "hf", name), "generate.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			defer recorded.Close()
			c.out = recorded
			prompt, want := c.ints(t, "in.prompt"), c.ints(t, "out.greedy")
			if slices.Equal(want[:min(len(want), len(prompt))], prompt) {
				want = want[len(prompt):]
			}
			tape := nn.NewTape(nil)
			next := func(in Input) (best []int32) {
				tape.Begin(nn.Inference, 0, 0)
				logits := n.Logits(tape, n.Forward(tape, in), in.Tokens.Offsets)
				for i := range in.Tokens.Len() {
					best = append(best, int32(kernel.ArgMax(logits.Row(int(in.Tokens.Offsets[i+1])-1))))
				}
				return best
			}
			caches := []*nn.Cache{n.NewCache(4), n.NewCache(100)}
			var batch tensor.Packed
			batch.Append(prompt)
			batch.Append(prompt[:3])
			var got []int32
			for range want {
				in := Input{Tokens: &batch, Caches: caches}
				if err := n.Check(in); err != nil {
					t.Fatal(err)
				}
				best := next(in)
				got = append(got, best[0])
				batch.Reset()
				batch.Append(best[:1])
				batch.Append(best[1:])
			}
			if !slices.Equal(got, want) {
				t.Errorf("from caches %v, want %v", got, want)
			}
			text := slices.Clone(prompt)
			for range want {
				batch.Reset()
				batch.Append(text)
				text = append(text, next(Input{Tokens: &batch})...)
			}
			if !slices.Equal(text[len(prompt):], want) {
				t.Errorf("from whole texts %v, want %v", text[len(prompt):], want)
			}
		})
	}
}

func TestATextThatOutgrowsTheNetworkIsNoticed(t *testing.T) {
	n := openCheckpoint(t, "llama").network(t)
	cache := n.NewCache(1)
	in := Input{Tokens: &tensor.Packed{IDs: make([]int32, 40), Offsets: []int32{0, 40}}, Caches: []*nn.Cache{cache}}
	if err := n.Check(in); err != nil {
		t.Fatal(err)
	}
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	n.Forward(tape, in)
	if err := n.Check(in); err == nil || cache.Tokens() != 40 {
		t.Errorf("%d tokens are read, and 40 more may follow", cache.Tokens())
	}
}
