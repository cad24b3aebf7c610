// Package simd128 writes the WebAssembly module that multiplies matrices for a program in WebAssembly: Go compiles none
// of the vector instructions that browsers have. The module works on the memory of the program, whose kernel simd128
// (internal/kernel/fast_wasm.go) calls its functions.
package simd128

// The functions are gemm1x8 to gemm4x8: as many rows of A times panels of eight columns of B, into C. Their arguments
// are those of the other assembly: k, the number of panels, A and the distances of its rows and columns, B and the
// distances of its rows and panels, C and the distance of its rows, whether to add to C, and a bias, or 0. Distances are
// in bytes.
const (
	argK = iota
	argPanels
	argA
	argRS
	argCS
	argB
	argLDB
	argSize
	argC
	argLDC
	argAcc
	argBias
	args
)

// MaxRows is the number of rows of the largest function: its sums take half of the sixteen registers of amd64.
const MaxRows = 4

// Module returns the module: it imports the memory "mem" of module "go", and exports the functions.
func Module() []byte {
	var types, functions, exports, bodies []byte
	types = append(types, 0x60, args) // one type: a function of so many numbers, without a result
	for range args {
		types = append(types, i32)
	}
	types = append(types, 0)
	for rows := 1; rows <= MaxRows; rows++ {
		functions = append(functions, 0)
		exports = append(str(exports, "gemm"+string(rune('0'+rows))+"x8"), 0, byte(rows-1))
		body := gemm(rows)
		bodies = append(leb(bodies, len(body)), body...)
	}
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = section(m, 1, 1, types)
	m = section(m, 2, 1, append(str(str(nil, "go"), "mem"), 0x02, 0x00, 1)) // memory of a page or more
	m = section(m, 3, MaxRows, functions)
	m = section(m, 7, MaxRows, exports)
	return section(m, 10, MaxRows, bodies)
}

const (
	i32  = 0x7f
	v128 = 0x7b
)

// gemm is the body of the function for so many rows.
func gemm(rows int) []byte {
	// Local variables behind the arguments: the addresses in A by row, those in B and C, a count, then vectors.
	a := args
	b, c, count := a+rows, a+rows+1, a+rows+2
	acc := count + 1
	b0 := acc + 2*rows
	x := b0 + 2
	f := &code{}
	f.bytes = append(f.bytes, 2, byte(rows+3), i32, byte(2*rows+3), v128)
	f.loop(func() { // over panels
		for i := range 2 * rows {
			f.zero(acc + i)
		}
		f.get(argA)
		for r := range rows {
			if r > 0 {
				f.get(a + r - 1)
				f.get(argRS)
				f.op(i32Add)
			}
			f.set(a + r)
		}
		f.copy(b, argB)
		f.copy(count, argK)
		f.loop(func() { // over k
			f.load(b0, b, 0)
			f.load(b0+1, b, 16)
			for r := range rows {
				f.splat(x, a+r)
				for j := range 2 {
					f.get(acc + 2*r + j)
					f.get(x)
					f.get(b0 + j)
					f.vector(f32x4Mul)
					f.vector(f32x4Add)
					f.set(acc + 2*r + j)
				}
				f.add(a+r, argCS)
			}
			f.add(b, argLDB)
			f.decrement(count)
			f.get(count)
		})
		f.when(argBias, func() {
			for r := range rows {
				for j := range 2 {
					f.addTo(acc+2*r+j, argBias, 16*j)
				}
			}
			f.increase(argBias, 32)
		})
		f.copy(c, argC)
		for r := range rows {
			f.when(argAcc, func() {
				for j := range 2 {
					f.addTo(acc+2*r+j, c, 16*j)
				}
			})
			for j := range 2 {
				f.store(c, acc+2*r+j, 16*j)
			}
			f.add(c, argLDC)
		}
		f.increase(argC, 32)
		f.add(argB, argSize)
		f.decrement(argPanels)
		f.get(argPanels)
	})
	f.op(end)
	return f.bytes
}
