package export

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// How exports are run whose format is not run here: by the format's own runtime, in a Python that the user has.

//go:embed savedmodel_run.py
var savedModelScript string

//go:embed tflite_run.py
var tfliteScript string

// elsewhere are the formats that are run so, by their file.
var elsewhere = map[string]struct{ format, needs, script string }{
	savedmodel.File: {savedModelFormat.Name, "tensorflow", savedModelScript},
	TFLiteFile:      {tfliteFormat.Name, "ai-edge-litert", tfliteScript},
}

// notHere says that an export in dir has no file that is run here.
func notHere(dir string) error {
	for file, e := range elsewhere {
		if is(dir, file) {
			return hint.Errorf(fmt.Sprintf("use %s itself, or compare it with `xiaoyu verify --python PYTHON`, an interpreter that has %s", e.needs, e.needs), "the format %s is not run here", e.format)
		}
	}
	return hint.Errorf("use it with the program that it was made for", "it has no %s, and other formats are not run here", ONNXFile)
}

// OpenIn opens an export that the format's own runtime runs in Python: python is the interpreter of an environment that
// has it. It runs until the model's package is closed or ctx ends.
func OpenIn(ctx context.Context, path, python string) (*model.Model, error) {
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	return model.OpenExport(dir, func(dir string) (model.Program, error) {
		for file, e := range elsewhere {
			if is(dir, file) {
				p, err := startPython(ctx, python, e.script, dir)
				if err != nil {
					return nil, hint.Wrap(err, "name an interpreter that has "+e.needs+" with --python", "running the format %s in %s", e.format, python)
				}
				return p, nil
			}
		}
		return nil, hint.Errorf("leave out --python", "it is no format that Python runs")
	})
}

// pythonRun is a runtime in another process, as a model.Program.
type pythonRun struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	said   *lastLines
	inputs []string
	output string
	mu     sync.Mutex // one request at a time
}

// pythonTensor is an input on its way.
type pythonTensor struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Data  []byte `json:"data"`
}

func startPython(ctx context.Context, python, script, dir string) (*pythonRun, error) {
	p := &pythonRun{cmd: exec.CommandContext(ctx, python, "-c", script, dir), said: new(lastLines)}
	p.cmd.Stderr = p.said
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var there struct{ Inputs, Outputs []string }
	if err := p.out.Decode(&there); err != nil {
		p.Close()
		return nil, p.ended(err)
	}
	p.inputs = there.Inputs
	for _, p.output = range outputNames {
		if slices.Contains(there.Outputs, p.output) {
			return p, nil
		}
	}
	p.Close()
	return nil, fmt.Errorf("its outputs %v are not known", there.Outputs)
}

// ended is why a process gives no more answers.
func (p *pythonRun) ended(err error) error {
	if last := p.said.last(); last != "" {
		return fmt.Errorf("it ended: %s", last)
	}
	return fmt.Errorf("it ended: %w", err)
}

// Inputs are the names of what the model reads.
func (p *pythonRun) Inputs() []string { return p.inputs }

// Run has the other process compute.
func (p *pythonRun) Run(in map[string]graph.Tensor) (graph.Tensor, error) {
	var request struct {
		Inputs []pythonTensor `json:"inputs"`
		Output string         `json:"output"`
	}
	request.Output = p.output
	for _, name := range p.inputs {
		x := in[name]
		t := pythonTensor{Name: name, Type: "<f4", Shape: x.Shape, Data: floatBytes(x.Floats)}
		if x.Floats == nil {
			t.Type, t.Data = "<i8", binaryInts(x.Ints)
		}
		request.Inputs = append(request.Inputs, t)
	}
	line, err := json.Marshal(request)
	if err != nil {
		return graph.Tensor{}, err
	}
	var y struct {
		Shape []int  `json:"shape"`
		Data  []byte `json:"data"`
		Error string `json:"error"`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return graph.Tensor{}, p.ended(err)
	}
	if err := p.out.Decode(&y); err != nil {
		return graph.Tensor{}, p.ended(err)
	}
	if y.Error != "" {
		return graph.Tensor{}, fmt.Errorf("the other runtime says %s", y.Error)
	}
	numbers, err := (&safetensors.Tensor{DType: safetensors.F32, Shape: y.Shape, Data: y.Data}).Float32()
	n := 1
	for _, d := range y.Shape {
		n *= d
	}
	if err != nil || n != len(numbers) || len(y.Data) != 4*n {
		return graph.Tensor{}, fmt.Errorf("the other runtime gave %d bytes for numbers of shape %v", len(y.Data), y.Shape)
	}
	return graph.Tensor{Shape: y.Shape, Floats: numbers}, nil
}

func binaryInts(list []int64) []byte {
	data := make([]byte, 0, 8*len(list))
	for _, v := range list {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return data
}

// Close ends the other process.
func (p *pythonRun) Close() error {
	p.in.Close()
	return p.cmd.Wait()
}

// lastLines keeps the end of what a process says.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lastLines) Write(b []byte) (int, error) {
	const most = 1 << 12
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	l.text = l.text[max(0, len(l.text)-most):]
	return len(b), nil
}

// last is the last line.
func (l *lastLines) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := bytes.TrimSpace(l.text)
	return strings.TrimSpace(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}
