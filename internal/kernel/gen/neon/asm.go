package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is a file of assembly and the Go declarations that belong to it.
type file struct {
	code, stubs strings.Builder
	constants   [][4]uint32 // a table
}

// vec is a vector of four numbers. It gets a register when its function is complete.
type vec int

// reg is a general register.
type reg string

// op is an instruction on vectors d, n and m (or d and n). If word is 0, text is for Go's assembler, and %[1]d to %[3]d
// stand for the numbers of d, n, m; else it is the instruction with all registers 0, and text is what a disassembler
// shows of it.
type op struct {
	text string
	word uint32
}

const (
	same    = " v%[1]d.4s, v%[2]d.4s, v%[3]d.4s"
	two     = " v%[1]d.4s, v%[2]d.4s"
	element = " v%[1]d.4s, v%[2]d.4s, v%[3]d.s[0]"
)

var (
	fadd        = op{"fadd" + same, 0x4e20d400}
	fsub        = op{"fsub" + same, 0x4ea0d400}
	fmul        = op{"fmul" + same, 0x6e20dc00}
	fdiv        = op{"fdiv" + same, 0x6e20fc00}
	fmax        = op{"fmax" + same, 0x4e20f400} // NaN if either is
	fmin        = op{"fmin" + same, 0x4ea0f400}
	faddp       = op{"faddp" + same, 0x6e20d400} // sums of pairs of n, then of m
	fmaxp       = op{"fmaxp" + same, 0x6e20f400}
	fcmgt       = op{"fcmgt" + same, 0x6ea0e400} // all bits of a lane where n > m
	fcmeq       = op{"fcmeq" + same, 0x4e20e400}
	fabs        = op{"fabs" + two, 0x4ea0f800}
	fneg        = op{"fneg" + two, 0x6ea0f800}
	fsqrt       = op{"fsqrt" + two, 0x6ea1f800}
	fcvtns      = op{"fcvtns" + two, 0x4e21a800} // to whole numbers, ties to even
	scvtf       = op{"scvtf" + two, 0x4e21d800}  // from whole numbers
	fmulElement = op{"fmul" + element, 0x4f809000}
	fmlaElement = op{"fmla" + element, 0x4f801000}                           // d += n·m[0]
	sdotElement = op{"sdot v%[1]d.4s, v%[2]d.16b, v%[3]d.4b[0]", 0x4f80e000} // d += dot products of fours of n with m[0]
	sshr23      = op{"sshr" + two + ", #23", 0x4f290400}
	mul         = op{"mul" + same, 0x4ea09c00}
	cmhs        = op{"cmhs" + same, 0x6ea03c00}                    // all bits of a lane where n ≥ m, without signs
	fcvtl       = op{"fcvtl v%[1]d.4s, v%[2]d.4h", 0x0e217800}     // from binary16
	fcvtn       = op{"fcvtn v%[1]d.4h, v%[2]d.4s", 0x0e216800}     // to binary16
	shll        = op{"shll v%[1]d.4s, v%[2]d.4h, #16", 0x2e613800} // of halves into upper halves
	shrn16      = op{"shrn v%[1]d.4h, v%[2]d.4s, #16", 0x0f108400} // the upper halves
	bic         = op{"bic v%[1]d.16b, v%[2]d.16b, v%[3]d.16b", 0x4e601c00}

	fmla      = op{text: "VFMLA V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"} // d += n·m
	fmls      = op{text: "VFMLS V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"} // d -= n·m
	add       = op{text: "VADD V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"}
	shl23     = op{text: "VSHL $23, V%[2]d.S4, V%[1]d.S4"}
	ushr15    = op{text: "VUSHR $15, V%[2]d.S4, V%[1]d.S4"}
	ushr16    = op{text: "VUSHR $16, V%[2]d.S4, V%[1]d.S4"}
	bit       = op{text: "VBIT V%[3]d.B16, V%[2]d.B16, V%[1]d.B16"} // d = n where m is set
	zero      = op{text: "VEOR V%[1]d.B16, V%[1]d.B16, V%[1]d.B16"}
	dup       = op{text: "VDUP V%[2]d.S[0], V%[1]d.S4"}
	lowHalves = op{text: "VUZP1 V%[3]d.H8, V%[2]d.H8, V%[1]d.H8"} // of the lanes of n, then of m
	lowBytes  = op{text: "VUZP1 V%[3]d.B16, V%[2]d.B16, V%[1]d.B16"}
	sub       = op{text: "VSUB V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"}
	eor       = op{text: "VEOR V%[3]d.B16, V%[2]d.B16, V%[1]d.B16"}
	orr       = op{text: "VORR V%[3]d.B16, V%[2]d.B16, V%[1]d.B16"}
	and       = op{text: "VAND V%[3]d.B16, V%[2]d.B16, V%[1]d.B16"}
	trn1      = op{text: "VTRN1 V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"} // n0 m0 n2 m2
	trn2      = op{text: "VTRN2 V%[3]d.S4, V%[2]d.S4, V%[1]d.S4"} // n1 m1 n3 m3
	zip1      = op{text: "VZIP1 V%[3]d.D2, V%[2]d.D2, V%[1]d.D2"} // the lower halves of n and m
	zip2      = op{text: "VZIP2 V%[3]d.D2, V%[2]d.D2, V%[1]d.D2"}
	low       = op{text: "FMOVS F%[2]d, F%[1]d"} // the first lane, 0 in the others
	mov       = op{text: "VMOV V%[2]d.B16, V%[1]d.B16"}
)

