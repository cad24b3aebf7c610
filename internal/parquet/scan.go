package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Value is one value of a row.
type Value struct {
	Text string
	Null bool // there is none: a null, or an empty list
}

// maxValues bounds how many values a row may have in one column.
const maxValues = 1 << 20

// Scan goes through the rows of a file.
type Scan struct {
	f       *File
	columns []int
	cursors []*cursor
	group   int   // the next row group
	left    int64 // rows that are left of this one
	row     [][]Value
}

// Scan begins to read columns by their numbers.
func (f *File) Scan(columns ...int) *Scan {
	return &Scan{f: f, columns: columns, row: make([][]Value, len(columns))}
}

// Next returns the values of the columns in the next row: one each, or any number of a list. It is overwritten by the
// next call. After the last row it returns io.EOF.
func (s *Scan) Next() ([][]Value, error) {
	for s.left == 0 {
		if s.group == len(s.f.groups) {
			return nil, io.EOF
		}
		g := &s.f.groups[s.group]
		s.group++
		s.left = g.rows
		s.cursors = s.cursors[:0]
		for _, c := range s.columns {
			s.cursors = append(s.cursors, newCursor(s.f, &s.f.Columns[c], &g.chunks[c]))
		}
	}
	s.left--
	for i, c := range s.cursors {
		var err error
		if s.row[i], err = c.row(s.row[i][:0]); err != nil {
			return nil, fmt.Errorf("column %s: %w", shown(c.column.Name), err)
		}
	}
	return s.row, nil
}

// cursor reads one column of one row group.
type cursor struct {
	column     *Column
	codec      int64
	in         *bufio.Reader
	size       int64 // bytes that are left of the chunk
	left       int64 // values that are left, of pages not yet begun
	dictionary []string

	rep, def hybrid
	values   values
	page     int64 // values that are left of the page

	ahead    bool // a value was read that begins the next row
	value    Value
	repeated uint32
}

func newCursor(f *File, column *Column, c *chunk) *cursor {
	return &cursor{column: column, codec: c.codec, in: bufio.NewReaderSize(io.NewSectionReader(f.r, c.at, c.size), 32<<10), size: c.size, left: c.values}
}

// row appends the values of the next row.
func (c *cursor) row(to []Value) ([]Value, error) {
	if !c.ahead {
		if err := c.read(); err != nil {
			if err == io.EOF {
				err = errors.New("it has fewer rows than the file says")
			}
			return to, err
		}
	}
	c.ahead = false
	to = append(to, c.value)
	for c.column.maxRep > 0 {
		err := c.read()
		if err == io.EOF {
			return to, nil
		}
		if err != nil {
			return to, err
		}
		if c.repeated == 0 {
			c.ahead = true
			return to, nil
		}
		if to = append(to, c.value); len(to) > maxValues {
			return to, fmt.Errorf("a row has more than %d values", maxValues)
		}
	}
	return to, nil
}

// read reads one value with its levels.
func (c *cursor) read() error {
	for c.page == 0 {
		if err := c.nextPage(); err != nil {
			return err
		}
	}
	c.page--
	var err error
	if c.repeated, err = c.rep.next(); err != nil {
		return err
	}
	def, err := c.def.next()
	if err != nil {
		return err
	}
	if c.value = (Value{Null: int(def) < c.column.maxDef}); c.value.Null {
		return nil
	}
	c.value.Text, err = c.values.next()
	return err
}

// kinds of pages
const (
	dataPage = iota
	indexPage
	dictionaryPage
	dataPage2
)

// nextPage reads on to the next page of values; io.EOF after the last.
func (c *cursor) nextPage() error {
	if c.left <= 0 {
		return io.EOF
	}
	before := c.size
	counted := &countingBytes{c.in, &c.size}
	t := thriftReader{counted, 1 << 20}
	header, err := t.message(0)
	if err != nil {
		return err
	}
	size := header.number(3, -1)
	if size < 0 || size > c.size || size > maxPage || before == c.size {
		return fmt.Errorf("a page of %d bytes, where %d are left", size, c.size)
	}
	page := make([]byte, size)
	if _, err := io.ReadFull(c.in, page); err != nil {
		return err
	}
	c.size -= size
	switch header.number(1, -1) {
	case dictionaryPage:
		return c.readDictionary(header, page)
	case dataPage:
		return c.readPage(header, page)
	case dataPage2:
		return c.readPage2(header, page)
	}
	return nil
}

