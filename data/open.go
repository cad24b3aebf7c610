package data

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/decompress"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func (r *Reader) open() error {
	if info, err := os.Stat(r.path); err == nil && info.IsDir() && r.path != "-" {
		return r.openFolder()
	}
	file, err := r.openFile()
	if err != nil {
		return err
	}
	r.read = &counting{r: file}
	buffered := bufio.NewReaderSize(r.read, 64<<10)
	magic, err := buffered.Peek(8)
	if err != nil && err != io.EOF {
		return r.readError(err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")), bytes.HasPrefix(magic, []byte("PAR1")):
		return r.openIndexed(file, magic)
	case bytes.HasPrefix(magic, []byte("\xd0\xcf\x11\xe0")):
		return hint.Errorf("save it as .xlsx without a password", "reading %s: it is an old Excel file (.xls), or one with a password", r.name())
	case bytes.HasPrefix(magic, []byte("PARE")):
		return hint.Errorf("write it without encryption", "reading %s: the Parquet file is encrypted", r.name())
	}
	if f := r.columns.Format; f == "xlsx" || f == "parquet" || f == "folder" {
		return hint.Errorf("leave the format to auto, or check the file", "reading %s: it is no %s", r.name(), map[string]string{"xlsx": "XLSX file", "parquet": "Parquet file", "folder": "folder"}[f])
	}
	return r.openText(buffered)
}

// openIndexed opens a format whose table of contents is at its end: ZIP (which XLSX is as well) or Parquet.
func (r *Reader) openIndexed(file io.Reader, magic []byte) error {
	f, ok := file.(*os.File)
	if !ok || r.size == 0 {
		return hint.Errorf("save it to a file first", "reading %s: XLSX, ZIP and Parquet are read from their end", r.name())
	}
	r.read = &counting{}
	at := &countingAt{f, r.read}
	if magic[0] == 'P' && magic[1] == 'K' {
		return r.openZip(at)
	}
	return r.openParquet(at)
}

// openText opens what is read from its beginning.
func (r *Reader) openText(in *bufio.Reader) error {
	plain, closePlain, err := decompress.Reader(in, sampleSize)
	if err != nil {
		return r.readError(err)
	}
	r.close = append(r.close, func() error { closePlain(); return nil })
	sample, err := plain.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return r.readError(err)
	}
	if plain, err = r.decode(plain, sample); err != nil {
		return err
	}
	r.in = plain
	if sample, err = plain.Peek(sampleSize); err != nil && err != io.EOF {
		return r.readError(err)
	}
	if len(bytes.TrimSpace(sample)) == 0 {
		return hint.Errorf("give a file with a header and at least two rows", "reading %s: the file is empty", r.name())
	}
	switch r.textFormat(sample) {
	case "jsonl":
		r.records, err = &jsonReader{lines: lines{r: r}, fields: jsonFields{r: r, sample: string(sample)}}, nil
	case "json":
		r.records, err = newDocument(r, string(sample))
	case "conll":
		r.records, err = newConll(r, sample)
	case "lines":
		r.records, err = &plainLines{lines{r: r}}, nil
	default:
		r.records, err = newTable(r, sample)
	}
	return err
}

// decode turns the file's encoding, given or found in the sample, into UTF-8 without a byte order mark.
func (r *Reader) decode(plain *bufio.Reader, sample []byte) (*bufio.Reader, error) {
	name := r.columns.Encoding
	if name == "auto" || name == "" {
		name = DetectEncoding(sample)
	}
	enc, err := knownEncoding(name)
	if err != nil {
		return nil, hint.Wrap(err, "pass --encoding auto", "reading %s", r.name())
	}
	if enc != nil {
		plain = bufio.NewReaderSize(enc.NewDecoder().Reader(plain), sampleSize)
	}
	if start, _ := plain.Peek(3); string(start) == "\ufeff" {
		if _, err := plain.Discard(3); err != nil {
			return nil, r.readError(err)
		}
	}
	return plain, nil
}

func (r *Reader) openFile() (io.Reader, error) {
	if r.path == "-" {
		return os.Stdin, nil
	}
	info, err := os.Stat(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Wrap(fs.ErrNotExist, "check the path", "reading %s", r.path)
	}
	if err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check the path", "reading %s", r.path)
	}
	f, err := os.Open(r.path)
	if err != nil {
		return nil, hint.Wrap(errors.Unwrap(err), "check that you may read the file", "reading %s", r.path)
	}
	r.close = append(r.close, f.Close)
	r.size = info.Size()
	return f, nil
}

// textFormat decides what a text file is: by what was asked for, by its first characters, by its name.
func (r *Reader) textFormat(sample []byte) string {
	switch f := r.columns.Format; f {
	case "csv", "conll", "jsonl", "json", "lines":
		return f
	}
	start := bytes.TrimSpace(sample)
	switch ext := r.extension(); {
	case ext == ".csv" || ext == ".tsv":
		return "csv"
	case (ext == ".jsonl" || ext == ".ndjson") && start[0] != '[':
		return "jsonl"
	case start[0] == '{':
		if isJSONLines(start, r.columns.Text) {
			return "jsonl"
		}
		return "json"
	case start[0] == '[' && (ext == ".json" || ext == ".jsonl" || looksJSONList(start)):
		return "json"
	case ext == ".json":
		return "jsonl"
	case ext == ".conll" || ext == ".bio" || ext == ".bmes" || ext == ".bioes" || ext == ".iob" || looksConll(sample):
		return "conll"
	}
	return "csv"
}

// extension is that of the file's name, in lower case, without what names a compression.
func (r *Reader) extension() string {
	name := strings.ToLower(cmp.Or(r.inner, r.path))
	for _, suffix := range []string{".gz", ".zst", ".gzip", ".zstd", ".zip"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return filepath.Ext(name)
}