// function is a function of assembly that is being written.
type function struct {
	*file
	name, signature string
	params          []param
	args            int // bytes of the parameters
	result          int // place of a result, 0 if there is none
	lines           []line
	loops           [][2]int // ranges of lines
	vecs            int
	regs            int   // taken so far
	free            []reg // given back
	labels          int
	table           reg // of constants; empty if there are none
	hoisted         map[uint32]vec
}

type param struct {
	name, kind string
	offset     int
}

type line struct {
	op
	vecs []vec
}

// begin starts a function; the signature is written as in Go: func(n int, x, y *float32) float32.
func (f *file) begin(name, signature, doc string) *function {
	fn := &function{file: f, name: name, signature: strings.TrimPrefix(signature, "func"), hoisted: map[uint32]vec{}}
	list, result, _ := strings.Cut(strings.TrimPrefix(fn.signature, "("), ")")
	kind := ""
	for _, p := range slices.Backward(strings.Split(list, ", ")) { // a type holds for the names before it
		n, k, typed := strings.Cut(p, " ")
		if typed {
			kind = k
		}
		fn.params = append(fn.params, param{name: n, kind: kind})
	}
	slices.Reverse(fn.params)
	align := func(size int) { fn.args = (fn.args + size - 1) / size * size }
	for i, p := range fn.params {
		size := 8
		if p.kind == "float32" || p.kind == "uint32" {
			size = 4
		}
		align(size)
		fn.params[i].offset = fn.args
		fn.args += size
	}
	if result != "" {
		align(8)
		fn.result = fn.args
		fn.args += 4
	}
	fmt.Fprintf(&f.stubs, "\n// %s %s.\n//\n//go:noescape\nfunc %s%s\n", name, doc, name, fn.signature)
	return fn
}

func (f *function) param(name string) param {
	i := slices.IndexFunc(f.params, func(p param) bool { return p.name == name })
	if i < 0 {
		panic(f.name + " has no parameter " + name)
	}
	return f.params[i]
}

// text writes an instruction or a label for Go's assembler.
func (f *function) text(format string, args ...any) {
	f.lines = append(f.lines, line{op: op{text: fmt.Sprintf(format, args...)}})
}

// reg takes a general register. R16 to R18 and those from R26 on have other uses.
func (f *function) reg() reg {
	if n := len(f.free); n > 0 {
		r := f.free[n-1]
		f.free = f.free[:n-1]
		return r
	}
	n := f.regs
	f.regs++
	if n > 15 {
		n += 3
	}
	if n > 25 {
		panic(f.name + ": no register is left")
	}
	return reg(fmt.Sprintf("R%d", n))
}

// arg loads a parameter.
func (f *function) arg(name string) reg {
	r := f.reg()
	f.text("MOVD %s+%d(FP), %s", name, f.param(name).offset, r)
	return r
}

// drop gives general registers back.
func (f *function) drop(r ...reg) { f.free = append(f.free, r...) }

// label returns a name that no other label of the function has.
func (f *function) label(name string) string {
	f.labels++
	return fmt.Sprintf("%s%d", name, f.labels)
}

// broadcast loads a parameter that is a float32 into all lanes.
func (f *function) broadcast(name string) vec {
	return f.do(dup, f.do(op{text: fmt.Sprintf("FMOVS %s+%d(FP), F%%[1]d", name, f.param(name).offset)}))
}

// giveBack stores the result of a function, the first lane of v.
func (f *function) giveBack(v vec) {
	f.on(op{text: fmt.Sprintf("FMOVS F%%[1]d, ret+%d(FP)", f.result)}, v)
}

func (f *function) vec() vec {
	f.vecs++
	return vec(f.vecs - 1)
}

// on writes an instruction; the first vector is its destination.
func (f *function) on(o op, vecs ...vec) { f.lines = append(f.lines, line{o, vecs}) }

// do writes an instruction with a new vector as its destination.
func (f *function) do(o op, sources ...vec) vec {
	d := f.vec()
	f.on(o, append([]vec{d}, sources...)...)
	return d
}

func (f *function) load(base reg, offset int) vec {
	return f.do(op{text: fmt.Sprintf("FMOVQ %d(%s), F%%[1]d", offset, base)})
}

func (f *function) store(v vec, base reg, offset int) {
	f.on(op{text: fmt.Sprintf("FMOVQ F%%[1]d, %d(%s)", offset, base)}, v)
}

