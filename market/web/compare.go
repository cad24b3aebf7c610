package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// comparison is what differs between two versions of a package.
type comparison struct {
	FullName string
	From, To string
	Names    []string // of all versions, to choose from
	Files    []fileChange
	Same     int // files that are the same in both
	Sizes    [2]int64
	Figures  []figureChange
	Lines    []diffLine // of the card
	Cut      bool       // the cards are too long to be compared whole
}

// fileChange is a file that one version has and the other has not, or that they have with different contents.
type fileChange struct {
	Path     string
	Class    string // added, removed or changed
	From, To int64  // bytes; 0 where it is not there
}

// figureChange is a figure of two cards.
type figureChange struct {
	Name, From, To string
	Change         string // "" for none, and where one is missing
	Up             bool
}

// diffLine is a line of the newer card or the older one, or "…" for lines that are in both.
type diffLine struct {
	Class string // added, removed, "" or gap
	Text  string
}

func (h *Handler) compare(r *http.Request) (string, string, any, error) {
	asked := r.URL.Query()
	found, err := h.depot.Catalogue.Repository(r.Context(), visitor(r), r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return "", "", nil, err
	}
	refs, err := h.depot.Catalogue.Refs(r.Context(), found)
	if err != nil {
		return "", "", nil, err
	}
	c := &comparison{FullName: found.FullName(), From: asked.Get("from"), To: asked.Get("to")}
	for _, ref := range refs {
		c.Names = append(c.Names, ref.Name)
	}
	if len(c.Names) == 0 {
		return "", "", nil, catalogue.ErrNotFound
	}
	c.To = cmp.Or(c.To, c.Names[0])
	c.From = cmp.Or(c.From, c.Names[min(1, len(c.Names)-1)])
	var sides [2]*repository
	var cards [2]*pack.Card
	for i, version := range []string{c.From, c.To} {
		t, err := h.depot.Catalogue.Resolve(r.Context(), found, version)
		if err != nil {
			return "", "", nil, err
		}
		sides[i] = &repository{Repository: found}
		if sides[i].Files, err = h.depot.Catalogue.Files(r.Context(), &t.Manifest); err != nil {
			return "", "", nil, err
		}
		text, err := h.text(r.Context(), sides[i], pack.CardFile, longestCard)
		if err != nil {
			return "", "", nil, err
		}
		if cards[i], err = pack.ReadCard(text); err != nil {
			cards[i] = &pack.Card{Body: string(text)}
		}
	}
	c.files(sides[0].Files, sides[1].Files)
	c.figures(cards[0].Figures, cards[1].Figures)
	c.Lines, c.Cut = diff(strings.Split(cards[0].Body, "\n"), strings.Split(cards[1].Body, "\n"))
	return "compare", found.FullName(), c, nil
}

func (c *comparison) files(from, to []catalogue.File) {
	old := map[string]catalogue.File{}
	for _, f := range from {
		old[f.Path] = f
		c.Sizes[0] += f.Size
	}
	for _, f := range to {
		c.Sizes[1] += f.Size
		was, ok := old[f.Path]
		delete(old, f.Path)
		switch {
		case !ok:
			c.Files = append(c.Files, fileChange{f.Path, "added", 0, f.Size})
		case was.Digest != f.Digest:
			c.Files = append(c.Files, fileChange{f.Path, "changed", was.Size, f.Size})
		default:
			c.Same++
		}
	}
	for _, f := range old {
		c.Files = append(c.Files, fileChange{f.Path, "removed", f.Size, 0})
	}
	slices.SortFunc(c.Files, func(a, b fileChange) int { return strings.Compare(a.Path, b.Path) })
}

// Growth is by how much the newer version is larger.
func (c *comparison) Growth() string {
	n := c.Sizes[1] - c.Sizes[0]
	if n < 0 {
		return "−" + size.Bytes(-n)
	}
	return "+" + size.Bytes(n)
}

func (c *comparison) figures(from, to []pack.Figure) {
	key := func(f pack.Figure) string { return f.Name + "\x00" + f.Dataset }
	old := map[string]pack.Figure{}
	for _, f := range from {
		old[key(f)] = f
	}
	seen := map[string]bool{}
	for _, f := range to {
		x := figureChange{Name: f.Name, To: decimal(f)}
		if was, ok := old[key(f)]; ok {
			x.From, x.Up = decimal(was), f.Value > was.Value
			if f.Value != was.Value {
				x.Change = strconv.FormatFloat(f.Value-was.Value, 'f', 3, 64)
			}
			if x.Up {
				x.Change = "+" + x.Change
			}
		}
		seen[key(f)] = true
		c.Figures = append(c.Figures, x)
	}
	for _, f := range from {
		if !seen[key(f)] {
			c.Figures = append(c.Figures, figureChange{Name: f.Name, From: decimal(f)})
		}
	}
}

const (
	mostLines    = 1500 // of a card that are compared
	contextLines = 2    // that are shown around a change
)

// diff compares lines: the fewest that are removed and added make one text of the other (the longest common subsequence,
// by dynamic programming). Lines that both have are left out but near changes. cut tells that a text was too long.
func diff(a, b []string) (lines []diffLine, cut bool) {
	cut = len(a) > mostLines || len(b) > mostLines
	a, b = a[:min(len(a), mostLines)], b[:min(len(b), mostLines)]
	common := make([][]uint16, len(a)+1) // [i][j]: how many lines a[i:] and b[j:] have in common
	for i := range common {
		common[i] = make([]uint16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var all []diffLine
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			all = append(all, diffLine{"", a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			all = append(all, diffLine{"removed", a[i]})
			i++
		default:
			all = append(all, diffLine{"added", b[j]})
			j++
		}
	}
	near := make([]bool, len(all))
	changed := false
	for i, l := range all {
		if l.Class != "" {
			changed = true
			for k := max(0, i-contextLines); k < min(len(all), i+contextLines+1); k++ {
				near[k] = true
			}
		}
	}
	if !changed {
		return nil, cut
	}
	for i, l := range all {
		if near[i] {
			lines = append(lines, l)
		} else if i == 0 || near[i-1] {
			lines = append(lines, diffLine{"gap", "…"})
		}
	}
	return lines, cut
}
