// Package export turns models into files that other programs execute.
//
//	e, err := export.Write(m, "exports/reviews", export.Options{Format: "onnx", Precision: export.F32})
//
// A model is lowered once, to a graph (package graph), and each format is a function of that graph. Beside the file that
// computes, an export has all that its user needs: the tokenizer, the configuration and the labels, a card that shows how
// it is called, licence, lineage, and a manifest with the digest of each file.
package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Precision is how weights are stored, and what is multiplied.
type Precision string

// The precisions.
const (
	F32         Precision = "f32"          // as they are
	F16         Precision = "f16"          // weights as float16, computed in float32
	Int8        Precision = "int8"         // weights int8 by channel, inputs of linear layers rounded row by row
	Int8QDQ     Precision = "int8-qdq"     // the same with ranges of inputs that calibration has found beforehand
	Int8Weights Precision = "int8-weights" // weights int8 by channel, computed in float32
)

// Ranges are the least and the greatest number that calibration has seen of the inputs of linear layers, by name.
type Ranges map[string][2]float32

// unsupported says that a format lacks an operation, and which formats have it.
func unsupported(format string, op graph.Op) error {
	var able []string
	for _, f := range formats {
		if f.Name != format && f.holds(op) {
			able = append(able, f.Name)
		}
	}
	way := "train a model of another family"
	if len(able) > 0 {
		way = "choose --to " + strings.Join(able, " or ")
	}
	return hint.Errorf(way, "the format %s has no operation %s", format, op)
}

// Format is a kind of export.
type Format struct {
	Name       string
	Doc        string
	Precisions []Precision
	holds      func(op graph.Op) bool
}

var formats []Format

func init() {
	formats = []Format{
		{"onnx", "ONNX: ONNX Runtime, and what builds on it", []Precision{F32, F16, Int8, Int8QDQ, Int8Weights},
			func(op graph.Op) bool { _, ok := onnxOps[op]; return ok }},
	}
}

// Formats returns what a model can be exported to.
func Formats() []Format { return slices.Clone(formats) }

// FormatOf returns the format of that name.
func FormatOf(name string) (Format, error) {
	var names []string
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, hint.Errorf("choose "+strings.Join(names, ", "), "unknown format %q", name)
}

// check tells whether the format has a precision.
func (f *Format) check(p Precision) error {
	if slices.Contains(f.Precisions, p) {
		return nil
	}
	return hint.Errorf(fmt.Sprintf("choose %v", f.Precisions), "the format %s has no precision %q", f.Name, p)
}
