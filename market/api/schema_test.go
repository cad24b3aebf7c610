package api

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// schemas makes JSON schemas of Go types as encoding/json writes and reads them: a component for each struct, which others
// refer to.
type schemas struct {
	components map[string]*jsonschema.Schema
	sent       map[string]bool   // components that requests are read by
	comments   map[string]string // by Type and Type.Field
}

func newSchemas(folders ...string) (*schemas, error) {
	s := &schemas{map[string]*jsonschema.Schema{}, map[string]bool{}, map[string]string{}}
	for _, folder := range folders {
		if err := s.readComments(folder); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// of returns the schema of a type; sent tells that requests are read by it: there is nothing in those that it does not name.
func (s *schemas) of(t reflect.Type, sent bool) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), sent)
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Int, reflect.Int64:
		return &jsonschema.Schema{Type: "integer"}
	case reflect.Float64, reflect.Float32:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Array:
		return &jsonschema.Schema{Type: "array", Items: s.of(t.Elem(), sent), MinItems: new(t.Len()), MaxItems: new(t.Len())}
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: s.of(t.Elem(), sent)}
	case reflect.Map:
		return &jsonschema.Schema{Type: "object", AdditionalProperties: s.of(t.Elem(), sent)}
	case reflect.Struct:
		return s.object(t, sent)
	case reflect.Interface:
		return &jsonschema.Schema{}
	}
	panic(fmt.Sprintf("no schema for %v", t))
}

func (s *schemas) object(t reflect.Type, sent bool) *jsonschema.Schema {
	name := t.Name()
	if _, there := s.components[name]; there && s.sent[name] != sent {
		panic(name + " is both read and answered: what is needed differs, so that takes two types")
	}
	if s.components[name] == nil {
		o := &jsonschema.Schema{Type: "object", Description: s.comments[name], Properties: map[string]*jsonschema.Schema{}}
		if sent {
			o.AdditionalProperties = &jsonschema.Schema{Not: &jsonschema.Schema{}}
		}
		s.components[name], s.sent[name] = o, sent
		s.fields(o, t, sent)
	}
	return &jsonschema.Schema{Ref: "#/components/schemas/" + name}
}

// fields adds those of a struct, in their order.
func (s *schemas) fields(o *jsonschema.Schema, t reflect.Type, sent bool) {
	for f := range t.Fields() {
		if f.Anonymous {
			s.fields(o, f.Type, sent)
			continue
		}
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		one := s.of(f.Type, sent)
		if tag, ok := f.Tag.Lookup("oneof"); ok {
			for v := range strings.SplitSeq(tag, " ") {
				one.Enum = append(one.Enum, v)
			}
		}
		if from, to, ok := strings.Cut(f.Tag.Get("range"), " "); ok {
			one.Minimum, one.Maximum = bound(from), bound(to)
		}
		one.Description = s.comments[t.Name()+"."+f.Name]
		o.Properties[name] = one
		o.PropertyOrder = append(o.PropertyOrder, name)
		if !strings.Contains(rest, "omit") {
			if o.Required = append(o.Required, name); sent && one.Type == "string" { // nothing that is needed is empty
				one.MinLength = new(1)
			}
		} else if sent { // encoding/json leaves what is null as it is
			one.Types, one.Type = []string{one.Type, "null"}, ""
			if one.Enum != nil {
				one.Enum = append(one.Enum, "", nil)
			}
		}
	}
}

func bound(text string) *float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return &f
}

// readComments reads what the source of a package says of its types and their fields.
func (s *schemas) readComments(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				t := spec.(*ast.TypeSpec)
				o, ok := t.Type.(*ast.StructType)
				if !ok {
					continue
				}
				s.comments[t.Name.Name] = line(g.Doc, t.Doc)
				for _, f := range o.Fields.List {
					for _, n := range f.Names {
						s.comments[t.Name.Name+"."+n.Name] = line(f.Doc, f.Comment)
					}
				}
			}
		}
	}
	return nil
}

// line is the first of some comments that says anything.
func line(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}
