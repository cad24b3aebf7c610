package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Source reads the texts of a corpus.
type Source struct {
	Config   Config
	Columns  data.Columns            // of a project: encoding and the like; Text is the column of Config.Exclude
	Clean    text.CleanConfig        // what is done to each text
	Without  Texts                   // texts that are left out
	Progress func(done, total int64) // told of bytes read; may be nil

	Report Report
}

// Report counts what a Source did.
type Report struct {
	Texts    int64 `json:"texts"`    // read
	Kept     int64 `json:"kept"`     //
	Doubles  int64 `json:"doubles"`  // left out: equal to an earlier one after cleaning
	Short    int64 `json:"short"`    // left out: too short, or empty
	Excluded int64 `json:"excluded"` // left out: among Without
}

// Texts is a set of texts, by digest.
type Texts map[uint64]struct{}

// Add puts a cleaned text into the set.
func (t Texts) Add(s string) { t[digest(s)] = struct{}{} }

// digest is the beginning of a text's SHA-256.
func digest(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint64(sum[:])
}

// Check reports what cannot be read, before minutes are spent.
func (s *Source) Check() error {
	if len(s.Config.Texts) == 0 {
		return hint.Errorf("set pretrain.texts in xiaoyu.yaml, or pass --texts FILE", "reading the corpus: no file of texts is named")
	}
	for _, path := range append(s.Config.Texts[:len(s.Config.Texts):len(s.Config.Texts)], s.Config.Exclude...) {
		if _, err := os.Stat(path); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fs.ErrNotExist
			}
			return hint.Wrap(err, "check the path", "reading the corpus %s", path)
		}
	}
	return nil
}

// Exclude adds the texts of Config.Exclude to those that are left out.
func (s *Source) Exclude(ctx context.Context) error {
	if s.Without == nil {
		s.Without = Texts{}
	}
	cleaner := text.NewCleaner(s.Clean)
	columns := s.Columns
	columns.Label, columns.Pair, columns.Group, columns.Time, columns.Slices = "", "", "", "", nil
	for _, path := range s.Config.Exclude {
		r, err := data.Open(ctx, path, columns)
		if err != nil {
			return err
		}
		for e, err := range r.All() {
			if err != nil {
				return errors.Join(err, r.Close())
			}
			clean, _ := cleaner.Clean(e.Text)
			s.Without.Add(clean)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// All yields the texts in the order of the files, and starts Report anew.
func (s *Source) All(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.Report = Report{}
		pass, err := data.NewPass(&data.Config{Clean: s.Clean, Rows: data.Rows{Duplicates: true, Empty: true, MinChars: s.Config.MinChars}})
		if err != nil {
			yield("", err)
			return
		}
		for raw, err := range s.raw(ctx) {
			if err != nil {
				yield("", err)
				return
			}
			e := data.Example{Text: raw}
			keep := pass.Clean(&e)
			if keep {
				if _, keep = s.Without[digest(e.Text)]; keep {
					s.Report.Excluded++
				}
				keep = !keep
			}
			r := &pass.Report
			s.Report.Texts, s.Report.Doubles, s.Report.Short = r.In, r.Duplicates, r.Short+r.Empty
			if !keep {
				continue
			}
			s.Report.Kept++
			if !yield(e.Text, nil) {
				return
			}
		}
	}
}

// maxText is the most bytes of a text that is put together of lines: a file without empty lines is no single text.
const maxText = 1 << 20

// raw yields the texts as they stand in the files.
func (s *Source) raw(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		before, total := int64(0), s.size()
		for _, path := range s.Config.Texts {
			r, err := data.Open(ctx, path, s.columnsOf(path))
			if err != nil {
				yield("", ownWay(err))
				return
			}
			n, going := 0, true
			texts := r.All()
			if s.Config.Paragraphs && r.Format() == "lines" {
				texts = paragraphs(texts)
			}
			for e, err := range texts {
				if n++; n%512 == 0 && s.Progress != nil {
					done, _ := r.Progress()
					s.Progress(before+done, total)
				}
				if going = yield(e.Text, err) && err == nil; !going {
					break
				}
			}
			done, _ := r.Progress()
			before += done
			if err := r.Close(); err != nil && going {
				going = yield("", err) && false
			}
			if !going {
				return
			}
		}
		if s.Progress != nil {
			s.Progress(before, total)
		}
	}
}

// ownWay gives an error about the column of texts the name that the column has here.
func ownWay(err error) error {
	if way := hint.Way(err); strings.Contains(way, "--text ") {
		return hint.Errorf(strings.ReplaceAll(way, "--text ", "--column "), "%s", err)
	}
	return err
}

// columnsOf says how a file of texts is read.
func (s *Source) columnsOf(path string) data.Columns {
	c := data.Columns{Text: s.Config.Column, Encoding: s.Columns.Encoding, Invalid: s.Columns.Invalid, Format: "auto", Header: "auto", Quotes: "auto", Delimiter: "auto"}
	if info, err := os.Stat(path); s.Config.Column == "" {
		c.Text, c.Format = "text", "lines"
		if err == nil && info.IsDir() {
			c.Format = "folder"
		}
	}
	return c
}

// size is that of all files, in bytes; Check has found them.
func (s *Source) size() (total int64) {
	for _, path := range s.Config.Texts {
		// A file whose size is not known makes the bar short, and nothing else.
		_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if info, err := d.Info(); err == nil && d.Type().IsRegular() {
				total += info.Size()
			}
			return nil
		})
	}
	return total
}

// paragraphs joins lines to texts that end at empty lines.
func paragraphs(lines iter.Seq2[data.Example, error]) iter.Seq2[data.Example, error] {
	return func(yield func(data.Example, error) bool) {
		var b strings.Builder
		for e, err := range lines {
			if err != nil {
				yield(e, err)
				return
			}
			empty := strings.TrimSpace(e.Text) == ""
			if b.Len() > 0 && (empty || b.Len()+len(e.Text) > maxText) {
				if !yield(data.Example{Text: b.String()}, nil) {
					return
				}
				b.Reset()
			}
			if empty {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(e.Text)
		}
		if b.Len() > 0 {
			yield(data.Example{Text: b.String()}, nil)
		}
	}
}
