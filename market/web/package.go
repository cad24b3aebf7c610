package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

type repository struct {
	*catalogue.Repository
	Mine       mine
	In         []*catalogue.Collection // some of those that it is in
	Asked      string                  // the version in the address
	Version    string                  // the one that is shown, "" if it has no name
	Digest     string
	Signatures []catalogue.Signature
	Refs       []catalogue.Ref
	State      *catalogue.Ref // where the version is yanked or deprecated
	Files      []catalogue.File
	Findings   []inspect.Finding
	Total      int64
	Card       template.HTML
	Install    string
	Download   string // address of a file is this and its path
	Trial      *trial // nil where there is no model to ask
	Figures    []pack.Figure
	Measured   []measured
	Around     *relations // nil where nothing has been published
	Says       *opinion   // of people; nil likewise
	Advisories []catalogue.Advisory
	facts      *catalogue.Facts    // of the version that is asked for; nil for the latest
	Down       *catalogue.Decision // for whose it is and for moderators, where one has taken it down
}

// Moderated tells that who sees a package that is down is a moderator, and not whose it is.
func (p *repository) Moderated() bool { return p.May < catalogue.Write }

// clip is the beginning of a text, as long as a button may be.
func clip(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= 24 {
		return string(r)
	}
	return string(r[:23]) + "…"
}

// longestCard bounds what is rendered, in bytes.
const longestCard = 1 << 20

func (h *Handler) repository(r *http.Request) (string, string, any, error) {
	p, err := h.describe(r)
	if err != nil {
		return "", "", nil, err
	}
	if p.In, _, err = h.depot.Catalogue.Collections(r.Context(), visitor(r), catalogue.CollectionFilter{With: p.Repository, Limit: mostLists}); err != nil {
		return "", "", nil, err
	}
	if p.Digest != "" {
		if p.Around, err = h.relate(r, p); err != nil {
			return "", "", nil, err
		}
		if p.Says, err = h.opinion(r, p.Repository, shownReviews); err != nil {
			return "", "", nil, err
		}
	}
	return "package", p.FullName(), p, nil
}

// describe finds out what the page of a package says.
func (h *Handler) describe(r *http.Request) (*repository, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	found, err := c.Repository(ctx, visitor(r), r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	p := &repository{Repository: found, Asked: r.URL.Query().Get("version")}
	if p.Mine, err = h.mine(r, found); err != nil {
		return nil, err
	}
	if p.Refs, err = c.Refs(ctx, found); err != nil {
		return nil, err
	}
	p.Install = "xiaoyu pull " + found.FullName()
	if p.Asked != "" {
		p.Install += ":" + p.Asked
	}
	if found.Private && (found.May >= catalogue.Write || visitor(r).Account.Moderates()) {
		if p.Down, err = c.LastDecision(ctx, catalogue.APackage, found.ID); err != nil {
			return nil, err
		}
		if p.Down != nil && p.Down.Action != catalogue.ToTakeDown {
			p.Down = nil
		}
	}
	t, err := c.Resolve(ctx, found, p.Asked)
	if errors.Is(err, catalogue.ErrNotFound) && p.Asked == "" { // nothing has been published yet
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.Version, p.Digest = t.Name, t.Manifest.Digest.String()
	if p.Asked != "" {
		if p.facts, err = c.Facts(ctx, &t.Manifest); err != nil {
			return nil, err
		}
	}
	standing, err := c.StandingOf(ctx, found, t.Manifest.Digest)
	if err != nil {
		return nil, err
	}
	p.Advisories = standing.Advisories
	if p.Signatures, err = c.Signatures(ctx, &t.Manifest); err != nil {
		return nil, err
	}
	for i, ref := range p.Refs {
		if ref.Kind == "version" && ref.Digest == t.Manifest.Digest {
			p.Version = ref.Name
			if ref.State != "" {
				p.State = &p.Refs[i]
			}
			break
		}
	}
	if p.Files, err = c.Files(ctx, &t.Manifest); err != nil {
		return nil, err
	}
	if p.Findings, err = c.Findings(ctx, &t.Manifest); err != nil {
		return nil, err
	}
	for _, f := range p.Files {
		p.Total += f.Size
	}
	if t.Revision != nil {
		prefix := map[string]string{"dataset": "/datasets"}[string(found.Kind)]
		p.Download = prefix + "/" + found.FullName() + "/resolve/" + t.Revision.Commit + "/"
	}
	read, err := h.cards.of(p.Files, func() ([]byte, error) { return h.text(ctx, p, pack.CardFile, longestCard) })
	if err != nil {
		return nil, err
	}
	if p.Card = read.html; !p.Mine.Closed {
		p.Trial = trialOf(p, read.card)
	}
	if read.card != nil {
		p.Figures = read.card.Figures
	}
	p.Measured, err = h.measurements(ctx, &t.Manifest, p.Figures)
	return p, err
}

// text returns the beginning of a file of a package; nil if there is none.
func (h *Handler) text(ctx context.Context, p *repository, path string, most int64) ([]byte, error) {
	i := slices.IndexFunc(p.Files, func(f catalogue.File) bool { return f.Path == path })
	if i < 0 {
		return nil, nil
	}
	content, err := h.depot.Open(ctx, p.Repository, p.Files[i].Digest)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, most))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", path, p.FullName(), err)
	}
	return text, nil
}
