package inspect

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Bounds of a GGUF file's head.
const (
	mostGGUFTensors = 200_000
	mostGGUFHead    = 512 << 20 // bytes
	mostGGUFName    = 1 << 10   // bytes
)

// ggufTypes are the types of tensors: how many numbers a block has, and how many bytes
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
var ggufTypes = map[uint32][2]uint64{
	0: {1, 4}, 1: {1, 2}, 2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, 9: {32, 36},
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, 15: {256, 292},
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, 21: {256, 110}, 22: {256, 82}, 23: {256, 136},
	24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 29: {256, 56}, 30: {1, 2}, 34: {256, 54}, 35: {256, 66}, 39: {32, 17},
}

// ggufSizes are the bytes of values of a fixed size, by their types.
var ggufSizes = map[uint32]uint64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

// The types of values that have another size.
const ggufString, ggufArray = 8, 9

// ggufHead reads a head once through, holding nothing but what it is asked for.
type ggufHead struct {
	r    *bufio.Reader
	at   uint64
	size uint64
	err  error
}

// checkGGUF reads the head of a GGUF file, and checks that every tensor lies within the file and over no other.
func checkGGUF(s *source) error {
	h := &ggufHead{r: bufio.NewReaderSize(s.stream(), 64<<10), size: uint64(s.size)}
	if magic := h.number(4); h.err == nil && magic != 'G'|'G'<<8|'U'<<16|'F'<<24 {
		return malformed("it does not begin as one")
	}
	if v := h.number(4); h.err == nil && (v < 2 || v > 3) {
		return malformed("its version is %d; 2 and 3 are known", v)
	}
	tensors, keys := h.number(8), h.number(8)
	if tensors > mostGGUFTensors {
		return malformed("it has %d tensors", tensors)
	}
	if keys > h.size/12 {
		return malformed("it has %d keys", keys)
	}
	alignment := uint64(32)
	for n := uint64(0); n < keys && h.err == nil; n++ {
		name, typ := h.text(), uint32(h.number(4))
		if name == "general.alignment" && typ == 4 {
			alignment = h.number(4)
			continue
		}
		h.value(typ, 0)
	}
	if h.err == nil && (alignment == 0 || alignment > 1<<20) {
		return malformed("its alignment is %d", alignment)
	}
	places, err := h.tensors(tensors)
	if err != nil {
		return err
	}
	begin := (h.at + alignment - 1) / alignment * alignment
	slices.SortFunc(places, func(a, b [2]uint64) int { return int(min(max(int64(a[0]-b[0]), -1), 1)) })
	end := uint64(0)
	for _, p := range places {
		if p[0] < end {
			return malformed("two tensors lie over each other at byte %d", p[0])
		}
		if end = p[0] + p[1]; end > h.size-min(begin, h.size) {
			return malformed("a tensor ends at byte %d, the file at %d", begin+end, h.size)
		}
	}
	return nil
}

// tensors reads the list of tensors as places and sizes, in bytes.
func (h *ggufHead) tensors(n uint64) (places [][2]uint64, err error) {
	seen := map[string]bool{}
	for range n {
		name, dims := h.text(), h.number(4)
		if h.err == nil && dims > 4 {
			return nil, malformed("tensor %q has %d dimensions", name, dims)
		}
		if h.err == nil && seen[name] {
			return nil, malformed("tensor %q stands twice", name)
		}
		seen[name] = true
		numbers, row := uint64(1), uint64(1)
		for d := range min(dims, 4) {
			v := h.number(8)
			if d == 0 {
				row = v
			}
			if v > 0 && numbers > 1<<50/v {
				return nil, malformed("tensor %q is larger than any", name)
			}
			numbers *= v
		}
		typ, at := uint32(h.number(4)), h.number(8)
		if h.err != nil {
			return nil, h.err
		}
		block, ok := ggufTypes[typ]
		if !ok {
			return nil, malformed("tensor %q has the unknown type %d", name, typ)
		}
		if row%block[0] != 0 || at > 1<<60 {
			return nil, malformed("tensor %q does not consist of blocks of %d", name, block[0])
		}
		places = append(places, [2]uint64{at, numbers / block[0] * block[1]})
	}
	return places, h.err
}

func (h *ggufHead) fail(format string, args ...any) {
	if h.err == nil {
		h.err = malformed(format, args...)
	}
}

func (h *ggufHead) skip(n uint64) {
	if h.err != nil {
		return
	}
	if n > h.size-h.at || n > mostGGUFHead-min(h.at, mostGGUFHead) {
		h.fail("its head goes beyond the end")
		return
	}
	if _, err := io.CopyN(io.Discard, h.r, int64(n)); err != nil {
		h.err = err
	}
	h.at += n
}

// number reads an unsigned number of n bytes.
func (h *ggufHead) number(n int) uint64 {
	var b [8]byte
	if h.err != nil {
		return 0
	}
	if _, err := io.ReadFull(h.r, b[:n]); err != nil {
		h.err = fmt.Errorf("its head is cut off: %w", err)
	}
	h.at += uint64(n)
	return binary.LittleEndian.Uint64(b[:])
}

// text reads a name.
func (h *ggufHead) text() string {
	n := h.number(8)
	if n > mostGGUFName {
		h.fail("a name of %d bytes", n)
	}
	if h.err != nil {
		return ""
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(h.r, b); err != nil {
		h.err = err
	}
	h.at += n
	return string(b)
}

// value passes over a value.
func (h *ggufHead) value(typ uint32, depth int) {
	if size, ok := ggufSizes[typ]; ok {
		h.skip(size)
		return
	}
	switch typ {
	case ggufString:
		h.skip(h.number(8))
	case ggufArray:
		of, n := uint32(h.number(4)), h.number(8)
		if depth > 2 || n > h.size {
			h.fail("a list of %d values", n)
		}
		if size, ok := ggufSizes[of]; ok && h.err == nil {
			h.skip(n * size)
			return
		}
		for ; n > 0 && h.err == nil; n-- {
			h.value(of, depth+1)
		}
	default:
		h.fail("a value has the unknown type %d", typ)
	}
}
