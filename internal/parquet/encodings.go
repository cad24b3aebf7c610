package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The encodings of https://parquet.apache.org/docs/file-format/data-pages/encodings/, one value at a time: a page that
// claims a billion values costs nothing until they are asked for.

var errShort = errors.New("a page ends early")

// values yields the values of a page as text.
type values interface {
	next() (string, error)
}

// hybrid reads runs and bit-packed groups of numbers: levels, indices of a dictionary, truth values.
type hybrid struct {
	in     []byte
	width  int // bits of a number
	run    uint64
	value  uint32 // of the run
	packed bool   // the run is bit-packed: its numbers are in bits
	bits   bitReader
}

// bitReader reads numbers from the lowest bit up.
type bitReader struct {
	in   []byte
	have uint64
	n    int // bits in have
}

func (b *bitReader) read(width int) uint64 {
	if width > 56 { // what is left of a byte would not fit beside it
		low := b.read(32)
		return low | b.read(width-32)<<32
	}
	for b.n < width {
		c := byte(0)
		if len(b.in) > 0 {
			c, b.in = b.in[0], b.in[1:]
		}
		b.have |= uint64(c) << b.n
		b.n += 8
	}
	v := b.have & (1<<width - 1)
	b.have >>= width
	b.n -= width
	return v
}

func (h *hybrid) next() (uint32, error) {
	if h.width == 0 {
		return 0, nil
	}
	for h.run == 0 {
		head, n := binary.Uvarint(h.in)
		if n <= 0 {
			return 0, errShort
		}
		h.in = h.in[n:]
		if h.packed = head&1 == 1; h.packed {
			groups := head >> 1
			if size := uint64(h.width); groups > uint64(len(h.in))/size+1 {
				return 0, errShort
			}
			size := min(int(groups)*h.width, len(h.in)) // writers may leave out the last bytes of the last group
			h.bits = bitReader{in: h.in[:size]}
			h.in, h.run = h.in[size:], groups*8
			continue
		}
		size := (h.width + 7) / 8
		if len(h.in) < size {
			return 0, errShort
		}
		h.value, h.run = 0, head>>1
		for i := range size {
			h.value |= uint32(h.in[i]) << (8 * i)
		}
		h.in = h.in[size:]
	}
	h.run--
	if h.packed {
		return uint32(h.bits.read(h.width)), nil
	}
	return h.value, nil
}

// indexed are values by their place in a dictionary.
type indexed struct {
	dictionary []string
	index      hybrid
}

func newIndexed(dictionary []string, in []byte) (values, error) {
	if len(in) == 0 {
		return nil, errShort
	}
	if in[0] > 32 {
		return nil, fmt.Errorf("indices of %d bits", in[0])
	}
	return &indexed{dictionary, hybrid{in: in[1:], width: int(in[0])}}, nil
}

func (x *indexed) next() (string, error) {
	i, err := x.index.next()
	if err != nil {
		return "", err
	}
	if int64(i) >= int64(len(x.dictionary)) {
		return "", fmt.Errorf("value %d of a dictionary of %d", i, len(x.dictionary))
	}
	return x.dictionary[i], nil
}

// plainValues are one after the other.
type plainValues struct {
	kind *kind
	in   []byte
	bits bitReader // of truth values
	left int       // bits that are left
}

func newPlain(k *kind, in []byte) values {
	return &plainValues{kind: k, in: in, bits: bitReader{in: in}, left: 8 * len(in)}
}

// width of the values of a physical type in bytes; 0 where it varies.
func (k *kind) width() int {
	switch k.physical {
	case int32Type, float:
		return 4
	case int64Type, double:
		return 8
	case int96:
		return 12
	case fixedLength:
		return k.length
	}
	return 0
}

func (p *plainValues) next() (string, error) {
	if p.kind.physical == boolean {
		if p.left--; p.left < 0 {
			return "", errShort
		}
		return truth(p.bits.read(1) == 1), nil
	}
	n := p.kind.width()
	if p.kind.physical == byteArray {
		if len(p.in) < 4 {
			return "", errShort
		}
		size := binary.LittleEndian.Uint32(p.in)
		if p.in = p.in[4:]; uint64(size) > uint64(len(p.in)) {
			return "", errShort
		}
		n = int(size)
	}
	if len(p.in) < n {
		return "", errShort
	}
	b := p.in[:n]
	p.in = p.in[n:]
	return p.kind.fixed(b), nil
}

