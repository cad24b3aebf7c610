package model

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// TestACheckpointsLayersShareTheirWeights makes one group of two of a BERT's three layers, and opens the package: its
// config.json says so, and a weight stands there once.
func TestACheckpointsLayersShareTheirWeights(t *testing.T) {
	m := smallEncoder(t, "bert_mlm")
	g, err := m.ShareLayers(2, true)
	if err != nil {
		t.Fatal(err)
	}
	if c := g.Config.Encoder; c.Layers != 3 || c.Groups != 2 || m.Config.Encoder.Groups != 0 {
		t.Errorf("%d layers in %d groups, the original in %d", c.Layers, c.Groups, m.Config.Encoder.Groups)
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := g.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	in := Input{Tokens: tensor.Packed{IDs: []int32{3, 2, 1, 0, 4}, Offsets: []int32{0, 5}}}
	var rows [2][]float32
	for i, m := range []*Model{g, again} {
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		rows[i] = slices.Clone(m.Network.(*pretrained).states(tape, &in).Data)
	}
	for i, v := range rows[0] {
		if math.Abs(float64(v-rows[1][i])) > 1e-6 {
			t.Fatalf("opened, number %d is %v, and %v before", i, rows[1][i], v)
		}
	}
	if again.Parameters() != g.Parameters() || g.Parameters() >= m.Parameters() {
		t.Errorf("%d weights, %d opened, %d before", g.Parameters(), again.Parameters(), m.Parameters())
	}
	if _, err := again.ShareLayers(1, true); err == nil {
		t.Error("layers that share their weights share them once more")
	}
	if _, err := smallEncoder(t, "modernbert_mlm").ShareLayers(1, true); err == nil {
		t.Error("a first layer without a norm shares its weights")
	}
}
