package adapter

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// set is weights in memory.
type set []safetensors.Tensor

func (s set) Names() (names []string) {
	for _, t := range s {
		names = append(names, t.Name)
	}
	return names
}

func (s set) Shape(name string) ([]int, bool) {
	for _, t := range s {
		if t.Name == name {
			return t.Shape, true
		}
	}
	return nil, false
}

func (s set) Float32(name string) ([]float32, error) {
	for _, t := range s {
		if t.Name == name {
			return t.Float32()
		}
	}
	return nil, os.ErrNotExist
}

func tensor(name string, shape []int, values ...float32) safetensors.Tensor {
	return safetensors.FromFloat32(name, shape, values)
}

// config is one with alpha 4.
func config() Config {
	return Config{Type: "LORA", Rank: 2, Alpha: 4, Targets: Targets{Ends: []string{"query"}}, Bias: "none", Base: "acme/base"}
}

// change is the two matrices of a module from 2 to 3, of rank 1: B·A is [[1 2] [0 0] [-1 -2]].
func change(module string) []safetensors.Tensor {
	return []safetensors.Tensor{
		tensor(prefix+module+".lora_A.weight", []int{1, 2}, 1, 2), tensor(prefix+module+".lora_B.weight", []int{3, 1}, 1, 0, -1)}
}

func TestAnAdapterLiesOverItsBase(t *testing.T) {
	base := set{
		tensor("encoder.layer.0.attention.self.query.weight", []int{3, 2}, 1, 1, 1, 1, 1, 1),
		tensor("encoder.layer.1.attention.self.query.weight", []int{3, 2}, 0, 0, 0, 0, 0, 0),
		tensor("embeddings.word_embeddings.weight", []int{2, 3}, 0, 0, 0, 0, 0, 0),
		tensor("h.0.attn.c_attn.weight", []int{2, 3}, 0, 0, 0, 0, 0, 0),
		tensor("classifier.weight", []int{1, 1}, 9),
	}
	for _, c := range []struct {
		name    string
		set     func(c *Config)
		tensors []safetensors.Tensor
		tensor  string
		want    []float32
	}{
		{"alpha/r", nil, change("encoder.layer.0.attention.self.query"), "encoder.layer.0.attention.self.query.weight", []float32{5, 9, 1, 1, -3, -7}},
		{"what it leaves alone", nil, change("encoder.layer.0.attention.self.query"), "encoder.layer.1.attention.self.query.weight", make([]float32, 6)},
		{"a prefix that the base lacks", nil, change("bert.encoder.layer.1.attention.self.query"), "encoder.layer.1.attention.self.query.weight", []float32{4, 8, 0, 0, -4, -8}},
		{"alpha of its own", func(c *Config) { c.AlphaPattern = map[string]float64{"layer.1.attention.self.query": 1} },
			change("encoder.layer.1.attention.self.query"), "encoder.layer.1.attention.self.query.weight", []float32{1, 2, 0, 0, -1, -2}},
		{"alpha/√r", func(c *Config) { c.RankStabilized = true }, []safetensors.Tensor{
			tensor(prefix+"encoder.layer.1.attention.self.query.lora_A.weight", []int{4, 2}, 1, 2, 0, 0, 0, 0, 0, 0),
			tensor(prefix+"encoder.layer.1.attention.self.query.lora_B.weight", []int{3, 4}, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0)},
			"encoder.layer.1.attention.self.query.weight", []float32{2, 4, 0, 0, -2, -4}},
		{"an embedding", nil, []safetensors.Tensor{
			tensor(prefix+"embeddings.word_embeddings.lora_embedding_A", []int{1, 2}, 1, 2), tensor(prefix+"embeddings.word_embeddings.lora_embedding_B", []int{3, 1}, 1, 0, -1)},
			"embeddings.word_embeddings.weight", []float32{4, 0, -4, 8, 0, -8}},
		{"Conv1D", func(c *Config) { c.Transposed = true }, change("h.0.attn.c_attn"), "h.0.attn.c_attn.weight", []float32{4, 0, -4, 8, 0, -8}},
		{"a head saved whole", nil, []safetensors.Tensor{tensor(prefix+"classifier.weight", []int{2, 1}, 7, 8)}, "classifier.weight", []float32{7, 8}},
		{"a head that the base lacks", nil, []safetensors.Tensor{tensor(prefix+"score.modules_to_save.default.weight", []int{1}, 3)}, "score.weight", []float32{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "adapter")
			a := &Adapter{Config: config(), Tensors: c.tensors}
			if c.set != nil {
				c.set(&a.Config)
			}
			if err := a.Write(dir); err != nil {
				t.Fatal(err)
			}
			a, err := Open(dir)
			if err != nil {
				t.Fatalf("%v; %s", err, hint.Way(err))
			}
			m, err := a.Over(base)
			if err != nil {
				t.Fatalf("%v; %s", err, hint.Way(err))
			}
			got, err := m.Float32(c.tensor)
			shape, ok := m.Shape(c.tensor)
			if err != nil || !ok || !slices.Equal(got, c.want) || !slices.Contains(m.Names(), c.tensor) {
				t.Errorf("%v of shape %v, want %v (%v)", got, shape, c.want, err)
			}
			if first, _ := base.Float32(base[0].Name); first[0] != 1 {
				t.Error("the base has changed")
			}
		})
	}
}

