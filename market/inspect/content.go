package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// headLength is how much of a file is read to tell what it is, in bytes.
const headLength = 64 << 10

// deepest is how far archives within archives are followed.
const deepest = 3

// look is the inspection of one file, with all that lies in it.
type look struct {
	ctx      context.Context
	pkg      *Package
	name     string
	found    []Finding
	unpacked *int64 // bytes that may still be unpacked
	entries  int    // of archives, so far
}

func (l *look) say(s Severity, rule, way, format string, args ...any) {
	if len(l.found) < 20 {
		l.found = append(l.found, Finding{Severity: s, Rule: rule, Message: fmt.Sprintf(format, args...), Way: way})
	}
}

// at looks at content: the file itself at depth 0, or something in it. Errors are the store's.
func (l *look) at(s *source, name string, depth int) error {
	inside := ""
	if depth > 0 {
		inside = name + " in it is "
	}
	if s.size == 0 {
		if weightEnding(name) && depth == 0 {
			l.say(Warned, "weights", "leave it out, or export it again", "an empty file holds no weights")
		}
		return nil
	}
	head, err := s.head(headLength)
	if err != nil {
		return nil // told by s.err where it is the store's
	}
	if what := program(head, name); what != "" {
		l.say(Refused, "program", "take it out: packages hold weights, data and descriptions, nothing that runs", "%s%s", inside, what)
		return nil
	}
	if what := pickled(head, s.size, name); what != "" {
		l.say(Refused, "pickle", "save weights as safetensors and data as JSON lines, CSV or Parquet: reading a pickle runs what its writer wants", "%s%s", inside, what)
		return nil
	}
	if handled, err := l.archive(s, head, name, depth); handled || err != nil {
		return err
	}
	if depth > 0 {
		return nil
	}
	if l.weights(s, head) {
		return nil
	}
	l.plain(s, head)
	return nil
}

// program names what runs; "" for what does not.
func program(b []byte, name string) string {
	has := func(magic string) bool { return bytes.HasPrefix(b, []byte(magic)) }
	text := bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	switch {
	case has("\x7fELF"):
		return "a program or a library for Linux and its like (ELF)"
	case has("MZ") && bytes.IndexByte(b, 0) >= 0:
		return "a program or a library for Windows (PE)"
	case has("\xfe\xed\xfa\xce"), has("\xfe\xed\xfa\xcf"), has("\xce\xfa\xed\xfe"), has("\xcf\xfa\xed\xfe"):
		return "a program or a library for macOS (Mach-O)"
	case has("\xca\xfe\xba\xbe"), has("\xca\xfe\xba\xbf"):
		return "a program for macOS (Mach-O) or for Java (class file)"
	case has("\x00asm"):
		return "a WebAssembly module"
	case has("dex\n0"):
		return "a program for Android (DEX)"
	case has("!<arch>\n"), has("!<thin>\n"):
		return "a library of object files (ar)"
	case has("BC\xc0\xde"), has("\xde\xc0\x17\x0b"):
		return "a program in LLVM's form (bitcode)"
	case has("\x1bLua"), has("\x1bLJ"):
		return "a compiled Lua program"
	case has("\x4c\x00\x00\x00\x01\x14\x02\x00"):
		return "a Windows shortcut"
	case has("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
		return "an installer or an old Office file, which may hold macros (OLE)"
	case len(b) >= 16 && b[2] == '\r' && b[3] == '\n' && binary.LittleEndian.Uint32(b[4:]) <= 3:
		return "a compiled Python program"
	case bytes.HasPrefix(text, []byte("#!")) && bytes.HasPrefix(bytes.TrimLeft(text[2:], " \t"), []byte("/")):
		return "a script that a system would run (#!)"
	}
	if strings.HasSuffix(strings.ToLower(name), ".exe") || strings.HasSuffix(strings.ToLower(name), ".lnk") {
		return "named as a program for Windows"
	}
	return ""
}

// sources are the endings of files that people run, although no system does by itself.
var sources = map[string]bool{".py": true, ".sh": true, ".bat": true, ".cmd": true, ".ps1": true, ".vbs": true, ".js": true, ".mjs": true, ".rb": true, ".pl": true, ".php": true, ".lua": true, ".jl": true, ".r": true}

// plain looks at what is neither a program, nor an archive, nor weights.
func (l *look) plain(s *source, head []byte) {
	ending := strings.ToLower(path.Ext(l.name))
	switch {
	case sources[ending]:
		l.say(Warned, "source", "take it out unless people need to read it", "source code: whoever installs the package runs none of it")
	case foreignWeights[ending] && !readable(head):
		l.say(Refused, "weights", "save them as safetensors, ONNX, GGUF or LiteRT", "weights in a form that is none of safetensors, ONNX, GGUF and LiteRT")
	case l.pkg.Kind == pack.Model && !readable(head) && !media(head) && s.size > 1<<20 && !carried(ending):
		l.say(Refused, "weights", "save weights as safetensors, ONNX, GGUF or LiteRT, and data beside them as text or Parquet", "%d bytes of which nobody can tell what they are", s.size)
	}
}

// foreignWeights are the endings under which others keep weights.
var foreignWeights = map[string]bool{".pt": true, ".pth": true, ".ckpt": true, ".bin": true, ".h5": true, ".hdf5": true, ".keras": true, ".pb": true, ".pdparams": true, ".pdmodel": true, ".msgpack": true,
	".mar": true, ".nemo": true, ".t7": true, ".caffemodel": true, ".mlmodel": true, ".engine": true, ".plan": true, ".params": true, ".ot": true, ".weights": true}

// carried are the endings of what lies beside weights: tables of tokenizers, and the numbers of an ONNX file that are kept
// apart, whose places the ONNX file tells.
func carried(ending string) bool {
	switch ending {
	case ".model", ".onnx_data", ".data", ".dic", ".spm", ".tiktoken":
		return true
	}
	return false
}

// readable tells text in UTF-8 or UTF-16, or in another encoding without control characters.
func readable(b []byte) bool {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return true
	}
	controls := 0
	for _, c := range b {
		if c == 0 {
			return false
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			controls++
		}
	}
	return controls == 0 || utf8.Valid(b[:max(0, len(b)-utf8.UTFMax)]) && controls*100 < len(b)
}

// media tells pictures, sound, documents and tables by their beginnings.
func media(b []byte) bool {
	for _, magic := range []string{"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF8", "RIFF", "OggS", "fLaC", "ID3", "\xff\xfb", "%PDF-", "PAR1", "ARROW1", "SQLite format 3\x00", "\x93NUMPY", "BM", "II*\x00", "MM\x00*", "wOFF", "wOF2", "\x00\x01\x00\x00", "OTTO"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return len(b) > 12 && string(b[4:8]) == "ftyp"
}
