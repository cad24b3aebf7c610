// Package c99 writes a model as one header and one source file of C99, for machines without files and without an
// operating system: static memory, no malloc, no library but math.h.
//
//	s, err := c99.Write(m, c99.Options{Name: "reviews", Int8: true})
//	s.Header, s.Source // reviews.h, reviews.c
//	s.Cost             // bytes of memory and of constants, multiplications
//
// A program calls reviews_predict with a text in UTF-8. The parts of the source that are the same for all models lie in
// the folder parts; a source has those that its model needs, behind the model's tables.
package c99

import (
	"embed"
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export/plan"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Options say what is written.
type Options struct {
	Name   string // what the names of functions begin with: see plan.Identifier
	Int8   bool   // weights as whole numbers with a scale a row, in place of float32
	Length int    // tokens of a text that are read; 0 for as many as the model reads
	About  string // lines for the head of both files: licence, digest
}

// Source is a model in C.
type Source struct {
	Header, Source []byte
	Cost           Cost
	Missing        string // why texts have to be given as tokens; "" where they need not
}

// Cost is what a model takes.
type Cost struct {
	RAM    int   `json:"ram"`   // bytes of static memory
	Flash  int   `json:"flash"` // bytes of constants; the code itself comes to them
	MACs   int64 `json:"macs"`  // multiplications with additions of the longest text
	Length int   `json:"length"`
	Bytes  int   `json:"bytes"` // of a text that are read
}

//go:embed parts/*.c
var partFiles embed.FS

// parts are the pieces of source by name. A piece begins with a line //// NAME: NEEDED, NEEDED.
var parts = func() map[string]part {
	all := map[string]part{}
	for _, file := range []string{"text", "tokens", "ngram", "network", "head"} {
		data, err := partFiles.ReadFile("parts/" + file + ".c")
		if err != nil {
			panic(err) // the file is part of this program
		}
		for _, piece := range strings.Split(string(data), "//// ")[1:] {
			head, body, _ := strings.Cut(piece, "\n")
			name, needs, _ := strings.Cut(head, ": ")
			p := part{body: strings.TrimSpace(body) + "\n"}
			if needs != "" {
				p.needs = strings.Split(needs, ", ")
			}
			all[name] = p
		}
	}
	return all
}()

// part is a piece of source, and the pieces that stand before it.
type part struct {
	body  string
	needs []string
}

// Write writes a model as C.
func Write(m *model.Model, o Options) (*Source, error) {
	p, err := plan.New(m, plan.Options{Format: "c", Int8: o.Int8, Length: o.Length})
	if err != nil {
		return nil, err
	}
	w := &writer{plan: p, name: o.Name, cost: Cost{Length: p.Length}, used: map[string]bool{}}
	if p.Text != nil {
		w.cost.Bytes = p.Bytes
	}
	body := w.source()
	header := w.header(o.About)
	return &Source{Header: []byte(header), Source: []byte(w.top(o.About) + body), Cost: w.cost, Missing: p.Missing}, nil
}

// writer writes one source.
type writer struct {
	plan *plan.Plan
	name string
	cost Cost
	used map[string]bool // parts that were written
	b    strings.Builder
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.b, format, args...) }

// part writes parts, each once, behind what they need.
func (w *writer) part(names ...string) {
	for _, name := range names {
		w.partWith(name, nil)
	}
}

// partWith is part for one whose body is filled in.
func (w *writer) partWith(name string, fill *strings.Replacer) {
	if w.used[name] {
		return
	}
	w.used[name] = true
	p, ok := parts[name]
	if !ok {
		panic("c99: no part " + name)
	}
	w.part(p.needs...)
	if fill != nil {
		p.body = fill.Replace(p.body)
	}
	w.b.WriteString("\n" + p.body)
}

// define sets constants, in pairs of name and value.
func (w *writer) define(pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		w.printf("#define %v %v\n", pairs[i], pairs[i+1])
	}
}

// comment makes lines a comment.
func comment(lines string) string {
	var b strings.Builder
	b.WriteString("/*\n")
	for l := range strings.Lines(strings.ReplaceAll(lines, "*/", "* /")) {
		b.WriteString(strings.TrimRight(" * "+strings.TrimRight(l, "\r\n"), " ") + "\n")
	}
	b.WriteString(" */\n")
	return b.String()
}

// top is the head of the source.
func (w *writer) top(about string) string {
	return comment(about+"\n\nMade by xiaoyu; see the header for its use. The same bits come of it on every machine whose floats are those of IEEE 754,\nas long as the compiler joins no products and sums (-ffp-contract=off, which -std=c99 implies).") +
		fmt.Sprintf("#include \"%s.h\"\n", w.name)
}
