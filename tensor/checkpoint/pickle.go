package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// unpickler runs a pickle (https://docs.python.org/3/library/pickletools.html) on Go values. A pickle is a program,
// and what it may do is up to who runs it: this one makes numbers, texts, containers and what [globals] lists, and
// has no way to import, look up or call anything else. What a pickle asks for beyond that is an error that names it.
//
// Values are nil, bool, int64, float64, string, tuple, *list, *dict, and what globals and persistent return.
// Every instruction adds at most what its own bytes hold, so memory follows the size of the pickle.
type unpickler struct {
	in         *bytes.Reader
	stack      []any
	marks      []int // heights of the stack at open marks
	memo       map[uint64]any
	persistent func(id any) (any, error) // resolves references to what lies outside the pickle
}

type (
	tuple []any
	list  struct{ items []any }
	dict  struct{ keys, values []any } // in the order of insertion, later doubles behind
)

// global is a name that a pickle imports, and what calling it does.
type global struct {
	name string
	call func(args tuple) (any, error) // nil: it can be named, but not called
}

// unpickle returns the value that a pickle builds from what globals know.
func unpickle(data []byte, persistent func(id any) (any, error)) (any, error) {
	u := &unpickler{in: bytes.NewReader(data), memo: map[uint64]any{}, persistent: persistent}
	for {
		at := len(data) - u.in.Len()
		op, err := u.in.ReadByte()
		if err != nil {
			return nil, malformed("the pickle has no end")
		}
		if op == '.' {
			return u.pop()
		}
		step, ok := opcodes[op]
		if !ok {
			return nil, hostile("the pickle has the instruction %#02x at byte %d, which no weights need", op, at)
		}
		if err := step(u); err != nil {
			return nil, fmt.Errorf("the pickle at byte %d: %w", at, err)
		}
	}
}

// hostile is an error about a pickle that asks for more than tensors.
func hostile(format string, args ...any) error {
	return hint.Errorf("do not load this file with pickle or torch.load either, unless you trust who made it; "+
		"safetensors files hold no code", format, args...)
}

// opcodes are the instructions of protocols 0 to 5 that weights are written with.
var opcodes map[byte]func(*unpickler) error

func init() {
	constant := func(v any) func(*unpickler) error { return func(u *unpickler) error { return u.push(v) } }
	opcodes = map[byte]func(*unpickler) error{
		0x80: func(u *unpickler) error { _, err := u.number(1); return err }, // PROTO
		0x95: func(u *unpickler) error { _, err := u.number(8); return err }, // FRAME
		'(':  func(u *unpickler) error { u.marks = append(u.marks, len(u.stack)); return nil },
		'0':  func(u *unpickler) error { _, err := u.pop(); return err },
		'N':  constant(nil),
		0x88: constant(true),
		0x89: constant(false),
		')':  constant(tuple(nil)),
		'}':  func(u *unpickler) error { return u.push(&dict{}) },
		']':  func(u *unpickler) error { return u.push(&list{}) },
		'K':  func(u *unpickler) error { return u.pushInt(1) },
		'M':  func(u *unpickler) error { return u.pushInt(2) },
		'J':  (*unpickler).int32,
		0x8a: (*unpickler).long,
		'G':  (*unpickler).float,
		'X':  func(u *unpickler) error { return u.text(4) },
		0x8c: func(u *unpickler) error { return u.text(1) },
		0x8d: func(u *unpickler) error { return u.text(8) },
		'U':  func(u *unpickler) error { return u.text(1) }, // Python 2's byte strings, which are its identifiers
		'T':  func(u *unpickler) error { return u.text(4) },
		'q':  func(u *unpickler) error { return u.remember(1) },
		'r':  func(u *unpickler) error { return u.remember(4) },
		0x94: (*unpickler).memoize,
		'h':  func(u *unpickler) error { return u.recall(1) },
		'j':  func(u *unpickler) error { return u.recall(4) },
		't':  func(u *unpickler) error { return u.tupleOf(-1) },
		0x85: func(u *unpickler) error { return u.tupleOf(1) },
		0x86: func(u *unpickler) error { return u.tupleOf(2) },
		0x87: func(u *unpickler) error { return u.tupleOf(3) },
		'a':  func(u *unpickler) error { return u.extend(u.popMany(1)) },
		'e':  func(u *unpickler) error { return u.extend(u.popToMark()) },
		's':  func(u *unpickler) error { return u.setItems(u.popMany(2)) },
		'u':  func(u *unpickler) error { return u.setItems(u.popToMark()) },
		'c':  (*unpickler).importLine,
		0x93: (*unpickler).importStack,
		'R':  (*unpickler).reduce,
		0x81: (*unpickler).reduce, // NEWOBJ: the same for classes
		'b':  (*unpickler).build,
		'Q':  (*unpickler).reference,
	}
}

func (u *unpickler) push(v any) error {
	u.stack = append(u.stack, v)
	return nil
}

func (u *unpickler) pop() (any, error) {
	all, err := u.popMany(1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// popMany takes the topmost n values, never through a mark.
func (u *unpickler) popMany(n int) ([]any, error) {
	floor := 0
	if len(u.marks) > 0 {
		floor = u.marks[len(u.marks)-1]
	}
	if len(u.stack)-floor < n {
		return nil, malformed("it takes a value where there is none")
	}
	return u.cut(len(u.stack) - n), nil
}

func (u *unpickler) popToMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, malformed("it looks for a mark that it never set")
	}
	at := u.marks[len(u.marks)-1]
	u.marks = u.marks[:len(u.marks)-1]
	return u.cut(at), nil
}

