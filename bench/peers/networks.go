package main

import "github.com/xiaoyu-slm/xiaoyu/model"

const (
	vocabulary = 21128 // of a Chinese BERT; embeddings have so many rows
	maxTokens  = 512   // of a text
)

// network is one of the shapes that are measured.
type network struct {
	config model.Config
	batch  int // texts of a training step
}

// networks by letter. Nothing is dropped, in ours and in the peers: their speed differs by how they draw random numbers,
// which is not what is compared here.
var networks = map[string]network{
	// BERT-mini
	"a": {model.Config{Family: "transformer", EmbedDim: 256, Hidden: 256, Layers: 4, Heads: 4, FeedForward: 1024, Activation: "gelu", Pooling: "mean"}, 32},
	// MiniLM; all-MiniLM-L6-v2 has this shape
	"b": {model.Config{Family: "transformer", EmbedDim: 384, Hidden: 384, Layers: 6, Heads: 12, FeedForward: 1536, Activation: "gelu", Pooling: "mean"}, 16},
	// TextCNN
	"c": {model.Config{Family: "cnn", EmbedDim: 128, Hidden: 128, Layers: 1, Filters: 100, Widths: []int{3, 4, 5}, Activation: "relu"}, 64},
	// BiLSTM
	"d": {model.Config{Family: "lstm", EmbedDim: 128, Hidden: 128, Layers: 1, Bidirectional: true, Pooling: "max"}, 64},
}

// spec is what a peer is told of a work. Batches are lists of texts, and those lists of token ids.
type spec struct {
	Kind      string `json:"kind"` // gemm, train, infer, text, fit or finetune
	Mode      string `json:"mode"`
	Precision string `json:"precision"`

	// Of a network.
	Family   string      `json:"family,omitempty"`
	Vocab    int         `json:"vocab,omitempty"`
	Tokens   int         `json:"max_tokens,omitempty"`
	Embed    int         `json:"embed,omitempty"`
	Hidden   int         `json:"hidden,omitempty"`
	Layers   int         `json:"layers,omitempty"`
	Heads    int         `json:"heads,omitempty"`
	FF       int         `json:"ff,omitempty"`
	Filters  int         `json:"filters,omitempty"`
	Widths   []int       `json:"widths,omitempty"`
	Embedder bool        `json:"embedder,omitempty"` // the pooled state is wanted, not logits
	Ragged   bool        `json:"ragged,omitempty"`   // texts of a batch differ in length
	Batches  [][][]int32 `json:"batches,omitempty"`
	Classes  [][]int32   `json:"classes,omitempty"`
	Pass     int         `json:"pass,omitempty"` // batches of one iteration, whose mean time is told

	// Of a pretrained network.
	Folder string `json:"folder,omitempty"`

	// Of text.
	Tokenizer string   `json:"tokenizer,omitempty"` // file
	Texts     []string `json:"texts,omitempty"`

	// Of a product.
	Order string `json:"order,omitempty"` // nn, nt or tn
	M     int    `json:"m,omitempty"`
	K     int    `json:"k,omitempty"`
	N     int    `json:"n,omitempty"`

	// Of a training to its end.
	Rate   float64   `json:"rate,omitempty"`
	Epochs int       `json:"epochs,omitempty"`
	Seed   int       `json:"seed,omitempty"`
	Judge  [][]int32 `json:"judge,omitempty"`
	Truth  []int32   `json:"truth,omitempty"`
}

// describe fills in the network.
func (s spec) describe(c *model.Config, vocab int) spec {
	s.Family, s.Vocab, s.Tokens, s.Embed, s.Hidden, s.Layers = c.Family, vocab, c.MaxTokens, c.EmbedDim, c.Hidden, c.Layers
	s.Heads, s.FF, s.Filters, s.Widths = c.Heads, c.FeedForward, c.Filters, c.Widths
	return s
}
