package data

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/spell"
)

// ProposeSpelling looks for misspellings in the texts of c.Path, as the cleaning steps leave them; stop words stay. A
// table that c names is applied first, so that what it knows is not proposed again. progress is told of the stage, what
// is done, and what there is in all.
func ProposeSpelling(ctx context.Context, c *Config, o spell.Options) (*spell.Result, error) {
	clean := c.Clean
	clean.StopWords, clean.StopWordsFile = "none", ""
	if err := clean.ReadFiles(); err != nil {
		return nil, err
	}
	cleaner := text.NewCleaner(clean)
	columns := c.Columns
	columns.Label, columns.Group, columns.Time, columns.Slices = "", "", "", nil
	r, err := Open(ctx, c.Path, columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n := 0
	return spell.Propose(ctx, func(yield func(string, error) bool) {
		for e, err := range r.All() {
			if err != nil {
				yield("", err)
				return
			}
			if n++; n%512 == 0 && o.Progress != nil {
				done, total := r.Progress()
				o.Progress("reading", done, total)
			}
			for _, s := range []string{e.Text, e.Pair} {
				if s, _ = cleaner.Clean(s); s != "" && !yield(s, nil) {
					return
				}
			}
		}
	}, o)
}

// ReadSpelling returns the table of misspellings in a file, and its content; nil if there is no file.
func ReadSpelling(path string) (*text.Spelling, []byte, error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, hint.Wrap(err, "choose another file with --out", "writing the proposals")
	}
	t, err := text.ParseSpelling(content, path)
	return t, content, err
}

// WriteSpelling writes proposals as a table of misspellings to path. Lines that the file has stay as they are, in front
// of those that are new: they are a person's decisions. It returns how many are new.
func WriteSpelling(path string, r *spell.Result) (added int, err error) {
	known, old, err := ReadSpelling(path)
	if err != nil {
		return 0, err
	}
	content := r.Content()
	if known != nil {
		if r = newTo(known, r); len(r.Proposals) == 0 {
			return 0, nil
		}
		content = append([]byte(strings.TrimRight(string(old), "\r\n")+"\n"), r.Content()...)
	}
	if _, err := text.ParseSpelling(content, path); err != nil {
		return 0, hint.Wrap(err, "name a new file with --out", "joining the proposals with what the file has")
	}
	if err := atomicfile.WriteFile(path, content, 0o644); err != nil {
		return 0, hint.Wrap(err, "choose another file with --out", "writing the proposals")
	}
	return len(r.Proposals), nil
}

// newTo returns the proposals that a table says nothing about, and that do not contradict it.
func newTo(known *text.Spelling, r *spell.Result) *spell.Result {
	var rights strings.Builder
	wrong := map[string]bool{}
	for _, c := range known.List() {
		wrong[strings.ToLower(c.Wrong)] = true
		fmt.Fprintln(&rights, c.Right)
	}
	cleaner := text.NewCleaner(text.CleanConfig{}.WithSpelling(known))
	out := &spell.Result{}
	for _, p := range r.Proposals {
		if _, changes := cleaner.Clean(p.Right); changes == 0 && !wrong[p.Wrong] && !strings.Contains(rights.String(), p.Wrong) {
			out.Proposals = append(out.Proposals, p)
		}
	}
	return out
}
