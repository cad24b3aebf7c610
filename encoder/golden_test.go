package encoder

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// tolerance is relative to the largest magnitude; see golden/hf/README.md of the test material.
const tolerance = 2e-5

// checkpoint is a small checkpoint of the test material, with the outputs that the reference library made of it.
type checkpoint struct {
	name    string
	config  []byte
	weights *safetensors.File
	out     *safetensors.File
	input   Input
	rows    []int // of each token, its row among the padded ones
	padded  int   // length of the padded texts
}

// checkpoints runs f on each case.
func checkpoints(t *testing.T, f func(t *testing.T, c *checkpoint)) {
	root := golden.Path(t, "golden", "hf")
	dirs, err := filepath.Glob(filepath.Join(root, "*", "config.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range dirs {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) { f(t, openCheckpoint(t, name)) })
	}
}

func openCheckpoint(t testing.TB, name string) *checkpoint {
	t.Helper()
	dir := golden.Path(t, "golden", "hf", name)
	c := &checkpoint{name: name}
	var err error
	if c.config, err = os.ReadFile(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	open := func(file string) *safetensors.File {
		f, err := safetensors.Open(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	c.weights, c.out = open("model.safetensors"), open("golden.safetensors")
	ids, mask, types := c.ints(t, "in.input_ids"), c.ints(t, "in.attention_mask"), c.ints(t, "in.token_type_ids")
	ids0, _ := c.out.Tensor("in.input_ids")
	c.padded = ids0.Shape[1]
	c.input.Tokens = &tensor.Packed{}
	for from := 0; from < len(ids); from += c.padded {
		n := 0
		for n < c.padded && mask[from+n] == 1 {
			c.rows = append(c.rows, from+n)
			n++
		}
		c.input.Tokens.Append(ids[from : from+n])
		if types != nil {
			c.input.Types = append(c.input.Types, types[from:from+n]...)
		}
	}
	return c
}

// ints reads a tensor of whole numbers, nil if there is none.
func (c *checkpoint) ints(t testing.TB, name string) []int32 {
	t.Helper()
	x, ok := c.out.Tensor(name)
	if !ok {
		return nil
	}
	if x.DType != safetensors.I32 && x.DType != safetensors.I64 {
		t.Fatalf("%s is %s", name, x.DType)
	}
	width := 4
	if x.DType == safetensors.I64 {
		width = 8
	}
	var list []int32
	for at := 0; at < len(x.Data); at += width {
		list = append(list, int32(binary.LittleEndian.Uint32(x.Data[at:])))
	}
	return list
}

// want returns a recorded output, without the rows of padding if it has a row a token.
func (c *checkpoint) want(t testing.TB, name string) ([]float32, bool) {
	t.Helper()
	x, ok := c.out.Tensor("out." + name)
	if !ok {
		return nil, false
	}
	data, err := x.Float32()
	if err != nil {
		t.Fatal(err)
	}
	texts := c.input.Tokens.Len()
	if len(x.Shape) < 2 || x.Shape[0] != texts || x.Shape[1] != c.padded {
		return data, true
	}
	width := len(data) / (texts * c.padded)
	var list []float32
	for _, r := range c.rows {
		list = append(list, data[r*width:(r+1)*width]...)
	}
	return list, true
}

// network reads the case's configuration and weights.
func (c *checkpoint) network(t testing.TB) *Network {
	t.Helper()
	config, err := ReadConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	w := FromFile(c.weights)
	config.Fit(w)
	n := New(config, new(nn.Params))
	if err := n.Load(w); err != nil {
		t.Fatal(err)
	}
	if err := n.Check(c.input); err != nil {
		t.Fatal(err)
	}
	return n
}

// column returns one column of the rows.
func column(x *nn.Var, i int) []float32 {
	var list []float32
	for r := range x.Rows {
		list = append(list, x.Row(r)[i])
	}
	return list
}

func TestEveryCheckpointGivesWhatTheReferenceGives(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		for _, workers := range []int{1, 3} {
			pool := parallel.New(workers)
			defer pool.Close()
			tape := nn.NewTape(pool)
			for _, mode := range []nn.Mode{nn.Inference, nn.Training, nn.Inference} {
				if mode == nn.Training {
					n.Config.Dropout, n.Config.AttentionDropout, n.Config.HeadDropout = 0, 0, 0
				}
				tape.Begin(mode, 1, 1)
				c.compare(t, n, tape, n.Forward(tape, c.input))
			}
			tape.Begin(nn.Inference, 0, 0)
			s := n.States(tape, c.input)
			if len(s.Layers) != n.Config.Layers+1 || s.QKV.Rows != len(c.rows) {
				t.Errorf("%d states of %d layers", len(s.Layers), n.Config.Layers)
			}
			c.compare(t, n, tape, s.Layers[len(s.Layers)-1])
		}
	})
}

// compare compares all that was recorded with what follows from the last hidden states.
func (c *checkpoint) compare(t *testing.T, n *Network, tape *nn.Tape, hidden *nn.Var) {
	t.Helper()
	offsets, compared := c.input.Tokens.Offsets, 0
	expect := func(name string, got func() []float32) {
		t.Helper()
		if want, ok := c.want(t, name); ok {
			golden.Close(t, name, got(), want, tolerance)
			compared++
		}
	}
	expect("last_hidden_state", func() []float32 { return hidden.Data })
	expect("pooler_output", func() []float32 { return n.Pooled(tape, hidden, offsets).Data })
	expect("logits", func() []float32 { return n.Logits(tape, hidden, offsets).Data })
	expect("start_logits", func() []float32 { return column(n.Logits(tape, hidden, offsets), 0) })
	expect("end_logits", func() []float32 { return column(n.Logits(tape, hidden, offsets), 1) })
	if compared == 0 {
		t.Fatal("nothing was recorded")
	}
}

func TestWhatIsWrittenIsWhatWasRead(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		written := n.Tensors()
		if len(written) != len(c.weights.Names()) {
			t.Errorf("%d tensors, want %d", len(written), len(c.weights.Names()))
		}
		for _, got := range written {
			want, ok := c.weights.Tensor(got.Name)
			if !ok || got.DType != want.DType || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("tensor %q is not the one that was read", got.Name)
			}
		}
		data, err := n.Config.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		if again.Head != n.Config.Head || len(again.Labels) != len(n.Config.Labels) || again.Outputs() != n.Config.Outputs() {
			t.Errorf("the written config.json asks for another head: %v", again)
		}
	})
}

