package encoder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// What llama.cpp computes for an architecture's name is what it computes: a network of the same names that is computed in
// another way would be wrong there without a word. So each setting that it passes over is looked at here.

// ggufNames are the architectures of GGUF that compute what ours do.
var ggufNames = map[string]string{
	"bert": "bert", "ernie": "bert", "roberta": "bert", "xlm-roberta": "bert", "electra": "bert", "distilbert": "bert",
	ggufModern: "modern-bert", "gpt2": "gpt2", "llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
}

// ggufModern is the architecture that GGUF calls modern-bert.
const ggufModern = "modernbert"

// ownName is the architecture whose names the tensors of one of GGUF have in the Hugging Face library.
func ownName(gguf string) string {
	if gguf == ggufNames[ggufModern] {
		return ggufModern
	}
	return gguf
}

// headless tells that an architecture of GGUF has names of networks without a head.
func headless(gguf string) bool { return gguf == "bert" || gguf == ggufNames[ggufModern] }

// localPeriod is the number of which multiples are the global layers, the first one among them; 0 if there is none.
func (c *Config) localPeriod() int {
	const usual = 3 // ModernBERT's
	for every := range c.Layers + 1 {
		if every == 0 {
			every = usual
		}
		fits := true
		for i := range c.Layers {
			local := i < len(c.Local) && c.Local[i]
			fits = fits && local == (i%every != 0)
		}
		if fits {
			return every
		}
	}
	return 0
}

// plain tells that positions turn by powers of the base alone.
func (r Rotary) plain() bool { return r.Stretch == 0 && r.Llama3 == nil }

// GGUFName returns the name that GGUF has for the network's architecture, or what of the network no file of GGUF can tell.
func (c *Config) GGUFName() (string, error) {
	name, ok := ggufNames[c.Architecture]
	missing := ""
	need := func(there bool, format string, args ...any) {
		if !there && missing == "" {
			missing = fmt.Sprintf(format, args...)
		}
	}
	need(c.Disentangled == nil, "GGUF has no attention that looks at contents and distances apart, which %s has", c.Architecture)
	need(c.RelativeBuckets == 0, "GGUF has no encoder whose distances share biases of heads, which %s has", c.Architecture)
	need(c.Groups == 0, "GGUF has no layers that share their weights, which %s has", c.Architecture)
	need(ok || c.Rotary.Base == 0, "GGUF has no encoder with rotary positions whose norms follow the sums, which %s has", c.Architecture)
	need(ok, "GGUF has no architecture that computes what %s does", c.Architecture)
	need(c.Head == Bare || c.Head == Causal, "GGUF has no head %q: it holds embeddings and language models", c.Head)
	need(name == ggufNames[ggufModern] || !slices.Contains(c.Local, true), "GGUF has no layers of a window of %d tokens for the architecture %s", c.Window+1, name)
	need(c.Tasks == 0, "GGUF has no types of tasks")
	need(c.EmbedDim == c.Hidden, "GGUF has no embeddings that are narrower than the states (%d and %d)", c.EmbedDim, c.Hidden)
	activation := map[string]nn.Activation{"bert": nn.GELU, "gpt2": nn.GELUTanh}[name]
	switch name {
	case ggufNames[ggufModern]:
		need(c.Head == Bare, "GGUF has no head %q for the architecture modern-bert: it holds embeddings", c.Head)
		need(c.Activation == nn.GELU, "GGUF has another activation for the architecture modern-bert")
		need(c.Norm == LayerNormPlain && !c.AttentionBias && !c.OutBias && !c.FFBias, "GGUF has no biases for the architecture modern-bert")
		need(c.QueryWidth() == c.Hidden, "GGUF has no heads that were taken out of an architecture modern-bert: %d of %d numbers in states of %d", c.Heads, c.HeadDim, c.Hidden)
		need(c.localPeriod() > 0, "GGUF has no order of local and global layers but every so manieth global, the first one among them")
		need(c.Rotary.plain() && c.LocalRotary.plain(), "GGUF has no stretched positions for the architecture modern-bert")
	case "bert":
		need(c.Head == Bare, "GGUF has no head %q for the architecture bert: it holds embeddings", c.Head)
		fallthrough
	case "gpt2":
		need(c.Activation == activation, "GGUF has another activation for the architecture %s", name)
		need(c.QueryWidth() == c.Hidden, "GGUF has no heads that were taken out of an architecture %s: %d of %d numbers in states of %d", name, c.Heads, c.HeadDim, c.Hidden)
	default:
		need(c.Activation == nn.SiLU, "GGUF has another activation for the architecture %s", name)
		need(name != "qwen2" || c.AttentionBias, "GGUF has no architecture qwen2 without biases")
		need(name != "qwen3" || !c.AttentionBias, "GGUF has no architecture qwen3 with biases")
	}
	if missing != "" {
		return "", fmt.Errorf("%s", missing)
	}
	return name, nil
}

