// Package checkpoint reads the weights of a model, whatever holds them, as one set of named tensors: safetensors,
// PyTorch's pytorch_model.bin, initialisers of ONNX graphs, GGUF; one file or many shards.
//
//	weights, err := checkpoint.Open("bert-base-chinese") // a folder, or one file
//	defer weights.Close()
//	table, err := weights.Float32("bert.embeddings.word_embeddings.weight") // a view of the mapped file if it is F32
//
// Names and layouts are those of the Hugging Face library: what an exporter has renamed, transposed or reordered is
// put back where the file tells how (see onnxnames.go and ggufnames.go).
//
// Files are mapped and checked before anything is used. A file from a stranger can be refused, but it can run no
// code, cannot crash the program, and cannot make it allocate more than a small multiple of the file's size.
package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/mapfile"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// ErrMalformed is the cause of every error about a file's content.
var ErrMalformed = errors.New("malformed file")

// Set is the weights of one checkpoint. Its tensors are valid until Close.
type Set struct {
	format   string
	names    []string // in the order of the files
	tensors  map[string]*tensor
	metadata map[string]any
	unmap    []func() error
	held     int // bytes of all files
	claimed  int // bytes of all tensors
}

// Open reads the checkpoint at path: one file, told by its content; or a folder, in which the first of these counts:
// model.safetensors, its shards, pytorch_model.bin, its shards, model.onnx, and the only .safetensors, .onnx or .gguf
// file that there is.
func Open(path string) (*Set, error) {
	files, shards, err := find(path)
	if err != nil {
		return nil, err
	}
	s := &Set{tensors: map[string]*tensor{}, metadata: map[string]any{}}
	for _, file := range files {
		if err := s.open(file); err != nil {
			s.Close()
			return nil, fmt.Errorf("reading weights from %s: %w", file, err)
		}
	}
	if err := shards.check(s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open adds the tensors of one file.
func (s *Set) open(path string) error {
	data, err := s.mapped(path)
	if err != nil {
		return hint.Wrap(err, "check the path and the right to read it", "opening it")
	}
	format, parse := formatOf(path, data)
	if parse == nil {
		return hint.Errorf("weights are read from .safetensors, pytorch_model.bin, .onnx and .gguf files",
			"its content is of no known format")
	}
	s.format = format
	if err := parse(s, path, data); err != nil {
		return fmt.Errorf("as %s: %w", format, err)
	}
	return nil
}

// mapped maps a file until the set is closed.
func (s *Set) mapped(path string) ([]byte, error) {
	data, unmap, err := mapfile.Open(path)
	if err != nil {
		return nil, err
	}
	s.unmap = append(s.unmap, unmap)
	s.held += len(data)
	return data, nil
}

// formatOf tells a file's format by its first bytes, and where those say nothing by its name.
func formatOf(path string, data []byte) (string, func(*Set, string, []byte) error) {
	begins := func(prefix string) bool { return len(data) >= len(prefix) && string(data[:len(prefix)]) == prefix }
	extension := strings.ToLower(filepath.Ext(path))
	switch {
	case begins("GGUF"):
		return "GGUF", (*Set).parseGGUF
	case begins("PK\x03\x04"), begins("PK\x05\x06"):
		return "PyTorch", (*Set).parseTorch
	case len(data) > 8 && data[8] == '{', extension == ".safetensors":
		return "safetensors", (*Set).parseSafetensors
	case extension == ".onnx":
		return "ONNX", (*Set).parseONNX
	case begins("\x80\x02"), extension == ".bin", extension == ".pt", extension == ".pth":
		return "PyTorch", (*Set).parseTorch
	case extension == ".gguf":
		return "GGUF", (*Set).parseGGUF
	}
	return "", nil
}

// maxSharing bounds how many times larger than their files all tensors together may be. Tied weights are a few
// tensors over the same bytes; a small file with a thousand views of all of it is made to fill memory.
const maxSharing = 16

// add puts a tensor into the set.
func (s *Set) add(name string, t *tensor) error {
	s.claimed += t.bytes()
	if s.claimed > maxSharing*s.held {
		return malformed("its tensors have %d times the bytes of the file", s.claimed/max(1, s.held))
	}
	if _, twice := s.tensors[name]; twice {
		return hint.Errorf("the checkpoint is damaged, or files of two were mixed: fetch it again",
			"%w: tensor %q stands twice", ErrMalformed, name)
	}
	s.tensors[name] = t
	s.names = append(s.names, name)
	return nil
}

// rename takes tensors that stand in the set under new names as well off their old ones; "" as the new name means
// that there is none.
func (s *Set) rename(renamed map[string]string) {
	if len(renamed) == 0 {
		return
	}
	names := s.names[:0]
	for _, name := range s.names {
		if to, ok := renamed[name]; ok {
			delete(s.tensors, name)
			name = to
		}
		if name != "" {
			names = append(names, name)
		}
	}
	s.names = names
}

// parseSafetensors adds the tensors of a safetensors file.
func (s *Set) parseSafetensors(_ string, data []byte) error {
	f, err := safetensors.Parse(data)
	if err != nil {
		return malformed("%w", err)
	}
	for name, text := range f.Metadata() {
		s.metadata[name] = text
	}
	for _, name := range f.Names() {
		t, _ := f.Tensor(name)
		if err := s.add(name, &tensor{dtype: string(t.DType), shape: t.Shape, stored: t.Data}); err != nil {
			return err
		}
	}
	s.joinRowScales()
	return nil
}

// damaged is the way out for a file that contradicts itself.
const damaged = "the file is damaged or was not fetched to its end: fetch it again"

// malformed is an error about a file's content.
func malformed(format string, args ...any) error {
	return hint.Errorf(damaged, "%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// Format names what holds the weights: safetensors, PyTorch, ONNX or GGUF.
func (s *Set) Format() string { return s.format }

// Names returns the names of all tensors, in the order of the files.
func (s *Set) Names() []string { return slices.Clone(s.names) }

// Shape returns a tensor's dimensions, outermost first.
func (s *Set) Shape(name string) ([]int, bool) {
	t, ok := s.tensors[name]
	if !ok {
		return nil, false
	}
	return slices.Clone(t.shape), true
}

// DType returns the type in which a tensor is stored: a safetensors type (F32, F16, BF16, I64 …), or GGUF's name of a
// type that keeps numbers in blocks (Q8_0, Q4_0, Q6_K); "" if there is no such tensor.
func (s *Set) DType(name string) string {
	if t, ok := s.tensors[name]; ok {
		return t.dtype
	}
	return ""
}

// Metadata returns what the files say beside tensors. A GGUF file has its keys there (see [Set.Architecture]), with
// values of type string, bool, int64, float64, []string, []bool, []int64 or []float64; a safetensors file has
// strings.
func (s *Set) Metadata() map[string]any { return s.metadata }

// Float32 returns a tensor's numbers in row-major order. F32 that lies so and aligned in the file is a view of it and
// must not be changed; everything else is a new slice. I8 is widened as it stands; other integers are refused.
func (s *Set) Float32(name string) ([]float32, error) {
	t, ok := s.tensors[name]
	if !ok {
		return nil, fmt.Errorf("the checkpoint has no tensor %q", name)
	}
	return t.float32(name)
}

// Tensor returns a tensor as the safetensors format keeps it, byte for byte where the file's type exists there; what
// is stored in blocks is widened to F32.
func (s *Set) Tensor(name string) (safetensors.Tensor, error) {
	t, ok := s.tensors[name]
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("the checkpoint has no tensor %q", name)
	}
	return t.plain(name), nil
}

// Close releases the files.
func (s *Set) Close() error {
	var errs []error
	for _, unmap := range s.unmap {
		errs = append(errs, unmap())
	}
	s.unmap, s.tensors, s.names = nil, nil, nil
	return errors.Join(errs...)
}

// exists tells whether there is a regular file, links followed.
func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
