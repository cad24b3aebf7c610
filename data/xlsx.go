package data

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// sheet reads the rows of a spreadsheet in Office Open XML (ECMA-376, part 1, chapter 18), as Excel, WPS and LibreOffice
// write it. Cells hold what the file says that they show: the stored results of formulas, dates as ISO 8601, truth values
// as true and false. A merged cell counts for all its rows, but for its first column alone. Rows are read as they stand
// in the file; only the table of shared strings is held in memory.
type sheet struct {
	r       *Reader
	book    *workbook
	name    string
	xml     *xml.Decoder
	budget  *budget
	merged  map[int][]*merge // by the row after the first, as long as it goes on
	open    []*merge         // that go on in the row that is read
	row_    int
	cells   []string
	wanted  []int // columns in which a formula must have a result; nil while the header is sought
	faults  int   // cells that hold #N/A and the like
	ended   bool
	waiting [][]string // rows that were read to find the header
	places  []int
}

// merge is a range of merged cells.
type merge struct {
	column, first, last int
	value               string
}

const (
	maxColumns  = 16384     // of a sheet
	maxMerges   = 1 << 20   // ranges that are remembered
	maxStrings  = 512 << 20 // bytes of shared strings
	headerDepth = 20        // rows in which the header is sought
)

// openSheet opens the wanted sheet, or the first one that is not hidden.
func (r *Reader) openSheet(z *zip.Reader) error {
	r.unit = "row"
	damaged := func(err error) error {
		way := "open it in a spreadsheet program and save it again"
		if errors.Is(err, errBomb) {
			way = "no honest spreadsheet does: do not trust its source"
		}
		return hint.Wrap(err, way, "reading %s", r.name())
	}
	book, err := openWorkbook(z)
	if err != nil {
		return damaged(err)
	}
	at, err := r.chooseSheet(book)
	if err != nil {
		return err
	}
	s := &sheet{r: r, book: book, name: book.sheets[at].Name}
	file, err := book.file(book.sheets[at].target)
	if err != nil {
		return damaged(err)
	}
	if s.merged, err = findMerges(file); err != nil {
		return damaged(err)
	}
	in, err := unpack(file)
	if err != nil {
		return damaged(err)
	}
	r.close = append(r.close, in.Close)
	s.budget = &budget{r: in, left: maxRecord}
	s.xml = xml.NewDecoder(bufio.NewReaderSize(s.budget, 64<<10))
	t := &table{r: r, rows: s}
	r.records = t
	if err := s.findHeader(); err != nil {
		return err
	}
	if err := t.header(); err != nil {
		return err
	}
	s.wanted = t.at
	return nil
}

func (r *Reader) chooseSheet(book *workbook) (int, error) {
	var names []string
	for _, s := range book.sheets {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return 0, hint.Errorf("save a sheet with a table", "reading %s: the workbook has no sheet", r.name())
	}
	if part := r.columns.Part; part != "" {
		for i, name := range names {
			if name == part {
				return i, nil
			}
		}
		if n, err := strconv.Atoi(part); err == nil && n >= 1 && n <= len(names) {
			return n - 1, nil
		}
		return 0, hint.Errorf("pass --part with one of: "+strings.Join(names, ", "), "reading %s: there is no sheet %q", r.name(), part)
	}
	first := 0
	for i, s := range book.sheets {
		if s.State == "" || s.State == "visible" {
			first = i
			break
		}
	}
	if len(names) > 1 {
		r.notes = append(r.notes, fmt.Sprintf("%s: sheet %q is read; --part chooses another of %s", r.name(), names[first], strings.Join(names, ", ")))
	}
	return first, nil
}

