package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// relations are where a package stands among others.
type relations struct {
	Lineage   *lineage // nil where nothing is known of it
	Similar   []*catalogue.Repository
	Downloads int64 // of the last days
	Days      int
	Line      string // of downloads by day, as points of a polyline in 0 … 100 by 0 … 20
}

const (
	mostSimilar = 4
	shownDays   = 30
)

// relate finds out where a package stands among those that who may see.
func (h *Handler) relate(r *http.Request, p *repository) (*relations, error) {
	ctx, who, of, c := r.Context(), visitor(r), p.Repository, h.depot.Catalogue
	out := &relations{Days: shownDays}
	var err error
	if out.Lineage, err = h.trace(ctx, who, p, p.facts, vocabulary[lang(r)]); err != nil {
		return nil, err
	}
	if out.Similar, err = c.Similar(ctx, who, of, mostSimilar); err != nil {
		return nil, err
	}
	days, err := c.DownloadsByDay(ctx, of, shownDays)
	if err != nil {
		return nil, err
	}
	most := slices.Max(days)
	var points []string
	for i, n := range days {
		out.Downloads += n
		points = append(points, strconv.FormatFloat(100*float64(i)/(shownDays-1), 'f', 1, 64)+","+strconv.FormatFloat(19-18*float64(n)/float64(max(most, 1)), 'f', 1, 64))
	}
	out.Line = strings.Join(points, " ")
	return out, nil
}

// figure is one as it is drawn: a bar where it is a share, else a number.
type figure struct {
	Name, Value, Dataset string
	Width                float64 // 0 to 100
	Share                bool
}

func drawn(list []pack.Figure) (out []figure) {
	for _, f := range list {
		x := figure{Name: f.Name, Dataset: f.Dataset, Value: strconv.FormatFloat(f.Value, 'g', 5, 64), Share: f.Value >= 0 && f.Value <= 1}
		if x.Share {
			x.Width, x.Value = 100*f.Value, decimal(f)
		}
		out = append(out, x)
	}
	return out
}

// longestText is how much of a file a page shows, in bytes.
const longestText = 256 << 10

// shownFile is a file of text.
type shownFile struct {
	FullName, Back string // name of the package, and where its page is
	Path           string
	Size           int64
	Text           string // "" for what is no text
	Cut            bool   // there is more
	Download       string
}

// file shows a file of a package.
func (h *Handler) file(r *http.Request) (string, string, any, error) {
	p, err := h.describe(r)
	if err != nil {
		return "", "", nil, err
	}
	path := r.URL.Query().Get("path")
	i := slices.IndexFunc(p.Files, func(f catalogue.File) bool { return f.Path == path })
	if i < 0 {
		return "", "", nil, catalogue.ErrNotFound
	}
	if p.Mine.Closed && path != pack.CardFile { // whose card is on its page
		return "", "", nil, fmt.Errorf("%s of %s: %w", path, p.FullName(), catalogue.ErrGated)
	}
	text, err := h.text(r.Context(), p, path, longestText)
	if err != nil {
		return "", "", nil, err
	}
	f := &shownFile{FullName: p.FullName(), Back: "/" + p.FullName() + p.Suffix("?"), Path: path, Size: p.Files[i].Size, Download: p.Download + path, Cut: p.Files[i].Size > int64(len(text))}
	for n := 0; f.Cut && n < utf8.UTFMax && !utf8.Valid(text) && len(text) > 0; n++ { // the end of what was read may be within a character
		text = text[:len(text)-1]
	}
	if utf8.Valid(text) && !strings.ContainsRune(string(text), 0) {
		f.Text = string(text)
	}
	return "file", path + " · " + p.FullName(), f, nil
}

// Suffix is the version in the address, behind a sign, for links that keep it.
func (p *repository) Suffix(sign string) string {
	if p.Asked == "" {
		return ""
	}
	return sign + "version=" + url.QueryEscape(p.Asked)
}

// FileLink is where a file is shown.
func (p *repository) FileLink(path string) string {
	return "/" + p.FullName() + "/file?path=" + url.QueryEscape(path) + p.Suffix("&")
}

// Gone lists versions that were taken back, where there are no others.
func (p *repository) Gone() (list []catalogue.Ref) {
	for _, ref := range p.Refs {
		if ref.Kind != "version" {
			continue
		}
		if ref.State != catalogue.Yanked {
			return nil
		}
		list = append(list, ref)
	}
	return list
}

// Previous is the version before the one that is shown; "" if there is none.
func (p *repository) Previous() string {
	for i, ref := range p.Refs {
		if ref.Kind == "version" && ref.Name == p.Version && i+1 < len(p.Refs) && p.Refs[i+1].Kind == "version" {
			return p.Refs[i+1].Name
		}
	}
	return ""
}