func (f *function) loadPair(base reg, offset int) [2]vec {
	v := [2]vec{f.vec(), f.vec()}
	f.on(op{text: fmt.Sprintf("FLDPQ %d(%s), (F%%[1]d, F%%[2]d)", offset, base)}, v[:]...)
	return v
}

func (f *function) storePair(v [2]vec, base reg, offset int) {
	f.on(op{text: fmt.Sprintf("FSTPQ (F%%[1]d, F%%[2]d), %d(%s)", offset, base)}, v[:]...)
}

// c returns a vector that has a constant in all lanes and is only read.
func (f *function) c(value float32) vec {
	if v, ok := f.hoisted[math.Float32bits(value)]; ok {
		return v
	}
	return f.register(value)
}

// register loads a constant into all lanes of a new vector: where arithmetic is what takes time, a load costs less than a
// copy of another register.
func (f *function) register(value float32) vec {
	bits := math.Float32bits(value)
	if bits == 0 {
		return f.do(zero)
	}
	return f.words([4]uint32{bits, bits, bits, bits})
}

// words loads a constant for each lane into a new vector.
func (f *function) words(bits [4]uint32) vec {
	i := slices.Index(f.constants, bits)
	if i < 0 {
		i = len(f.constants)
		f.constants = append(f.constants, bits)
	}
	if f.table == "" {
		f.table = f.reg()
	}
	return f.load(f.table, 16*i)
}

// hoist keeps constants in registers from here on, for c.
func (f *function) hoist(values ...float32) {
	for _, v := range values {
		if _, ok := f.hoisted[math.Float32bits(v)]; !ok {
			f.hoisted[math.Float32bits(v)] = f.register(v)
		}
	}
}

// loop writes a loop around body; again is the branch back to its start.
func (f *function) loop(label, again string, body func()) {
	start := len(f.lines)
	f.text("%s:", label)
	body()
	f.text("%s %s", again, label)
	f.loops = append(f.loops, [2]int{start, len(f.lines) - 1})
}

// end completes the function.
func (f *function) end() {
	f.text("RET")
	w := &f.code
	fmt.Fprintf(w, "\n// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", f.name, f.signature, f.name, f.args)
	if f.table != "" {
		fmt.Fprintf(w, "\tMOVD $constants<>(SB), %s\n", f.table)
	}
	registers := f.allocate()
	for _, l := range f.lines {
		var numbers []any
		word := l.word
		for i, v := range l.vecs {
			numbers = append(numbers, registers[v])
			word |= uint32(registers[v]) << [...]int{0, 5, 16}[i]
		}
		text := l.text
		if len(numbers) > 0 {
			text = fmt.Sprintf(text, numbers...)
		}
		switch {
		case l.word != 0:
			fmt.Fprintf(w, "\tWORD $0x%08x // %s\n", word, text)
		case strings.HasSuffix(text, ":"):
			fmt.Fprintf(w, "%s\n", text)
		default:
			fmt.Fprintf(w, "\t%s\n", text)
		}
	}
}

// allocate gives each vector the lowest register that is free from its first line to its last; what lives when a loop
// begins lives to the loop's end (linear scan, Poletto & Sarkar 1999).
func (f *function) allocate() []int {
	first, last := make([]int, f.vecs), make([]int, f.vecs)
	for i, l := range slices.Backward(f.lines) {
		for _, v := range l.vecs {
			first[v], last[v] = i, max(last[v], i)
		}
	}
	for _, loop := range f.loops { // inner ones stand before outer ones
		for v := range last {
			if first[v] < loop[0] && last[v] > loop[0] {
				last[v] = max(last[v], loop[1])
			}
		}
	}
	register := make([]int, f.vecs)
	var taken [32]int // the last line of its vector
	for i, l := range f.lines {
		for _, v := range l.vecs {
			if first[v] != i {
				continue
			}
			r := slices.IndexFunc(taken[:], func(until int) bool { return until < i })
			if r < 0 {
				panic(f.name + ": more than 32 vectors live at once")
			}
			register[v], taken[r] = r, last[v]
			first[v] = -1 // it may stand twice in this line
		}
	}
	return register
}

const header = "// Code generated by gen/neon. DO NOT EDIT.\n\n//go:build arm64 && !noasm\n\n"

// save writes the file of a part and its declarations.
func (f *file) save(dir, part string) error {
	code := header + "#include \"textflag.h\"\n"
	for i, v := range f.constants {
		code += fmt.Sprintf("\nDATA constants<>+%d(SB)/8, $0x%08x%08x // %v", 16*i, v[1], v[0], math.Float32frombits(v[0]))
		code += fmt.Sprintf("\nDATA constants<>+%d(SB)/8, $0x%08x%08x", 16*i+8, v[3], v[2])
	}
	if len(f.constants) > 0 {
		code += fmt.Sprintf("\nGLOBL constants<>(SB), RODATA|NOPTR, $%d\n", 16*len(f.constants))
	}
	if err := os.WriteFile(filepath.Join(dir, part+"_arm64.s"), []byte(code+f.code.String()), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, part+"_stub_arm64.go"), []byte(header+"package kernel\n"+f.stubs.String()), 0o666)
}