// findHeader reads on to the row that has all wanted names, past titles above the table. Where none has, the first row is
// taken, for the error that names its columns.
func (s *sheet) findHeader() error {
	c := &s.r.columns
	if _, err := strconv.Atoi(c.Text); err == nil || c.Header == "no" {
		return nil
	}
	var rows [][]string
	var places []int
	for len(rows) < headerDepth {
		cells, row, err := s.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		cells = append([]string(nil), cells...)
		rows, places = append(rows, cells), append(places, row)
		if hasNames(cells, c.wanted()) {
			s.waiting, s.places = rows[len(rows)-1:], places[len(rows)-1:]
			return nil
		}
	}
	s.waiting, s.places = rows, places
	return nil
}

func hasNames(cells []string, wanted []wantedColumn) bool {
	for _, want := range wanted {
		found := want.column == ""
		for _, cell := range cells {
			found = found || strings.TrimSpace(cell) == want.column
		}
		if !found {
			return false
		}
	}
	return true
}

// row returns the next row that is not empty.
func (s *sheet) row() ([]string, int, error) {
	if len(s.waiting) > 0 {
		cells, row := s.waiting[0], s.places[0]
		s.waiting, s.places = s.waiting[1:], s.places[1:]
		return cells, row, nil
	}
	cells, row, err := s.read()
	if t, ok := s.r.records.(*table); ok && err == nil {
		for len(cells) < t.columns { // empty cells at a row's end are not stored
			cells = append(cells, "")
		}
		s.cells = cells
	}
	return cells, row, err
}