func TestGradientsOfAClassifierAreThoseOfTheReference(t *testing.T) {
	c := openCheckpoint(t, "bert_seqcls")
	n := c.network(t)
	n.Config.Dropout, n.Config.AttentionDropout, n.Config.HeadDropout = 0, 0, 0
	n.params.AllocateGradients()
	tape := nn.NewTape(nil)
	tape.Begin(nn.Training, 1, 1)
	logits := n.Logits(tape, n.Forward(tape, c.input), c.input.Tokens.Offsets)
	loss := tape.CrossEntropy(logits, c.ints(t, "in.labels"), nn.CrossEntropy{})
	n.params.ZeroGradients()
	tape.Backward(loss)
	want, _ := c.want(t, "loss")
	golden.Close(t, "loss", loss.Data, want, tolerance)
	wanted := map[*nn.Param][]float32{}
	for _, s := range n.slots {
		if s.param == nil {
			continue
		}
		g, ok := c.out.Tensor("g." + s.found)
		if !ok {
			t.Fatalf("no gradient of %s was recorded", s.found)
		}
		want, err := g.Float32()
		if err != nil {
			t.Fatal(err)
		}
		if wanted[s.param] == nil {
			wanted[s.param] = make([]float32, s.param.Size())
		}
		copy(wanted[s.param][s.from*s.param.Width():], want)
	}
	// Whole parameters are compared: the gradient of the keys' bias is zero but for rounding (a softmax does not see it).
	for _, p := range n.params.All() {
		golden.Close(t, "gradient of "+p.Name, p.Gradient(), wanted[p], tolerance)
	}
}

func TestInferenceAllocatesNothingOnceWarm(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		n.params.Freeze(nn.F32)
		tape := nn.NewTape(nil)
		pass := func() {
			tape.Begin(nn.Inference, 0, 0)
			n.Forward(tape, c.input)
		}
		pass()
		if allocations := testing.AllocsPerRun(10, pass); allocations > 0 {
			t.Errorf("%v allocations a pass", allocations)
		}
	})
}
