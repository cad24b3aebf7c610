package data

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// table reads records of columns: CSV as RFC 4180 has it, with any delimiter, or lines without quoting.
type table struct {
	r       *Reader
	rows    rowReader
	at      []int // of the wanted columns, counted from 0; -1 for none
	spans   int   // column of labelled stretches beside the label, as our own files have it; -1 for none
	columns int   // of the first row
	pending *Example
}

// rowReader yields rows; the slice is overwritten by the next call.
type rowReader interface {
	row() (fields []string, line int, err error)
}

func newTable(r *Reader, sample []byte) (*table, error) {
	delimiter, quoted, err := r.sniff(sample)
	if err != nil {
		return nil, err
	}
	t := &table{r: r}
	if quoted {
		t.rows = newQuoted(r, delimiter)
	} else {
		t.rows = &unquoted{lines: lines{r: r}, delimiter: string(delimiter)}
	}
	return t, t.header()
}

// header reads the first row and finds the columns.
func (t *table) header() error {
	first, line, err := t.rows.row()
	if err == io.EOF {
		return hint.Errorf("give a file with a header and at least two rows", "reading %s: the file is empty", t.r.name())
	}
	if err != nil {
		return err
	}
	first = slices.Clone(first)
	t.columns = len(first)
	for i := range first {
		first[i] = strings.TrimSpace(first[i])
	}
	c := &t.r.columns
	for _, want := range c.wanted() {
		at, err := t.find(want.flag, want.column, first)
		if err != nil {
			return err
		}
		t.at = append(t.at, at)
	}
	if t.spans = slices.Index(first, "entities"); slices.Contains(t.at, t.spans) {
		t.spans = -1
	}
	// Columns given by number mean that the first row is data, unless it was said to be a header.
	_, err = strconv.Atoi(c.Text)
	if c.Header == "no" || c.Header != "yes" && err == nil {
		e := t.example(first, line)
		t.pending = &e
	}
	return nil
}

// find returns the number of a column given by number from 1 or by name; -1 if none is wanted.
func (t *table) find(flag, want string, first []string) (int, error) {
	if want == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(want); err == nil {
		if n < 1 || n > len(first) {
			return 0, hint.Errorf("count columns from 1", "reading %s: there is no column %d, the first row has %d", t.r.name(), n, len(first))
		}
		return n - 1, nil
	}
	i := slices.Index(first, want)
	if i < 0 || t.r.columns.Header == "no" {
		way := ""
		if t.r.columns.Header != "yes" {
			way = byNumber(first, t.r.columns.Label != "")
		}
		return 0, t.r.missingColumn(flag, want, first, way)
	}
	if slices.Contains(first[i+1:], want) {
		return 0, hint.Errorf(fmt.Sprintf("rename one, or give the columns by number: --%s %d --header yes", flag, i+1), "reading %s: the column name %q stands twice in the header", t.r.name(), want)
	}
	return i, nil
}

// byNumber tells how to read a table whose first row looks like an example and not like names: a number, or a long text. "" if
// it does not look so. labelled tells whether a label is wanted too.
func byNumber(first []string, labelled bool) string {
	longest, shortest, looks := 0, 0, false
	for i, field := range first {
		if len(field) > len(first[longest]) {
			longest = i
		}
		if len(field) < len(first[shortest]) {
			shortest = i
		}
		_, err := strconv.ParseFloat(field, 64)
		looks = looks || err == nil || len(field) > longestName
	}
	switch {
	case !looks:
		return ""
	case labelled && len(first) == 1:
		return "if another character than a comma or a tab stands between columns, name it: --delimiter @; if the rows are texts alone, pass --text 1 --label \"\""
	case labelled:
		return fmt.Sprintf("if the first row is an example and names no columns, give them by number, such as --text %d --label %d", longest+1, shortest+1)
	}
	return fmt.Sprintf("if the first row is an example and names no columns, give the text's by number, such as --text %d", longest+1)
}

// longestName is how long the name of a column may be, in bytes, without looking like a text.
const longestName = 40

func (t *table) next() (Example, error) {
	if t.pending != nil {
		e := *t.pending
		t.pending = nil
		return e, nil
	}
	for {
		fields, line, err := t.rows.row()
		if err != nil {
			return Example{}, err
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
			continue // an empty line
		}
		if need := slices.Max(t.at) + 1; len(fields) < need {
			return Example{}, hint.Errorf("check the quoting of that row, or pass --delimiter", "reading %s: %s has %d columns, column %d is needed; the first row has %d", t.r.name(), t.r.Place(line), len(fields), need, t.columns)
		}
		return t.example(fields, line), nil
	}
}

// notes hands on those of the rows.
func (t *table) notes() []string {
	if n, ok := t.rows.(interface{ notes() []string }); ok {
		return n.notes()
	}
	return nil
}

func (t *table) example(fields []string, line int) Example {
	e := Example{Line: line}
	if t.spans >= 0 && t.spans < len(fields) {
		e.spans = fields[t.spans]
	}
	for i, to := range e.wanted(&t.r.columns) {
		if at := t.at[i]; at >= 0 && at < len(fields) {
			*to = fields[at]
		}
	}
	return e
}