func TestAdaptersThatDoNotFitAreNamed(t *testing.T) {
	base := set{tensor("query.weight", []int{3, 2}, 0, 0, 0, 0, 0, 0)}
	for _, c := range []struct {
		name    string
		tensors []safetensors.Tensor
		says    string
	}{
		{"another module", change("value"), "changes value, which the model does not have"},
		{"another shape", []safetensors.Tensor{tensor(prefix+"query.lora_A.weight", []int{1, 3}, 1, 2, 3), tensor(prefix+"query.lora_B.weight", []int{3, 1}, 1, 0, -1)}, "from 3 inputs to 3 outputs"},
		{"half a change", change("query")[:1], "[1 2] and []"},
		{"two ranks", []safetensors.Tensor{tensor(prefix+"query.lora_A.weight", []int{2, 2}, 1, 2, 3, 4), change("query")[1]}, "[2 2] and [3 1]"},
		{"other names", []safetensors.Tensor{tensor("query.lora_A.weight", []int{1, 2}, 1, 2)}, "does not begin with base_model.model."},
		{"magnitudes", []safetensors.Tensor{tensor(prefix+"query.lora_magnitude_vector", []int{3}, 1, 2, 3)}, "lora_magnitude_vector"},
	} {
		_, err := (&Adapter{Config: config(), Tensors: c.tensors}).Over(base)
		if err == nil || !strings.Contains(err.Error(), c.says) || hint.Way(err) == "" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestConfigurationsThatAreNotSupportedAreNamed(t *testing.T) {
	for text, says := range map[string]string{
		`{`:                                     "unexpected end",
		`{"peft_type":"IA3"}`:                   `peft_type "IA3"`,
		`{"peft_type":"LORA","use_dora":true}`:  "use_dora",
		`{"peft_type":"LORA","lora_bias":true}`: "lora_bias",
		`{"peft_type":"LORA","init_lora_weights":"pissa"}`: `init_lora_weights "pissa"`,
		`{"peft_type":"LORA","target_modules":[1]}`:        "target_modules",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), says) || hint.Way(err) == "" {
			t.Errorf("%s: %v", text, err)
		}
	}
	c, err := parseConfig([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":"all-linear","init_lora_weights":true,"megatron_config":null,"eva_config":null}`))
	if err != nil || c.Targets.Expression != AllLinear || c.Rank != 8 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(hint.Way(err), ConfigFile) {
		t.Errorf("a folder without an adapter: %v", err)
	}
}

// network is two modules that share a parameter, and one of their own.
func network() (*nn.Params, []Module) {
	ps := new(nn.Params)
	qk, down, head := ps.Add("qk", nn.Xavier, 8, 6), ps.Add("down", nn.Xavier, 4, 6), ps.Add("head", nn.Xavier, 2, 4)
	ps.Allocate(3)
	qk.Layer, down.Layer = 2, 2
	_ = head
	return ps, []Module{{Name: "layer.0.query", Weight: qk, Rows: 4}, {Name: "layer.0.key", Weight: qk, From: 4, Rows: 4}, {Name: "layer.0.down", Weight: down, Rows: 4}}
}

func TestChangesOfANetworkBeginAtNothingAndAreMerged(t *testing.T) {
	ps, modules := network()
	before := slices.Clone(ps.Get("qk").Data)
	c := config()
	c.Targets.Ends = []string{"query", "key"}
	l, err := New(c, modules, ps, 1)
	if err != nil {
		t.Fatal(err)
	}
	qk := ps.Get("qk")
	if len(qk.Changes) != 2 || ps.Get("down").Changes != nil || !qk.Frozen || !ps.Get("down").Frozen || ps.Get("head").Frozen || l.Count() != 2*(2*6+4*2) {
		t.Fatal("other modules are changed or frozen than were asked for")
	}
	for _, ch := range qk.Changes {
		if ch.A.Frozen || ch.A.Layer != 2 || slices.Max(ch.A.Data) <= 0 || slices.Max(ch.B.Data) != 0 || ch.Scale != 2 {
			t.Errorf("a change begins as %+v", ch)
		}
	}
	ps.AllocateGradients()
	for i := range qk.Changes[1].B.Data {
		qk.Changes[1].B.Data[i] = 1
	}
	a, first, second := l.Adapter([]safetensors.Tensor{tensor("classifier.weight", []int{1}, 5)}), qk.Changes[1].A.Data[0], qk.Changes[1].A.Data[6]
	l.Merge()
	if qk.Changes != nil || len(ps.All()) != 3 {
		t.Error("changes are left after merging")
	}
	if !slices.Equal(qk.Data[:4*6], before[:4*6]) {
		t.Error("a change of 0 has changed its rows")
	}
	if want := before[4*6] + 2*(first+second); math.Abs(float64(qk.Data[4*6]-want)) > 1e-6 {
		t.Errorf("merged weight %v, want %v", qk.Data[4*6], want)
	}
	if names := (set(a.Tensors)).Names(); len(names) != 5 || names[0] != prefix+"classifier.weight" || names[1] != prefix+"layer.0.key.lora_A.weight" || !slices.Equal(a.Config.Saved, []string{"classifier"}) {
		t.Errorf("the adapter has %v and saves %v", names, a.Config.Saved)
	}
}

func TestTargetsAndRanksThatAreNotThereAreNamed(t *testing.T) {
	for says, set := range map[string]func(c *Config){
		"no module value": func(c *Config) { c.Targets.Ends = []string{"value"} },
		"no module uery":  func(c *Config) { c.Targets.Ends = []string{"uery"} },
		"rank 0":          func(c *Config) { c.Rank = 0 },
		"rank 5":          func(c *Config) { c.Rank = 5 },
		"an expression":   func(c *Config) { c.Targets = Targets{Expression: "(?<!x)"} },
	} {
		ps, modules := network()
		c := config()
		set(&c)
		if _, err := New(c, modules, ps, 1); err == nil || !strings.Contains(err.Error(), says) || hint.Way(err) == "" {
			t.Errorf("%s: %v", says, err)
		}
	}
	ps, modules := network()
	c := config()
	c.Targets = Targets{Expression: `layer\.\d+\.(query|down)`}
	if l, err := New(c, modules, ps, 1); err != nil || len(l.terms) != 2 {
		t.Errorf("an expression: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"peft_type":"LORA","r":8,"lora_alpha":16,"target_modules":["query","value"],"alpha_pattern":{"a":1}}`))
	f.Add([]byte(`{"peft_type":"LORA","target_modules":"all-linear"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		if matches, err := c.Targets.matches(); err == nil {
			matches("encoder.layer.0.query")
		}
		c.scale("encoder.layer.0.query", 8)
	})
}

func TestWhatIsWrittenNamesTheChangedModulesAlone(t *testing.T) {
	params := new(nn.Params)
	var modules []Module
	for _, name := range []string{"net.layer.0.query", "net.layer.0.out.dense", "net.layer.11.query", "net.layer.11.out.dense"} {
		modules = append(modules, Module{Name: name, Weight: params.Add(name, nn.Xavier, 4, 4), Rows: 4})
	}
	params.Allocate(1)
	for ends, want := range map[string]Targets{
		"query":                   {Expression: `net\.layer\.\d+\.query`},
		"dense query":             {Expression: `net\.layer\.\d+\.query|net\.layer\.\d+\.out\.dense`},
		"layer.0.query out.dense": {Ends: []string{"net.layer.0.query", "net.layer.0.out.dense", "net.layer.11.out.dense"}},
	} {
		l, err := New(Config{Rank: 1, Alpha: 1, Targets: Targets{Ends: strings.Fields(ends)}}, modules, params, 1)
		if err != nil {
			t.Fatal(err)
		}
		a := l.Adapter([]safetensors.Tensor{tensor("classifier.dense.weight", []int{1}, 1), tensor("classifier.out_proj.weight", []int{1}, 1), tensor("pre.weight", []int{1}, 1)})
		if got := a.Config.Targets; got.Expression != want.Expression || !slices.Equal(got.Ends, want.Ends) {
			t.Errorf("%s: %+v, want %+v", ends, got, want)
		}
		if saved := []string{"classifier", "pre"}; !slices.Equal(a.Config.Saved, saved) {
			t.Errorf("modules kept as a whole are %v, want %v", a.Config.Saved, saved)
		}
		files, err := a.Files()
		if err != nil || !strings.Contains(string(files[ConfigFile]), `"rank_pattern": {}`) {
			t.Errorf("%v, %s", err, files[ConfigFile])
		}
		l.Merge()
	}
}