// fixed writes the bytes of one value.
func (k *kind) fixed(b []byte) string {
	switch k.physical {
	case int32Type:
		return k.integer(int64(int32(binary.LittleEndian.Uint32(b))))
	case int64Type:
		return k.integer(int64(binary.LittleEndian.Uint64(b)))
	case float:
		return number(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case double:
		return number(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	}
	return k.bytes(b)
}

func truth(v bool) string {
	if v {
		return "true"
	}
	return "false"
}

// truths are truth values in runs.
type truths struct{ in hybrid }

func (t *truths) next() (string, error) {
	v, err := t.in.next()
	return truth(v == 1), err
}

// delta reads DELTA_BINARY_PACKED numbers: blocks of differences to the one before, packed in as few bits as do.
type delta struct {
	in        []byte
	perMini   int
	minis     int
	left      uint64 // values that are left
	value     int64
	started   bool
	base      int64 // least difference of the block
	widths    []byte
	mini, pos int
	bits      bitReader
}

func newDelta(in []byte) (*delta, error) {
	d := &delta{in: in}
	block, minis, total := d.uvarint(), d.uvarint(), d.uvarint()
	if d.in == nil || minis == 0 || minis > 1<<12 || block > 1<<20 || block%minis != 0 || block/minis%8 != 0 || block == 0 {
		return nil, errShort
	}
	d.minis, d.perMini, d.left = int(minis), int(block/minis), total
	v, n := binary.Varint(d.in)
	if n <= 0 {
		return nil, errShort
	}
	d.in, d.value, d.mini = d.in[n:], v, d.minis
	return d, nil
}

func (d *delta) uvarint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.in = nil
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *delta) number() (int64, error) {
	if d.left == 0 {
		return 0, errShort
	}
	d.left--
	if !d.started {
		d.started = true
		return d.value, nil
	}
	if d.pos == 0 {
		if err := d.nextMini(); err != nil {
			return 0, err
		}
	}
	d.value += d.base + int64(d.bits.read(int(d.widths[d.mini])))
	if d.pos++; d.pos == d.perMini {
		d.pos = 0
		d.mini++
	}
	return d.value, nil
}

// nextMini goes to the next miniblock, and block.
func (d *delta) nextMini() error {
	if d.mini == d.minis {
		base, n := binary.Varint(d.in)
		if n <= 0 || len(d.in) < n+d.minis {
			return errShort
		}
		d.base, d.widths, d.in, d.mini = base, d.in[n:n+d.minis], d.in[n+d.minis:], 0
	}
	if d.widths[d.mini] > 64 {
		return errShort
	}
	size := min(int(d.widths[d.mini])*d.perMini/8, len(d.in))
	d.bits = bitReader{in: d.in[:size]}
	d.in = d.in[size:]
	return nil
}

// rest is what follows the numbers, after all of them were read.
func (d *delta) rest() []byte { return d.in }

// deltaIntegers are integers of a column.
type deltaIntegers struct {
	kind *kind
	in   *delta
}

func (d *deltaIntegers) next() (string, error) {
	v, err := d.in.number()
	if d.kind.physical == int32Type {
		v = int64(int32(v))
	}
	return d.kind.integer(v), err
}

// maxLengths bounds the lengths that a page of delta-encoded texts may have.
const maxLengths = 1 << 22

// lengths reads all lengths of a page, and returns what follows them.
func lengths(in []byte) ([]int32, []byte, error) {
	d, err := newDelta(in)
	if err != nil {
		return nil, nil, err
	}
	if d.left > maxLengths {
		return nil, nil, fmt.Errorf("a page of %d texts", d.left)
	}
	var list []int32
	for d.left > 0 {
		n, err := d.number()
		if err != nil {
			return nil, nil, err
		}
		if n < 0 || n > int64(len(in)) {
			return nil, nil, errShort
		}
		list = append(list, int32(n))
	}
	return list, d.rest(), nil
}

// deltaTexts are DELTA_LENGTH_BYTE_ARRAY texts, or with prefixes DELTA_BYTE_ARRAY ones: what a text shares with the one
// before is not repeated.
type deltaTexts struct {
	kind     *kind
	prefixes []int32 // nil for none
	suffixes []int32
	in       []byte
	before   []byte
	i        int
}

func newDeltaTexts(k *kind, in []byte, shared bool) (values, error) {
	d := &deltaTexts{kind: k}
	var err error
	if shared {
		if d.prefixes, in, err = lengths(in); err != nil {
			return nil, err
		}
	}
	d.suffixes, d.in, err = lengths(in)
	if err == nil && shared && len(d.prefixes) != len(d.suffixes) {
		err = errShort
	}
	return d, err
}

func (d *deltaTexts) next() (string, error) {
	if d.i >= len(d.suffixes) || int(d.suffixes[d.i]) > len(d.in) {
		return "", errShort
	}
	n := int(d.suffixes[d.i])
	text := d.in[:n]
	d.in = d.in[n:]
	if d.prefixes != nil {
		shared := int(d.prefixes[d.i])
		if shared > len(d.before) || shared+n > maxPage {
			return "", errShort
		}
		d.before = append(d.before[:shared], text...)
		text = d.before
	}
	d.i++
	if w := d.kind.width(); w > 0 && len(text) != w {
		return "", errShort
	}
	return d.kind.bytes(text), nil
}

// split are BYTE_STREAM_SPLIT values: first the first bytes of all, then the second ones.
type split struct {
	kind *kind
	in   []byte
	n, i int
	one  []byte
}

func newSplit(k *kind, in []byte) (values, error) {
	w := k.width()
	if w == 0 || len(in)%w != 0 {
		return nil, errShort
	}
	return &split{kind: k, in: in, n: len(in) / w, one: make([]byte, w)}, nil
}

func (s *split) next() (string, error) {
	if s.i >= s.n {
		return "", errShort
	}
	for b := range s.one {
		s.one[b] = s.in[b*s.n+s.i]
	}
	s.i++
	return s.kind.fixed(s.one), nil
}
