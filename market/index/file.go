package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// ErrStale is the error of a file that does not hold what is asked for: of another format, or made of something else.
var ErrStale = errors.New("the file holds another index")

// format is the beginning of a file, with the version of what follows.
const format = "xiaoyu index 1\n"

// WriteTo writes the base with the keys that its documents have now, and a text of the caller's. What has come since the
// last merge is not in it.
func (x *Index) WriteTo(w io.Writer, note string) error {
	x.mu.RLock()
	b := x.base
	if b.orders == nil {
		x.mu.RUnlock()
		return errors.New("an index that is still filled cannot be saved")
	}
	ids, sums := x.ids[:b.slots:b.slots], x.sums[:b.slots:b.slots]
	columns := make([][]float64, len(x.columns))
	for c, keys := range x.columns {
		columns[c] = append([]float64(nil), keys[:b.slots]...)
	}
	x.mu.RUnlock()
	f := &writer{to: w, sum: crc32.New(castagnoli)}
	f.bytes([]byte(format))
	section(f, []byte(note))
	section(f, ids)
	section(f, sums)
	for _, keys := range columns {
		section(f, keys)
	}
	section(f, []byte(b.words))
	section(f, b.at)
	section(f, b.lists)
	section(f, b.from)
	for c := range columns {
		section(f, b.orders[c])
	}
	f.bytes(binary.LittleEndian.AppendUint32(nil, f.sum.Sum32()))
	return f.err
}

// Read reads what WriteTo has written into an empty index with as many columns, from a file of so many bytes. ErrStale if
// accept does not like the note, or where something is wrong with the file.
func (x *Index) Read(r io.Reader, size int64, accept func(note string) bool) error {
	f := &reader{from: r, left: size, sum: crc32.New(castagnoli)}
	head := make([]byte, len(format))
	f.bytes(head)
	if f.err == nil && string(head) != format {
		return ErrStale
	}
	if note := read[byte](f); f.err == nil && !accept(string(note)) {
		return ErrStale
	}
	ids, sums := read[int64](f), read[uint64](f)
	columns := make([][]float64, len(x.columns))
	for c := range columns {
		columns[c] = read[float64](f)
	}
	b := &base{slots: len(ids), words: string(read[byte](f)), at: read[uint32](f), lists: read[byte](f), from: read[uint64](f), orders: make([][]uint32, len(columns))}
	for c := range columns {
		b.orders[c] = read[uint32](f)
	}
	is, want := f.sum.Sum32(), make([]byte, 4)
	f.bytes(want)
	if f.err != nil {
		return f.err
	}
	if binary.LittleEndian.Uint32(want) != is {
		return fmt.Errorf("%w: its sum is wrong", ErrStale)
	}
	all := newSet(b.slots)
	for slot := range b.slots {
		all.add(uint32(slot))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.base, x.ids, x.sums, x.columns, x.live, x.loose = b, ids, sums, columns, all, newSet(b.slots)
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type number interface {
	byte | uint32 | uint64 | int64 | float64
}

type writer struct {
	to   io.Writer
	part []byte
	sum  hash.Hash32
	err  error
}

func (w *writer) bytes(b []byte) {
	if w.err == nil {
		w.sum.Write(b)
		_, w.err = w.to.Write(b)
	}
}

// section writes numbers, the least byte first, behind how many they are.
func section[T number](w *writer, list []T) {
	w.bytes(binary.LittleEndian.AppendUint64(nil, uint64(len(list))))
	for len(list) > 0 && w.err == nil {
		part := list[:min(len(list), 1<<16)]
		var err error
		if w.part, err = binary.Append(w.part[:0], binary.LittleEndian, part); err != nil {
			w.err = err
		}
		w.bytes(w.part)
		list = list[len(part):]
	}
}

type reader struct {
	from io.Reader
	left int64 // bytes
	part []byte
	sum  hash.Hash32
	err  error
}

func (r *reader) bytes(b []byte) {
	if r.left -= int64(len(b)); r.err == nil && r.left < 0 {
		r.err = fmt.Errorf("%w: it is cut off", ErrStale)
	}
	if r.err == nil {
		if _, r.err = io.ReadFull(r.from, b); r.err == nil {
			r.sum.Write(b)
		}
	}
}

// read reads a section.
func read[T number](r *reader) []T {
	var head [8]byte
	r.bytes(head[:])
	n, size := binary.LittleEndian.Uint64(head[:]), binary.Size(*new(T))
	if r.err == nil && n > uint64(r.left)/uint64(size) {
		r.err = fmt.Errorf("%w: it is cut off", ErrStale)
	}
	if r.err != nil {
		return nil
	}
	list := make([]T, n)
	for done := 0; done < len(list) && r.err == nil; {
		part := list[done:min(len(list), done+1<<16)]
		if len(r.part) < size*len(part) {
			r.part = make([]byte, size*len(part))
		}
		b := r.part[:size*len(part)]
		r.bytes(b)
		if _, err := binary.Decode(b, binary.LittleEndian, part); err != nil {
			r.err = err
		}
		done += len(part)
	}
	return list
}
