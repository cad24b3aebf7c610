// Command neon writes the assembly of package kernel for arm64, as text for Go's assembler:
//
//	go generate ./internal/kernel
//
// asm.go is the assembler's other half: it gives vectors their registers and encodes what Go's assembler does not know.
// gemm.go holds the matrix products, rows.go the functions of rows.
package main

import (
	"flag"
	"log"
)

func main() {
	dir := flag.String("dir", "", "where the files go")
	flag.Parse()
	for part, write := range map[string]func(f *file){"gemm": gemm, "int8": ints, "rows": rows} {
		f := new(file)
		write(f)
		if err := f.save(*dir, part); err != nil {
			log.Fatalf("writing the functions of %s: %v", part, err)
		}
	}
}
