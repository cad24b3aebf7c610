package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// mostHeader bounds the header of a safetensors file that is read into memory, in bytes: enough for 50,000 tensors.
const mostHeader = 8 << 20

// weightEndings are the forms of weights that may be published.
var weightEndings = map[string]string{".safetensors": "safetensors", ".onnx": "ONNX", ".gguf": "GGUF", ".tflite": "LiteRT"}

func weightEnding(name string) bool { return weightEndings[strings.ToLower(path.Ext(name))] != "" }

// weights checks weights, known by their content or by their name; false for what is none.
func (l *look) weights(s *source, head []byte) bool {
	form := weightEndings[strings.ToLower(path.Ext(l.name))]
	switch {
	case bytes.HasPrefix(head, []byte("GGUF")):
		form = "GGUF"
	case len(head) >= 8 && string(head[4:8]) == "TFL3":
		form = "LiteRT"
	case form == "" && looksLikeSafetensors(head, s.size):
		form = "safetensors"
	}
	var err error
	switch form {
	case "":
		return false
	case "safetensors":
		_, err = safetensors.Check(s.stream(), s.size, mostHeader)
	case "GGUF":
		err = checkGGUF(s)
	case "LiteRT":
		err = checkTFLite(s)
	case "ONNX":
		err = checkONNX(s, func(name string) (int64, bool) { return l.pkg.exists(path.Join(path.Dir(l.name), name)) })
	}
	if errors.Is(err, errNotBeside) {
		l.say(Incomplete, "weights", "put that file beside it", "%s", short(err.Error()))
		return true
	}
	if err != nil {
		reason := err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			reason = "it ends too early"
		}
		reason = strings.TrimPrefix(reason, safetensors.ErrMalformed.Error()+": ")
		l.say(Refused, "weights", "export it again, and check that it was copied whole", "no sound %s file: %s", form, short(reason))
	}
	return true
}

// looksLikeSafetensors knows a header by its length and its first bytes.
func looksLikeSafetensors(head []byte, size int64) bool {
	if len(head) < 10 {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n >= 2 && n <= uint64(size-8) && n < 1<<30 && head[8] == '{' && (head[9] == '"' || head[9] == '}')
}

// malformed is an error about a file that breaks its format.
func malformed(format string, args ...any) error { return fmt.Errorf(format, args...) }
