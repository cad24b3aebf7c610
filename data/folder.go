package data

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// folder reads a text a file: the .txt files under a folder in their natural order (file 2 before file 10). The columns
// are text, label (the name of the folder that the file lies in, "" for the outermost) and path.
type folder struct {
	r       *Reader
	files   []string // relative to the folder, with slashes
	at      int      // files read
	skipped int      // files of other kinds
}

func (r *Reader) openFolder() error {
	if f := r.columns.Format; f != "folder" && f != "auto" && f != "" {
		return hint.Errorf("name one file", "reading %s: it is a folder", r.path)
	}
	files, size, skipped, err := listTexts(r.path)
	if err != nil {
		return hint.Wrap(err, "check that you may read the folder", "reading %s", r.path)
	}
	if len(files) == 0 {
		return hint.Errorf("name one file, or a folder with a text a file and a subfolder a label", "reading %s: the folder has no .txt files", r.path)
	}
	r.unit, r.size, r.read = "file", size, &counting{}
	r.columns.Header = "yes"
	f := &folder{r: r, files: files, skipped: skipped}
	t := &table{r: r, rows: f}
	r.records = t
	return t.header()
}

// listTexts returns the .txt files under dir in natural order, their size, and the number of other files. Links are not
// followed, and what is hidden is left alone.
func listTexts(dir string) (files []string, size int64, skipped int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); strings.HasPrefix(name, ".") && path != dir {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if !strings.EqualFold(filepath.Ext(path), ".txt") {
			skipped++
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		files, size = append(files, filepath.ToSlash(relative)), size+info.Size()
		return err
	})
	slices.SortFunc(files, naturally)
	return files, size, skipped, err
}

// naturally compares names, runs of digits by their number.
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		i, j := digits(x), digits(y)
		if i > 0 && j > 0 {
			m, n := strings.TrimLeft(x[:i], "0"), strings.TrimLeft(y[:j], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			x, y = x[i:], y[j:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns the length of the run of digits that s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

func (f *folder) row() ([]string, int, error) {
	f.at++
	if f.at == 1 {
		return []string{"text", "label", "path"}, 0, nil
	}
	if f.at-2 >= len(f.files) {
		return nil, 0, io.EOF
	}
	name := f.files[f.at-2]
	text, err := f.read(filepath.Join(f.r.path, filepath.FromSlash(name)))
	label := ""
	if dir := filepath.ToSlash(filepath.Dir(name)); dir != "." {
		label = dir[strings.LastIndexByte(dir, '/')+1:]
	}
	return []string{text, label, name}, f.at - 1, err
}

// read returns a file's text. Each file has an encoding of its own.
func (f *folder) read(path string) (string, error) {
	one := &Reader{ctx: f.r.ctx, path: path, columns: f.r.columns}
	defer one.Close()
	file, err := one.openFile()
	if err != nil {
		return "", err
	}
	in := bufio.NewReaderSize(&counting{r: file}, sampleSize)
	sample, err := in.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return "", one.readError(err)
	}
	if in, err = one.decode(in, sample); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxRecord+1))
	if err != nil {
		return "", one.readError(err)
	}
	if len(text) > maxRecord {
		return "", hint.Errorf("split it", "reading %s: the text has more than %d MB", path, maxRecord>>20)
	}
	f.r.read.n += one.size
	return strings.TrimRight(string(text), "\r\n"), nil
}

func (f *folder) notes() []string {
	if f.skipped == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d files that are no .txt were left out", f.r.path, f.skipped)}
}

// digestFolder hashes the names and contents of the texts of a folder.
func digestFolder(dir string, to io.Writer) error {
	files, _, _, err := listTexts(dir)
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "%s\n%d\n%s", name, len(content), content); err != nil {
			return err
		}
	}
	return nil
}
