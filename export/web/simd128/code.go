package simd128

// Instructions of WebAssembly and of its vectors, as the specification's index of instructions has them.
const (
	loop     = 0x03
	ifThen   = 0x04
	end      = 0x0b
	brIf     = 0x0d
	localGet = 0x20
	localSet = 0x21
	i32Const = 0x41
	i32Add   = 0x6a
	i32Sub   = 0x6b
	noResult = 0x40

	vectorPrefix = 0xfd
	v128Load     = 0x00
	v128Splat32  = 0x09
	v128Store    = 0x0b
	v128Const    = 0x0c
	f32x4Add     = 0xe4
	f32x4Mul     = 0xe6

	aligned4 = 2 // binary logarithm of the alignment that an address has at least
)

// code is the body of a function as it grows.
type code struct{ bytes []byte }

func (f *code) op(b ...byte)  { f.bytes = append(f.bytes, b...) }
func (f *code) get(local int) { f.bytes = leb(append(f.bytes, localGet), local) }
func (f *code) set(local int) { f.bytes = leb(append(f.bytes, localSet), local) }

func (f *code) vector(op int) { f.bytes = leb(append(f.bytes, vectorPrefix), op) }

func (f *code) memory(op, offset int) {
	f.vector(op)
	f.bytes = leb(append(f.bytes, aligned4), offset)
}

func (f *code) copy(to, from int) { f.get(from); f.set(to) }

// add adds one local to another.
func (f *code) add(to, local int) { f.get(to); f.get(local); f.op(i32Add); f.set(to) }

// increase adds a small constant, below 64.
func (f *code) increase(to int, by byte) { f.get(to); f.op(i32Const, by, i32Add); f.set(to) }

func (f *code) decrement(local int) { f.get(local); f.op(i32Const, 1, i32Sub); f.set(local) }

func (f *code) zero(to int) {
	f.vector(v128Const)
	f.bytes = append(f.bytes, make([]byte, 16)...)
	f.set(to)
}

func (f *code) load(to, address, offset int) { f.get(address); f.memory(v128Load, offset); f.set(to) }
func (f *code) splat(to, address int)        { f.get(address); f.memory(v128Splat32, 0); f.set(to) }
func (f *code) store(address, from, offset int) {
	f.get(address)
	f.get(from)
	f.memory(v128Store, offset)
}

// addTo adds four numbers of the memory to a vector.
func (f *code) addTo(to, address, offset int) {
	f.get(to)
	f.get(address)
	f.memory(v128Load, offset)
	f.vector(f32x4Add)
	f.set(to)
}

// loop runs body, which leaves a number, until that is 0.
func (f *code) loop(body func()) {
	f.op(loop, noResult)
	body()
	f.op(brIf, 0, end)
}

// when runs body if the local is not 0.
func (f *code) when(local int, body func()) {
	f.get(local)
	f.op(ifThen, noResult)
	body()
	f.op(end)
}

// leb appends an unsigned number, seven bits a byte.
func leb(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func str(b []byte, s string) []byte { return append(leb(b, len(s)), s...) }

// section appends a section that holds count things.
func section(m []byte, id byte, count int, content []byte) []byte {
	content = append(leb(nil, count), content...)
	return append(leb(append(m, id), len(content)), content...)
}
