package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/export/gopkg"
	"github.com/xiaoyu-slm/xiaoyu/export/plan"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// sources write a model as a part of another program's source, by format.
var sources map[string]func(ctx context.Context, m *Model, o *ExportOptions) (*Exported, error)

func init() {
	sources = map[string]func(ctx context.Context, m *Model, o *ExportOptions) (*Exported, error){"c": exportC, "go": exportGo}
}

// Sources are the formats of Export that are source code.
func Sources() []string { return []string{"c", "go"} }

// name is what functions of a source begin with, or how its package is called.
func (o *ExportOptions) name() (string, error) {
	if o.Name == "" {
		return plan.Identifier(o.Out), nil
	}
	if plan.Identifier(o.Name) != o.Name {
		return "", hint.Errorf(fmt.Sprintf("pass --name %s", plan.Identifier(o.Name)), "exporting: %q is no name of small letters, digits and underscores", o.Name)
	}
	return o.Name, nil
}

// about is the head of a source: what the model is, its licence, where it comes from.
func about(m *Model, name, front string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", name, cmp.Or(m.Architecture(), "a model"))
	if n := len(m.Labels); n > 0 {
		fmt.Fprintf(&b, " with %d labels", n)
	}
	b.WriteString(".\n")
	for l := range strings.Lines(front) {
		if strings.HasPrefix(l, "license:") {
			fmt.Fprintf(&b, "Licence of the model: %s.\n", strings.TrimSpace(strings.TrimPrefix(l, "license:")))
		}
	}
	if m.Package != nil && m.Package.Digest != "" {
		fmt.Fprintf(&b, "Made of the package %s; its lineage and its card lie beside this file.\n", m.Package.Digest)
	}
	return strings.TrimSpace(b.String())
}

// exportC writes a header and a source of C99.
func exportC(ctx context.Context, m *Model, o *ExportOptions) (*Exported, error) {
	o.Precision = cmp.Or(o.Precision, export.F32)
	if o.Precision != export.F32 && o.Precision != export.Int8 {
		return nil, hint.Errorf("choose f32 or int8", "the format c has no precision %q", o.Precision)
	}
	name, err := o.name()
	if err != nil {
		return nil, err
	}
	files, front, err := o.beside(m)
	if err != nil {
		return nil, err
	}
	s, err := c99.Write(m.Model, c99.Options{Name: name, Int8: o.Precision == export.Int8, Length: o.Length, About: about(m, name, front)})
	if err != nil {
		return nil, err
	}
	files[name+".h"], files[name+".c"] = s.Header, s.Source
	files[model.CardFile] = []byte(front + s.Card(m.Model, name))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := model.SaveFiles(o.Out, files)
	if err != nil {
		return nil, err
	}
	e := &Exported{Folder: p.Dir, File: name + ".c", Format: o.Format, Precision: o.Precision, Bytes: p.Size, Digest: p.Digest, Cost: &s.Cost}
	if s.Missing != "" {
		e.Outside = []string{"texts: cleaned and cut into tokens, as tokenizer.json and config.json of the package say; the source does not hold " + s.Missing}
	}
	return e, nil
}

// exportGo writes a package of Go.
func exportGo(ctx context.Context, m *Model, o *ExportOptions) (*Exported, error) {
	if o.Precision != "" {
		return nil, hint.Errorf("compress the model before it is exported: xiaoyu compress", "the format go carries the package as it is: it has no precision %q", o.Precision)
	}
	if o.Length != 0 {
		return nil, hint.Errorf("leave out --length", "the format go carries the package as it is, which says how much it reads")
	}
	name, err := o.name()
	if err != nil {
		return nil, err
	}
	if m.Package == nil {
		return nil, hint.Errorf("name the folder of its package", "exporting a model as a package of Go: it lies in no folder")
	}
	files, front, err := o.beside(m)
	if err != nil {
		return nil, err
	}
	source, err := gopkg.Files(m.Model, m.Package.Dir, name, about(m, name, front))
	if err != nil {
		return nil, err
	}
	for file, data := range source {
		files[file] = data
	}
	files[model.CardFile] = append([]byte(front), files[model.CardFile]...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := model.SaveFiles(o.Out, files)
	if err != nil {
		return nil, err
	}
	return &Exported{Folder: p.Dir, File: name + ".go", Format: o.Format, Bytes: p.Size, Digest: p.Digest}, nil
}

// SourceCost is what a model takes as source code.
type SourceCost struct {
	export.Cost
	Takes   *c99.Cost `json:"takes,omitempty"`   // format c
	Missing string    `json:"missing,omitempty"` // format c: why the source reads tokens and no texts
}

// String tells a cost, or why there is none, in a line.
func (c SourceCost) String() string {
	switch {
	case c.Reason != "":
		return c.Reason
	case c.Missing != "":
		return c.Takes.String() + "; it reads tokens, not texts: no table of C holds " + c.Missing
	case c.Takes != nil:
		return c.Takes.String()
	}
	return size.Bytes(c.Bytes) + " in the program that imports it"
}

// SourceCosts tells what a model takes in each format of Sources.
func SourceCosts(m *Model) []SourceCost {
	var list []SourceCost
	for _, precision := range []export.Precision{export.F32, export.Int8} {
		c := SourceCost{Cost: export.Cost{Format: "c", Precision: precision}}
		s, err := c99.Write(m.Model, c99.Options{Name: "model", Int8: precision == export.Int8})
		if err != nil {
			c.Precision, c.Reason = "", err.Error()
			list = append(list, c)
			break
		}
		c.Bytes, c.Takes, c.Missing = int64(len(s.Header)+len(s.Source)), &s.Cost, s.Missing
		list = append(list, c)
	}
	if m.Package != nil {
		list = append(list, SourceCost{Cost: export.Cost{Format: "go", Bytes: m.Package.Size}})
	}
	return list
}
