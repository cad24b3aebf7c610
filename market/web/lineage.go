package web

import (
	"context"
	"fmt"
	"html/template"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// lineage is what a page shows of where a package comes from and what came of it: a drawing, and the same in words.
type lineage struct {
	Drawing template.HTML
	Groups  []kin
}

// kin are packages that stand in the same way to the one that is shown.
type kin struct {
	Title string
	List  []relative
	More  int // that are not shown
}

// relative is one of them.
type relative struct {
	Name, Link string // no link for what this market does not have for who looks
	Note       string // kind and version, or the beginning of a digest
}

// trace finds out what the page of a package says of its lineage; nil for nothing. facts are those of the version that is
// shown, nil for the latest.
func (h *Handler) trace(ctx context.Context, who catalogue.Caller, p *repository, facts *catalogue.Facts, say words) (*lineage, error) {
	found, err := h.depot.Catalogue.Lineage(ctx, who, p.Repository, facts)
	if err != nil || len(found.Nodes) == 1 && found.Nodes[0].Above == 0 && found.Nodes[0].Below == 0 {
		return nil, err
	}
	if p.Version != "" {
		found.Nodes[0].Version = p.Version
	}
	return &lineage{Drawing: drawLineage(found, say), Groups: say.kinOf(found)}, nil
}

// relative is a node as it is named.
func (w words) relative(n *catalogue.Node) relative {
	if n.Repository != nil {
		return relative{Name: n.Name, Link: "/" + n.Name, Note: strings.TrimSpace(w.oneOf(n.Repository.Kind) + " " + n.Version)}
	}
	kind := map[string]catalogue.Kind{catalogue.TrainedOn: pack.Dataset, catalogue.BaseModel: pack.Model}[n.Role]
	return relative{Name: n.Name, Note: strings.TrimSpace(w.oneOf(kind) + " " + short(n.Digest.String()))}
}

// oneOf is what a single package of a kind is called.
func (w words) oneOf(k catalogue.Kind) string {
	return map[catalogue.Kind]string{pack.Model: w.T("model"), pack.Dataset: w.T("data set"), pack.Application: w.T("application"), "": w.T("package")}[k]
}

// drawLineage draws packages as boxes, and arrows to what was made of them.
func drawLineage(found *catalogue.Lineage, say words) template.HTML {
	g := chart.Layers{Name: say.Lineage, About: say.T("What the package was made of is to its left, what was made of it to its right. The list below says the same.")}
	for i := range found.Nodes {
		n := &found.Nodes[i]
		r := say.relative(n)
		b := chart.Box{Text: r.Name, Note: r.Note, Link: r.Link, Whole: strings.TrimSpace(r.Name + " · " + r.Note)}
		switch {
		case i == 0:
			b.Class = "this"
		case n.Repository == nil:
			b.Class = "away"
		}
		if n.Repository != nil { // the owner stands with the kind, for the name to have room
			b.Text, b.Note = n.Repository.Name, n.Repository.Owner+" · "+r.Note
		}
		g.Boxes = append(g.Boxes, b)
	}
	for _, e := range found.Edges {
		g.Arrows = append(g.Arrows, [2]int{e.From, e.To})
	}
	for i, n := range found.Nodes {
		if n.Above > 0 {
			g.Arrows = append(g.Arrows, [2]int{len(g.Boxes), i})
			g.Boxes = append(g.Boxes, chart.Box{Text: say.More(n.Above), Class: "more"})
		}
		if n.Below > 0 {
			g.Arrows = append(g.Arrows, [2]int{i, len(g.Boxes)})
			g.Boxes = append(g.Boxes, chart.Box{Text: say.More(n.Below), Class: "more"})
		}
	}
	return template.HTML(g.SVG())
}

// More says how many there are besides.
func (w words) More(n int) string { return fmt.Sprintf(w.T("and %d more"), n) }

// kinOf is a lineage in words: what the package was made of, where that comes from, and what came of it.
func (w words) kinOf(found *catalogue.Lineage) (list []kin) {
	of := &found.Nodes[0]
	into := map[string]*kin{}
	titles := []string{w.T("Farther back"), w.TrainedOn, w.BasedOn, w.Needs, w.ModelsOfIt, w.BuiltOn, w.UsedBy, w.T("Made of those")}
	for _, title := range titles {
		into[title] = &kin{Title: title}
	}
	dependents := w.BuiltOn
	if of.Repository.Kind == pack.Dataset {
		dependents = w.ModelsOfIt
	}
	origins := w.BasedOn
	for i := range found.Nodes[1:] {
		n := &found.Nodes[i+1]
		title := dependents
		switch {
		case n.Distance < -1:
			title = w.T("Farther back")
		case n.Distance > 1:
			title = w.T("Made of those")
		case n.Distance == -1:
			title = map[string]string{catalogue.TrainedOn: w.TrainedOn, catalogue.BaseModel: w.BasedOn, catalogue.Dependency: w.Needs}[n.Role]
			origins = title
		case n.Repository.Kind == pack.Application:
			title = w.UsedBy
		}
		k := into[title]
		k.List = append(k.List, w.relative(n))
		switch {
		case n.Above > 0:
			into[w.T("Farther back")].More += n.Above
		case n.Below > 0:
			into[w.T("Made of those")].More += n.Below
		}
	}
	into[origins].More += of.Above
	into[dependents].More += of.Below
	for _, title := range titles {
		if k := into[title]; len(k.List)+k.More > 0 {
			list = append(list, *k)
		}
	}
	return list
}
