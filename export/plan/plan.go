// Package plan lays a model out as tables and a few sizes, for sources that carry it: what one text needs, from its bytes
// to its scores, without a graph, a file or memory that is asked for.
//
//	p, err := plan.New(m, plan.Options{Int8: true})
//	p.Text   // how a text becomes tokens, nil where that is beyond it: p.Missing says why
//	p.Matrices
//
// It holds the families whose networks are small enough for microcontrollers (ngram, fasttext, static, mlp, cnn, dwcnn,
// rnn, lstm, gru), with heads of whole texts. Packages that write sources (export/c99) turn a plan into one.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Options say how a model is laid out.
type Options struct {
	Format string // its name, for errors
	Int8   bool   // weights as whole numbers with a scale a row, in place of float32
	Length int    // tokens of a text that are read; 0 for as many as the model reads
}

// Plan is a model laid out.
type Plan struct {
	Model   *model.Model
	Int8    bool
	Length  int    // tokens of a text that are read
	Bytes   int    // of a text that are read
	Outputs int    // numbers that come of a text
	Text    *Text  // how a text becomes tokens; nil where they have to be given
	Missing string // why Text is nil

	Matrices []*Matrix // weights, in the order in which they are used
	Grams    *Grams    // family ngram
}

// Family is the family of the model's network.
func (p *Plan) Family() string { return p.Model.Config.Family }

// Families are those that a plan can hold.
var Families = []string{"ngram", "fasttext", "static", "mlp", "cnn", "dwcnn", "rnn", "lstm", "gru"}

// beyond are the operations that plans do without.
var beyond = []graph.Op{graph.MatMul, graph.LayerNorm, graph.RMSNorm, graph.GeluTanh, graph.GatherLast, graph.Transpose, graph.Sin, graph.Cos}

// New lays a model out.
func New(m *model.Model, o Options) (*Plan, error) {
	if err := check(m, o.Format); err != nil {
		return nil, err
	}
	p := &Plan{Model: m, Int8: o.Int8, Length: o.Length, Outputs: len(m.Labels)}
	if p.Length == 0 {
		p.Length = m.Config.MaxTokens
	}
	if p.Length < 1 || p.Length > min(m.Config.MaxTokens, maxLength) {
		return nil, hint.Errorf(fmt.Sprintf("choose a number from 1 to %d with --length", min(m.Config.MaxTokens, maxLength)), "exporting to %s: %d tokens of a text", o.Format, p.Length)
	}
	if m.Config.Head == model.EmbeddingHead {
		p.Outputs = m.Dim()
	}
	var err error
	if p.Text, err = newText(m); err != nil {
		p.Missing = err.Error()
		if m.Config.Family == "ngram" || m.Config.Family == "fasttext" {
			return nil, hint.Wrap(err, "choose --to onnx, exe or web, or train without", "exporting to %s: n-grams are made of the text itself", o.Format)
		}
	}
	p.Bytes = bytesOfToken(p.Text)*p.Length + 256
	return p, p.weights()
}

// maxLength bounds texts, so that the memory of a plan stays that of a small machine.
const maxLength = 8192

// bytesOfToken is how many bytes of a text are read for each token: those of most tokens, and room for what cleaning drops.
func bytesOfToken(t *Text) int {
	if t != nil && t.Cut == Characters {
		return 4
	}
	return 8
}

// check refuses what no plan holds.
func check(m *model.Model, format string) error {
	g, err := m.Graph() // refuses what no format holds
	if err != nil {
		return err
	}
	c := &m.Config
	if !slices.Contains(Families, c.Family) {
		for _, n := range g.Nodes {
			if slices.Contains(beyond, n.Op) {
				return export.Unsupported(format, n.Op)
			}
		}
		return no(g, format, "of the family "+c.Family)
	}
	switch {
	case c.OfTokens() || c.Head == model.CausalHead:
		return no(g, format, fmt.Sprintf("with the head %s, which judges each token", c.Head))
	case c.Pair:
		return no(g, format, "of pairs of texts")
	case c.Wide:
		return no(g, format, "with n-grams beside the network (model.wide)")
	case c.Features.Dim+c.Features.Chars > 0:
		return no(g, format, "with hashed features of tokens (model.features)")
	case c.Constraints != "" || len(c.Knowledge) > 0:
		return no(g, format, "with rules or knowledge of its own (model.constraints, model.knowledge)")
	case c.Layout != "":
		return no(g, format, "of the layout "+c.Layout)
	}
	return nil
}

// no says that a format holds no such model, and which do.
func no(g *graph.Graph, format, what string) error {
	return hint.Errorf("choose --to "+strings.Join(append(export.Able(g), "go", "exe", "web"), ", "), "the format %s holds no model %s", format, what)
}