// quoted reads CSV.
type quoted struct {
	r      *Reader
	csv    *csv.Reader
	budget *budget
	line   int
}

func newQuoted(r *Reader, delimiter rune) *quoted {
	q := &quoted{r: r, budget: &budget{r: r.in}}
	q.csv = csv.NewReader(q.budget)
	q.csv.Comma = delimiter
	q.csv.FieldsPerRecord = -1
	q.csv.ReuseRecord = true
	return q
}

func (q *quoted) row() ([]string, int, error) {
	q.budget.left = maxRecord + sampleSize
	fields, err := q.csv.Read()
	var parse *csv.ParseError
	switch {
	case err == nil:
		q.line, _ = q.csv.FieldPos(0)
		return fields, q.line, nil
	case err == io.EOF:
		return nil, 0, io.EOF
	case errors.Is(err, errBudget):
		return nil, 0, q.r.tooLong(q.line + 1)
	case errors.As(err, &parse):
		// LazyQuotes would let these pass and swallow rows up to the next quotation mark instead.
		place := fmt.Sprintf("line %d", parse.StartLine)
		if parse.Line != parse.StartLine {
			place += fmt.Sprintf(" to %d", parse.Line)
		}
		return nil, 0, hint.Errorf(`double the quotation marks inside quoted text ("" for "), or pass --quotes no if they mean nothing`, "reading %s: %s: %v", q.r.name(), place, parse.Err)
	}
	return nil, 0, q.r.readError(err)
}

var errBudget = errors.New("record too long")

// budget bounds how much is read for one record.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBudget
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// unquoted reads lines in which quotation marks mean nothing.
type unquoted struct {
	lines
	delimiter string
	fields    []string
}

func (u *unquoted) row() ([]string, int, error) {
	raw, err := u.readLine()
	if err != nil {
		return nil, 0, err
	}
	u.fields = u.fields[:0]
	rest := strings.TrimRight(string(raw), "\r\n")
	for {
		field, more, found := strings.Cut(rest, u.delimiter)
		u.fields = append(u.fields, field)
		if !found {
			return u.fields, u.line, nil
		}
		rest = more
	}
}

// sniff finds the delimiter, and whether quotation marks group.
func (r *Reader) sniff(sample []byte) (delimiter rune, isQuoted bool, err error) {
	delimiter = ','
	switch d := r.columns.Delimiter; {
	case d == "auto" || d == "":
		delimiter = sniffDelimiter(sample)
	case d == "tab" || d == `\t`:
		delimiter = '\t'
	case len([]rune(d)) == 1 && !strings.ContainsAny(d, "\"\r\n"):
		delimiter = []rune(d)[0]
	default:
		return 0, false, hint.Errorf("pass one character, or tab", "reading %s: the delimiter %q", r.name(), d)
	}
	switch quotes := r.columns.Quotes; {
	case quotes == "no":
		return delimiter, false, nil
	case quotes == "yes" || !bytes.ContainsRune(sample, '"'):
		return delimiter, true, nil
	}
	// Tables with tabs often hold raw text: they are quoted only if the sample reads as such.
	if delimiter == '\t' && !readsQuoted(sample, delimiter) {
		return delimiter, false, nil
	}
	return delimiter, true, nil
}

// sniffDelimiter returns the character that splits the most rows of the sample into the same number of columns.
func sniffDelimiter(sample []byte) rune {
	best, bestScore := ',', 0.0
	for _, d := range []rune{',', '\t', ';', '|'} {
		counts := map[int]int{}
		rows := 0
		for fields := range sampleRows(sample, d) {
			counts[len(fields)]++
			if rows++; rows == 200 {
				break
			}
		}
		for columns, n := range counts {
			if columns < 2 {
				continue
			}
			// Consistency decides; between equals, the header's word for it.
			score := float64(n) / float64(rows)
			if score > bestScore+1e-9 {
				best, bestScore = d, score
			}
		}
	}
	return best
}

// sampleRows yields rows of the sample, read with quotes as far as that works, else line by line.
func sampleRows(sample []byte, d rune) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		c := csv.NewReader(bytes.NewReader(sample))
		c.Comma, c.FieldsPerRecord = d, -1
		for {
			fields, err := c.Read()
			if err != nil {
				break
			}
			if !yield(fields) {
				return
			}
		}
		if c.InputOffset() > 0 {
			return
		}
		lines := bufio.NewScanner(bytes.NewReader(sample))
		lines.Buffer(nil, sampleSize+1)
		for lines.Scan() {
			if !yield(strings.Split(lines.Text(), string(d))) {
				return
			}
		}
	}
}

// readsQuoted tells whether the sample reads as CSV up to its end, where it may be cut off.
func readsQuoted(sample []byte, d rune) bool {
	c := csv.NewReader(bytes.NewReader(sample))
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = d, -1, true
	for {
		if _, err := c.Read(); err != nil {
			return err == io.EOF || len(sample) >= sampleSize-3 && int(c.InputOffset()) > len(sample)/2
		}
	}
}