// countingBytes takes what is read from a size.
type countingBytes struct {
	*bufio.Reader
	left *int64
}

func (c *countingBytes) ReadByte() (byte, error) {
	b, err := c.Reader.ReadByte()
	if err == nil {
		*c.left--
	}
	return b, err
}

func (c *cursor) readDictionary(header message, page []byte) error {
	if c.dictionary != nil {
		return errors.New("it has two dictionaries")
	}
	page, err := decompress(c.codec, page, header.number(2, -1))
	if err != nil {
		return err
	}
	n := header.message(7).number(1, -1)
	if n < 0 || n > int64(len(page)) {
		return fmt.Errorf("a dictionary of %d values in %d bytes", n, len(page))
	}
	c.dictionary = []string{}
	for p := newPlain(&c.column.kind, page); n > 0; n-- {
		v, err := p.next()
		if err != nil {
			return err
		}
		c.dictionary = append(c.dictionary, v)
	}
	return nil
}

// begin takes the number of values of a page from those that are left.
func (c *cursor) begin(n int64) error {
	if n < 0 || n > c.left {
		return fmt.Errorf("a page of %d values, where %d are left", n, c.left)
	}
	c.left -= n
	c.page = n
	return nil
}

func (c *cursor) readPage(header message, page []byte) error {
	page, err := decompress(c.codec, page, header.number(2, -1))
	if err != nil {
		return err
	}
	h := header.message(5)
	if err := c.begin(h.number(1, -1)); err != nil {
		return err
	}
	// Repetition levels come first; each kind of level has its length before it.
	for _, l := range []struct {
		to       *hybrid
		most     int
		encoding int64
	}{{&c.rep, c.column.maxRep, h.number(4, 3)}, {&c.def, c.column.maxDef, h.number(3, 3)}} {
		*l.to = hybrid{width: bits.Len(uint(l.most))}
		if l.most == 0 {
			continue
		}
		if l.encoding != 3 {
			return errors.New("its levels are in an encoding of before 2013")
		}
		if len(page) < 4 || int64(binary.LittleEndian.Uint32(page)) > int64(len(page)-4) {
			return errShort
		}
		n := binary.LittleEndian.Uint32(page)
		l.to.in, page = page[4:4+n], page[4+n:]
	}
	return c.begun(h.number(2, -1), page)
}

func (c *cursor) readPage2(header message, page []byte) error {
	h := header.message(8)
	if err := c.begin(h.number(1, -1)); err != nil {
		return err
	}
	def, rep := h.number(5, 0), h.number(6, 0)
	if def < 0 || rep < 0 || def+rep > int64(len(page)) {
		return errShort
	}
	c.rep = hybrid{in: page[:rep], width: bits.Len(uint(c.column.maxRep))}
	c.def = hybrid{in: page[rep : rep+def], width: bits.Len(uint(c.column.maxDef))}
	content := page[rep+def:]
	if compressed, said := h[7].(bool); (compressed || !said) && len(content) > 0 {
		var err error
		if content, err = decompress(c.codec, content, header.number(2, -1)-def-rep); err != nil {
			return err
		}
	}
	return c.begun(h.number(4, -1), content)
}

// begun chooses the decoder of a page's values.
func (c *cursor) begun(encoding int64, in []byte) (err error) {
	k := &c.column.kind
	isBytes := k.physical == byteArray || k.physical == fixedLength
	isInteger := k.physical == int32Type || k.physical == int64Type
	c.values = none{}
	switch {
	case len(in) == 0: // all are null
	case encoding == 0:
		c.values = newPlain(k, in)
	case (encoding == 2 || encoding == 8) && c.dictionary != nil:
		c.values, err = newIndexed(c.dictionary, in)
	case encoding == 3 && k.physical == boolean && len(in) >= 4:
		c.values = &truths{hybrid{in: in[4:], width: 1}}
	case encoding == 5 && isInteger:
		var d *delta
		d, err = newDelta(in)
		c.values = &deltaIntegers{k, d}
	case encoding == 6 && k.physical == byteArray:
		c.values, err = newDeltaTexts(k, in, false)
	case encoding == 7 && isBytes:
		c.values, err = newDeltaTexts(k, in, true)
	case encoding == 9:
		c.values, err = newSplit(k, in)
	default:
		return fmt.Errorf("encoding %d of values of type %d", encoding, k.physical)
	}
	return err
}

// none are the values of an empty page.
type none struct{}

func (none) next() (string, error) { return "", errShort }