// GGUF returns the network as keys of a GGUF file, and its weights under the names and in the layout that the architecture
// has in the Hugging Face library (checkpoint.ToGGUF gives them those of GGUF). What a file cannot tell is an error.
func (n *Network) GGUF() (keys map[string]any, tensors []safetensors.Tensor, err error) {
	c := n.Config
	name, err := c.GGUFName()
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(n.params.All(), func(p *nn.Param) bool { return strings.HasPrefix(p.Name, BottleneckPrefix) }) {
		return nil, nil, fmt.Errorf("GGUF has no small networks behind the parts of layers")
	}
	keys = map[string]any{"general.architecture": name}
	for _, k := range ggufConfigs[name].keys {
		if v := k.value(c); v != nil {
			keys[name+"."+k.gguf] = v
		}
	}
	if tensors, err = n.tensorsAs(name); err == nil && c.Rotary.Llama3 != nil {
		tensors = append(tensors, c.ropeFactors())
	}
	return keys, tensors, err
}

// tensorsAs returns the weights under the names that an architecture of GGUF has for them in the Hugging Face library.
func (n *Network) tensorsAs(name string) ([]safetensors.Tensor, error) {
	a, prefix := architectures[ownName(name)], ""
	if !headless(name) {
		prefix = a.prefix
	}
	var out []safetensors.Tensor
	for _, s := range n.slots {
		if s.param == nil || s.kind != weight || strings.HasPrefix(s.param.Name, "pooler.") { // embeddings are of all states
			continue
		}
		full, ok := "lm_head.weight", true
		if s.param.Name != "head.out.weight" {
			full, ok = a.nameOf(s)
			full = prefix + full
		}
		if !ok {
			return nil, fmt.Errorf("GGUF has no place for the tensor %s of the architecture %s", s.name, n.Config.Architecture)
		}
		t := s.tensor(full)
		if first := n.Config.FirstPosition; s.param == n.embeddings.positions && first > 0 { // llama.cpp counts from 0
			t = safetensors.FromFloat32(full, []int{n.Config.MaxTokens, s.param.Width()}, s.data()[first*s.param.Width():])
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// nameOf returns the name, below its prefix, that an architecture has for the tensor of a slot of another one.
func (a *architecture) nameOf(s *slot) (string, bool) {
	stem, ending := strings.TrimSuffix(s.param.Name, ".weight"), ".weight"
	if cut, bias := strings.CutSuffix(s.param.Name, ".bias"); bias {
		stem, ending = cut, ".bias"
	}
	modules, prefix := a.body, ""
	if rest, ok := strings.CutPrefix(stem, "layers."); ok {
		var number string
		number, stem, _ = strings.Cut(rest, ".")
		modules, prefix = a.layers, strings.ReplaceAll(a.layer, "{}", number)
	}
	for _, m := range modules {
		if m.param == stem && m.part == s.part {
			return prefix + m.name + ending, true
		}
	}
	return "", false
}

// ropeFactors are what the frequencies of rotary positions are divided by: the way in which GGUF tells of Llama 3's.
func (c *Config) ropeFactors() safetensors.Tensor {
	plain := nn.RotaryFrequencies(c.Rotary.Base, c.HeadDim)
	factors := slices.Clone(plain)
	c.Rotary.Llama3.Scale(factors)
	for i := range factors {
		factors[i] = plain[i] / factors[i]
	}
	return safetensors.FromFloat32("rope_freqs.weight", []int{len(factors)}, factors)
}