func (s *sheet) read() ([]string, int, error) {
	for !s.ended {
		s.budget.left = maxRecord
		token, err := s.xml.Token()
		if err != nil {
			return nil, 0, s.damaged(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local != "row" {
				continue
			}
			if err := s.readRow(t); err != nil {
				return nil, 0, err
			}
			for _, cell := range s.cells {
				if strings.TrimSpace(cell) != "" {
					return s.cells, s.row_, nil
				}
			}
		case xml.EndElement:
			s.ended = t.Name.Local == "sheetData"
		}
	}
	return nil, 0, io.EOF
}

func (s *sheet) readRow(start xml.StartElement) error {
	s.cells = s.cells[:0]
	s.row_++
	if r := attribute(start, "r"); r != "" {
		n, err := strconv.Atoi(r)
		if err != nil || n < s.row_ || n > 1<<20 {
			return hint.Errorf("open it in a spreadsheet program and save it again", "reading %s: a row is numbered %q after row %d", s.r.name(), r, s.row_-1)
		}
		s.row_ = n
	}
	for {
		token, err := s.xml.Token()
		if err != nil {
			return s.damaged(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			if t.Name.Local == "row" {
				s.spread()
				return nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			column := len(s.cells)
			if ref := attribute(t, "r"); ref != "" {
				column = columnOf(ref)
			}
			if column < len(s.cells) || column >= maxColumns {
				return hint.Errorf("open it in a spreadsheet program and save it again", "reading %s: row %d: a cell is named %q after %d others", s.r.name(), s.row_, attribute(t, "r"), len(s.cells))
			}
			for len(s.cells) < column {
				s.cells = append(s.cells, "")
			}
			value, err := s.cell(t, column)
			if err != nil {
				return err
			}
			s.cells = append(s.cells, value)
		}
	}
}

// spread gives the cells of merged ranges the value of their first one, downwards.
func (s *sheet) spread() {
	going := s.open[:0]
	for _, m := range s.open {
		if m.last < s.row_ {
			continue
		}
		for len(s.cells) <= m.column {
			s.cells = append(s.cells, "")
		}
		if s.cells[m.column] == "" {
			s.cells[m.column] = m.value
		}
		going = append(going, m)
	}
	s.open = going
	for _, m := range s.merged[s.row_] {
		if m.column < len(s.cells) {
			m.value = s.cells[m.column]
			s.open = append(s.open, m)
		}
	}
}

// cell is a <c> element as it is stored; its kinds are in section 18.18.11.
type cell struct {
	Formula *struct{} `xml:"f"`
	Value   *string   `xml:"v"`
	Inline  richText  `xml:"is"`
}

func (s *sheet) cell(start xml.StartElement, column int) (string, error) {
	var c cell
	if err := s.xml.DecodeElement(&c, &start); err != nil {
		return "", s.damaged(err)
	}
	name := func() string { return columnName(column) + strconv.Itoa(s.row_) }
	kind := attribute(start, "t")
	if c.Formula != nil && kind != "str" && (c.Value == nil || *c.Value == "") {
		for _, w := range s.wanted {
			if w == column {
				return "", hint.Errorf("open it in a spreadsheet program and save it, which stores the results", "reading %s: the formula in cell %s has no stored result", s.r.name(), name())
			}
		}
	}
	if kind == "inlineStr" {
		return c.Inline.text(), nil
	}
	if c.Value == nil {
		return "", nil
	}
	switch v := *c.Value; kind {
	case "s":
		n, err := strconv.Atoi(strings.TrimSpace(v))
		if err != nil || n < 0 || n >= len(s.book.strings) {
			return "", hint.Errorf("open it in a spreadsheet program and save it again", "reading %s: cell %s shows shared string %q of %d", s.r.name(), name(), v, len(s.book.strings))
		}
		return s.book.strings[n], nil
	case "b":
		if strings.TrimSpace(v) == "1" || v == "true" {
			return "true", nil
		}
		return "false", nil
	case "e":
		s.faults++
		return "", nil
	case "str":
		return unescape(v), nil
	case "d":
		return v, nil
	default:
		style, err := strconv.Atoi(attribute(start, "s"))
		if err != nil {
			style = 0
		}
		return s.book.number(strings.TrimSpace(v), style), nil
	}
}

// notes tells of cells that hold errors.
func (s *sheet) notes() []string {
	if s.faults == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d cells hold an error such as #N/A and are read as empty", s.r.name(), s.faults)}
}

func (s *sheet) damaged(err error) error {
	switch {
	case errors.Is(err, errBudget):
		return s.r.tooLong(s.row_)
	case errors.Is(err, errBomb):
		return hint.Wrap(err, "no honest spreadsheet does: do not trust its source", "reading %s: row %d", s.r.name(), s.row_)
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return hint.Wrap(err, "open it in a spreadsheet program and save it again", "reading %s: row %d", s.r.name(), s.row_)
}

// findMerges finds the merged ranges of more than one row, by the row of their first. They stand behind the cells, so the
// sheet is unpacked once more; its tags are not parsed for that.
func findMerges(file *zip.File) (map[int][]*merge, error) {
	in, err := unpack(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	merges := map[int][]*merge{}
	n := 0
	b := bufio.NewReaderSize(in, 64<<10)
	for {
		tag, err := b.ReadSlice('>')
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF {
			return merges, nil
		}
		if err != nil {
			return nil, err
		}
		if at := bytes.Index(tag, []byte("mergeCell ")); at < 0 || n >= maxMerges {
			continue
		}
		_, ref, _ := bytes.Cut(tag, []byte(`ref="`))
		ref, _, _ = bytes.Cut(ref, []byte(`"`))
		from, to, ok := strings.Cut(string(ref), ":")
		m := &merge{column: columnOf(from), first: rowOf(from), last: rowOf(to)}
		if ok && m.column >= 0 && m.last > m.first {
			merges[m.first] = append(merges[m.first], m)
			n++
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// columnOf returns the number of a cell's column from 0, of its name such as AB12; -1 if it has none.
func columnOf(ref string) int {
	n := 0
	for _, c := range strings.TrimLeft(ref, "$") {
		if c < 'A' || c > 'Z' || n > maxColumns {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	return n - 1
}

func rowOf(ref string) int {
	n, err := strconv.Atoi(strings.TrimLeft(ref, "$ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if err != nil {
		return -1
	}
	return n
}

func columnName(n int) string {
	name := ""
	for n++; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}

// target makes the name of a part within the archive of a relation's target.
func target(base, to string) string {
	if strings.HasPrefix(to, "/") {
		return strings.TrimPrefix(path.Clean(to), "/")
	}
	return path.Join(path.Dir(base), to)
}
