package data

import (
	"archive/zip"
	"bufio"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// errBomb is the error of an archive that unpacks to far more than honest files do.
var errBomb = errors.New("it unpacks to more than 250 times its size")

// openZip opens a ZIP file: a spreadsheet, or an archive of one file of examples.
func (r *Reader) openZip(at io.ReaderAt) error {
	z, err := zip.NewReader(at, r.size)
	if err != nil {
		return hint.Wrap(err, "the file is cut off or damaged: get it again", "reading %s", r.name())
	}
	var files []*zip.File
	for _, f := range z.File {
		switch base := path.Base(f.Name); {
		case f.Name == "[Content_Types].xml" || f.Name == "xl/workbook.xml":
			return r.openSheet(z)
		case f.Name == "mimetype":
			return hint.Errorf("save it as .xlsx or .csv", "reading %s: it is an OpenDocument file or a book", r.name())
		case f.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/"):
		default:
			files = append(files, f)
		}
	}
	if part := r.columns.Part; part != "" {
		for _, f := range files {
			if f.Name == part {
				files = []*zip.File{f}
			}
		}
	}
	if len(files) != 1 {
		var names []string
		for _, f := range files {
			names = append(names, f.Name)
		}
		return hint.Errorf("pass --part with one of: "+firstChars(strings.Join(names, ", "), 200), "reading %s: the archive holds %d files", r.name(), len(files))
	}
	r.inner, r.columns.Part = files[0].Name, ""
	in, err := unpack(files[0])
	if err != nil {
		return r.readError(err)
	}
	r.close = append(r.close, in.Close)
	buffered := bufio.NewReaderSize(in, 64<<10)
	if magic, _ := buffered.Peek(4); string(magic) == "PK\x03\x04" || string(magic) == "PAR1" {
		return hint.Errorf("unpack it", "reading %s: an archive, a spreadsheet or Parquet within an archive", r.name())
	}
	return r.openText(buffered)
}

// unpack opens a file of an archive, and ends with errBomb where it grows beyond reason.
func unpack(f *zip.File) (io.ReadCloser, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	const always = 16 << 20 // bytes that need no justification
	return &bounded{in, always + 250*int64(min(f.CompressedSize64, 1<<40))}, nil
}

// bounded reads at most left bytes.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errBomb
	}
	return n, err
}
