package export

import (
	"fmt"
	"io"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// program is an ONNX model in place of a network: a model.Program.
type program struct {
	*onnx.Program
	inputs []string
	output string
	file   io.Closer // the mapped file, or nil
}

// outputs are the names under which exporters give what a head makes, ours first.
var outputNames = []string{model.OutputLogits, model.OutputEmbedding, "sentence_embedding", "output", "last_hidden_state", "token_embeddings"}

// newProgram makes a file's model ready to run.
func newProgram(m *onnx.Model, file io.Closer) (*program, error) {
	p, err := onnx.NewProgram(m)
	if err != nil {
		return nil, err
	}
	out := &program{Program: p, file: file}
	for _, i := range p.Inputs {
		out.inputs = append(out.inputs, i.Name)
	}
	for _, name := range outputNames {
		if slices.ContainsFunc(p.Outputs, func(i *onnx.Info) bool { return i.Name == name }) {
			out.output = name
			return out, nil
		}
	}
	return nil, hint.Errorf(fmt.Sprintf("export it with an output of one of the names %v", outputNames), "the model's outputs are not known: the first is %q", p.Outputs[0].Name)
}

// Inputs are the names of what the model reads.
func (p *program) Inputs() []string { return p.inputs }

// Run computes the output that stands for the head's.
func (p *program) Run(in map[string]graph.Tensor) (graph.Tensor, error) {
	out, err := p.Program.Run(in, nil, p.output)
	return out[p.output], err
}

// Close gives the file back.
func (p *program) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}