// cut takes the stack's values from a height on.
func (u *unpickler) cut(at int) []any {
	out := append([]any(nil), u.stack[at:]...)
	u.stack = u.stack[:at]
	return out
}

// number reads an unsigned number of that many bytes.
func (u *unpickler) number(bytes int) (uint64, error) {
	var b [8]byte
	if n, _ := u.in.Read(b[:bytes]); n < bytes {
		return 0, malformed("it ends within an instruction")
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

func (u *unpickler) pushInt(bytes int) error {
	n, err := u.number(bytes)
	if err != nil {
		return err
	}
	return u.push(int64(n))
}

func (u *unpickler) int32() error {
	n, err := u.number(4)
	if err != nil {
		return err
	}
	return u.push(int64(int32(n)))
}

// long reads a number of any length, of which those that fit into 64 bits are numbers of tensors.
func (u *unpickler) long() error {
	length, err := u.number(1)
	if err != nil {
		return err
	}
	if length > 8 {
		return malformed("it has a number of %d bytes", length)
	}
	n, err := u.number(int(length))
	if err != nil {
		return err
	}
	unused := 64 - 8*length
	return u.push(int64(n<<unused) >> unused)
}

func (u *unpickler) float() error {
	var b [8]byte
	if n, _ := u.in.Read(b[:]); n < len(b) {
		return malformed("it ends within a number")
	}
	return u.push(math.Float64frombits(binary.BigEndian.Uint64(b[:])))
}

// text reads a text whose length stands before it in that many bytes.
func (u *unpickler) text(bytes int) error {
	length, err := u.number(bytes)
	if err != nil {
		return err
	}
	if length > uint64(u.in.Len()) {
		return malformed("it has a text of %d bytes, of which %d are there", length, u.in.Len())
	}
	b := make([]byte, length)
	u.in.Read(b)
	return u.push(string(b))
}

func (u *unpickler) remember(bytes int) error {
	n, err := u.number(bytes)
	if err != nil {
		return err
	}
	return u.store(n)
}

func (u *unpickler) memoize() error { return u.store(uint64(len(u.memo))) }

func (u *unpickler) store(n uint64) error {
	v, err := u.pop()
	if err != nil {
		return err
	}
	u.memo[n] = v
	return u.push(v)
}

func (u *unpickler) recall(bytes int) error {
	n, err := u.number(bytes)
	if err != nil {
		return err
	}
	v, ok := u.memo[n]
	if !ok {
		return malformed("it recalls value %d, which it never stored", n)
	}
	return u.push(v)
}

// tupleOf makes a tuple of the topmost n values, of all since the mark if n is negative.
func (u *unpickler) tupleOf(n int) error {
	items, err := u.popMany(max(n, 0))
	if n < 0 {
		items, err = u.popToMark()
	}
	if err != nil {
		return err
	}
	return u.push(tuple(items))
}

func (u *unpickler) extend(items []any, err error) error {
	if err != nil {
		return err
	}
	target, err := u.pop()
	if err != nil {
		return err
	}
	l, ok := target.(*list)
	if !ok {
		return malformed("it appends to what is not a list")
	}
	l.items = append(l.items, items...)
	return u.push(l)
}

func (u *unpickler) setItems(items []any, err error) error {
	if err != nil {
		return err
	}
	target, err := u.pop()
	if err != nil {
		return err
	}
	d, ok := target.(*dict)
	if !ok || len(items)%2 != 0 {
		return malformed("it sets items of what is not a dictionary")
	}
	for i := 0; i < len(items); i += 2 {
		d.keys = append(d.keys, items[i])
		d.values = append(d.values, items[i+1])
	}
	return u.push(d)
}

// importLine pushes the global that two lines of text name.
func (u *unpickler) importLine() error {
	var names [2]string
	for i := range names {
		line, err := u.line()
		if err != nil {
			return err
		}
		names[i] = line
	}
	return u.importName(names[0], names[1])
}

// line reads up to a line break.
func (u *unpickler) line() (string, error) {
	var b []byte
	for {
		c, err := u.in.ReadByte()
		if err != nil || len(b) > 1000 {
			return "", malformed("it has a name without an end")
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, c)
	}
}

func (u *unpickler) importStack() error {
	names, err := u.popMany(2)
	if err != nil {
		return err
	}
	module, ok := names[0].(string)
	name, ok2 := names[1].(string)
	if !ok || !ok2 {
		return malformed("it imports what is not a name")
	}
	return u.importName(module, name)
}

func (u *unpickler) importName(module, name string) error {
	full := module + "." + name
	g, ok := globals[full]
	if !ok {
		return hostile("it wants %q, which weights do not need: refused", full)
	}
	g.name = full
	return u.push(g)
}

// reduce calls a global.
func (u *unpickler) reduce() error {
	both, err := u.popMany(2)
	if err != nil {
		return err
	}
	g, ok := both[0].(global)
	args, ok2 := both[1].(tuple)
	if !ok || !ok2 || g.call == nil {
		return hostile("it calls what is not a function of ours")
	}
	v, err := g.call(args)
	if err != nil {
		return fmt.Errorf("%s: %w", g.name, err)
	}
	return u.push(v)
}

// build sets attributes of an object. Dictionaries have some that tell of the library's version; they are not kept.
func (u *unpickler) build() error {
	both, err := u.popMany(2)
	if err != nil {
		return err
	}
	if _, ok := both[0].(*dict); !ok {
		return hostile("it sets attributes of what is not a dictionary")
	}
	return u.push(both[0])
}

// reference pushes what a persistent identifier stands for.
func (u *unpickler) reference() error {
	id, err := u.pop()
	if err != nil {
		return err
	}
	v, err := u.persistent(id)
	if err != nil {
		return err
	}
	return u.push(v)
}
