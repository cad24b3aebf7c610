package encoder

import "github.com/xiaoyu-slm/xiaoyu/nn"

// architecture is what is known of a model_type: how its config.json is read, what its heads look like, and how its
// checkpoints name their tensors. The network itself knows none of this.
type architecture struct {
	class  string          // what the names of its classes begin with
	tasks  map[Head]string // what they end in, where it is unusual
	prefix string          // of the body's tensors, in a checkpoint with a head
	layer  string          // of the tensors of a layer, below prefix; {} is its number
	read   func(d *document, c *Config)
	body   []module
	layers []module
	heads  map[Head]head
}

// head is a head in the form of an architecture.
type head struct {
	form  func(c *Config) form
	names []module
}

// form is what heads are made of: the rows that are used, perhaps a layer with activation and norm, and the scores.
type form struct {
	pool       pool
	dense      bool // a layer before the scores
	pooler     bool // that layer belongs to the body
	denseBias  bool
	activation nn.Activation
	norm       bool
	width      int // of the dense layer's result, or the input's where there is none
	out        bool
	outBias    bool
	tied       bool // the scores' weights are the table of tokens
}

// pool says which rows a head uses.
type pool uint8

const (
	everyToken pool = iota
	firstToken
	lastToken
	meanToken
)

// architectures by model_type.
var architectures = map[string]*architecture{
	"bert":        bert,
	"ernie":       ernie,
	"roberta":     roberta("Roberta"),
	"xlm-roberta": roberta("XLMRoberta"),
	"electra":     electra,
	"distilbert":  distilbert,
	"albert":      albert,
	"mpnet":       mpnet,
	"roformer":    roformer,
	"deberta-v2":  deberta,
	"modernbert":  modernbert,
	"gpt2":        gpt2,
	"llama":       llama,
	"qwen2":       qwen2,
	"qwen3":       qwen3,
}

// relatives are architectures that are not supported, and which one comes closest.
var relatives = map[string]string{
	"mistral": "llama", "mixtral": "llama", "gemma": "llama", "gemma2": "llama", "gemma3_text": "llama", "phi3": "llama", "granite": "llama",
	"qwen2_moe": "qwen2", "qwen3_moe": "qwen3", "gpt_neo": "gpt2", "gpt_neox": "gpt2", "gptj": "gpt2", "openai-gpt": "gpt2", "opt": "gpt2", "bloom": "gpt2",
	"deberta": "deberta-v2", "nomic_bert": "modernbert", "new": "modernbert", "camembert": "roberta", "xlm-roberta-xl": "xlm-roberta",
	"longformer": "modernbert", "big_bird": "modernbert", "funnel": "bert", "convbert": "bert", "mobilebert": "bert", "squeezebert": "bert",
	"xlm": "xlm-roberta", "xlnet": "xlm-roberta", "ernie_m": "ernie", "nezha": "bert", "t5": "bert", "bart": "roberta",
}

// scores is the head that is one layer over the rows.
func scores(p pool) func(c *Config) form {
	return func(c *Config) form { return form{pool: p, width: c.Hidden, out: true, outBias: true} }
}

// pooled is the head over the body's pooler.
func pooled(c *Config) form {
	return form{pool: firstToken, dense: true, pooler: true, denseBias: true, activation: nn.Tanh, width: c.Hidden, out: true, outBias: true}
}

// layered is a head over the first token with a layer of its own.
func layered(activation func(c *Config) nn.Activation) func(c *Config) form {
	return func(c *Config) form {
		return form{pool: firstToken, dense: true, denseBias: true, activation: activation(c), width: c.Hidden, out: true, outBias: true}
	}
}

// transformed is the head of a masked language model: a layer, a norm, and the table of tokens.
func transformed(activation func(c *Config) nn.Activation) func(c *Config) form {
	return func(c *Config) form {
		return form{dense: true, denseBias: true, activation: activation(c), norm: true, width: c.EmbedDim, out: true, outBias: true, tied: c.Tied}
	}
}

// always ignores what config.json says of the activation.
func always(a nn.Activation) func(*Config) nn.Activation {
	return func(*Config) nn.Activation { return a }
}

// headAct is one that config.json names for the head.
func headAct(c *Config) nn.Activation { return c.headActivation }

// hiddenAct is the activation of the layers.
func hiddenAct(c *Config) nn.Activation { return c.Activation }
