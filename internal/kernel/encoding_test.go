package kernel

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The generator for arm64 encodes instructions that Go's assembler lacks. Here a disassembler that knows nothing of it
// reads them.
func TestEncodingsForARM64AreReadAlikeByADisassembler(t *testing.T) {
	const objdump = "aarch64-linux-gnu-objdump"
	if _, err := exec.LookPath(objdump); err != nil {
		t.Skipf("%s is missing (Debian: binutils-aarch64-linux-gnu)", objdump)
	}
	files, err := filepath.Glob("*_arm64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly for arm64 here: %v", err)
	}
	word := regexp.MustCompile(`(?m)^\tWORD \$0x([0-9a-f]{8}) // (.*)$`)
	seen := map[string]uint32{}
	var meant []string
	var code []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := word.FindAllStringSubmatch(string(text), -1)
		if n := strings.Count(string(text), "WORD"); n != len(found) {
			t.Fatalf("%s has %d instructions in numbers, but %d with their meaning", file, n, len(found))
		}
		for _, m := range found {
			w, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := seen[m[2]]; ok && old != uint32(w) {
				t.Errorf("%s: %s is encoded as %08x and as %08x", file, m[2], old, w)
			} else if ok {
				continue
			}
			seen[m[2]] = uint32(w)
			meant = append(meant, m[2])
			code = binary.LittleEndian.AppendUint32(code, uint32(w))
		}
	}
	object := filepath.Join(t.TempDir(), "code.bin")
	if err := os.WriteFile(object, code, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "aarch64", object).Output()
	if err != nil {
		t.Fatalf("%s: %v", objdump, err)
	}
	line := regexp.MustCompile(`(?m)^ *[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$`)
	read := line.FindAllSubmatch(out, -1)
	if len(read) != len(meant) {
		t.Fatalf("%d instructions were read of %d", len(read), len(meant))
	}
	for i, m := range meant {
		if got := string(bytes.Join(bytes.Fields(read[i][1]), []byte(" "))); got != m {
			t.Errorf("%08x was meant as %q and is read as %q", seen[m], m, got)
		}
	}
}
